"""Old inputs go, and nothing that was acted on: the chain holds, and every told story stays as it was."""

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.journal import Draft, Entry, Journal, UnwritableJournalError, blob_digest, open_journal, verify
from bot.journal.pruning import LOOKED_AT
from bot.journal.records import Command, Decision, Kind, Pruned, Word, canonical, decode
from bot.model import Plan
from tests.journal.support import START, decision, outcome, prepared, stopped

DAY = timedelta(days=1)
RULES = b"rules: []"
LATER = START + 400 * DAY


class Moment(NamedTuple):
    """A day of a journal."""

    day: int
    episode: int
    armed: bool
    plans: bool
    follows: str
    """What comes of it: nothing, an order, or the operator's word."""


moments = st.lists(
    st.builds(
        Moment,
        day=st.integers(0, 40),
        episode=st.integers(0, 4),
        armed=st.booleans(),
        plans=st.booleans(),
        follows=st.sampled_from(["", "", "order", "word"]),
    ),
    max_size=25,
)


def name_of(episode: int) -> str:
    """Name an episode; 1 and 11 must not be mistaken for each other."""
    return f"cap.main.{'1' * (episode + 1)}"


def decided(number: int, moment: Moment) -> tuple[Draft, bytes]:
    """A decision with its input."""
    at = START + moment.day * DAY + timedelta(seconds=number)
    given_ = canonical({"at": at, "number": number, "positions": ["x" * 200]})
    draft = decision(blob_digest(given_), rules=blob_digest(RULES), at=at, episode=name_of(moment.episode))
    body = draft.body
    assert isinstance(body, Decision)
    plan = body.plan if moment.plans else Plan("main", at, (), (), (), "")
    body = Decision(body.input, body.rules, moment.armed, body.findings, plan)
    return Draft(at, "main", body, "" if number % 2 else name_of(moment.episode)), given_


def write(journal: Journal, days: list[Moment]) -> None:
    """Live some days."""
    for number, moment in enumerate(sorted(days)):
        draft, given_ = decided(number, moment)
        journal.append([draft], blobs=[given_, RULES])
        if moment.follows == "order":
            name = f"reef{number}"
            episode = name_of(moment.episode)
            journal.append([prepared(name, at=draft.at, episode=episode), outcome(name, at=draft.at)])
        elif moment.follows == "word":
            word = Word(Command.HALT, "a rule", "asked")
            journal.append([Draft(draft.at, "main", word, name_of(moment.episode))])


def story(journal: Journal, episode: str) -> list[tuple[Entry, bytes | None]]:
    """Everything that explaining an episode reads."""
    return [
        (entry, journal.blob(body.input) if isinstance(body := entry.record, Decision) else None)
        for entry in journal.episode(episode)
    ]


def prune_all(journal: Journal, before: datetime, at: datetime = LATER) -> list[int]:
    """Prune until there is nothing left to look at."""
    gone: list[int] = []
    while True:
        found = journal.prune(before, at=at)
        gone += found.decisions
        if found.ended:
            return gone


