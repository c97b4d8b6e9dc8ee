"""Keeps one stream up: opens it, watches it, gives it up when it is dead, and opens it again."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from bot.clock import Clock
from bot.exchange.failures import VENUE_FAILURES
from bot.exchange.feed import Line
from bot.exchange.scrub import Scrubber

OPEN_SECONDS = 10.0
CLOSE_SECONDS = 1.0
CHECK_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0

Tell = Callable[[str, str], None]
"""Name of a stream, and why it is down; '' where it is up again."""


class Watch(Protocol):
    """Judges one stream."""

    def opened(self, now: datetime) -> None:
        """Begin anew on a new connection."""
        ...

    def closed(self) -> None:
        """Take note that the connection ended."""
        ...

    def trouble(self, now: datetime) -> str:
        """Say why the stream must be given up; '' where it is well."""
        ...


class Pauses:
    """Pauses before the next attempt, from 1 s to 30 s; each up to twice as long as the one before."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._least = SHORTEST_PAUSE_SECONDS

    def next(self) -> float:
        """Return the next pause in seconds; the random part keeps many accounts apart."""
        least = self._least
        self._least = min(least * 2, LONGEST_PAUSE_SECONDS / 2)
        return self._random.uniform(least, least * 2)

    def reset(self) -> None:
        """Begin with short pauses again."""
        self._least = SHORTEST_PAUSE_SECONDS


class Channel:
    """One stream of an account. Its failures are told once while they last, and end nothing else."""

    def __init__(
        self,
        name: str,
        line: Line,
        watch: Watch,
        *,
        clock: Clock,
        pauses: Pauses,
        scrub: Scrubber,
        steady: timedelta,
        renewal: timedelta | None = None,
    ) -> None:
        self._name = name
        self._line = line
        self._watch = watch
        self._clock = clock
        self._pauses = pauses
        self._scrub = scrub
        self._steady = steady
        self._renewal = renewal
        self._topics: frozenset[str] = frozenset()
        self._wanted = asyncio.Event()
        self._down = False

    def want(self, topics: frozenset[str]) -> None:
        """Say what to subscribe to; without topics there is no connection."""
        self._topics = topics
        if topics:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def run(self, tell: Tell) -> None:
        """Work until cancelled."""
        while True:
            await self._wanted.wait()
            trouble = await self._session(tell)
            if not trouble:
                continue
            if not self._down:
                self._down = True
                tell(self._name, self._scrub.clean(trouble))
            await self._clock.sleep(self._pauses.next())

    async def _session(self, tell: Tell) -> str:
        """Open, watch and close one connection; return why it had to end, '' where it was meant to."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._line.open()
            return await self._watched(tell)
        except VENUE_FAILURES as error:
            return f"{type(error).__name__}: {error}"
        finally:
            self._watch.closed()
            await self._hang_up()

    async def _watched(self, tell: Tell) -> str:
        opened = self._clock.now()
        self._watch.opened(opened)
        ended = asyncio.ensure_future(self._line.ended())
        try:
            while self._topics:
                self._line.follow(self._topics)
                await self._wait(ended)
                if ended.done():
                    ended.result()
                    return "the connection ended"
                now = self._clock.now()
                if trouble := self._refused() or self._watch.trouble(now):
                    return trouble
                if now - opened >= self._steady:
                    self._is_up(tell)
                if self._renewal is not None and now - opened >= self._renewal:
                    break
            return ""
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    async def _wait(self, ended: "asyncio.Future[None]") -> None:
        tick = asyncio.ensure_future(self._clock.sleep(CHECK_SECONDS))
        try:
            await asyncio.wait({ended, tick}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tick.cancel()

    def _refused(self) -> str:
        """Say why nothing can be heard; a topic that is refused among others does not end them."""
        refused: Mapping[str, str] = self._line.refused()
        if self._topics and self._topics <= refused.keys():
            topic = min(self._topics)
            return f"the venue refused {topic}: {refused[topic]}"
        return ""

    def _is_up(self, tell: Tell) -> None:
        """A connection counts as up once it has lasted: many die right after they were opened."""
        self._pauses.reset()
        if self._down:
            self._down = False
            tell(self._name, "")

    async def _hang_up(self) -> None:
        """Close, but wait for no answer of a venue that gives none."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._line.close()
        except VENUE_FAILURES:
            pass  # whatever is left of it goes when its session is closed
