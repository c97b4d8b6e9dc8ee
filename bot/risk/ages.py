"""How old a part of a snapshot may be: one measure for what is decided and for what is ordered."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from bot.model import Snapshot

FUTURE_SLACK_SECONDS = 2.0
"""A part that is stamped further ahead cannot be dated: its age is not known."""

PARTS = ("positions", "balance", "orders", "stops", "marks")
SEEN = ("positions", "balance")
"""Parts without which no rule can say anything; the age of a mark is judged by symbol."""


class Ages(Struct, frozen=True):
    """Which parts of a snapshot are fresh at a moment of the venue's clock: `age_trouble`, told once."""

    now: datetime
    max_seconds: float
    oldest: datetime
    newest: datetime

    def is_fresh(self, at: datetime) -> bool:
        """Whether a part that is stamped so may be acted on."""
        return self.oldest <= at <= self.newest


def ages_at(now: datetime, max_age_seconds: float) -> Ages:
    """Return what is fresh at a moment."""
    slack = timedelta(seconds=FUTURE_SLACK_SECONDS)
    return Ages(now, max_age_seconds, now - timedelta(seconds=max_age_seconds), now + slack)


def age_trouble(what: str, true_at: datetime, now: datetime, max_age_seconds: float) -> str:
    """Say why a part is too old to act on; '' where it is fresh. Both times are of the same clock."""
    age = (now - true_at).total_seconds()
    if age > max_age_seconds:
        return f"{what} are {age:.1f} s old, the limit is {max_age_seconds:g} s"
    if age < -FUTURE_SLACK_SECONDS:
        return f"{what} are stamped {-age:.1f} s in the future, so their age is not known"
    return ""


def parts_trouble(
    snapshot: Snapshot, at: datetime, max_age_seconds: float, parts: Iterable[str] = PARTS
) -> str:
    """Say which part of a snapshot is too old, '' where all are fresh; `at` is of the guard's clock.

    The parts carry the venue's time; how far its clock is from the guard's is taken out.
    """
    venue_now = snapshot.venue_time(at)
    for part in parts:
        trouble = age_trouble(part, getattr(snapshot.times, part), venue_now, max_age_seconds)
        if trouble:
            return trouble
    return ""
