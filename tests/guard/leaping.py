"""A clock that somebody sets, and time that may be made to pass."""

from datetime import datetime, timedelta

from bot.clock import SystemClock


class Leaping(SystemClock):
    """The machine's clock. `set_by` is somebody's hand; `passes` is time, and moves both."""

    def __init__(self) -> None:
        self._wrong = timedelta(0)
        self._passed = 0.0

    def set_by(self, seconds: float) -> None:
        """Set the clock forward, or back; no time passes."""
        self._wrong += timedelta(seconds=seconds)

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds

    def now(self) -> datetime:
        """Return what the clock shows."""
        return super().now() + self._wrong + timedelta(seconds=self._passed)

    def elapsed(self) -> float:
        """Return the seconds that have passed."""
        return super().elapsed() + self._passed
