"""A journal on disk, a notifier in virtual time, and servers that take what it tells."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from bot.clock import VirtualClock
from bot.journal import Draft, Journal, JournalWorker, open_journal
from bot.journal.records import Blindness, FindingChanged, Kind, Record, Started
from bot.journal.told import Notified
from bot.model import (
    Finding,
    NoticeKind,
    NoticeTerms,
    Route,
    Sense,
    Severity,
    State,
    Target,
    Verdict,
)
from bot.notifications.channels import Channel
from bot.notifications.notice import Notice, Phase
from bot.notifications.notifier import Notifier
from bot.tellers import gauge
from tests.notifications.listener import Listener, listening

START = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
BTC = "BTC/USDT:USDT"
EPISODE = "leverage-cap.main.20251121T073000Z-1a2b3c4d"
NOW = timedelta(0)
ROUTES = (Route(("first", "second")),)


def terms(
    *,
    routes: tuple[Route, ...] = ROUTES,
    rate: int = 60,
    group: timedelta = NOW,
    dedup: timedelta = timedelta(minutes=10),
    repeat: timedelta = timedelta(minutes=15),
    timeout: timedelta = timedelta(seconds=5),
) -> NoticeTerms:
    """Terms that tell at once."""
    return NoticeTerms(routes, {"first": rate, "second": rate}, group, dedup, repeat, timeout)


def notice(
    key: str = "k",
    *,
    severity: Severity = Severity.WARNING,
    phase: Phase = Phase.ONCE,
    account: str = "main",
    rule: str = "",
    kind: NoticeKind = NoticeKind.RULE,
    at: datetime = START,
    entry: int = 1,
    inhibited_by: str = "",
    body: str = "body",
) -> Notice:
    """Something to tell."""
    return Notice(
        key, entry, at, kind, severity, account, rule, f"{account}: {key}", body, phase, "", "", inhibited_by
    )


def finding(
    state: State = State.FIRING,
    *,
    value: float = 6.2,
    rule: str = "leverage cap",
    severity: Severity = Severity.CRITICAL,
    episode: str = EPISODE,
    inhibited_by: str = "",
    symbol: str = "",
) -> Finding:
    """A rule on leverage that stands somewhere."""
    return Finding(
        rule=rule,
        target=Target("main", symbol, "long" if symbol else ""),
        metric="account.leverage",
        value=value,
        limit=5.0,
        goal=4.0,
        sense=Sense.MAX,
        state=state,
        severity=severity,
        since=START,
        episode=episode,
        inhibited_by=inhibited_by,
    )


def fired(**more: object) -> FindingChanged:
    """A rule that fires."""
    return FindingChanged(finding(**more), State.INACTIVE)  # type: ignore[arg-type]


def restored(rule: str = "leverage cap") -> FindingChanged:
    """The same rule, restored."""
    return FindingChanged(finding(State.INACTIVE, value=3.9, rule=rule, episode=""), State.FIRING)


def started(mode: str = "act") -> Started:
    """A daemon that began."""
    return Started("1.0", 7, mode, "testnet", ("main",), "rules")


BLIND = Blindness(START, None, "no answer", Verdict.UNKNOWN)


class Office(Struct):
    """A notifier and everything around it."""

    journal: Journal
    clock: VirtualClock
    first: Listener
    second: Listener
    folder: Path
    terms: NoticeTerms
    notifiers: list[Notifier]

    @property
    def notifier(self) -> Notifier:
        """The one that works now."""
        return self.notifiers[-1]

    def write(self, *bodies: Record, account: str = "main", episode: str = "", intent: str = "") -> None:
        """Record something, as the guard does."""
        self.journal.append([Draft(self.clock.now(), account, body, episode, intent) for body in bodies])

    async def look(self, seconds: float = 0.0) -> None:
        """Let time pass, and one look with all that it sends."""
        self.clock.advance(seconds)
        await self.notifier.look()
        await self.notifier.settle()

    def notified(self) -> list[Notified]:
        """What is recorded of messages."""
        found = [entry.record for entry in self.journal.entries(kind=Kind.NOTIFIED)]
        return [one for one in found if isinstance(one, Notified)]

    def again(self, terms: NoticeTerms | None = None, url: str = "") -> None:
        """A notifier that begins anew on the same journal, as after a crash."""
        path = self.folder / "journal.sqlite"
        reader = JournalWorker(open_journal(path, create=False, read_only=True))
        channels = {
            "first": Channel("first", url or self.first.url("?rto=9")),
            "second": Channel("second", self.second.url()),
        }
        writer = JournalWorker(self.journal)
        self.notifiers.append(Notifier(reader, writer, self.clock, terms or self.terms, channels, gauge()))


@asynccontextmanager
async def office(folder: Path, given: NoticeTerms | None = None, url: str = "") -> AsyncIterator[Office]:
    """Open a journal, and begin to tell what is recorded from now on."""
    with listening() as first, listening() as second, open_journal(folder / "journal.sqlite") as journal:
        it = Office(journal, VirtualClock(START), first, second, folder, given or terms(), [])
        it.again(url=url)
        await it.notifier.begin()
        try:
            yield it
        finally:
            first.released.set()
            second.released.set()
            for one in it.notifiers:
                await one.settle()
                if not one._reader._thread._shutdown:
                    await one._reader.close()
