"""How many requests one host may send to one venue, shared by all that run on it.

A bucket of tokens, one a request: orders and look-ups may empty it, polls leave them a reserve. While the
venue turns the host away nothing is sent at all: neither polls nor orders.
"""

import asyncio
import math
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from bot.clock import Clock
from bot.exchange.failures import BANNED, WAITING, HeldError
from bot.exchange.values import from_milliseconds

AT_ONCE = 1 / 3
"""Share of what a window allows that may be sent at once; the rest flows back evenly during the window."""
LEAST_BURST = 2.0
"""So many may always be sent after a rest, or polls would never get a turn."""
LONGEST_POLL_WAIT = 10.0
"""Seconds after which a poll that got no turn is given up."""
BUSY_SECONDS, BUSY_TRIES = 0.001, 20
"""The shortest pause, also while another process holds the record, and after how many of those its hold
counts for nothing."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds, where the venue does not say how long it wants to be left alone."""
LONGEST_BAN = 3600.0
"""Seconds; after that it is asked whatever it said."""


class Lane(StrEnum):
    """What a request is for."""

    POLL = "poll"
    ORDER = "order"
    """Orders, and the look-ups that orders need."""


class Limit(Struct, frozen=True):
    """What a venue allows an address: so many requests in any window of so many seconds."""

    requests: int
    seconds: float


class Allowance(Struct, frozen=True):
    """What this host allows itself."""

    rate: float
    """Requests a second."""
    burst: float
    """Requests at once, after a rest."""
    reserve: float
    """How many of those are kept for orders and look-ups."""


def allowance_of(limit: Limit, share: float, reserve: float) -> Allowance:
    """Return an allowance that stays within `share` of the venue's limit in every window.

    `reserve` is a share of the burst. In a window passes at most the burst and what flows back meanwhile.
    """
    most = limit.requests * share
    burst = max(most * AT_ONCE, LEAST_BURST)
    return Allowance((most - burst) / limit.seconds, burst, min(burst * reserve, burst - 1.0))


class Standing(Struct, frozen=True):
    """Where a budget stands, in seconds since 1970 by the guard's clock."""

    tokens: float
    at: float
    since: float = 0.0
    until: float = 0.0
    """Nothing may be sent between `since` and `until`."""
    pause: float = 0.0
    """Length of the last pause that the venue did not name; 0 after it answered again."""


NEW = Standing(math.inf, 0.0)
"""A budget of which nothing was used yet."""

Step = Callable[[Standing | None], Standing]
"""What was recorded (None: nothing that can be read) in; what stands now out."""


class Record(Protocol):
    """Where the standing is kept."""

    def change(self, step: Step) -> bool:
        """Apply one step; False where another process holds the record. Never raises."""
        ...

    def change_alone(self, step: Step) -> None:
        """Apply one step to what was last seen, without the others. Never raises."""
        ...


class OwnRecord:
    """Kept in memory: for one process, and for virtual time."""

    def __init__(self) -> None:
        self._standing = NEW

    def change(self, step: Step) -> bool:
        """Apply one step."""
        self._standing = step(self._standing)
        return True

    def change_alone(self, step: Step) -> None:
        """Apply one step."""
        self._standing = step(self._standing)


