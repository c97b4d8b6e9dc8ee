"""When one account may ask its venue: the host's budget, and the pause between its own polls."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from bot.clock import Clock
from bot.exchange.budget import LONGEST_PAUSE, NEW, Budget, Lane, held, moment_of
from bot.exchange.failures import BANNED, WAITING, AnsweredError, HeldError

Admit = Callable[[], Awaitable[None]]
"""Waits for a request's turn. Raises HeldError where it may not be sent."""


class Hold(Struct, frozen=True):
    """What a venue's refusal asks for."""

    whole_host: bool
    """Whether the address was turned away, with every account and order; else only this account's polls."""
    least: timedelta = timedelta(0)


class Gate:
    """Holds what the venue does not want to see now."""

    def __init__(self, budget: Budget, clock: Clock) -> None:
        self._budget = budget
        self._clock = clock
        self._polls = NEW

    def lane(self, lane: Lane) -> Admit:
        """Return what every request of a lane awaits just before it is signed."""
        return partial(self._budget.admit, lane)

    def check_poll(self) -> None:
        """Raise HeldError where no poll may begin now; a clock set back does not lengthen a pause."""
        if (until := self._budget.banned_until) is not None:
            raise HeldError(BANNED, until, "the venue turned this host away")
        left = self._polls.until - self._now()
        if 0.0 < left <= LONGEST_PAUSE:
            raise HeldError(WAITING, moment_of(self._polls.until), "the venue asked for fewer requests")

    def turned_away(self, error: AnsweredError, hold: Hold, *, poll: bool) -> None:
        """Begin a pause: of the host, or of this account's polls where a poll was refused."""
        named = None if error.wait is None else error.wait.total_seconds()
        if hold.whole_host:
            self._budget.turned_away(named, hold.least.total_seconds())
        elif poll:
            short = None if named is None else min(named, LONGEST_PAUSE)
            self._polls = held(self._polls, self._now(), short)

    def welcome(self) -> None:
        """Forget pauses: a whole poll was answered."""
        self._polls = replace(self._polls, until=0.0, pause=0.0)
        self._budget.welcome()

    def _now(self) -> float:
        return self._clock.now().timestamp()
