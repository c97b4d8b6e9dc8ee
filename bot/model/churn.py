"""Positions that somebody fills up again after the guard has trimmed them."""

from datetime import datetime, timedelta

from msgspec import Struct


class ChurnTerms(Struct, frozen=True):
    """When a rule backs off from a position."""

    times: int = 3
    """Refills after trims, within `within`, that make it churn."""
    within: timedelta = timedelta(minutes=10)
    pause: timedelta = timedelta(minutes=5)
    """How long the rule waits then; twice as long each further time, up to LONGEST."""


LONGEST = timedelta(hours=4)


class Churning(Struct, frozen=True):
    """A rule that trims a position which somebody fills up again."""

    rule: str
    item: str
    """Key of the position."""
    refills: int
    since: datetime
    until: datetime
    """Until then the rule takes nothing off, unless it is one of survival."""
    level: int = 1
    """How often in a row it came to this."""

    def paused(self, at: datetime) -> bool:
        """Whether the pause lasts; a clock that was set back ends it."""
        return self.since <= at < self.until
