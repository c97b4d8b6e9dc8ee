"""Where a breach is written down."""

from bot.clock import Clock


class Bench:
    """Breaches of one account, each with the number of its invariant and the time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.violations: list[str] = []

    def must(self, holds: bool, number: int, what: str) -> None:
        """Write down a breach where something does not hold."""
        if not holds:
            self.violations.append(f"invariant {number} at {self._clock.now():%H:%M:%S}: {what}")
