"""One daemon to a journal: two would each think that they alone act."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.errors import ReefError


class InstanceLockError(ReefError):
    """Another daemon holds the journal, or the lock beside it cannot be had."""


class LockHeldError(InstanceLockError):
    """A process that lives holds the lock."""

    def __init__(self, path: Path, holder: str, more: str = "") -> None:
        super().__init__(
            f"another Reef (process {holder}) already runs on this journal ({path}){more}. "
            "Stop it first, or give this one a journal of its own."
        )
        self.path = path
        self.holder = holder


class InstanceLock:
    """An advisory lock beside the journal; the kernel frees it with the process.

    Whoever takes a journal over from a process that is stopped or hangs puts a new file in the place of the
    one that is held, so a lock counts only on the file that is there now.
    """

    def __init__(self, journal_path: Path) -> None:
        self.path = journal_path.with_name(journal_path.name + ".daemon.lock")
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises `LockHeldError` with the holder's process id, and `InstanceLockError` where the file cannot be
        opened.
        """
        while True:
            handle = self._opened(self.path)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
                os.close(handle)
                raise LockHeldError(self.path, holder) from None
            if self._is_there(handle):
                self._hold(handle)
                return
            os.close(handle)

    def seize(self) -> None:
        """Take the lock though another process holds it: only for who has taken its lease."""
        path = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        handle = self._opened(path)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._hold(handle)
        path.replace(self.path)

    def _opened(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InstanceLockError(
                f"{path} cannot be opened ({error.strerror}): it keeps a second Reef off the journal. "
                "Check the journal's folder and its rights, or give another path."
            ) from error

    def _is_there(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self.path.stat())
        except FileNotFoundError:
            return False

    def _hold(self, handle: int) -> None:
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
