"""Follows the journal and tells people. Nothing here can hold up or fail a cycle.

What is told is told at least once: a message is marked as told after the channel took it, so a crash between
the two tells it again, and none is lost.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from msgspec import Struct

from bot.clock import Clock
from bot.errors import ReefError
from bot.journal import Draft, Journal, JournalError, JournalWorker, SupersededError
from bot.journal.records import canonical
from bot.journal.told import Notified
from bot.model import NoticeKind, NoticeTerms, Severity
from bot.notifications.channels import Channel
from bot.notifications.desk import Desk, Parcel, Post
from bot.notifications.figures import Gauge
from bot.notifications.message import Message, compose
from bot.notifications.notice import Notice, Phase
from bot.notifications.overtaken import StatusSeen, overtaken
from bot.notifications.reading import News, read_news
from bot.notifications.silence import Silence, silences
from bot.notifications.sources import Standing

log = structlog.get_logger(__name__)

NAME = "notifications"
"""Under which the journal remembers what must still be told."""
STATUS = "status"
"""Under which a guard remembers how an account stood at its last cycle."""
LOOK_SECONDS = 1.0
SAVE_EVERY = timedelta(seconds=30)
"""How often what is remembered is written where nothing was sent; it shows that the journal takes writes."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds for which a channel that failed is left alone: the pause doubles each time."""
END_SECONDS = 5.0
MOST_UNWRITTEN = 1000


class Seen(Struct, frozen=True):
    """What one look into the journal found."""

    news: News
    silences: tuple[Silence, ...]
    statuses: dict[str, StatusSeen]
    head: int