@given(days=moments, ages=st.lists(st.integers(0, 45), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_lived_nothing_acted_on_is_touched(
    tmp_path_factory: pytest.TempPathFactory, days: list[Moment], ages: list[int]
) -> None:
    path = tmp_path_factory.mktemp("lived") / "journal.db"
    with open_journal(path) as journal:
        write(journal, days)
        before = journal.entries()
        acted = {one.episode for one in before if one.kind in {Kind.PREPARED, Kind.WORD}}
        told = {episode: story(journal, episode) for episode in acted}
        gone: list[int] = []
        for age in sorted(ages):
            gone += prune_all(journal, START + age * DAY)
        assert {episode: story(journal, episode) for episode in acted} == told
        assert journal.entries()[: len(before)] == before
        for entry in before:
            body = entry.record
            if not isinstance(body, Decision):
                continue
            there = journal.blob(body.input) is not None
            assert there is (entry.seq not in gone)
            assert there or entry.time < START + max(ages) * DAY
            assert journal.was_pruned(entry) is not there
            assert journal.blob(body.rules) == RULES
        sends = {one.seq for one in before if _sends(one)}
        assert not sends & set(gone)
        assert len(gone) == len(set(gone))
    report = verify(path)
    assert report.sound
    assert report.pruned == len(gone)


def _sends(entry: Entry) -> bool:
    body = entry.record
    return isinstance(body, Decision) and body.armed and body.plan is not None and bool(body.plan.steps)


def unsent(number: int) -> Moment:
    """A day on which nothing was sent."""
    return Moment(number, 0, armed=False, plans=True, follows="")


def test_what_is_old_goes_in_bounded_parts_and_is_written_down(journal: Journal) -> None:
    many = LOOKED_AT + 10
    drafts, blobs = zip(*(decided(number, unsent(0)) for number in range(many)), strict=True)
    journal.append(drafts, blobs=(*blobs, RULES))
    head = journal.head().seq
    first = journal.prune(LATER, at=LATER)
    assert (len(first.decisions), first.ended) == (LOOKED_AT, False)
    second = journal.prune(LATER, at=LATER)
    assert (len(second.decisions), second.ended) == (10, True)
    told = [one.record for one in journal.entries(kind=Kind.PRUNED)]
    assert told == [
        Pruned(LATER, first.decisions, first.size),
        Pruned(LATER, second.decisions, second.size),
    ]
    assert journal.head().seq == head + 2
    again = journal.prune(LATER, at=LATER)
    assert (again.decisions, again.ended) == ((), True)
    assert journal.head().seq == head + 2
    assert verify(journal.path).pruned == many


def test_looking_changes_nothing(journal: Journal) -> None:
    write(journal, [unsent(1), unsent(2), unsent(30)])
    found = journal.prunable(START + 10 * DAY)
    assert len(found.decisions) == 2
    assert found.size > 0
    assert journal.prunable(START + 10 * DAY) == found
    assert journal.prunable(START + 10 * DAY, after=found.last).decisions == ()
    assert journal.entries(kind=Kind.PRUNED) == []
    assert journal.prune(START + 10 * DAY, at=LATER) == found


def test_pages_are_given_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    random = Random(1)
    with open_journal(path) as journal:
        for number in range(300):
            given_ = random.randbytes(3000)
            body = Decision(blob_digest(given_), "", False, (), None)
            journal.append([Draft(START + timedelta(seconds=number), "main", body)], blobs=[given_])
    size = path.stat().st_size
    with open_journal(path) as journal:
        assert len(prune_all(journal, LATER)) == 300
    assert path.stat().st_size < size / 2
    assert verify(path).sound


def test_an_input_that_somebody_else_took_out_is_missed(journal: Journal) -> None:
    write(journal, [unsent(1), unsent(20)])
    prune_all(journal, START + 10 * DAY)
    other = sqlite3.connect(journal.path)
    (text,) = other.execute("SELECT sql FROM sqlite_master WHERE name = 'blobs_no_delete'").fetchone()
    other.execute("DROP TRIGGER blobs_no_delete")
    other.execute("DELETE FROM blobs")
    other.execute(text)
    other.commit()
    other.close()
    report = verify(journal.path)
    assert report.pruned == 1
    assert sum("is missing" in one.what for one in report.problems) == 2  # an input and the rules
    (second,) = [one for one in journal.entries(kind=Kind.DECISION) if one.time > START + 10 * DAY]
    assert not journal.was_pruned(second)


def test_blobs_stay_append_only_for_everybody_else(journal: Journal) -> None:
    write(journal, [unsent(1)])
    prune_all(journal, LATER)
    other = sqlite3.connect(journal.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute("DELETE FROM blobs")
    other.close()


def test_a_record_of_pruning_that_is_none_is_found(journal: Journal) -> None:
    journal.append([stopped(), Draft(START, "", Pruned(START, (1,), 5))])
    entry = journal.entries()[1]
    assert decode(Kind.PRUNED, entry.body) == Pruned(START, (1,), 5)
    assert verify(journal.path).sound


def test_a_journal_that_is_only_read_is_not_pruned(journal: Journal) -> None:
    write(journal, [unsent(1)])
    with open_journal(journal.path, read_only=True) as reading:
        assert len(reading.prunable(LATER).decisions) == 1
        with pytest.raises(UnwritableJournalError):
            reading.prune(LATER, at=datetime(2027, 1, 1, tzinfo=UTC))


def test_a_halt_by_a_plan_is_an_act(journal: Journal) -> None:
    given_ = b"{}"
    plan = Plan("main", START, (), (), (), "drawdown", ("stop.main.1",))
    journal.append([Draft(START, "main", Decision(blob_digest(given_), "", True, (), plan))], blobs=[given_])
    assert prune_all(journal, LATER) == []
    assert journal.usage("main", START).notional_today == Decimal(0)
