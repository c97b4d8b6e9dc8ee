"""Takes out the inputs of old decisions from which nothing was sent.

Entries stay, all of them: the chain goes over them. What goes is the recorded input of a decision (the
larger part of it), where the decision sent nothing and no episode that it names was ever acted on. Which ones
went is an entry of its own, so that an input which somebody else took out is still missed.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from bot.journal import tables
from bot.journal.chain import stamp
from bot.journal.records import Kind, Pruned

PLACE = "pruned"
"""Name, of no account, under which the last entry that was looked at is remembered."""
LOOKED_AT = 1000
"""Entries that one transaction looks at: other writers wait for it."""
PAGES = 500
"""Pages given back to the file system at a time."""

_LOOK = (
    "SELECT seq, at, episode, CASE WHEN kind = 'decision' THEN body END FROM entries "
    "WHERE seq > ? ORDER BY seq LIMIT ?"
)
_ACTED = (
    "SELECT 1 FROM entries WHERE episode = ? AND episode <> '' "
    "AND kind IN ('prepared', 'adopted', 'word') LIMIT 1"
)
_SIZE = "SELECT length(body) FROM blobs WHERE digest = ?"
_DELETE = "DELETE FROM blobs WHERE digest = ?"
_TRIGGER = "blobs_no_delete"
_LISTED = "SELECT body FROM entries WHERE account = '' AND kind = 'pruned' AND at >= ?"


class _Named(Struct):
    episode: str


class _Plan(Struct):
    steps: tuple[_Named, ...]
    halt: str
    halt_episodes: tuple[str, ...] = ()


class _Decision(Struct):
    """The part of a decision's body that says whether it can go."""

    input: str
    armed: bool
    findings: tuple[_Named, ...]
    plan: _Plan | None

    @property
    def sends(self) -> bool:
        return self.armed and self.plan is not None and bool(self.plan.steps or self.plan.halt)

    @property
    def episodes(self) -> set[str]:
        named = {one.episode for one in self.findings}
        if self.plan is not None:
            named |= {step.episode for step in self.plan.steps} | set(self.plan.halt_episodes)
        return named - {""}


_decision = msgspec.json.Decoder(_Decision)
_pruned = msgspec.json.Decoder(Pruned)


class Pruning(Struct, frozen=True):
    """What one look found to take out, or took out."""

    decisions: tuple[int, ...]
    """Entries whose input goes."""
    digests: tuple[str, ...]
    size: int
    """Bytes of the inputs as they are stored."""
    last: int
    """The last entry that was looked at."""
    ended: bool
    """Whether nothing older is left to look at."""


def look(cursor: sqlite3.Cursor, before: datetime, last: int) -> Pruning:
    """Find what may go among the entries behind `last` that are older than `before`; changes nothing."""
    limit = stamp(before)
    rows = cursor.execute(_LOOK, (last, LOOKED_AT)).fetchall()
    acted: dict[str, bool] = {}
    seqs: list[int] = []
    digests: list[str] = []
    size = 0
    for seq, at, episode, body in rows:
        if at >= limit:
            return Pruning(tuple(seqs), tuple(digests), size, last, ended=True)
        last = seq
        if body is None:
            continue
        made = _decision.decode(body)
        if made.sends or any(_was_acted_on(cursor, name, acted) for name in {episode, *made.episodes}):
            continue
        stored = cursor.execute(_SIZE, (made.input,)).fetchone()
        if stored is not None:
            seqs.append(seq)
            digests.append(made.input)
            size += stored[0]
    return Pruning(tuple(seqs), tuple(digests), size, last, ended=len(rows) < LOOKED_AT)


def _was_acted_on(cursor: sqlite3.Cursor, episode: str, known: dict[str, bool]) -> bool:
    if episode not in known:
        known[episode] = cursor.execute(_ACTED, (episode,)).fetchone() is not None
    return known[episode]


def take_out(cursor: sqlite3.Cursor, digests: Sequence[str]) -> None:
    """Delete inputs, inside a transaction: what keeps blobs append-only steps aside for its length."""
    cursor.execute(f"DROP TRIGGER {_TRIGGER}")
    cursor.executemany(_DELETE, [(digest,) for digest in digests])
    cursor.execute(tables.TRIGGERS[_TRIGGER])


def give_back(cursor: sqlite3.Cursor) -> None:
    """Return free pages to the file system, a bounded number of them.

    A journal that was made without this way of keeping pages ignores it, and uses free pages again itself.
    """
    # It gives one page a step, without a row, after which `execute` would end it.
    cursor.executescript(f"PRAGMA incremental_vacuum({PAGES})")


def was_pruned(cursor: sqlite3.Cursor, seq: int, at: str) -> bool:
    """Whether the input of a decision, recorded at `at`, was taken out by `take_out`."""
    return any(seq in _pruned.decode(body).decisions for (body,) in cursor.execute(_LISTED, (at,)))


def listed(kind: object, body: str) -> tuple[int, ...]:
    """Return the entries whose inputs an entry says were taken out. Raises `msgspec.DecodeError`."""
    return _pruned.decode(body).decisions if kind == Kind.PRUNED else ()
