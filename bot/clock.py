"""The only clock. Everything else is given the time as an argument."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

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

    async def sleep(self, seconds: float) -> None:
        """Move the clock by `seconds` at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards, got {seconds} s")
        self._now += timedelta(seconds=seconds)
