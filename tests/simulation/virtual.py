"""An event loop whose time jumps from one timer to the next, and the clocks that are read off it.

Nothing waits and nothing is threaded, so that a run depends on its seed alone: two runs do the same things in
the same order, whatever else the machine does.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class NothingHappensError(RuntimeError):
    """Everything waits for something that will never come."""


class _Jump(selectors.SelectSelector):
    """Stands where a selector would wait: moves the loop's time instead."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Skip to the next timer."""
        if timeout is None:
            raise NothingHappensError("no timer is set and nothing is ready")
        self.seconds += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time. Only timers and ready callbacks run; files and sockets are never looked at."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._jump.seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class VenueClock:
    """The engine's clock: both of its times are the loop's."""

    def __init__(self, start: datetime) -> None:
        self._start_ms = round(start.timestamp() * 1000)

    def server_ms(self) -> int:
        """Time of stamps."""
        return self._start_ms + int(asyncio.get_running_loop().time() * 1000)

    def market_ms(self) -> int:
        """Time of prices."""
        return self.server_ms()


class HostClock:
    """The clock of the guard's machine, which may be wrong by `skew`."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """Return what the machine believes the time is."""
        return self.true() + self.skew

    def true(self) -> datetime:
        """Return the time."""
        return self._start + timedelta(seconds=self.seconds)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time()

    def elapsed(self) -> float:
        """Return seconds that nobody can set."""
        return self._start.timestamp() + self.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of virtual time."""
        await asyncio.sleep(seconds)
