"""The shape of `active`: hours, days and zone."""

import re
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import BeforeValidator

from bot.documents import Shape, WordingError, nearest, nearest_hint, shown
from bot.rules.active import DAYS, WHOLE_DAY, Active, zone_of

EXPECTED_HOURS = "hours such as 08:00-22:00"
_HOURS = re.compile(r"(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)")


def _hours(value: object) -> tuple[int, int]:
    found = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise WordingError(f"{shown(value)} is not a span of hours", EXPECTED_HOURS)
    hour, minute, last_hour, last_minute = (int(part) for part in found.groups())
    begins, ends = hour * 60 + minute, last_hour * 60 + last_minute
    if max(minute, last_minute) > 59 or begins >= WHOLE_DAY[1] or ends > WHOLE_DAY[1]:
        raise WordingError(f"{shown(value)} is no time of day", "times between 00:00 and 24:00")
    if begins == ends:
        raise WordingError("the hours are empty", EXPECTED_HOURS, "leave hours out for the whole day")
    return begins, ends


def _day(value: object) -> int:
    if isinstance(value, str) and value in DAYS:
        return DAYS.index(value)
    hint = nearest_hint(value, DAYS) if isinstance(value, str) and nearest(value, DAYS) else ""
    raise WordingError(f"{shown(value)} is not a day", f"some of {', '.join(DAYS)}", hint)


def _days(value: object) -> tuple[object, ...]:
    days = value if isinstance(value, list) else [value]
    if not days:
        raise WordingError("the list is empty", hint="leave days out for every day")
    for day in days:
        if days.count(day) > 1:
            raise WordingError(f"{shown(day)} is given twice")
    return tuple(days)


def _zone(value: object) -> str:
    if isinstance(value, str):
        try:
            zone_of(value)
        except (LookupError, ValueError, OSError):
            hint = nearest(value, available_timezones())
            guess = f"did you mean {hint!r}?" if hint else ""
            raise WordingError(f"{shown(value)} is not a time zone", "Europe/Berlin or UTC", guess) from None
        return value
    raise WordingError(f"{shown(value)} is not a time zone", "Europe/Berlin or UTC")


class ActiveShape(Shape):
    """`active`: when a rule may begin an episode."""

    hours: Annotated[tuple[int, int] | None, BeforeValidator(_hours)] = None
    days: Annotated[tuple[Annotated[int, BeforeValidator(_day)], ...], BeforeValidator(_days)] = ()
    zone: Annotated[str, BeforeValidator(_zone)] = "UTC"


def active_of(shape: ActiveShape) -> Active:
    """Return the hours as a value."""
    begins, ends = shape.hours or WHOLE_DAY
    return Active(begins, ends, tuple(sorted(shape.days)) or tuple(range(len(DAYS))), shape.zone)
