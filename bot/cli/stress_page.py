"""The picture of a stress, and a page that holds everything in one file."""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from bot.cli.stress_view import lines, ratio_text, share_text, taken_count
from bot.errors import MisuseError
from bot.stress.results import Stress

ALONE, KEPT = "#b0413e", "#2a6f97"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Stress of {account}</title>
<style>
body {{ font-family: sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse }} td, th {{ padding: .25em .8em; border-bottom: 1px solid #ddd }}
td.figure {{ text-align: right }} img {{ max-width: 100% }}
</style></head><body>
<h1>{account}</h1>
<p>Equity {equity:,.0f} USD, positions {gross:,.0f} USD, rules {rules}.</p>
<img alt="Equity after each scenario, unguarded and guarded" src="data:image/png;base64,{picture}">
<table><tr><th>scenario</th><th>unguarded</th><th>highest ratio</th><th>taken</th><th>guarded</th>
<th>highest ratio</th><th>taken</th><th>cost</th></tr>
{rows}
</table>
{stories}
</body></html>
"""


def write(folder: Path, found: Sequence[Stress]) -> list[Path]:
    """Write picture and page of each account. Raises `MisuseError` where the folder does not take them."""
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in found:
            name = "stress-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", one.account) or "account")
            picture = draw(one)
            for suffix, body in ((".png", picture), (".html", page(one, picture).encode())):
                path = folder / (name + suffix)
                path.write_bytes(body)
                written.append(path)
    except OSError as error:
        raise MisuseError(f"{folder} cannot be written: {error.strerror}. Give another folder.") from None
    return written


def draw(found: Stress) -> bytes:
    """Draw equity after each scenario, and on the way there, as a PNG."""
    import matplotlib as mpl  # a second to import, and only needed here

    mpl.use("Agg")
    from matplotlib.figure import Figure

    outcomes = found.outcomes
    figure = Figure(figsize=(12, 1.5 + 0.5 * max(len(outcomes), 6)), layout="constrained")
    bars, ways = figure.subplots(1, 2)
    rows = range(len(outcomes))
    bars.barh([row - 0.2 for row in rows], [one.unguarded.equity for one in outcomes], 0.38, color=ALONE)
    bars.barh([row + 0.2 for row in rows], [one.guarded.kept for one in outcomes], 0.38, color=KEPT)
    bars.axvline(found.equity, color="#888", linewidth=1, linestyle="--")
    bars.set_yticks(list(rows), [one.scenario.name.replace("$", r"\$") for one in outcomes])
    bars.invert_yaxis()
    bars.set_xlabel("equity at the end, USD (dashed: today)")
    for one in outcomes:
        for ending, colour in ((one.unguarded, ALONE), (one.guarded.ending, KEPT)):
            steps = max(len(ending.curve) - 1, 1)
            ways.plot(
                [100 * step / steps for step in range(len(ending.curve))],
                ending.curve,
                color=colour,
                alpha=0.5,
            )
    ways.set_xlabel("share of the shock, %")
    ways.set_ylabel("equity, USD")
    ways.plot([], [], color=ALONE, label="unguarded")
    ways.plot([], [], color=KEPT, label="guarded")
    ways.legend(loc="best")
    figure.suptitle(f"Stress of {found.account}".replace("$", r"\$"))
    body = BytesIO()
    figure.savefig(body, format="png", dpi=100)
    return body.getvalue()


def page(found: Stress, picture: bytes) -> str:
    """Return a page that needs nothing else."""
    rows, stories = [], []
    for one in found.outcomes:
        alone, kept = one.unguarded, one.guarded.ending
        cells = (
            share_text(alone.equity, found.equity),
            ratio_text(alone.worst_ratio),
            taken_count(alone),
            share_text(one.guarded.kept, found.equity),
            ratio_text(kept.worst_ratio),
            taken_count(kept),
            f"{kept.cost:,.0f}",
        )
        figures = "".join(f'<td class="figure">{escape(cell)}</td>' for cell in cells)
        rows.append(f"<tr><td>{escape(one.scenario.name)}</td>{figures}</tr>")
        items = "".join(f"<li>{escape(line)}</li>" for line in lines(one))
        steps = "".join(
            f"<li>{act.at * 100:.0f} %: {escape(act.rule)}: {escape(act.kind)}, {act.notional:,.0f} USD for "
            f"{act.cost:,.2f} USD: {escape(act.said)}</li>"
            for act in one.guarded.acts
        )
        details = f"<details><summary>every step</summary><ul>{steps}</ul></details>" if steps else ""
        stories.append(f"<h2>{escape(one.scenario.name)}</h2><ul>{items}</ul>{details}")
    return PAGE.format(
        account=escape(found.account),
        equity=found.equity,
        gross=found.gross,
        rules=escape(Path(found.rules).name),
        picture=b64encode(picture).decode(),
        rows="\n".join(rows),
        stories="\n".join(stories),
    )
