"""Clocks: server time stamps requests and answers, market time drives prices, candles and funding."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two times in integer milliseconds since the epoch; neither ever goes back."""

    def server_ms(self) -> int:
        """Time of request timestamps, order times and envelopes."""
        ...

    def market_ms(self) -> int:
        """Time of the price path, candles and funding."""
        ...


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class ScaledClock:
    """Server time is the wall clock's.

    Market time starts at `market_start_ms` and runs `speed` times as fast.

    It can be paused (from the first, with `paused`) so that a scenario waits until everybody is ready.
    """

    def __init__(self, market_start_ms: int, speed: float = 1.0, *, paused: bool = False) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be positive, got {speed}; use paused=True to hold the market")
        self.speed = speed
        self._market_ms = float(market_start_ms)
        self._since_ns: int | None = None if paused else time.monotonic_ns()

    @property
    def paused(self) -> bool:
        """Whether market time stands still."""
        return self._since_ns is None

    def resume(self) -> None:
        """Let market time run; does nothing where it runs."""
        if self._since_ns is None:
            self._since_ns = time.monotonic_ns()

    def pause(self) -> None:
        """Hold market time; does nothing where it is held."""
        self._market_ms = self._market()
        self._since_ns = None

    def server_ms(self) -> int:
        """Wall clock time."""
        return _wall_ms()

    def market_ms(self) -> int:
        """Scaled time."""
        return int(self._market())

    def _market(self) -> float:
        if self._since_ns is None:
            return self._market_ms
        return self._market_ms + (time.monotonic_ns() - self._since_ns) / 1_000_000 * self.speed


class RealClock(ScaledClock):
    """Both times are the wall clock's; a pause holds market time, which is then late by as much."""

    def __init__(self, *, paused: bool = False) -> None:
        super().__init__(_wall_ms(), paused=paused)


class VirtualClock:
    """Both times are one number that only `advance` moves."""

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def server_ms(self) -> int:
        """Virtual time."""
        return self._now_ms

    def market_ms(self) -> int:
        """Virtual time."""
        return self._now_ms

    def advance(self, seconds: float) -> None:
        """Move both times forward by `seconds` (>= 0, to the millisecond)."""
        if seconds < 0:
            raise ValueError(f"virtual time cannot go back (asked for {seconds} s)")
        self._now_ms += round(seconds * 1000)
