"""A service manager's socket, as systemd would listen on it."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bot.daemon.notices import Notices
from tests.cli.support import PATIENCE_S


class Manager(msgspec.Struct):
    """What a daemon told."""

    socket: socket.socket
    address: str
    told: list[dict[str, str]] = []

    def environ(self, watchdog_seconds: float | None = None) -> dict[str, str]:
        """The environment that a unit's process gets; its WATCHDOG_PID is left out."""
        found = {"NOTIFY_SOCKET": self.address}
        if watchdog_seconds is not None:
            found["WATCHDOG_USEC"] = str(round(watchdog_seconds * 1e6))
        return found

    def notices(self, watchdog_seconds: float | None = None) -> Notices:
        """The socket as this process finds it."""
        found = Notices.of(self.environ(watchdog_seconds))
        assert found is not None
        return found

    def take(self, seconds: float) -> dict[str, str] | None:
        """Wait for the next notice; None where none comes in time."""
        self.socket.settimeout(seconds)
        try:
            text = self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None
        self.told.append(dict(line.split("=", 1) for line in text.splitlines()))
        return self.told[-1]

    def drain(self) -> list[dict[str, str]]:
        """Take what is there already."""
        found = []
        while (one := self.take(0.0)) is not None:
            found.append(one)
        return found

    def wait_for(self, name: str) -> dict[str, str]:
        """Take notices until one holds a name."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            one = self.take(PATIENCE_S)
            if one is not None and name in one:
                return one
        raise TimeoutError(f"no {name} within {PATIENCE_S:g} s; told: {self.told}")


@contextmanager
def listening(folder: Path, *, abstract: bool = False) -> Iterator[Manager]:
    """Listen on a path, or on an abstract name."""
    name = f"@reef-test-{os.getpid()}-{folder.name}" if abstract else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(f"\0{name[1:]}" if abstract else name)
        yield Manager(made, name)