class Notifier:
    """Tells what the journal records. `run` works until cancelled; `end` tells the rest and closes."""

    def __init__(
        self,
        reader: JournalWorker,
        writer: JournalWorker,
        clock: Clock,
        terms: NoticeTerms,
        channels: Mapping[str, Channel],
        gauge: Gauge,
    ) -> None:
        """`reader` reads on a connection and thread of its own, so that no write waits for it."""
        self.name = "notifications"
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._terms = terms
        self._channels = channels
        self._gauge = gauge
        self._desk: Desk | None = None
        self._unwritten: list[Draft] = []
        self._saved_at: datetime | None = None
        self._unwritable = False
        self._pauses: dict[str, float] = {}
        self._down_until: dict[str, datetime] = {}
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self.outcomes: dict[tuple[str, bool], int] = {}
        """Messages by channel and whether it took them, since the process began."""

    async def begin(self) -> None:
        """Go on where the last daemon ended; in a journal that never told, begin with what comes now."""
        if self._desk is None:
            post = await self._reader.call(_remembered, self._reader.journal)
            self._desk = Desk(self._terms, post)

    async def run(self) -> None:
        """Look again and again until cancelled; whatever fails is tried again."""
        while True:
            try:
                await self.look()
            except ReefError as error:
                log.error("notifications could not be looked after", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take what is new in the journal, and let each chain of channels tell what is due."""
        await self.begin()
        desk = self._desk
        assert desk is not None
        more = True
        while more:
            accounts = {one.notice.account for one in desk.lasting.values()} - {""}
            where = _Where(desk.cursor, desk.standing, tuple(sorted(accounts)), self._clock.now())
            seen = await self._reader.call(_see, self._reader.journal, where, self._gauge)
            self._take(desk, seen)
            more = seen.news.more
        now = self._clock.now()
        desk.look(now, seen.silences)
        for parcel in desk.due(now):
            running = self._deliveries.get(parcel.chain)
            if running is None or running.done():
                self._deliveries[parcel.chain] = task = asyncio.create_task(self._deliver(desk, parcel))
                task.add_done_callback(_over)
        if self._saved_at is None or not timedelta(0) <= now - self._saved_at < SAVE_EVERY:
            await self._save(desk)

    async def settle(self) -> None:
        """Wait for the messages that are on their way."""
        running = [task for task in self._deliveries.values() if not task.done()]
        if running:
            await asyncio.wait(running)

    async def end(self, lost: str) -> None:
        """Tell what is still to be told, for a few seconds at most; the next daemon tells the rest.

        `lost` says why this daemon may not write any more: that is told, and not recorded.
        """
        try:
            async with asyncio.timeout(END_SECONDS):
                if lost:
                    await self._tell_unrecorded(_lost(lost, self._clock.now()))
                else:
                    await self._tell_the_rest()
        except (TimeoutError, ReefError) as error:
            log.warning("not all notifications were told; the next start tells them", error=str(error))
        for task in self._deliveries.values():
            task.cancel()
        await asyncio.gather(*self._deliveries.values(), return_exceptions=True)
        await self._reader.close()

    async def _tell_the_rest(self) -> None:
        await self.look()
        await self.settle()
        desk = self._desk
        assert desk is not None
        for parcel in desk.due(self._clock.now() + self._terms.group):
            await self._deliver(desk, parcel)
        await self._save(desk)

    async def _tell_unrecorded(self, one: Notice) -> None:
        tellers = [self._channels[route.channels[0]] for route in self._terms.routes if route.channels]
        message = compose((one,))
        seconds = self._terms.timeout.total_seconds()
        await asyncio.gather(*(channel.send(message, seconds) for channel in dict.fromkeys(tellers)))

    def _take(self, desk: Desk, seen: Seen) -> None:
        now = self._clock.now()
        desk.take(seen.news.notices, now, seen.silences)
        desk.cursor, desk.standing = seen.news.cursor, seen.news.standing
        if desk.cursor >= seen.head:  # or a status may be newer than what was read
            desk.take(overtaken(desk.lasting, seen.statuses, now), now, seen.silences)

    async def _deliver(self, desk: Desk, parcel: Parcel) -> None:
        """Give a message to the first channel of its chain that takes it."""
        with desk.sending(parcel):
            tried = await self._try_channels(desk, parcel)
        if tried:
            await self._save(desk)

    async def _try_channels(self, desk: Desk, parcel: Parcel) -> bool:
        """Whether any channel was asked: one that failed lately is not, nor one whose rate is used up."""
        tried = False
        for name in parcel.chain.split(" > "):
            now = self._clock.now()
            if name not in self._channels or now < self._down_until.get(name, now):
                continue
            if not desk.may_send(name, parcel.message.severity, now):
                break
            tried = True
            error = await self._channels[name].send(parcel.message, self._terms.timeout.total_seconds())
            self._note(name, parcel.message, error)
            if not error:
                desk.delivered(parcel, name, self._clock.now())
                break
        return tried

    def _note(self, name: str, message: Message, error: str) -> None:
        """Take note of what a channel answered: for the journal, and for when it is asked next."""
        now = self._clock.now()
        key = (name, not error)
        self.outcomes[key] = self.outcomes.get(key, 0) + 1
        if error:
            pause = min(2 * self._pauses.get(name, FIRST_PAUSE / 2), LONGEST_PAUSE)
            self._pauses[name] = pause
            self._down_until[name] = now + timedelta(seconds=pause)
            log.error("a channel failed", channel=name, error=error, again_in_seconds=pause)
        else:
            self._pauses.pop(name, None)
            self._down_until.pop(name, None)
        body = Notified(
            message.subject,
            message.severity,
            message.entries,
            name,
            not error,
            error,
            0 if error else message.held_back,
        )
        self._unwritten = [*self._unwritten, Draft(now, "", body)][-MOST_UNWRITTEN:]

    async def _save(self, desk: Desk) -> None:
        """Record what was told, and what is still to be told; where that fails, it is told at once."""
        now = self._clock.now()
        drafts, self._unwritten = self._unwritten, []
        memory = {("", NAME): canonical(desk.post).decode()}
        self._saved_at = now
        try:
            await self._writer.call(self._writer.journal.append, drafts, memory, at=now)
        except SupersededError as error:
            log.error("what was told is not recorded: a newer daemon has the journal", error=str(error))
        except JournalError as error:
            self._unwritten = [*drafts, *self._unwritten][-MOST_UNWRITTEN:]
            desk.take((_unwritable(str(error), now, Phase.BEGINS),), now)
            self._unwritable = True
            log.error("what was told could not be recorded", error=str(error))
        else:
            if self._unwritable:
                desk.take((_unwritable("", now, Phase.ENDS),), now)
            self._unwritable = False


def _over(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical("a message failed in a way that was not foreseen; it is tried again", error=repr(error))


def _lost(why: str, now: datetime) -> Notice:
    """The last words of a daemon that may not write any more."""
    return Notice(
        key="daemon::lost",
        entry=0,
        at=now,
        kind=NoticeKind.DAEMON,
        severity=Severity.CRITICAL,
        account="",
        rule="",
        subject="a daemon lost its lease and has ended",
        body=f"{why}\nThe newer daemon watches the accounts; look why this one hung.",
    )


def _unwritable(error: str, now: datetime, phase: Phase) -> Notice:
    failing = phase is Phase.BEGINS
    return Notice(
        key="failure::journal",
        entry=0,
        at=now,
        kind=NoticeKind.FAILURE,
        severity=Severity.CRITICAL,
        account="",
        rule="",
        subject="the journal cannot be written" if failing else "the journal can be written again",
        body=f"{error}\nWithout a record nothing new is sent, but for what `if_journal_fails` allows."
        if failing
        else "Orders are sent again as before.",
        phase=phase,
    )


def _remembered(journal: Journal) -> Post:
    """What the last daemon left. A journal that never told anything begins to with what comes now."""
    body = journal.load_memory("", NAME)
    return msgspec.json.decode(body, type=Post) if body else Post(journal.head().seq)


class _Where(Struct, frozen=True):
    """Where a look begins."""

    cursor: int
    standing: Standing
    accounts: tuple[str, ...]
    """Those of which something lasts."""
    now: datetime


def _see(journal: Journal, where: _Where, gauge: Gauge) -> Seen:
    """Read what is new; statuses before the end of the chain, so that they are never ahead of it."""
    statuses = {}
    for account in where.accounts:
        body = journal.load_memory(account, STATUS)
        if body:
            statuses[account] = msgspec.json.decode(body, type=StatusSeen)
    news = read_news(journal, where.cursor, where.standing, gauge)
    head = journal.head().seq if statuses else news.cursor
    return Seen(news, silences(journal, where.now), statuses, head)
