"""A byte that was changed is found, also when the triggers were dropped first."""

import sqlite3
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.journal import (
    GENESIS,
    Entry,
    Head,
    Journal,
    MissingJournalError,
    NewerJournalError,
    NotAJournalError,
    blob_digest,
    open_journal,
    verify,
)
from bot.journal.chain import chained, digest_of
from bot.journal.tables import TRIGGERS
from tests.journal.support import decision, outcome, prepared, progress, stopped

COLUMNS = ["seq", "at", "account", "kind", "episode", "intent", "body", "previous", "hash"]
DROP = "".join(f"DROP TRIGGER {name};" for name in TRIGGERS)
PAGE = 4096


class Written(NamedTuple):
    """A sound journal, as bytes."""

    data: bytes
    entries: list[Entry]
    head: Head

    def __repr__(self) -> str:
        return "the sound journal"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    path = tmp_path_factory.mktemp("sound") / "journal.db"
    rules, seen = b"rules: []", b'{"snapshot": 1}' * 50
    with open_journal(path) as journal:
        journal.append([stopped(f"reason {n}") for n in range(5)])
        first = decision(blob_digest(seen), rules=blob_digest(rules))
        journal.append([first, prepared("reef1"), progress("reef1")], blobs=[seen, rules])
        journal.append([outcome("reef1"), decision(blob_digest(seen)), stopped("über")])
        entries, head = journal.entries(), journal.head()
    return Written(path.read_bytes(), entries, head)


def changed(tmp_path: Path, written: Written, change: Callable[[sqlite3.Connection], object]) -> Path:
    """A copy of the journal that somebody worked on, with the triggers put back afterwards."""
    path = tmp_path / "changed.db"
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
    path.write_bytes(written.data)
    with sqlite3.connect(path) as other:
        other.executescript(DROP)
        change(other)
        for text in TRIGGERS.values():
            other.execute(text)
    other.close()
    return path


def whats(path: Path, expected_head: str | None = None) -> list[tuple[int | None, str]]:
    """What verification found."""
    return [(problem.seq, problem.what) for problem in verify(path, expected_head=expected_head).problems]


def test_a_sound_journal(tmp_path: Path, written: Written) -> None:
    path = changed(tmp_path, written, lambda other: None)
    report = verify(path, expected_head=written.entries[3].hash)
    assert report.sound
    assert (report.entries, report.blobs) == (11, 2)
    assert (report.head_seq, report.head_hash) == written.head
    assert verify(path, expected_head=GENESIS).sound


