"""Checks that nothing in a journal was changed."""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from bot.journal import tables
from bot.journal.chain import GENESIS, digest_of
from bot.journal.connecting import disconnect, driver_of
from bot.journal.errors import CorruptJournalError
from bot.journal.opening import connect_to_read
from bot.journal.pruning import listed
from bot.journal.queries import unpacked
from bot.journal.records import Kind
from bot.journal.translation import translate

MOST_PROBLEMS = 100
"""A report names no more than this; one is enough to fail."""

ENTRIES = "SELECT seq, at, account, kind, episode, intent, body, previous, hash FROM entries ORDER BY seq"
BLOBS = "SELECT digest, body FROM blobs"
SCHEMA = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"


class Problem(Struct, frozen=True):
    """Something that is not as it was written."""

    seq: int | None
    """The entry; None where the file as a whole is meant."""
    what: str


class VerifyReport(Struct, frozen=True):
    """What a walk over the whole journal found."""

    path: str
    entries: int
    blobs: int
    head_seq: int
    head_hash: str
    problems: tuple[Problem, ...]
    pruned: int = 0
    """Inputs that retention took out: their decisions stand, and cannot be taken again."""

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


class _References(Struct):
    """The digests that a decision names."""

    input: str
    rules: str


_references = msgspec.json.Decoder(_References)


def verify(path: Path | str, *, expected_head: str | None = None) -> VerifyReport:
    """Walk the chain and the blobs, reading only, also while the daemon writes.

    Every column of every entry is covered by its hash, every hash by the next entry; blobs are covered by
    their digests, which decisions name. An input that is not there must be listed by an entry of its own as
    pruned. Entries cut off at the end leave a sound chain: give
    `expected_head`, a hash that was noted elsewhere, to notice that. A damaged file is reported, not raised.
    Raises `MissingJournalError`, `NotAJournalError`, `NewerJournalError` and `UnwritableJournalError` where
    there is no journal that can be read.
    """
    file = Path(path)
    walk = _Walk(file, expected_head)
    try:
        connection = connect_to_read(file)
    except CorruptJournalError as error:
        walk.found(None, error.came)
        return walk.report()
    try:
        walk.run(driver_of(connection))
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        walk.found(None, f"after entry {walk.seq}: {translate(file, error).came}")
    finally:
        disconnect(connection)
    return walk.report()


class _Walk:
    """One pass over a journal."""

    def __init__(self, file: Path, expected_head: str | None) -> None:
        self._file = file
        self._expected_head = expected_head
        self._problems: list[Problem] = []
        self._wanted: dict[str, int] = {}
        self._inputs: dict[int, str] = {}
        self._listed: set[int] = set()
        self._pruned = 0
        self._blobs = 0
        self._entries = 0
        self._hash = GENESIS
        self.seq = 0

    def found(self, seq: int | None, what: str) -> None:
        """Note a problem."""
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(Problem(seq, what))

    def report(self) -> VerifyReport:
        """Sum up."""
        return VerifyReport(
            path=str(self._file),
            entries=self._entries,
            blobs=self._blobs,
            head_seq=self.seq,
            head_hash=self._hash,
            problems=tuple(self._problems),
            pruned=self._pruned,
        )

    def run(self, driver: sqlite3.Connection) -> None:
        """Look at everything, in one read transaction."""
        driver.execute("BEGIN")
        self._schema(driver)
        for line in driver.execute("PRAGMA integrity_check(10)"):
            if line[0] != "ok":
                self.found(None, f"the file is damaged: {line[0]}")
        self._chain(driver.execute(ENTRIES))
        self._bodies(driver.execute(BLOBS))

    def _schema(self, driver: sqlite3.Connection) -> None:
        there = dict(driver.execute(SCHEMA))
        missing = sorted(name for name, text in tables.TRIGGERS.items() if there.get(name) != text)
        if missing:
            self.found(None, f"triggers are missing or changed: {', '.join(missing)}")
        more = sorted(set(there) - set(tables.TRIGGERS))
        if more:
            self.found(None, f"there are triggers that Reef did not make: {', '.join(more)}")

    def _chain(self, rows: Iterator[tuple[object, ...]]) -> None:
        head_found = self._expected_head in {None, GENESIS}
        for row in rows:
            seq, stated = row[0], row[8]
            self._entries += 1
            if seq != self.seq + 1:
                self.found(self.seq + 1, f"entry {self.seq} is followed by entry {seq}: entries are missing")
            if row[7] != self._hash:
                self.found(_number(seq), "it does not follow the entry before it")
            if not _whole(row) or digest_of(row[:8]) != stated:
                self.found(_number(seq), "it was changed: its hash does not fit its content")
            elif row[3] == Kind.DECISION:
                self._note_references(_number(seq), str(row[6]))
            else:
                self._note_pruned(_number(seq), row[3], str(row[6]))
            self.seq, self._hash = _number(seq), str(stated)
            head_found = head_found or stated == self._expected_head
        if not head_found:
            self.found(
                None, f"the head {self._expected_head} is not there: the end was cut off, or rewritten"
            )

    def _note_references(self, seq: int, body: str) -> None:
        try:
            references = _references.decode(body)
        except msgspec.DecodeError:
            self.found(seq, "its body is not a decision")
            return
        for digest in (references.input, references.rules):
            if digest:
                self._wanted.setdefault(digest, seq)
        self._inputs[seq] = references.input

    def _note_pruned(self, seq: int, kind: object, body: str) -> None:
        try:
            self._listed.update(listed(kind, body))
        except msgspec.DecodeError:
            self.found(seq, "its body does not say what was pruned")

    def _bodies(self, rows: Iterator[tuple[object, ...]]) -> None:
        for digest, packed in rows:
            self._blobs += 1
            body = unpacked(packed) if isinstance(packed, bytes) else None
            seq = self._wanted.pop(str(digest), None)
            if body is None or hashlib.sha256(body).hexdigest() != digest:
                self.found(seq, f"blob {digest} was changed")
        gone = {self._inputs.get(seq) for seq in self._listed}
        for digest, seq in self._wanted.items():
            if digest in gone:
                self._pruned += 1
                continue
            self.found(seq, f"blob {digest}, which it names, is missing")


def _number(seq: object) -> int:
    return seq if isinstance(seq, int) else 0


def _whole(row: tuple[object, ...]) -> bool:
    """Whether every column has the type that it was written with: bytes could pass for their own text."""
    return type(row[0]) is int and all(type(column) is str for column in row[1:])
