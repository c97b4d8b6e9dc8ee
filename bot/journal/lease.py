"""The row that says which daemon may append."""

import sqlite3
from pathlib import Path

from msgspec import Struct

from bot.journal.errors import SupersededError

SELECT = "SELECT epoch, holder, expires FROM lease WHERE journal = 1"
SELECT_EPOCH = "SELECT epoch FROM lease WHERE journal = 1"
UPSERT = (
    "INSERT INTO lease (journal, epoch, holder, expires) VALUES (1, ?, ?, ?) ON CONFLICT (journal) "
    "DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder, expires = excluded.expires"
)
RENEW = "UPDATE lease SET expires = ? WHERE journal = 1"


class LeaseRow(Struct, frozen=True):
    """The lease as the journal holds it."""

    epoch: int
    """Rises by one with every daemon; a lower one appends nothing."""
    holder: str
    """Who took it, in words."""
    expires: float
    """In seconds since the machine was started, see `Clock.elapsed`."""


def read(cursor: sqlite3.Cursor) -> LeaseRow | None:
    """Return the lease, None where no daemon ever took one."""
    row = cursor.execute(SELECT).fetchone()
    return LeaseRow(*row) if row else None


def check(cursor: sqlite3.Cursor, path: Path, epoch: int) -> None:
    """Raise `SupersededError` where `epoch` (0 for none) is not the journal's; inside a transaction."""
    row = cursor.execute(SELECT_EPOCH).fetchone()
    current = row[0] if row else 0
    if current != epoch:
        raise SupersededError(path, epoch, current)
