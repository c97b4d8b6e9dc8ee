"""Appends and queries."""

import hashlib
import json
import multiprocessing
import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.journal import (
    GENESIS,
    CorruptJournalError,
    DuplicateIntentError,
    Head,
    Journal,
    UnwritableJournalError,
    blob_digest,
    open_journal,
    queries,
    verify,
)
from bot.journal.chain import Draft, digest_of, stamp
from bot.journal.records import BODIES, Kind, Prepared, Stopped, canonical, decode
from bot.model import StepKind
from tests.journal.support import EPISODE, START, decision, outcome, prepared, progress, stopped


def test_a_new_journal_is_empty(journal: Journal) -> None:
    assert journal.head() == Head(0, GENESIS)
    assert journal.entries() == []
    assert journal.open_intents("main") == []
    assert journal.entry(1) is None


def test_an_entry_comes_back_as_it_was_written(journal: Journal) -> None:
    draft = prepared("reef1")
    head = journal.append([draft, stopped()])
    first, second = journal.entries()
    assert (first.seq, first.account, first.kind, first.episode, first.intent) == (
        1,
        "main",
        Kind.PREPARED,
        EPISODE,
        "reef1",
    )
    assert first.time == START
    assert first.at == "2025-11-21T07:30:00.000000Z"
    assert first.record == draft.body
    assert second.record == Stopped("asked to")
    assert head == journal.head() == Head(2, second.hash)
    assert journal.entry(2) == second