@given(
    seq=st.integers(1, 11),
    column=st.sampled_from(COLUMNS),
    place=st.integers(0, 10_000),
    bit=st.integers(0, 7),
    kind=st.sampled_from(["TEXT", "BLOB"]),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_any_column_is_found(
    tmp_path: Path, written: Written, seq: int, column: str, place: int, bit: int, kind: str
) -> None:
    row = dict(zip(COLUMNS, written.entries[seq - 1], strict=True))
    value = str(row[column]).encode()
    place = place % len(value) if value else 0
    flipped = bytearray(value or b"x")
    flipped[place] ^= 1 << bit
    new: object = bytes(flipped) if kind == "BLOB" else flipped.decode("utf-8", "surrogateescape")

    def change(other: sqlite3.Connection) -> None:
        if column == "seq":
            other.execute("UPDATE entries SET seq = ? WHERE seq = ?", (seq + 100 + place, seq))
        elif isinstance(new, bytes):
            other.execute(f"UPDATE entries SET {column} = CAST(? AS {kind}) WHERE seq = ?", (new, seq))
        else:
            raw = str(new).encode("utf-8", "surrogateescape")
            other.execute(f"UPDATE entries SET {column} = CAST(? AS TEXT) WHERE seq = ?", (raw, seq))

    found = whats(changed(tmp_path, written, change))
    assert found
    assert any(where in {seq, seq + 1, None} or "followed by" in what for where, what in found)


@given(place=st.integers(0, 10**9), bit=st.integers(0, 7))
@example(place=2183, bit=7)  # bytes of the schema that SQLite quotes and Python cannot decode
@example(place=3003, bit=7)
@example(place=524284, bit=7)  # a column of text
@example(place=47, bit=0)  # the schema format of the header
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_of_the_file_is_found_or_touches_no_entry(
    tmp_path: Path, written: Written, place: int, bit: int
) -> None:
    path = tmp_path / "flipped.db"
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
    data = bytearray(written.data)
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        if verify(path).problems:
            return
    except (NotAJournalError, NewerJournalError):
        return
    with open_journal(path, read_only=True) as journal:
        assert journal.entries() == written.entries


def test_bytes_in_place_of_text_are_a_change(tmp_path: Path, written: Written) -> None:
    statement = "UPDATE entries SET account = CAST(account AS BLOB) WHERE seq = 3"
    found = whats(changed(tmp_path, written, lambda other: other.execute(statement)))
    assert found == [(3, "it was changed: its hash does not fit its content")]


def test_missing_and_swapped_entries(tmp_path: Path, written: Written) -> None:
    found = whats(
        changed(tmp_path, written, lambda other: other.execute("DELETE FROM entries WHERE seq = 4"))
    )
    assert (4, "entry 3 is followed by entry 5: entries are missing") in found
    assert (5, "it does not follow the entry before it") in found

    def swap(other: sqlite3.Connection) -> None:
        other.execute("UPDATE entries SET seq = 1000 WHERE seq = 2")
        other.execute("UPDATE entries SET seq = 2 WHERE seq = 3")
        other.execute("UPDATE entries SET seq = 3 WHERE seq = 1000")

    assert {seq for seq, _ in whats(changed(tmp_path, written, swap))} == {2, 3, 4}


def test_an_end_that_was_cut_off_needs_a_head_from_elsewhere(tmp_path: Path, written: Written) -> None:
    path = changed(tmp_path, written, lambda other: other.execute("DELETE FROM entries WHERE seq > 9"))
    assert whats(path) == []
    ((where, what),) = whats(path, written.head.hash)
    assert where is None
    assert "cut off, or rewritten" in what


def test_a_rewritten_chain_needs_a_head_from_elsewhere(tmp_path: Path, written: Written) -> None:
    def rewrite(other: sqlite3.Connection) -> None:
        other.execute("DELETE FROM entries")
        rows = chained([stopped("nothing happened")], Head(0, GENESIS))
        other.executemany(f"INSERT INTO entries VALUES ({','.join('?' * 9)})", rows)

    path = changed(tmp_path, written, rewrite)
    assert whats(path) == []
    assert len(whats(path, written.head.hash)) == 1


def test_blobs(tmp_path: Path, written: Written) -> None:
    rules = blob_digest(b"rules: []")
    for new in (zlib.compress(b"rules: [none]"), b"junk", "text"):
        values = (new, rules)
        path = changed(
            tmp_path, written, partial(_execute, "UPDATE blobs SET body = ? WHERE digest = ?", values)
        )
        assert whats(path) == [(6, f"blob {rules} was changed")]
    path = changed(tmp_path, written, partial(_execute, "DELETE FROM blobs WHERE digest = ?", (rules,)))
    assert whats(path) == [(6, f"blob {rules}, which it names, is missing")]


def _execute(statement: str, values: tuple[object, ...], other: sqlite3.Connection) -> None:
    other.execute(statement, values)


def test_a_decision_that_is_none(tmp_path: Path, written: Written) -> None:
    def rewrite(other: sqlite3.Connection) -> None:
        other.execute("DELETE FROM entries")
        (row,) = chained([stopped()], Head(0, GENESIS))
        row = row._replace(kind="decision")
        row = row._replace(hash=digest_of(row[:8]))
        other.execute(f"INSERT INTO entries VALUES ({','.join('?' * 9)})", row)

    assert whats(changed(tmp_path, written, rewrite)) == [(1, "its body is not a decision")]


def test_triggers(tmp_path: Path, journal: Journal) -> None:
    journal.append([stopped()])
    other = sqlite3.connect(journal.path)
    other.execute("DROP TRIGGER entries_no_delete")
    other.execute("CREATE TRIGGER odd AFTER INSERT ON entries BEGIN SELECT 1; END")
    other.commit()
    other.close()
    assert [what for _, what in whats(journal.path)] == [
        "triggers are missing or changed: entries_no_delete",
        "there are triggers that Reef did not make: odd",
    ]


def test_damage_is_reported(tmp_path: Path, written: Written) -> None:
    path = tmp_path / "damaged.db"
    data = bytearray(written.data)
    data[PAGE : PAGE + 200] = b"\xff" * 200
    path.write_bytes(data)
    assert whats(path)
    path = tmp_path / "schema.db"
    data = bytearray(written.data)
    data[100:300] = b"\xff" * 200
    path.write_bytes(data)
    ((where, what),) = whats(path)
    assert where is None
    assert "damaged" in what


def test_a_report_does_not_grow_without_bound(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with open_journal(path) as journal:
        journal.append([stopped(str(n)) for n in range(300)])
    other = sqlite3.connect(path)
    other.executescript(DROP)
    other.execute("UPDATE entries SET account = 'else'")
    other.commit()
    other.close()
    assert len(verify(path).problems) == 100


def test_no_journal_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(MissingJournalError):
        verify(tmp_path / "nothing.db")


def test_the_daemon_may_write_meanwhile(journal: Journal) -> None:
    journal.append([stopped()])
    report = verify(journal.path)
    journal.append([stopped()])
    assert report.entries == 1
    assert verify(journal.path).entries == 2
