"""How far the venue's clock is from the guard's, so that the age of an answer can be told."""

import asyncio
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.exchange.errors import GatewayError
from bot.exchange.parts import Profile
from bot.exchange.reading import Reads

MEASURE_EVERY = timedelta(minutes=5)
DOUBT_EVERY = timedelta(seconds=10)
"""At most so often the clock is asked because answers look old or come from the future."""
DOUBTED_AGE = timedelta(seconds=2)
DOUBTED_LEAD = timedelta(milliseconds=500)
TOLERANCE = timedelta(milliseconds=50)
"""Differences below are not told from the time that an answer takes."""
BUDGET_SECONDS = 2.0


class VenueClock:
    """The venue's clock as seen from here.

    One measurement bounds the offset by the times of sending and receiving. The offset stays as it was
    while it lies within those bounds, and is their middle where it does not. It is asked again at once when
    answers look old or come from the future: either they are, or one of the clocks was set.
    """

    def __init__(self, venue: Profile, reads: Reads, clock: Clock) -> None:
        self._venue = venue
        self._reads = reads
        self._clock = clock
        self._tried_at: datetime | None = None
        self.offset = timedelta(0)
        """Venue's time less the guard's."""

    async def keep(self) -> None:
        """Measure where it is due."""
        if self._since_tried() >= MEASURE_EVERY:
            await self._measure()

    async def check(self, oldest: datetime, newest: datetime) -> None:
        """Measure where parts of a snapshot, by the venue's time, look old or come from the future."""
        now = self._clock.now() + self.offset
        doubted = now - oldest > DOUBTED_AGE or newest - now > DOUBTED_LEAD
        if doubted and self._since_tried() >= DOUBT_EVERY:
            await self._measure()

    def now(self) -> datetime:
        """Return the venue's time."""
        return self._clock.now() + self.offset

    def _since_tried(self) -> timedelta:
        """Time since the last attempt; none, or one before the clock was set back, counts as long ago."""
        if self._tried_at is None:
            return MEASURE_EVERY
        since = self._clock.now() - self._tried_at
        return since if since >= timedelta(0) else MEASURE_EVERY

    async def _measure(self) -> None:
        sent = self._tried_at = self._clock.now()
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                theirs = await self._venue.server_time(self._reads)
        except (GatewayError, TimeoutError):
            return  # the offset stays; what is really old stays old by it
        received = self._clock.now()
        least, most = theirs - received, theirs - sent
        if not least - TOLERANCE <= self.offset <= most + TOLERANCE:
            self.offset = least + (most - least) / 2