def test_the_hash_can_be_recomputed_by_anybody(journal: Journal) -> None:
    journal.append([stopped('ünïcode "quoted" \\ and\ttabs'), prepared("reef1")])
    previous = GENESIS
    for entry in journal.entries():
        text = json.dumps(list(entry)[:8], ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == entry.hash
        assert entry.previous == previous
        previous = entry.hash


@given(st.lists(st.text(), min_size=7, max_size=7), st.lists(st.text(), min_size=7, max_size=7))
def test_two_rows_never_share_a_hash(first: list[str], second: list[str]) -> None:
    assert (digest_of((1, *first)) == digest_of((1, *second))) is (first == second)


def test_canonical_bodies_are_sorted_and_round_trip() -> None:
    body = prepared("reef1").body
    text = canonical(body).decode()
    assert list(json.loads(text)) == ["before", "step"]
    assert decode(Kind.PREPARED, text) == body
    assert set(BODIES) == set(Kind)


def test_one_transaction_or_nothing(journal: Journal) -> None:
    journal.append([prepared("reef1")])
    with pytest.raises(DuplicateIntentError, match="already recorded"):
        journal.append([stopped(), prepared("reef1")], {("main", "x"): "1"}, [b"blob"])
    assert journal.head().seq == 1
    assert journal.load_memory("main", "x") is None
    assert journal.blob(blob_digest(b"blob")) is None
    journal.append([stopped()])


def test_an_intent_ends_once(journal: Journal) -> None:
    journal.append([prepared("reef1"), outcome("reef1")])
    with pytest.raises(DuplicateIntentError):
        journal.append([outcome("reef1", state="rejected")])
    assert journal.ended("reef1")
    assert not journal.ended("reef2")


def test_the_database_itself_refuses_changes(journal: Journal) -> None:
    journal.append([stopped()], blobs=[b"x"])
    with sqlite3.connect(journal.path) as other:
        for statement in (
            "UPDATE entries SET body = ''",
            "DELETE FROM entries",
            "UPDATE blobs SET body = ''",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(statement)
    other.close()


def test_memory_changes_and_is_forgotten(journal: Journal) -> None:
    journal.append([stopped()], {("main", "rules"): '{"a":1}', ("main", "ledger"): "{}"})
    journal.append((), {("main", "rules"): '{"a":2}'}, at=START)
    assert journal.load_memory("main", "rules") == '{"a":2}'
    assert journal.load_memory("other", "rules") is None
    journal.append((), {("another", "rules"): "{}"}, at=START)
    journal.append((), {("", "halt"): "{}"}, at=START)
    assert journal.accounts() == ("another", "main")
    journal.append((), {("main", "rules"): None}, at=START)
    assert journal.load_memory("main", "rules") is None
    assert journal.head().seq == 1
    with pytest.raises(ValueError, match="needs a time"):
        journal.append([], {("main", "x"): "1"})


def test_times_must_be_aware(journal: Journal) -> None:
    with pytest.raises(ValueError, match="aware"):
        stamp(datetime(2025, 11, 21))  # noqa: DTZ001
    with pytest.raises(ValueError, match="aware"):
        journal.append([Draft(datetime(2025, 11, 21), "main", Stopped(""))])  # noqa: DTZ001
    assert journal.append([stopped()]).seq == 1


def test_blobs_are_named_by_their_content(journal: Journal) -> None:
    body = b"a snapshot " * 1000
    journal.append([decision(blob_digest(body))], blobs=[body])
    journal.append([decision(blob_digest(body))], blobs=[body])
    assert journal.blob(blob_digest(body)) == body
    assert journal.blob("0" * 64) is None


def test_a_damaged_blob_is_told(journal: Journal) -> None:
    journal.append([stopped()], blobs=[b"one", b"two"])
    with sqlite3.connect(journal.path) as other:
        other.execute("DROP TRIGGER blobs_no_update")
        other.execute("UPDATE blobs SET body = ? WHERE digest = ?", (b"junk", blob_digest(b"one")))
        other.execute(
            "UPDATE blobs SET body = (SELECT body FROM blobs WHERE digest = ?) WHERE digest = ?",
            (blob_digest(b"two"), blob_digest(b"one")),
        )
    other.close()
    with pytest.raises(CorruptJournalError, match="is damaged"):
        journal.blob(blob_digest(b"one"))


def test_filters(journal: Journal) -> None:
    journal.append([prepared("reef1"), progress("reef1"), outcome("reef1"), stopped(), stopped(account="b")])
    assert [entry.seq for entry in journal.entries(kind=Kind.STOPPED)] == [4, 5]
    assert [entry.seq for entry in journal.entries(account="b")] == [5]
    assert [entry.seq for entry in journal.entries(intent="reef1")] == [1, 2, 3]
    assert [entry.seq for entry in journal.entries(episode=EPISODE, after=1, limit=1)] == [2]
    assert [entry.seq for entry in journal.entries(newest=True, limit=2)] == [5, 4]


def test_open_intents_follow_what_is_written_by_anybody(journal: Journal) -> None:
    journal.append([prepared("reef0"), outcome("reef0"), prepared("reef1"), progress("reef1")])
    journal.append([prepared("reef2"), prepared("reef9", account="b")])

    def names() -> list[list[str]]:
        return [[entry.kind for entry in rows] for rows in journal.open_intents("main")]

    assert names() == [["prepared", "progress"], ["prepared"]]
    with open_journal(journal.path) as other:
        other.append([progress("reef2"), outcome("reef1"), stopped(), outcome("reef0x")])
    assert names() == [["prepared", "progress"]]
    assert names() == [["prepared", "progress"]]
    journal.append([outcome("reef2"), progress("reef2")])
    assert names() == []
    with open_journal(journal.path) as fresh:
        assert [rows[0].intent for rows in fresh.open_intents("b")] == ["reef9"]


def test_an_episode_is_told_with_the_decisions_that_name_it(journal: Journal) -> None:
    journal.append([decision(at=START - timedelta(hours=1)), decision(), decision(episode="another")])
    journal.append([prepared("reef1"), outcome("reef1"), decision(account="b"), stopped()])
    assert [entry.seq for entry in journal.episode(EPISODE)] == [2, 4, 5]
    assert journal.episode("nothing") == []
    assert journal.episode("") == []


def test_episodes_newest_first(journal: Journal) -> None:
    journal.append([prepared("reef1", episode="a"), prepared("reef2", episode="b", account="b"), stopped()])
    journal.append([prepared("reef3", episode="a")])
    assert journal.episodes() == ["b", "a"]
    assert journal.episodes("main") == ["a"]
    assert journal.episodes(limit=1) == ["b"]


def test_usage_counts_what_caps_bound(journal: Journal) -> None:
    now = START + timedelta(minutes=50)
    journal.append(
        [
            prepared("reef0", at=START - timedelta(days=1)),
            outcome("reef0", at=START - timedelta(days=1)),
            prepared("reef1", at=START - timedelta(minutes=30)),
            outcome("reef1", at=START - timedelta(minutes=30)),
            prepared("reef2"),
            outcome("reef2", at=START),
            prepared("reef3"),
            prepared("reefstop", kind=StepKind.PROTECT),
            prepared("reef4", account="b"),
        ]
    )
    usage = journal.usage("main", now)
    assert (usage.actions_last_hour, usage.notional_today, usage.loss_today) == (
        2,
        Decimal(88000) + Decimal(45000),
        Decimal(140),
    )


def test_numbers_of_steps_are_never_taken_twice(journal: Journal) -> None:
    assert journal.steps_taken(EPISODE) == 0
    journal.append([prepared("reef1", number=0), prepared("reef2", number=4)])
    journal.append([prepared("reefstop", number=99, kind=StepKind.PROTECT), prepared("x", episode="b")])
    assert journal.steps_taken(EPISODE) == 5
    assert journal.steps_taken("") == 0


def test_attempts_counts_an_intent_and_its_repetitions(journal: Journal) -> None:
    journal.append([prepared(name) for name in ("stop", "stop.2", "stop.3", "stop4", "stopper", "sto")])
    assert journal.attempts("stop") == 3
    assert journal.attempts("nothing") == 0


def test_a_journal_for_reading_refuses_to_write(journal: Journal) -> None:
    journal.append([stopped()])
    with open_journal(journal.path, read_only=True) as reader:
        assert len(reader.entries()) == 1
        with pytest.raises(UnwritableJournalError, match="opened for reading"):
            reader.append([stopped()])
        journal.append([stopped("later")])
        assert len(reader.entries()) == 2


def write_many(path: Path, name: str, count: int) -> None:
    """Append one by one, as another process."""
    with open_journal(path) as journal:
        for number in range(count):
            journal.append([prepared(f"{name}{number}")])


def test_processes_that_write_at_once_keep_one_chain(journal: Journal) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=write_many, args=(journal.path, name, 40)) for name in ("a", "b")]
    for other in others:
        other.start()
    for number in range(40):
        journal.append([prepared(f"c{number}")])
    for other in others:
        other.join(60)
        assert other.exitcode == 0
    report = verify(journal.path)
    assert report.sound
    assert report.entries == 120
    assert isinstance(journal.entries(limit=1)[0].record, Prepared)


def test_what_is_asked_before_every_order_does_not_grow_with_the_journal(journal: Journal) -> None:
    journal.append([prepared("reef1"), outcome("reef1"), stopped()])
    asked: list[str] = []
    journal._db.set_trace_callback(asked.append)
    journal.attempts("reef1")
    journal.ended("reef1")
    journal.open_intents("main")
    journal.usage("main", START)
    journal.steps_taken(EPISODE)
    journal.load_memory("main", "halt")
    journal.entries(intent="reef1")
    journal.entries(episode=EPISODE)
    journal.append([prepared("reef2")])
    journal.open_intents("main")
    journal._db.set_trace_callback(None)
    selects = [text for text in asked if text.startswith("SELECT") and text != queries.SELECT_HEAD]
    assert len(selects) >= 9
    for text in selects:
        plan = [row[3] for row in journal._db.execute(f"EXPLAIN QUERY PLAN {text}")]
        assert "SCAN entries" not in plan, text