class Budget:
    """The host's budget at one venue and network. All accounts of a process share one object."""

    def __init__(self, allowance: Allowance, clock: Clock, record: Record | None = None) -> None:
        self._allowance = allowance
        self._clock = clock
        self._record: Record = record or OwnRecord()
        self._turns = {lane: asyncio.Lock() for lane in Lane}
        self._last = Standing(0.0, 0.0)
        self._wait = 0.0

    async def admit(self, lane: Lane) -> None:
        """Take one token; wait for it where there is none, in the order of asking within a lane.

        Raises HeldError while the venue turns the host away, and where a poll waited too long.
        """
        turn = self._turns[lane]
        if not turn.locked() and self._take(lane):
            return
        started = self._now()
        async with turn:
            tries = 0
            while True:
                alone = tries >= BUSY_TRIES
                if self._take(lane, alone=alone):
                    return
                busy = self._wait == 0.0
                tries = tries + 1 if busy else 0
                wait = BUSY_SECONDS if busy else self._wait
                if lane is Lane.POLL and self._now() + wait - started > LONGEST_POLL_WAIT:
                    raise HeldError(
                        WAITING, moment_of(self._now() + wait), "the budget of this host is used up"
                    )
                await self._clock.sleep(wait)

    def turned_away(self, named: float | None, least: float) -> None:
        """Send nothing from this host for as long as the venue named, but at least for `least`; seconds."""
        now = self._now()
        self._apply(lambda recorded: held(refilled(recorded, now, self._allowance), now, named, least))

    def welcome(self) -> None:
        """Begin with short pauses again: the venue answered a whole poll."""
        if self._last.pause:
            now = self._now()
            self._apply(lambda recorded: replace(refilled(recorded, now, self._allowance), pause=0.0))

    @property
    def used(self) -> float:
        """Share of what may be sent at once that is used up, as last seen; 0 before the first request."""
        if self._last.at == 0.0:
            return 0.0
        return min(max(1.0 - self._last.tokens / self._allowance.burst, 0.0), 1.0)

    @property
    def banned_until(self) -> datetime | None:
        """Until when nothing may be sent, as last seen; None where requests may be sent."""
        left = self._last.until - self._now()
        return moment_of(self._last.until) if left > 0 else None

    def _take(self, lane: Lane, *, alone: bool = False) -> bool:
        """Take a token where there is one; `_wait` says how long it takes, 0 where the record is busy."""
        now, floor = self._now(), self._allowance.reserve if lane is Lane.POLL else 0.0
        self._wait, taken = 0.0, False

        def step(recorded: Standing | None) -> Standing:
            nonlocal taken
            standing = self._last = refilled(recorded, now, self._allowance)
            if standing.until > now:
                return standing
            short = floor + 1.0 - standing.tokens
            if short > 0.0:
                self._wait = max(short / self._allowance.rate, BUSY_SECONDS)
                return standing
            taken = True
            return replace(standing, tokens=standing.tokens - 1.0)

        if alone:
            self._record.change_alone(step)
        elif not self._record.change(step):
            return False
        if self._last.until > now:
            raise HeldError(BANNED, moment_of(self._last.until), "the venue turned this host away")
        return taken

    def _apply(self, step: Step) -> None:
        def kept(recorded: Standing | None) -> Standing:
            self._last = step(recorded)
            return self._last

        if not self._record.change(kept):
            self._record.change_alone(kept)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def refilled(recorded: Standing | None, now: float, allowance: Allowance) -> Standing:
    """Let tokens flow back. What cannot be read begins with the reserve alone: polls wait a little.

    A clock that was set back gives no tokens, and makes no ban longer than it was.
    """
    if recorded is None:
        return Standing(allowance.reserve, now)
    since, until = recorded.since, recorded.until
    if now < since:
        since, until = now, now + (until - since)
    passed = max(now - recorded.at, 0.0)
    tokens = min(max(recorded.tokens, 0.0) + passed * allowance.rate, allowance.burst)
    return Standing(tokens, now, since, min(until, now + LONGEST_BAN), recorded.pause)


def held(standing: Standing, now: float, named: float | None, least: float = 0.0) -> Standing:
    """Begin a pause, or make the present one longer. Several refusals of one storm make one pause.

    It lasts as long as the venue named, else twice as long as the last one, but at least `least`.
    """
    running = standing.until > now
    if running and named is None and not least:
        return standing
    pause = standing.pause if running else min(max(2 * standing.pause, FIRST_PAUSE), LONGEST_PAUSE)
    length = min(max(pause if named is None else named, least, FIRST_PAUSE), LONGEST_BAN)
    return replace(standing, since=now, until=max(standing.until, now + length), pause=pause)


def moment_of(at: float) -> datetime:
    """Turn seconds since 1970 into an aware time."""
    return from_milliseconds(round(at * 1000))
