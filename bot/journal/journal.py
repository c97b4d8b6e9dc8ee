"""The journal: durable appends and queries."""

import hashlib
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from bot.journal import lease, pruning, queries, usage
from bot.journal.chain import GENESIS, Draft, Entry, Head, chained, stamp
from bot.journal.connecting import disconnect, driver_of
from bot.journal.errors import UnwritableJournalError
from bot.journal.lease import LeaseRow
from bot.journal.locking import WriteLock
from bot.journal.pruning import Pruning
from bot.journal.records import Kind, Pruned
from bot.journal.tracking import OpenIntents
from bot.journal.translation import translate, translated
from bot.model import Usage


class Journal:
    """An open journal file. Made by `open_journal`.

    Every method is synchronous and may be called from any thread, one at a time. Failures are
    `JournalError`s.
    """

    def __init__(self, path: Path, connection: Connection, lock: WriteLock | None) -> None:
        self.path = path
        self._connection = connection
        self._db = driver_of(connection)
        self._cursor = self._db.cursor()
        self._lock = lock
        self._mutex = threading.RLock()
        self._open = OpenIntents()
        self._epoch: int | None = None
        """None for a writer that is no daemon, such as a command: it is not bound to a lease."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(
        self,
        entries: Sequence[Draft],
        memory: Mapping[tuple[str, str], str | None] | None = None,
        blobs: Sequence[bytes] = (),
        *,
        at: datetime | None = None,
    ) -> Head:
        """Write entries, remembered state and blobs in one durable transaction, or nothing of it.

        `memory` maps (account, name) to a JSON text, or to None to forget it; `at` dates it, by default the
        last entry's time. Returns the new head. Raises `DuplicateIntentError` when an intent would be
        prepared or would end twice, `SupersededError` when another daemon took the lease since `take_lease`,
        `FullDiskError`, `LockedJournalError`, `UnwritableJournalError`, `CorruptJournalError`.
        """
        packed = [(blob_digest(blob), zlib.compress(blob, 1)) for blob in blobs]
        when = at or (entries[-1].at if entries else None)
        if memory and when is None:
            raise ValueError("remembered state without an entry needs a time")
        dated = stamp(when) if when else ""
        with self._writing() as cursor:
            head = self._head(cursor)
            if packed:
                cursor.executemany(queries.INSERT_BLOB, packed)
            if entries:
                rows = chained(entries, head)
                cursor.executemany(queries.INSERT_ENTRY, rows)
                head = Head(rows[-1].seq, rows[-1].hash)
            for (account, name), body in (memory or {}).items():
                if body is None:
                    cursor.execute(queries.DELETE_MEMORY, (account, name))
                else:
                    cursor.execute(queries.UPSERT_MEMORY, (account, name, body, dated))
        return head

    def take_lease(self, holder: str, expires: float, *, over: int) -> int:
        """Take the lease from the daemon whose epoch is `over` (0: there was none); returns the new epoch.

        From then on this journal appends only for as long as nobody else takes it. Raises `SupersededError`
        where somebody was quicker, and as `append` does.
        """
        with self._writing() as cursor:
            lease.check(cursor, self.path, over)
            cursor.execute(lease.UPSERT, (over + 1, holder, expires))
        self._epoch = over + 1
        return self._epoch

    def renew_lease(self, expires: float) -> None:
        """Write until when the lease lasts now; raises as `append` does."""
        with self._writing() as cursor:
            cursor.execute(lease.RENEW, (expires,))

    def lease(self) -> LeaseRow | None:
        """Return the lease, None where no daemon ever took one."""
        with self._reading():
            return lease.read(self._cursor)

    def holds_lease(self) -> bool:
        """Return whether nobody else has taken the lease since this journal took it."""
        row = self.lease()
        return row is not None and row.epoch == self._epoch

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        """One durable transaction of the one writer over all processes, whose epoch must be current."""
        with self._mutex:
            lock = self._writable()
            lock.acquire()
            try:
                yield from self._transaction()
            except sqlite3.Error as error:
                raise translate(self.path, error) from error
            finally:
                lock.release()

    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        cursor = self._cursor
        cursor.execute("BEGIN IMMEDIATE")
        try:
            if self._epoch is not None:
                lease.check(cursor, self.path, self._epoch)
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if self._db.in_transaction:
                cursor.execute("ROLLBACK")
            raise

    def load_memory(self, account: str, name: str) -> str | None:
        """Return the JSON text remembered under a name, None where there is none."""
        with self._reading():
            row = self._cursor.execute(queries.SELECT_MEMORY, (account, name)).fetchone()
            return str(row[0]) if row else None

    def accounts(self) -> tuple[str, ...]:
        """Return the names of the accounts that something is remembered of, sorted."""
        with self._reading():
            return queries.accounts_of(self._connection)

    def head(self) -> Head:
        """Return the end of the chain."""
        with self._reading():
            return self._head(self._cursor)

    def entries(
        self,
        *,
        kind: Kind | None = None,
        episode: str | None = None,
        account: str | None = None,
        intent: str | None = None,
        after: int = 0,
        limit: int = 1000,
        newest: bool = False,
    ) -> list[Entry]:
        """Return entries behind seq `after`, oldest first.

        With `newest`, the last `limit` ones, newest first.
        """
        with self._reading():
            return queries.entries_of(
                self._connection, kind, episode, account, intent, after=after, limit=limit, newest=newest
            )

    def entry(self, seq: int) -> Entry | None:
        """Return one entry, None where there is none."""
        found = self.entries(after=seq - 1, limit=1)
        return found[0] if found and found[0].seq == seq else None

    def open_intents(self, account: str) -> list[tuple[Entry, ...]]:
        """Return the entries of every intent that was prepared and has not ended, oldest intent first."""
        with self._reading():
            return self._open.of(self._cursor, self._head(self._cursor).seq, account)

    def episode(self, episode: str) -> list[Entry]:
        """Return every entry that tells of an episode, oldest first: its own, and decisions that name it."""
        with self._reading():
            return queries.episode_of(self._connection, episode)

    def hedge_entries(self, account: str) -> list[Entry]:
        """Return the entries of an account's hedges, oldest first: their orders, and what corrects these."""
        with self._reading():
            return queries.hedge_entries(self._connection, account)

    def attempts(self, intent: str) -> int:
        """Return how often an intent, or a repetition of it (`intent` + '.' + number), was prepared."""
        with self._reading():
            # '/' follows '.' in the alphabet, so the range holds every repetition and nothing else.
            names = (intent, f"{intent}.", f"{intent}/")
            return int(self._cursor.execute(queries.SELECT_ATTEMPTS, names).fetchone()[0])

    def ended(self, intent: str) -> bool:
        """Return whether an intent has an outcome."""
        with self._reading():
            return bool(self._cursor.execute(queries.SELECT_ENDED, (intent,)).fetchone()[0])

    def episodes(self, account: str | None = None, limit: int = 100) -> list[str]:
        """Return the names of the latest episodes, newest first."""
        with self._reading():
            return queries.episodes_of(self._connection, account, limit)

    def usage(self, account: str, now: datetime) -> Usage:
        """Return what has been used of the caps: actions in the last hour; notional and loss since 00:00 UTC.

        Protective stops count in none of them, and neither does what was refused or not sent. An open intent
        counts with its planned notional.
        """
        with self._reading():
            return usage.usage_of(
                self._cursor,
                account,
                now,
                self._open.of(self._cursor, self._head(self._cursor).seq, account),
            )

    def steps_taken(self, episode: str) -> int:
        """Return one above the highest number that a step of an episode was prepared with; 0 for none.

        The next step may take it. Protective stops have numbers of their own and do not count.
        """
        with self._reading():
            return usage.steps_taken(self._cursor, episode)

    def blob(self, digest: str) -> bytes | None:
        """Return a blob by its digest, None where there is none; raises `CorruptJournalError`."""
        with self._reading():
            return queries.blob_of(self._connection, self.path, digest)

    def prune(self, before: datetime, *, at: datetime) -> Pruning:
        """Take out inputs of decisions older than `before` from which nothing was sent, a bounded number.

        The next call goes on where this one ended, until it says `ended`. Raises as `append` does.
        """
        with self._writing() as cursor:
            found = pruning.look(cursor, before, self._pruned_up_to(cursor))
            if found.decisions:
                pruning.take_out(cursor, found.digests)
                body = Pruned(before, found.decisions, found.size)
                (row,) = chained([Draft(at, "", body)], self._head(cursor))
                cursor.execute(queries.INSERT_ENTRY, row)
            cursor.execute(queries.UPSERT_MEMORY, ("", pruning.PLACE, str(found.last), stamp(at)))
        with self._mutex, translated(self.path), self._writable().held():
            pruning.give_back(self._cursor)
        return found

    def prunable(self, before: datetime, *, after: int | None = None) -> Pruning:
        """Return what `prune` would take out next, or behind entry `after`; changes nothing."""
        with self._reading():
            last = self._pruned_up_to(self._cursor) if after is None else after
            return pruning.look(self._cursor, before, last)

    def was_pruned(self, entry: Entry) -> bool:
        """Return whether the input of a decision was taken out by `prune`."""
        with self._reading():
            return pruning.was_pruned(self._cursor, entry.seq, entry.at)

    def _pruned_up_to(self, cursor: sqlite3.Cursor) -> int:
        row = cursor.execute(queries.SELECT_MEMORY, ("", pruning.PLACE)).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the file. Closing checkpoints the write-ahead log."""
        with self._mutex, translated(self.path):
            if self._lock is None:
                self._dispose()
                return
            with self._lock.held():
                self._dispose()
            self._lock.close()

    def _dispose(self) -> None:
        self._cursor.close()
        disconnect(self._connection)

    def _head(self, cursor: sqlite3.Cursor) -> Head:
        row = cursor.execute(queries.SELECT_HEAD).fetchone()
        return Head(*row) if row else Head(0, GENESIS)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._mutex, translated(self.path):
            yield

    def _writable(self) -> WriteLock:
        if self._lock is None:
            raise UnwritableJournalError(self.path, "it was opened for reading", "Open it for writing.")
        return self._lock


def blob_digest(body: bytes) -> str:
    """Name of a blob: the SHA-256 of its plain body, in hex."""
    return hashlib.sha256(body).hexdigest()
