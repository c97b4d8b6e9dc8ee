"""The only clock. Everything else is given the time as an argument."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...

    def elapsed(self) -> float:
        """Return seconds that nobody can set, and that go on while the process or the machine sleeps.

        All processes of one machine count from the same moment.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Return the seconds since the machine was started, those in which it slept included."""
        return time.clock_gettime(_SINCE_BOOT)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that moves only when it is told to; waiting moves it."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock needs an aware time, got {start!r}")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the virtual time, aware, in UTC."""
        return self._now

    def elapsed(self) -> float:
        """Return virtual seconds since 1970."""
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Move the clock by `seconds` at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards, got {seconds} s")
        self._now += timedelta(seconds=seconds)
