"""What systemd is told, in the words of sd_notify(3): a datagram of NAME=value lines."""

import os
import socket
from collections.abc import Mapping
from typing import Self

import structlog

log = structlog.get_logger(__name__)


class Notices:
    """The socket of the service manager that started this process."""

    def __init__(self, address: str, watchdog_seconds: float | None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._failed = False
        self.watchdog_seconds = watchdog_seconds
        """After so long without WATCHDOG=1 the manager ends the process; None where it does not watch."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self | None:
        """Find the manager in the environment; None where there is none that wants to be told."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")) or len(address) < 2:
            return None
        return cls(address, _watchdog(environ))

    def tell(self, **words: str | int) -> None:
        """Send one notice. A manager that does not listen is logged once; the guard does not depend on it."""
        text = "\n".join(f"{name}={value}" for name, value in words.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
                sending.setblocking(False)
                sending.sendto(text.encode(), self._address)
        except OSError as error:
            if not self._failed:
                log.warning("the service manager cannot be told", error=str(error))
            self._failed = True
        else:
            self._failed = False


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Read how long the manager waits; only the process that it means is meant."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
