"""The running day: what is kept of it, when the page turns, and how it is told."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from bot.clock import VirtualClock
from bot.execution import halt
from bot.execution.halts import halt_words
from bot.journal import Draft, FullDiskError, Journal, JournalWorker, open_journal
from bot.journal.records import FindingChanged, IntentState, Kind, Outcome, Record
from bot.journal.told import Summary, WorstSeen
from bot.model import DailyHour, Sense, State, Unknown
from bot.notifications import daybook as module
from bot.notifications.day import day_lines, day_of, remembered_tally
from bot.notifications.daybook import Daybook
from bot.notifications.hours import next_hour
from bot.notifications.silence import Silence, silence
from bot.notifications.tally import LONGEST_STEP, Look, new_tally, tallied
from bot.tellers import gauge
from tests.notifications.support import EPISODE, START, finding, fired, office

SECOND = timedelta(seconds=1)
EIGHT = DailyHour(time(8), "UTC")


def look(seconds: float = 0.0, *, value: float = 4.5, equity: float = 1000.0, unit: float = 1.0) -> Look:
    return Look(
        account="main",
        at=START + seconds * SECOND,
        seen=True,
        equity=equity,
        unit=unit,
        findings=(finding(State.INACTIVE, value=value),),
        positions=3,
        bare=1,
    )


@pytest.mark.parametrize(
    ("after", "hour", "expected"),
    [
        ("2025-11-21T07:30", EIGHT, "2025-11-21T08:00"),
        ("2025-11-21T08:00", EIGHT, "2025-11-22T08:00"),
        ("2025-11-21T22:30", DailyHour(time(8), "Asia/Tokyo"), "2025-11-21T23:00"),
        ("2025-11-21T23:30", DailyHour(time(8), "Asia/Tokyo"), "2025-11-22T23:00"),
        ("2025-10-25T06:00", DailyHour(time(8), "Europe/Berlin"), "2025-10-26T07:00"),  # summer time ends
    ],
)
def test_the_hour_comes_round_at_its_place(after: str, hour: DailyHour, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_hour(moment, hour) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_tally_keeps_where_the_day_began_and_its_worst_moment() -> None:
    tally = new_tally(START, 0)
    for seconds, value, equity, unit in (
        (0, 4.5, 1000.0, 1.0),
        (10, 6.2, 900.0, 0.9),
        (20, 3.0, 950.0, 0.95),
    ):
        tally = tallied(tally, look(seconds, value=value, equity=equity, unit=unit))
    assert (tally.equity_before, tally.equity, tally.unit_before, tally.unit) == (1000.0, 950.0, 1.0, 0.95)
    (worst,) = tally.worst
    assert (worst.value, worst.at, round(worst.strain, 2)) == (6.2, START + 10 * SECOND, 1.24)
    assert (tally.positions, tally.bare) == (3, 1)
    tomorrow = new_tally(START + timedelta(days=1), 9, tally)
    assert (tomorrow.equity_before, tomorrow.unit_before, tomorrow.worst) == (950.0, 0.95, ())


def test_a_limit_that_was_changed_begins_anew() -> None:
    tally = tallied(new_tally(START, 0), look(value=6.2))
    other = structs.replace(look(5, value=2.0), findings=(structs.replace(finding(value=2.0), limit=3.0),))
    assert [one.value for one in tallied(tally, other).worst] == [2.0]


def test_what_could_not_be_known_or_seen_is_counted_in_seconds() -> None:
    tally = tallied(new_tally(START, 0), look())
    dark = structs.replace(finding(State.UNKNOWN), value=Unknown("no price"))
    tally = tallied(tally, structs.replace(look(30), findings=(dark, dark)))
    tally = tallied(tally, Look("main", START + 40 * SECOND, seen=False))
    tally = tallied(tally, Look("main", START + 40 * SECOND + LONGEST_STEP * 2, seen=False))
    tally = tallied(tally, Look("main", START, seen=False))
    assert (tally.unknown, tally.unseen) == ({"leverage cap": 30.0}, 10.0)
    assert tally.equity == 1000.0


@pytest.mark.parametrize(
    ("value", "limit", "sense", "strain"),
    [
        (6.0, 5.0, Sense.MAX, 1.2),
        (0.10, 0.20, Sense.MIN, 2.0),
        (0.0, 0.0, Sense.MAX, 0.0),
        (1.0, 0.0, Sense.MAX, float("inf")),
        (-0.1, 0.2, Sense.MIN, float("inf")),
    ],
)
def test_strain_is_1_at_the_limit(value: float, limit: float, sense: Sense, strain: float) -> None:
    assert WorstSeen("r", "main", "m", value, limit, sense, START).strain == pytest.approx(strain)


def entries_of_a_day(journal: Journal) -> None:
    filled = Outcome(
        state=IntentState.FILLED,
        evidence="x",
        filled=Decimal(1),
        notional=Decimal(44_740),
        fee=Decimal("24.6"),
        loss=Decimal(310),
    )
    nothing = Outcome(state=IntentState.CANCELLED, evidence="x")
    over = FindingChanged(finding(State.COOLING, rule="room", episode=""), State.FIRING)
    bodies: list[tuple[Record, str, str]] = [
        (fired(), EPISODE, ""),
        (fired(rule="room", episode="room.1"), "room.1", ""),
        (over, "room.1", ""),
        (filled, EPISODE, "reef1"),
        (nothing, EPISODE, "reef2"),
    ]
    journal.append([Draft(START, "main", body, episode, intent) for body, episode, intent in bodies])


def test_a_day_tells_all_of_it(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.sqlite") as journal:
        entries_of_a_day(journal)
        halt(journal, "main", who="ann", why="news", at=START)
        silence(journal, Silence("main", "", START + timedelta(hours=9), "ann", "known", START))
        silence(journal, Silence("fund", "", START + timedelta(hours=9), "ann", "other", START))
        tally = tallied(new_tally(START, 0), look())
        tally = tallied(tally, look(30, value=6.2, equity=900.0, unit=0.9))
        tally = structs.replace(tally, unknown={"room": 300.0}, unseen=240.0)
        day = day_of(journal, "main", tally, START + timedelta(hours=8), halt_words)
    assert list(day_lines(day, gauge())) == [
        "main, since 2025-11-21 07:30 UTC",
        "equity 900.00 USD (was 1,000.00), unit value -10.00 %",
        "2 episodes, 1 order filled: 44,740 USD traded, fees 24.60, realised loss and cost 310.00",
        "still acting: leverage cap",
        "stops rest for 2 of 3 positions",
        "leverage cap: at worst 6.20 (fires > 5) PAST, main, 07:30 UTC",
        "room could not be known for 5 min",
        "not seen for 4 min",
        "HALTED: by ann: news",
        "silent: main until 2025-11-21 16:30 UTC: known",
    ]


def test_a_day_of_which_little_is_known(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.sqlite") as journal:
        tally = new_tally(START, 0)
        lines = list(day_lines(day_of(journal, "main", tally, START, halt_words), gauge()))
        assert lines[1:] == [
            "equity unknown USD (was unknown), unit value unknown",
            "0 episodes, 0 orders filled",
            "stops rest for 0 of 0 positions",
        ]
        ruined = structs.replace(tally, unit_before=0.0, unit=1.0)
        assert isinstance(day_of(journal, "main", ruined, START, halt_words).unit_change, Unknown)


async def book(folder: Path, clock: VirtualClock, hour: DailyHour | None) -> tuple[Daybook, JournalWorker]:
    worker = JournalWorker(open_journal(folder / "journal.sqlite"))
    made = Daybook(worker, clock, ("main", "fund"), halt_words, hour)
    await made.begin()
    return made, worker


async def test_the_page_turns_at_the_hour_and_a_restart_goes_on(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    daybook, worker = await book(tmp_path, clock, EIGHT)
    daybook.look(look())
    daybook.look(Look("nobody", START, seen=True))
    await daybook.keep()
    await daybook.end("")
    await worker.close()
    clock.advance(1900)
    daybook, worker = await book(tmp_path, clock, EIGHT)
    journal = worker.journal
    assert remembered_tally(journal, "main") == tallied(new_tally(START, 0), look())
    await daybook.keep()
    (entry,) = journal.entries(kind=Kind.SUMMARY)
    assert isinstance(entry.record, Summary)
    assert [day.account for day in entry.record.days] == ["main", "fund"]
    fresh = remembered_tally(journal, "main")
    assert fresh is not None
    assert (fresh.since, fresh.equity_before, fresh.worst) == (clock.now(), 1000.0, ())
    clock.advance(3600)
    await daybook.keep()
    assert len(journal.entries(kind=Kind.SUMMARY)) == 1
    await worker.close()


async def test_without_an_hour_the_page_turns_at_midnight_and_nothing_is_told(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    daybook, worker = await book(tmp_path, clock, None)
    daybook.look(look(value=6.0))
    clock.advance(17 * 3600)
    await daybook.keep()
    fresh = remembered_tally(worker.journal, "main")
    assert fresh is not None
    assert fresh.worst == ()
    assert worker.journal.entries(kind=Kind.SUMMARY) == []
    await daybook.end("a newer daemon has it")
    await worker.close()


async def test_a_day_that_cannot_be_saved_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.01)
    clock = VirtualClock(START)
    daybook, worker = await book(tmp_path, clock, EIGHT)
    tried = asyncio.Event()
    loop = asyncio.get_running_loop()

    def full(*_: object, **__: object) -> None:
        loop.call_soon_threadsafe(tried.set)
        raise FullDiskError(tmp_path, "the disk is full", "")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        running = asyncio.create_task(daybook.run())
        await asyncio.wait_for(tried.wait(), 5)
        running.cancel()
        await asyncio.wait({running})
    daybook.look(look())
    await daybook.keep()
    assert remembered_tally(worker.journal, "main") is not None
    await worker.close()


async def test_a_summary_is_told_to_those_who_want_it(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        worker = JournalWorker(it.journal)
        daybook = Daybook(worker, it.clock, [f"fund-{number}" for number in range(7)], halt_words, EIGHT)
        await daybook.begin()
        it.clock.advance(3600)
        await daybook.keep()
        await it.look()
        (subject,) = it.first.subjects
        assert subject == "[info] the day of fund-0, fund-1, fund-2, fund-3, fund-4 and 2 more"
        assert "fund-6, since 2025-11-21 07:30 UTC" in it.first.text
