"""A venue, its accounts and their real guards in one virtual time.

The guards are wired as the daemon wires them: real gateway over real ccxt, real executor, real journal file.
Only the network is a call inside the process, and only time is not real.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from bot.clock import VirtualClock
from bot.exchange.factory import make_gateway
from bot.exchange.values import to_milliseconds
from bot.execution import Executor
from bot.facts import GuardTerms
from bot.guard import CycleReport, Guard
from bot.journal import Journal, JournalWorker, open_journal
from bot.market_stats import StatsKeeper
from bot.model import Caps, ProtectionTerms
from bot.rules import RuleSet, load_rules, rules_path
from bot.sandbox.engine.candles import load_candles
from bot.sandbox.engine.clocks import VirtualClock as EngineClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import default_instruments
from bot.sandbox.engine.types import AccountSpec, Side
from bot.sandbox.host import Sandbox
from tests.replay.invariants import Invariants
from tests.replay.wire import Wire

SYMBOL, VENUE_SYMBOL = "BTC/USDT:USDT", "BTCUSDT"
LISTED = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
URL = "http://127.0.0.1:1"
STATISTICS_EVERY_S = 30
TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)


class Stake(msgspec.Struct, frozen=True):
    """An account at the start: USD deposited, leverage of its one long, and its rules; None is unguarded."""

    name: str
    deposit: Decimal
    leverage: Decimal
    rules: str | None


class JointClock(VirtualClock):
    """The guard's clock, which takes the venue's along."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.engine = EngineClock(to_milliseconds(start))

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        super().advance(seconds)
        self.engine.advance(seconds)


class Seat:
    """One guarded account with its wire and its judge."""

    def __init__(self, name: str, guard: Guard, wire: Wire, invariants: Invariants) -> None:
        self.name = name
        self.guard = guard
        self.wire = wire
        self.invariants = invariants
        self.cycles = 0
        self.errors = 0

    async def poll(self) -> CycleReport:
        """Run one cycle and judge it."""
        before, held = self.wire.requests, self.invariants.truth.held()
        report = await self.guard.cycle()
        self.cycles += 1
        self.errors += bool(report.error)
        self.invariants.after_cycle(report, self.wire.requests - before, self.wire.taken(), held)
        return report


class World:
    """The venue and everybody at it."""

    def __init__(self, clock: JointClock, engine: Engine, journal: Journal, worker: JournalWorker) -> None:
        self.clock = clock
        self.engine = engine
        self.journal = journal
        self.worker = worker
        self.sandbox = Sandbox(engine)
        self.seats: list[Seat] = []
        self._begun = clock.now()
        self._polls = 0

    @property
    def violations(self) -> list[str]:
        """What was found to be broken, of all accounts."""
        return [f"{seat.name}: {line}" for seat in self.seats for line in seat.invariants.violations]

    def open(self, stake: Stake) -> None:
        """Open an account with one leveraged long."""
        spec = AccountSpec(
            api_key=f"{stake.name}-key",
            secret=f"{stake.name}-secret",
            deposit=stake.deposit,
            account_id=stake.name,
        )
        self.engine.add_account(spec)
        price = self.engine.ticker(VENUE_SYMBOL).mark_price
        step = self.engine.instrument(VENUE_SYMBOL).qty_step
        size = stake.deposit * stake.leverage / price // step * step
        self.engine.open_position(stake.name, VENUE_SYMBOL, Side.BUY, size, None, Decimal(20))

    def guard(self, stake: Stake, reader: Journal) -> None:
        """Put an account under the real guard; `reader` is another handle of the journal, for the judge."""
        invariants = Invariants(stake.name, self.engine, reader, self.clock)
        wire = Wire(self.sandbox.handle, invariants.before_sending)
        made = self._made(stake.name, load_rules(rules_path(stake.rules or "", Path())), wire)
        self.seats.append(Seat(stake.name, made, wire, invariants))

    async def restart(self, seat: Seat, rules: str) -> None:
        """Replace a guard by a new one that knows only what the journal and the venue tell it."""
        await seat.guard.close()
        seat.guard = self._made(seat.name, load_rules(rules_path(rules, Path())), seat.wire)

    def _made(self, name: str, rules: RuleSet, wire: Wire) -> Guard:
        gateway = make_gateway(
            account=name,
            venue="bybit",
            network="sandbox",
            api_key=f"{name}-key",
            api_secret=f"{name}-secret",
            base_url=URL,
            clock=self.clock,
            transport=wire,
        )
        return Guard(
            gateway=gateway,
            executor=Executor(gateway, self.worker, self.clock, armed=True),
            worker=self.worker,
            clock=self.clock,
            rules=rules,
            stats=StatsKeeper(gateway, SYMBOL, "BTC", self.clock.now()),
            terms=TERMS,
        )

    async def poll(self) -> None:
        """Let every account poll once; then the next second begins."""
        for seat in self.seats:
            await seat.poll()
            if self._polls % STATISTICS_EVERY_S == 0:
                await seat.guard.refresh_stats()
        self._polls += 1
        elapsed = (self.clock.now() - self._begun).total_seconds()
        self.clock.advance(max(self._polls - elapsed, 0.0))

    def end(self) -> None:
        """Judge what can only be judged when nothing is going on."""
        for seat in self.seats:
            seat.invariants.at_end()

    def equity(self, name: str) -> Decimal:
        """Equity of an account at the venue, in USD."""
        return self.engine.wallet(name).equity

    def liquidated(self, name: str) -> bool:
        """Whether the venue's liquidation engine touched the account."""
        return bool(self.engine.liquidations(name))


@asynccontextmanager
async def world(
    folder: Path, candles: Path, start: datetime, stakes: Sequence[Stake]
) -> AsyncIterator[World]:
    """Open the venue at `start` on a file of candles, with these accounts; the journal lies in `folder`."""
    clock = JointClock(start)
    listed = [one for one in default_instruments() if one.symbol in LISTED]
    feed = load_candles({VENUE_SYMBOL: candles}, to_milliseconds(start))
    engine = Engine(clock.engine, feed, listed)
    path = folder / "journal.sqlite"
    journal = open_journal(path)
    worker = JournalWorker(journal)
    made = World(clock, engine, journal, worker)
    with open_journal(path, read_only=True) as reader:
        for stake in stakes:
            made.open(stake)
            if stake.rules is not None:
                made.guard(stake, reader)
        try:
            yield made
        finally:
            for seat in made.seats:
                await seat.guard.close()
            await worker.close()
