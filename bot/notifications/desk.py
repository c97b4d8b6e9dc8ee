"""What must still be told: sorted, thinned out and grouped. The time is an argument."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from bot.model import LOUDNESS, NoticeKind, NoticeTerms, Route, Severity
from bot.notifications.figures import span
from bot.notifications.message import Message, compose
from bot.notifications.notice import Notice, Phase
from bot.notifications.silence import Silence
from bot.notifications.sources import Standing

MOST_WAITING = 300
"""Notices that one chain of channels keeps while it cannot tell; more are counted."""
AN_HOUR = timedelta(hours=1)
CRITICAL_PAUSE = timedelta(minutes=1)
"""Beyond its rate a channel tells what is critical this often."""


class Lasting(Struct, frozen=True):
    """Something that began and has not ended."""

    notice: Notice
    told_at: datetime | None = None
    """None where it was not told: it is silenced, or a stronger rule fires."""


class Waiting(Struct, frozen=True):
    """A notice that is not delivered yet."""

    notice: Notice
    since: datetime


class Post(Struct, frozen=True):
    """What the notifier remembers: where it stands in the journal, and what is still to be told."""

    cursor: int
    standing: Standing = Standing()
    lasting: dict[str, Lasting] = {}
    told: dict[str, datetime] = {}
    """When each key was told last."""
    queues: dict[str, tuple[Waiting, ...]] = {}
    """By chain of channels."""
    uncounted: dict[str, int] = {}
    """Notices that found no room, by chain."""
    sent: dict[str, tuple[datetime, ...]] = {}
    """Messages of the last hour, by channel."""


class Parcel(Struct, frozen=True):
    """A message that is due, and what it is made of."""

    chain: str
    message: Message
    notices: tuple[Waiting, ...]
    uncounted: int
    """Notices that had found no room, and that the message counts."""


class Desk:
    """Keeps what must be told."""

    def __init__(self, terms: NoticeTerms, post: Post) -> None:
        self._terms = terms
        self.cursor = post.cursor
        self.standing = post.standing
        self.lasting = dict(post.lasting)
        self._told = dict(post.told)
        self._queues: dict[str, tuple[Waiting, ...]] = {}
        self._uncounted: dict[str, int] = dict(post.uncounted)
        self._sent = dict(post.sent)
        self._sending: set[str] = set()
        for chain, queue in post.queues.items():
            self._take_over(chain, queue)

    @property
    def post(self) -> Post:
        """What must be remembered."""
        return Post(
            self.cursor,
            self.standing,
            dict(self.lasting),
            dict(self._told),
            dict(self._queues),
            dict(self._uncounted),
            dict(self._sent),
        )

    @property
    def waiting(self) -> int:
        """How many notices are not delivered yet."""
        return sum(len(queue) for queue in self._queues.values())

    def take(self, notices: Sequence[Notice], now: datetime, silences: Sequence[Silence] = ()) -> None:
        """Take notices that are new. What begins is queued by `look`, once the whole of the news is known."""
        for one in notices:
            if one.phase is Phase.BEGINS:
                known = self.lasting.get(one.key)
                self.lasting[one.key] = Lasting(one, known.told_at if known else None)
            elif one.phase is Phase.ENDS:
                self._end(one, now, silences)
            elif not self._hushed(one, silences) and not self._within(
                self._told.get(one.key), self._terms.dedup, now
            ):
                self._told[one.key] = now
                self._queue(one, now)

    def look(self, now: datetime, silences: Sequence[Silence] = ()) -> None:
        """Queue what has begun, what is not silenced any more, and what must be told again."""
        waiting = {one.notice.key for queue in self._queues.values() for one in queue}
        for key, one in self.lasting.items():
            if key in waiting or self._hushed(one.notice, silences):
                continue
            if one.told_at is None:
                self._queue(one.notice, now)
            elif one.notice.severity is Severity.CRITICAL and not self._within(
                one.told_at, self._terms.repeat, now
            ):
                self._queue(_again(one.notice, now), now)
            else:
                continue
            self.lasting[key] = replace(one, told_at=now)
        self._told = {key: at for key, at in self._told.items() if self._within(at, self._terms.dedup, now)}

    def due(self, now: datetime) -> tuple[Parcel, ...]:
        """Return what may be told now, a message for each chain of channels."""
        found = []
        quiet = self._terms.quiet is not None and self._terms.quiet.holds(now)
        for chain, queue in self._queues.items():
            ready = tuple(one for one in queue if not quiet or one.notice.severity is Severity.CRITICAL)
            if not ready or self._within(min(one.since for one in ready), self._terms.group, now):
                continue
            uncounted = self._uncounted.get(chain, 0)
            message = compose(tuple(one.notice for one in ready), uncounted)
            found.append(Parcel(chain, message, ready, uncounted))
        return tuple(found)

    @contextmanager
    def sending(self, parcel: Parcel) -> Iterator[None]:
        """Hold on to what is on its way: it may be told already."""
        keys = {one.notice.key for one in parcel.notices}
        self._sending |= keys
        try:
            yield
        finally:
            self._sending -= keys

    def delivered(self, parcel: Parcel, channel: str, now: datetime) -> None:
        """Forget what a channel took."""
        gone = set(map(id, parcel.notices))
        left = tuple(one for one in self._queues.get(parcel.chain, ()) if id(one) not in gone)
        if left:
            self._queues[parcel.chain] = left
        else:
            self._queues.pop(parcel.chain, None)
        self._uncounted[parcel.chain] = self._uncounted.get(parcel.chain, 0) - parcel.uncounted
        recent = (at for at in self._sent.get(channel, ()) if self._within(at, AN_HOUR, now))
        self._sent[channel] = (*recent, now)

    def may_send(self, channel: str, severity: Severity, now: datetime) -> bool:
        """Whether a channel's rate allows one more message; what is critical goes once a minute anyhow."""
        recent = [at for at in self._sent.get(channel, ()) if self._within(at, AN_HOUR, now)]
        if len(recent) < self._terms.rates.get(channel, 0):
            return True
        return severity is Severity.CRITICAL and not (
            recent and self._within(recent[-1], CRITICAL_PAUSE, now)
        )

    def _end(self, one: Notice, now: datetime, silences: Sequence[Silence]) -> None:
        """Tell an end where the beginning was told, or where both came at once."""
        begun = self.lasting.pop(one.key, None)
        if begun is None or self._hushed(one, silences):
            return
        untold = begun.told_at is None or (self._is_waiting(one.key) and one.key not in self._sending)
        if one.kind is NoticeKind.PROTECTION and untold:
            self._forget(one.key)  # a stop that was placed before anybody could be told is no news
            return
        if begun.told_at is None:
            if self._hushed(begun.notice, silences):
                return
            self._queue(begun.notice, now)
        self._queue(one, now)

    def _hushed(self, one: Notice, silences: Sequence[Silence]) -> bool:
        """Whether a notice is silenced, or its rule stands behind a stronger one that fires."""
        if any(silence.fits(one) for silence in silences):
            return True
        return bool(one.inhibited_by) and any(
            other.notice.rule == one.inhibited_by and other.notice.account == one.account
            for other in self.lasting.values()
        )

    def _queue(self, one: Notice, now: datetime) -> None:
        for chain in chains_of(self._terms.routes, one):
            queue = (*self._queues.get(chain, ()), Waiting(one, now))
            if len(queue) > MOST_WAITING:
                queue = _without_least(queue)
                self._uncounted[chain] = self._uncounted.get(chain, 0) + 1
            self._queues[chain] = queue

    def _take_over(self, chain: str, queue: tuple[Waiting, ...]) -> None:
        """Go on with what waited when the daemon ended, by the routes of today."""
        if chain in {chain_of(route) for route in self._terms.routes}:
            self._queues[chain] = (*self._queues.get(chain, ()), *queue)
            return
        self._uncounted.pop(chain, None)
        for one in queue:
            self._queue(one.notice, one.since)

    def _forget(self, key: str) -> None:
        """Take out what waits under a key."""
        for chain, queue in list(self._queues.items()):
            left = tuple(one for one in queue if one.notice.key != key)
            self._queues[chain] = left
            if not left:
                del self._queues[chain]

    def _is_waiting(self, key: str) -> bool:
        return any(one.notice.key == key for queue in self._queues.values() for one in queue)

    @staticmethod
    def _within(since: datetime | None, length: timedelta, now: datetime) -> bool:
        """Whether a moment is less than `length` ago; one that is still to come, after a clock was set
        back, is not."""
        return since is not None and timedelta(0) <= now - since < length


