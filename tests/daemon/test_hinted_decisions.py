"""Hints that are merged, late or lost: the guard decides as polls alone would let it, or earlier."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest

from bot.clock import VirtualClock
from bot.daemon.hints import Pace
from bot.exchange.factory import make_gateway
from bot.exchange.values import to_milliseconds
from bot.guard import Guard
from bot.journal import JournalWorker, open_journal
from bot.sandbox.engine.clocks import VirtualClock as EngineClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.types import Side
from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport
from tests.guard.support import ACCOUNT, LEVERAGE_CAP, TERMS, wire
from tests.sandbox.support import KEY, PRICES, SECRET, open_account

START = datetime(2025, 11, 21, 7, 0, tzinfo=UTC)
INTERVAL_MS, LEAST_MS, LENGTH_MS = 2_000, 250, 20_000


class Event(msgspec.Struct, frozen=True):
    """Something that happens at the venue: the price falls by a share, or the owner buys more."""

    at_ms: int
    fall: Decimal
    bought: Decimal
    hint_ms: int | None
    """When a stream tells of it; None where its message is lost."""


class JointClock(VirtualClock):
    """The guard's clock, which takes the venue's along."""

    def __init__(self) -> None:
        super().__init__(START)
        self.engine = EngineClock(to_milliseconds(START))

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        super().advance(seconds)
        self.engine.advance(seconds)


class Course(msgspec.Struct):
    """One run: the venue, its guard, and what the guard sent."""

    clock: JointClock
    engine: Engine
    sandbox: Sandbox
    guard: Guard
    polls: list[int] = msgspec.field(default_factory=list)
    worst: list[Decimal] = msgspec.field(default_factory=list)
    """Leverage right after each poll of the schedule."""

    async def run(self, events: Sequence[Event]) -> None:
        """Let events happen, and poll by the schedule and by the hints of those that have one."""
        pace = Pace(timedelta(milliseconds=LEAST_MS))
        hints = sorted({one.hint_ms for one in events if one.hint_ms is not None})
        happenings = {one.at_ms: one for one in events}
        due: int | None = None
        for now in range(0, LENGTH_MS + 1, 10):
            self.clock.advance(max(0.0, (self._at(now) - self.clock.now()).total_seconds()))
            if now in happenings:
                self._happen(happenings[now])
            scheduled = now % INTERVAL_MS == 0
            if scheduled or due == now:
                await self._poll(pace, now)
                due = None
            if scheduled:
                self.worst.append(self._leverage())
            if now in hints:
                asked = pace.asked(self._at(now), self._at((now // INTERVAL_MS + 1) * INTERVAL_MS))
                if asked is not None:
                    due = max(now + 10, -((START - asked) // timedelta(milliseconds=10)) * 10)

    @property
    def sent(self) -> list[tuple[int, str, object]]:
        """What the guard sent: time since the start, path and body."""
        begin = to_milliseconds(START)
        return [(one.time_ms - begin, one.path, one.body) for one in self.sandbox.log.listing()]

    @property
    def trims(self) -> list[int]:
        """When orders were sent, in milliseconds since the start."""
        return [at for at, path, _ in self.sent if path == "/v5/order/create"]

    async def _poll(self, pace: Pace, now: int) -> None:
        self.polls.append(now)
        pace.began(self._at(now))
        report = await self.guard.cycle()
        pace.ended(well=not report.error)
        assert report.error == ""

    def _happen(self, event: Event) -> None:
        price = self.engine.ticker("BTCUSDT").mark_price * (1 - event.fall)
        self.engine.set_price("BTCUSDT", price.quantize(Decimal("0.1")))
        if event.bought:
            self.engine.open_position(ACCOUNT, "BTCUSDT", Side.BUY, event.bought, None, Decimal(20))

    def _leverage(self) -> Decimal:
        notional = sum((one.value for one in self.engine.positions(ACCOUNT)), Decimal(0))
        return notional / self.engine.wallet(ACCOUNT).equity

    def _at(self, now: int) -> datetime:
        return START + timedelta(milliseconds=now)


@asynccontextmanager
async def course(folder: Path) -> AsyncIterator[Course]:
    """A venue in virtual time and an armed guard, whose account holds a long at 4.5 times its equity."""
    folder.mkdir()
    clock = JointClock()
    engine = Engine(clock.engine, ManualFeed(to_milliseconds(START), PRICES))
    open_account(engine, account_id=ACCOUNT)
    engine.open_position(ACCOUNT, "BTCUSDT", Side.BUY, Decimal("4.5"), None, Decimal(20))
    sandbox = Sandbox(engine)
    gateway = make_gateway(
        account=ACCOUNT,
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        clock=clock,
        base_url="http://127.0.0.1:1",
        transport=InProcessTransport(sandbox.handle),
    )
    worker = JournalWorker(open_journal(folder / "journal.sqlite"))
    guard = wire(gateway, worker, clock, LEVERAGE_CAP, True, TERMS)
    try:
        yield Course(clock, engine, sandbox, guard)
    finally:
        await guard.close()
        await worker.close()


def events_of(seed: int) -> list[Event]:
    """A purchase of the owner's and a fall in steps; half of the hints are lost, and the others come late."""
    rng = Random(seed)
    moments = sorted(rng.sample(range(10, LENGTH_MS - INTERVAL_MS, 10), 12))
    found = []
    for number, at in enumerate(moments):
        fall = Decimal(rng.randint(1, 20)) / 1000
        bought = Decimal("0.1") if number == 0 else Decimal(0)
        told = (at + rng.randrange(0, 500)) // 10 * 10 if rng.random() < 0.5 else None
        found.append(Event(at, fall, bought, told))
    return found


