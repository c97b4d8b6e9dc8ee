"""One daemon to a journal: two would each think that they alone act."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.errors import ReefError


class InstanceLockError(ReefError):
    """Another daemon holds the journal, or the lock beside it cannot be had."""


class InstanceLock:
    """An advisory lock beside the journal; the kernel frees it with the process."""

    def __init__(self, journal_path: Path) -> None:
        self.path = journal_path.with_name(journal_path.name + ".daemon.lock")
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises `InstanceLockError` with the holder's process id, or where the file cannot be opened.
        """
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InstanceLockError(
                f"{self.path} cannot be opened ({error.strerror}): it keeps a second Reef off the journal. "
                "Check the journal's folder and its rights, or give another path."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise InstanceLockError(
                f"another Reef (process {holder}) already runs on this journal ({self.path}). "
                "Stop it first, or give this one a journal of its own."
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle = handle

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would race with a newcomer."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
