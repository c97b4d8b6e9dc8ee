"""Who may run on a journal: the lock while processes end as they should, the lease where one does not."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bot.daemon.lock import InstanceLock, LockHeldError
from bot.execution import Lease
from bot.journal import Journal, JournalError, LeaseRow, open_journal

WAIT_SECONDS = 2.0
"""How long the daemon waits for another writer: with a journal that is held, the next cycle must not wait."""


class Tenant(NamedTuple):
    """A journal that this process, and no other daemon, may write."""

    journal: Journal
    epoch: int


@contextmanager
def tenancy(path: Path, lease: Lease) -> Iterator[Tenant]:
    """Open a journal as its one daemon, with the next epoch. The caller closes the journal.

    The kernel frees the lock with its process, so after a crash nobody waits. Where the lock is held, its
    holder is replaced only once its lease has ended: it is stopped, or hangs. Raises `InstanceLockError`,
    and `JournalError`s as `open_journal` does.
    """
    lock = InstanceLock(path)
    try:
        try:
            lock.acquire()
        except LockHeldError as held:
            yield _replaced(path, lease, lock, held)
        else:
            yield _leased(path, lease)
    finally:
        lock.release()


def _leased(path: Path, lease: Lease) -> Tenant:
    journal = open_journal(path, wait_seconds=WAIT_SECONDS)
    try:
        row = journal.lease()
        return _take(journal, lease, row.epoch if row else 0)
    except BaseException:
        journal.close()
        raise


def _replaced(path: Path, lease: Lease, lock: InstanceLock, held: LockHeldError) -> Tenant:
    row = _seen(path)
    if row is None:
        raise held
    left = row.expires - (lease.next_end() - lease.length)
    if left > 0:
        more = f"; its lease has {left:.0f} s left, and is taken over only after that"
        raise LockHeldError(held.path, held.holder, more) from held
    journal = open_journal(path, wait_seconds=WAIT_SECONDS)
    try:
        tenant = _take(journal, lease, row.epoch)
        lock.seize()
    except BaseException:
        journal.close()
        raise
    return tenant


def _seen(path: Path) -> LeaseRow | None:
    """The lease of a journal that somebody else writes; None where there is none to be read."""
    try:
        with open_journal(path, create=False, read_only=True) as journal:
            return journal.lease()
    except JournalError:
        return None


def _take(journal: Journal, lease: Lease, over: int) -> Tenant:
    end = lease.next_end()
    epoch = journal.take_lease(f"process {os.getpid()} on {socket.gethostname()}", end, over=over)
    lease.lasts_until(end)
    return Tenant(journal, epoch)
