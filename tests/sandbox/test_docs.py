"""docs/sandbox.md names every admin call and every fault."""

from pathlib import Path

import msgspec

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.faults import KINDS, Fault, Place
from bot.sandbox.faults.kinds import REQUEST_FIELDS
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request
from tests.sandbox.engine.support import PRICES, START_MS

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_every_admin_call_is_named_with_an_example() -> None:
    sandbox = Sandbox(Engine(VirtualClock(START_MS), ManualFeed(START_MS, PRICES)))
    answer = sandbox.handle(Request(method="GET", path="/sandbox/nothing-here"))
    calls = msgspec.json.decode(answer.body)["error"].partition("there are: ")[2].split(", ")
    assert len(calls) > 5
    for call in calls:
        assert f"**{call}**" in TEXT
        assert f"$S{call.partition(' ')[2]}" in TEXT


def table_line(name: str) -> list[str]:
    """The cells of the line that tells of a fault."""
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in line.strip("|").split(" |")]


def test_every_fault_of_the_venue_is_told_with_where_it_strikes_and_what_it_takes() -> None:
    for name, kind in KINDS.items():
        if kind.place is Place.VENUE:
            own = [f"`{field}`" for field in kind.uses if field not in REQUEST_FIELDS or not kind.path]
            where = f"`{kind.path}`" if kind.path else "-"
            rows = ", ".join(str(row) for row in kind.rows)
            _, *cells = table_line(name)
            meaning = cells.pop(2).lower()
            assert cells == [where, rows or "-", ", ".join(own) or "-"]
            assert meaning == f"{kind.meaning}.".lower()


def test_every_other_fault_is_told_with_how_to_make_it() -> None:
    for name, kind in KINDS.items():
        if kind.place is not Place.VENUE:
            cells = [cell.lower() for cell in table_line(name)[1:]]
            rows = ", ".join(str(row) for row in kind.rows)
            told = [kind.place.value, rows, f"{kind.meaning}.", f"{kind.by_hand}."]
            assert cells == [cell.lower() for cell in told]


def test_every_row_of_the_list_has_a_kind() -> None:
    covered = {row for kind in KINDS.values() for row in kind.rows}
    assert covered == set(range(1, 36))


def test_every_kind_works_in_exactly_one_way() -> None:
    for name, kind in KINDS.items():
        ways = [kind.answer, kind.before, kind.apply, kind.by_hand]
        assert kind.name == name
        assert sum(bool(way) for way in ways) == 1
        assert (kind.lift is None) == (kind.apply is None)
        assert (kind.place is Place.VENUE) == (not kind.by_hand)
        assert bool(kind.path) == (kind.answer is not None or kind.before is not None)
        assert set(kind.needs) <= set(kind.uses) <= set(Fault.__struct_fields__)
        assert bool(kind.variants) == ("variant" in kind.uses)
