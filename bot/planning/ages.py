"""How old a part of a snapshot may be."""

from datetime import datetime

FUTURE_SLACK_SECONDS = 2.0
"""A part that is stamped further ahead cannot be dated: its age is not known."""


def age_trouble(what: str, true_at: datetime, now: datetime, max_age_seconds: float) -> str:
    """Say why a part is too old to act on; '' where it is fresh. Both times are of the same clock."""
    age = (now - true_at).total_seconds()
    if age > max_age_seconds:
        return f"{what} are {age:.1f} s old, the limit is {max_age_seconds:g} s"
    if age < -FUTURE_SLACK_SECONDS:
        return f"{what} are stamped {-age:.1f} s in the future, so their age is not known"
    return ""
