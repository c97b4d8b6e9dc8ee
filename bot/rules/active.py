"""The hours in which a rule may begin an episode, by the clocks of a place."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WHOLE_DAY = (0, 24 * 60)


class Active(Struct, frozen=True):
    """Hours of days. A window that passes midnight belongs to the day on which it begins."""

    begins: int
    """Minutes after midnight, by the clocks there."""
    ends: int
    """The first minute that is outside again; not above `begins` where the window passes midnight."""
    days: tuple[int, ...]
    """0 is Monday."""
    zone: str
    """A name of the time zone database, or UTC."""

    def covers(self, moment: datetime) -> bool:
        """Whether a moment is inside.

        What the clocks there show counts: where they are set forward an hour is missing, where they are set
        back one comes twice, inside or outside both times.
        """
        there = moment.astimezone(zone_of(self.zone))
        minute, day = there.hour * 60 + there.minute, there.weekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= minute < self.ends
        if minute >= self.begins:
            return day in self.days
        return minute < self.ends and (day - 1) % 7 in self.days

    @property
    def text(self) -> str:
        """The hours in words, for example mon, tue 08:00-22:00 Europe/Berlin."""
        days = "" if len(self.days) == len(DAYS) else ", ".join(DAYS[day] for day in self.days)
        hours = "" if (self.begins, self.ends) == WHOLE_DAY else f"{_clock(self.begins)}-{_clock(self.ends)}"
        return " ".join(part for part in (days, hours, self.zone) if part)


def zone_of(name: str) -> tzinfo:
    """Return a time zone. Raises `ZoneInfoNotFoundError` or `ValueError` for a name that is none."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
