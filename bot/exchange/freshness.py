"""Notices an answer that is older than one that the same call already got."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.exchange.failures import OldBodyError

KEPT = timedelta(seconds=10)
"""For so long an answer counts against older ones. After that the venue may have set its clock; what is old
then, its age tells."""
SLACK = timedelta(milliseconds=100)
"""Machines of a venue differ by so much, and a view that is older by no more than that does no harm."""
MOST_CALLS = 512

_Call = tuple[str, tuple[tuple[str, object], ...]]


class Freshness:
    """The venue's newest time of each call of one account, and when it was heard by the guard's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: dict[_Call, tuple[datetime, datetime]] = {}

    def check(self, method: str, params: Mapping[str, object], at: datetime) -> None:
        """Take note of an answer of the venue's time `at`. Raises OldBodyError."""
        now = self._clock.now()
        call = (method, tuple(sorted(params.items())))
        newest, heard = self._newest.get(call, (at, now))
        if timedelta(0) <= now - heard < KEPT and at < newest - SLACK:
            raise OldBodyError(
                f"an answer of {at:%H:%M:%S.%f} UTC came after one of {newest:%H:%M:%S.%f} UTC"
            )
        self._newest[call] = (at, now)
        if len(self._newest) > MOST_CALLS:
            self._newest = {
                one: told for one, told in self._newest.items() if timedelta(0) <= now - told[1] < KEPT
            }
