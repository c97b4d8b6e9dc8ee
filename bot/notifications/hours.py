"""When an hour of the day comes round at a place."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.model import DailyHour


def next_hour(after: datetime, hour: DailyHour) -> datetime:
    """Return the first moment after `after` at which the clocks of the place show the hour, in UTC."""
    zone = ZoneInfo(hour.zone)
    day = after.astimezone(zone).date()
    for days in range(3):
        moment = datetime.combine(day + timedelta(days=days), hour.at, zone).astimezone(UTC)
        if moment > after:
            return moment
    raise AssertionError("a day has its hour")
