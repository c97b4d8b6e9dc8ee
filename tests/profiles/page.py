"""The tables of docs/profiles.md: made out of what was played, and read again."""

import asyncio
import logging
import os
import tempfile
from pathlib import Path

import structlog

from tests.profiles.scenes import PLAYED, Played, Scene, kept, play
from tests.profiles.world import DEPOSIT

FILE = Path(__file__).resolve().parent.parent.parent / "docs" / "profiles.md"
DATA = Path(os.environ.get("REEF_SHARED_DIR", FILE.parents[2] / "shared")) / "data"
FALLS = ("example", "market", "survived", "left, USD", "its twin", "actions", "cost, USD")
CALMS = ("example", "market", "left, USD", "its twin", "given up, USD", "actions", "cost, USD")
BEARS = 0.01 * float(DEPOSIT)
"""What a figure of the page may be off, in USD."""

Cells = dict[str, str]


def run_row(number: int) -> tuple[Cells, tuple[str, ...]]:
    """Play the scene of a row; return it, and what went wrong."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.FATAL))
    example, scene = wanted()[number]
    with tempfile.TemporaryDirectory() as folder:
        played = asyncio.run(play(scene, example, Path(folder), DATA))
    return cells(example, scene, played), played.wrong


def cells(example: str, scene: Scene, played: Played) -> Cells:
    """One row, by the heads of its table."""
    left, without = kept(scene, played.guarded), kept(scene, played.twin)
    found = {
        "example": f"`{example}`",
        "market": scene.name,
        "left, USD": f"{left:,.0f}",
        "its twin": f"{'liquidated, ' if played.twin.liquidated else ''}{without:,.0f}",
        "actions": ", ".join(f"{count} {kind}" for kind, count in sorted(played.steps.items())) or "none",
        "cost, USD": f"{played.cost:,.0f}",
    }
    if scene.calm:
        return {**found, "given up, USD": f"{without - left:,.0f}"}
    return {**found, "survived": "no" if played.guarded.liquidated else "yes"}


def table(rows: list[Cells], heads: tuple[str, ...]) -> list[str]:
    """Rows as a table; money stands on the right."""
    rule = "|".join("---:" if "USD" in head or head == "its twin" else "---" for head in heads)
    lines = [f"| {' | '.join(heads)} |", f"|{rule}|"]
    return [*lines, *(f"| {' | '.join(row[head] for head in heads)} |" for row in rows)]


def marks(name: str) -> tuple[str, str]:
    """What stands before and after a table in the page."""
    return f"<!-- {name}: python -m tests.profiles --write -->", f"<!-- end of {name} -->"


def written(page: str, name: str, lines: list[str]) -> str:
    """The page with another table between its marks."""
    first, last = marks(name)
    before, _, rest = page.partition(first)
    _, _, after = rest.partition(last)
    assert after, f"docs/profiles.md has no marks of {name}"
    return f"{before}{first}\n\n{chr(10).join(lines)}\n\n{last}{after}"


def told(page: str) -> dict[tuple[str, str], Cells]:
    """The rows of both tables, by example and market."""
    found: dict[tuple[str, str], Cells] = {}
    heads: tuple[str, ...] = ()
    for line in page.splitlines():
        row = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        if row in (FALLS, CALMS):
            heads = row
        elif heads and len(row) == len(heads) and row[0].startswith("`"):
            one = dict(zip(heads, row, strict=True))
            found[one["example"].strip("`"), one["market"]] = one
        elif not line.startswith("|"):
            heads = ()
    return found


def wanted() -> list[tuple[str, Scene]]:
    """Every row that the page must have, in its order."""
    return [(example, scene) for example, scenes in PLAYED.items() for scene in scenes]


def stale(row: Cells, found: Cells) -> list[str]:
    """What a row says otherwise than what came out: money to `BEARS`; actions and cost may differ."""
    compared = [head for head in ("survived", "left, USD", "its twin", "given up, USD") if head in found]
    return [
        f"{head} is {row.get(head)}, not {found[head]}"
        for head in compared
        if not _same(row.get(head, ""), found[head])
    ]


def _same(one: str, other: str) -> bool:
    fate = "liquidated, "
    if one.startswith(fate) is not other.startswith(fate):
        return False
    try:
        mine, found = (float(text.removeprefix(fate).replace(",", "")) for text in (one, other))
    except ValueError:
        return one == other
    return abs(mine - found) <= BEARS