def chain_of(route: Route) -> str:
    """Name the channels of a route, in their order."""
    return " > ".join(route.channels)


def chains_of(routes: Sequence[Route], one: Notice) -> tuple[str, ...]:
    """Return the chains of all routes that fit; a channel does not tell the same twice."""
    found: dict[str, str] = {}
    for route in routes:
        if fits(route, one):
            found.setdefault(route.channels[0], chain_of(route))
    return tuple(found.values())


def fits(route: Route, one: Notice) -> bool:
    """Whether a route is for a notice. What is of no account or rule fits patterns of `*` alone."""
    return (
        LOUDNESS[one.severity] >= LOUDNESS[route.severity]
        and (not route.kinds or one.kind in route.kinds)
        and _matches(route.accounts, one.account)
        and _matches(route.rules, one.rule)
    )


def _matches(patterns: Sequence[str], text: str) -> bool:
    return not patterns or any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)


def _again(one: Notice, now: datetime) -> Notice:
    lasted = span(max((now - one.at).total_seconds(), 0.0))
    return replace(one, subject=f"{one.subject} (still, for {lasted})")


def _without_least(queue: tuple[Waiting, ...]) -> tuple[Waiting, ...]:
    """Take out the oldest of those that matter least."""
    least = min(queue, key=lambda one: LOUDNESS[one.notice.severity])
    return tuple(one for one in queue if one is not least)