def merged(events: Sequence[Event]) -> list[Event]:
    """The same events, told of two at a time by the second one's message."""
    found = list(events)
    for first, second in zip(range(0, len(found), 2), range(1, len(found), 2), strict=False):
        found[first] = msgspec.structs.replace(found[first], hint_ms=None)
        found[second] = msgspec.structs.replace(found[second], hint_ms=found[second].at_ms)
    return found


def untold(events: Sequence[Event]) -> list[Event]:
    """The same events, of which no stream tells."""
    return [msgspec.structs.replace(one, hint_ms=None) for one in events]


@pytest.mark.parametrize("seed", range(4))
async def test_decisions_come_as_polls_alone_bring_them_or_earlier(tmp_path: Path, seed: int) -> None:
    events = events_of(seed)
    async with course(tmp_path / "alone") as alone:
        await alone.run(untold(events))
    grid = list(range(0, LENGTH_MS + 1, INTERVAL_MS))
    assert alone.polls == grid
    assert alone.trims
    for name, told in (("lost", events), ("merged", merged(events))):
        async with course(tmp_path / name) as hinted:
            await hinted.run(told)
        assert set(grid) < set(hinted.polls)
        assert hinted.trims[0] <= alone.trims[0]
        assert max(hinted.worst) <= 5
    assert max(alone.worst) <= 5


async def test_a_hint_changes_nothing_that_is_decided(tmp_path: Path) -> None:
    """Hints that come right before a poll of the schedule: the same polls, and the same bytes are sent."""
    events = [msgspec.structs.replace(one, at_ms=one.at_ms // 2000 * 2000 + 1990) for one in events_of(9)]
    events = list({one.at_ms: one for one in events}.values())
    async with course(tmp_path / "alone") as alone:
        await alone.run(untold(events))
    async with course(tmp_path / "hinted") as hinted:
        await hinted.run([msgspec.structs.replace(one, hint_ms=one.at_ms) for one in events])
    assert hinted.polls == alone.polls
    assert hinted.sent == alone.sent
    assert alone.trims
