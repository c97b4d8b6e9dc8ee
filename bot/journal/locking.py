"""One writer at a time over all processes."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.journal.errors import LockedJournalError, UnwritableJournalError

PAUSE_SECONDS = 0.005


class WriteLock:
    """An advisory lock on a file beside the journal, held for the length of one write transaction.

    SQLite alone would queue the writers, but versions 3.7.0 to 3.51.2 can lose a write-ahead log that two
    connections reset at once (https://sqlite.org/wal.html#walresetbug).
    """

    def __init__(self, journal: Path, wait_seconds: float) -> None:
        self._journal = journal
        self._wait_seconds = wait_seconds
        path = journal.with_name(journal.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnwritableJournalError(
                journal,
                f"its lock file {path.name} cannot be opened ({error.strerror})",
                "Check the rights of the directory.",
            ) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the length of a `with` block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def acquire(self) -> None:
        """Take the lock; raises `LockedJournalError` when another process keeps it too long."""
        deadline = time.monotonic() + self._wait_seconds
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise LockedJournalError(
                        self._journal,
                        f"another process has been writing for {self._wait_seconds:g} s",
                        "Nothing was written. End that process, or try again.",
                    ) from error
                time.sleep(PAUSE_SECONDS)
            else:
                return

    def release(self) -> None:
        """Let the next writer in."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the lock file back."""
        os.close(self._file)
