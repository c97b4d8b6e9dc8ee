"""Entries and the hash that chains them."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct

from bot.journal.records import KINDS, Kind, Record, canonical, decode

GENESIS = "0" * 64
"""`previous` of the first entry."""


class Draft(Struct, frozen=True):
    """An entry that is about to be appended. The body's type gives its kind."""

    at: datetime
    account: str
    body: Record
    episode: str = ""
    intent: str = ""

    @property
    def kind(self) -> Kind:
        """Kind of the entry."""
        return KINDS[type(self.body)]


class Head(NamedTuple):
    """The end of the chain: `(0, GENESIS)` for an empty journal."""

    seq: int
    hash: str


class Entry(NamedTuple):
    """One row of the journal, as it is stored."""

    seq: int
    at: str
    account: str
    kind: str
    episode: str
    intent: str
    body: str
    previous: str
    hash: str

    @property
    def time(self) -> datetime:
        """When it was recorded, aware, in UTC."""
        return datetime.fromisoformat(self.at)

    @property
    def record(self) -> Record:
        """The typed body."""
        return decode(Kind(self.kind), self.body)


def stamp(at: datetime) -> str:
    """Write a time as ISO 8601 in UTC with microseconds; raises `ValueError` for a naive time."""
    if at.tzinfo is None:
        raise ValueError(f"the journal needs an aware time, got {at!r}")
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


_encode = msgspec.json.Encoder().encode


def digest_of(row: tuple[object, ...]) -> str:
    """Hash the columns `seq` to `previous` of a row.

    SHA-256 over the JSON array of the columns: an array of strings has one reading only, so no two rows share
    an encoding.
    """
    return hashlib.sha256(_encode(row)).hexdigest()


def chained(drafts: Sequence[Draft], head: Head) -> list[Entry]:
    """Put drafts behind the head of the chain."""
    seq, previous = head
    rows = []
    for draft in drafts:
        seq += 1
        columns = (
            seq,
            stamp(draft.at),
            draft.account,
            draft.kind.value,
            draft.episode,
            draft.intent,
            canonical(draft.body).decode(),
            previous,
        )
        previous = digest_of(columns)
        rows.append(Entry(*columns, previous))
    return rows
