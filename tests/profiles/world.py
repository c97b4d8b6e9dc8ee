"""One account under a shipped example in virtual time, beside a twin that nobody guards.

The guard is wired as the daemon wires it (gateway over ccxt, executor, journal file, figures of markets), and
judged after every cycle as in tests/replay. Only the network is a call inside the process.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bot.around import Around
from bot.bootstrap import stats_of
from bot.chains import ChainKeeper
from bot.exchange.factory import make_gateway
from bot.exchange.values import from_milliseconds
from bot.execution import Executor
from bot.facts import GuardTerms
from bot.guard import CycleReport, Guard
from bot.journal import Journal, JournalWorker, open_journal
from bot.journal.records import FindingChanged, Kind, Prepared
from bot.market_figures import MarketKeeper
from bot.model import Caps, PriceTerms, ProtectionTerms, State, StepKind
from bot.rules import load_rules
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import Feed
from bot.sandbox.engine.options.settings import OptionSettings
from bot.sandbox.engine.types import ZERO, AccountSpec, MarginMode, PositionMode, Side
from bot.sandbox.host import Sandbox
from bot.signals import SignalKeeper
from tests.replay.invariants import Invariants
from tests.replay.wire import Sent, Wire
from tests.replay.world import URL, JointClock

GUARDED, TWIN = "guarded", "twin"
DEPOSIT = Decimal(100_000)
TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)
STEP_MS = 5000
STATISTICS_EVERY_S, MARKETS_EVERY_S = 1800.0, 300.0


class Trader(Struct, frozen=True):
    """An account at the start: USD that it holds long (negative: short) by the venue's symbol, and how."""

    held: dict[str, int]
    leverage: int = 10
    margin: MarginMode = MarginMode.CROSS
    elsewhere: bool = False
    """Whether each position is one leg of a pair: as many coins the other way stand elsewhere."""
    mode: PositionMode = PositionMode.ONE_WAY


class Fate(Struct, frozen=True):
    """How one account ended. Money in USD."""

    equity: float
    """What it holds at the venue, the funding wallet included."""
    lowest: float
    liquidated: bool
    pair: float
    """Equity and what the legs elsewhere gained."""
    held: dict[str, Decimal]
    secured: float


class Run:
    """A venue, the guarded account and its twin."""

    def __init__(
        self,
        clock: JointClock,
        engine: Engine,
        journal: Journal,
        path: Path,
        reader: Journal,
        trader: Trader,
        rules: Path,
        *,
        stops: bool,
    ) -> None:
        self.clock = clock
        self.engine = engine
        self.journal = journal
        self.path = path
        self.trader = trader
        self.sandbox = Sandbox(engine)
        self.first = {symbol: engine.ticker(symbol).mark_price for symbol in trader.held}
        for name in (GUARDED, TWIN):
            _open(engine, name, trader)
        self.began = self.sizes(TWIN)
        clock.advance(1.0)  # no order of the guard has the time of the deposit
        self._lowest = {name: self.equity(name) for name in (GUARDED, TWIN)}
        self.looks: list[Callable[[], object]] = []
        """What else looks at the venue's books: before every request that writes, after every poll."""
        # the judge knows perpetuals alone
        listed = engine.options.any_listed
        self.judge = None if listed else Invariants(GUARDED, engine, reader, clock, alone=False, bound=1e9)
        self.wire = Wire(self.sandbox.handle, self._before_sending)
        gateway = make_gateway(
            account=GUARDED,
            venue="bybit",
            network="sandbox",
            api_key=f"{GUARDED}-key",
            api_secret=f"{GUARDED}-secret",
            base_url=URL,
            clock=clock,
            transport=self.wire,
        )
        self.worker = JournalWorker(journal)
        keeper = MarketKeeper("bybit", PriceTerms())
        keeper.join(gateway)
        chains = ChainKeeper("bybit")
        chains.join(gateway)
        self.around = Around(keeper, SignalKeeper((), {}, clock), chains)
        self.rules = load_rules(rules)
        self.guard = Guard(
            gateway=gateway,
            executor=Executor(gateway, self.worker, clock, armed=True),
            worker=self.worker,
            clock=clock,
            rules=self.rules,
            stats=stats_of(gateway, clock),
            terms=replace(TERMS, protection=ProtectionTerms(enabled=stops)),
            around=self.around,
        )
        self.cycles = 0
        self.errors: list[str] = []
        self._read_at = self._looked_at = float("-inf")

    async def poll(self) -> CycleReport:
        """Read what is due beside the account, run one cycle and judge it."""
        now = self.clock.now()
        if now.timestamp() - self._looked_at >= MARKETS_EVERY_S:
            await self.around.refresh(self.rules, now)
            self._looked_at = now.timestamp()
        await self.around.chains.refresh(now)
        report = await self._cycle()
        self.cycles += 1
        if report.error:
            self.errors.append(report.error)
        self._look()
        if now.timestamp() - self._read_at >= STATISTICS_EVERY_S:
            await self.guard.refresh_stats()
            self._read_at = now.timestamp()
        for name, least in self._lowest.items():
            self._lowest[name] = min(least, self.equity(name))
        return report

    async def _cycle(self) -> CycleReport:
        """Run one cycle, judged where there is a judge."""
        if self.judge is None:
            return await self.guard.cycle()
        before, held = self.wire.requests, self.judge.truth.held()
        self.judge.begins()
        report = await self.guard.cycle()
        self.judge.after_cycle(report, self.wire.requests - before, self.wire.taken(), held)
        return report

    def _before_sending(self, sent: Sent) -> None:
        if self.judge is not None:
            self.judge.before_sending(sent)
        self._look()

    def _look(self) -> None:
        for look in self.looks:
            look()

    @property
    def wrong(self) -> tuple[str, ...]:
        """Breaches of invariants, and cycles that failed; to be asked for at the end."""
        if self.judge is None:
            return tuple(self.errors)
        self.judge.at_end()
        return (*self.judge.violations, *self.errors)

    async def polls(self, seconds: float, every: float) -> None:
        """Poll for so long; then time stands at the end of it."""
        for _ in range(round(seconds / every)):
            begun = self.clock.now()
            await self.poll()
            self.clock.advance(max(every - (self.clock.now() - begun).total_seconds(), 0.0))
        self.sandbox.advance()

    def equity(self, name: str) -> float:
        """What an account holds at the venue in USD, its funding wallet included."""
        return float(self.engine.wallet(name).equity + self.engine.fund(name).get("USDT", ZERO))

    def fate(self, name: str) -> Fate:
        """How an account stands now."""
        gained = ZERO
        if self.trader.elsewhere:
            for symbol, coins in self.began.items():
                gained -= coins * (self.engine.ticker(symbol).mark_price - self.first[symbol])
        equity = self.equity(name)
        return Fate(
            equity=equity,
            lowest=min(self._lowest[name], equity),
            liquidated=bool(self.engine.liquidations(name)),
            pair=equity + float(gained),
            held=self.sizes(name),
            secured=float(self.engine.fund(name).get("USDT", ZERO)),
        )

    @property
    def fired(self) -> frozenset[str]:
        """Rules that fired."""
        entries = self.journal.entries(kind=Kind.FINDING, limit=10_000)
        bodies = [entry.record for entry in entries if isinstance(entry.record, FindingChanged)]
        return frozenset(one.finding.rule for one in bodies if one.finding.state is State.FIRING)

    def sizes(self, name: str) -> dict[str, Decimal]:
        """Coins that an account holds by the venue's symbol, shorts negative."""
        return {
            one.symbol: one.size if one.side is Side.BUY else -one.size
            for one in self.engine.positions(name)
            if one.side is not None
        }

    def steps(self, kind: StepKind) -> list[Prepared]:
        """What was prepared of a kind, oldest first."""
        entries = self.journal.entries(kind=Kind.PREPARED, limit=10_000)
        bodies = [entry.record for entry in entries if isinstance(entry.record, Prepared)]
        return [one for one in bodies if one.step.kind is kind]

    @property
    def proposals(self) -> int:
        """How often the owner was asked."""
        return len(self.journal.entries(kind=Kind.PROPOSAL, limit=10_000))

    async def close(self) -> None:
        """End the process."""
        await self.guard.close()
        await self.worker.close()


def _open(engine: Engine, name: str, trader: Trader) -> None:
    spec = AccountSpec(
        api_key=f"{name}-key",
        secret=f"{name}-secret",
        deposit=DEPOSIT,
        account_id=name,
        margin_mode=trader.margin,
        permissions=frozenset({"read", "trade", "transfer"}),
        position_mode=trader.mode,
    )
    engine.add_account(spec)
    for symbol, usd in trader.held.items():
        step = engine.instrument(symbol).qty_step
        size = abs(usd) / engine.ticker(symbol).mark_price // step * step
        side = Side.BUY if usd > 0 else Side.SELL
        engine.open_position(name, symbol, side, size, None, Decimal(trader.leverage))


@asynccontextmanager
async def opened(
    folder: Path,
    feed: Feed,
    trader: Trader,
    rules: Path,
    *,
    stops: bool = True,
    options: OptionSettings | None = None,
) -> AsyncIterator[Run]:
    """Open the venue at the feed's start; the journal lies in `folder`."""
    clock = JointClock(from_milliseconds(feed.start_ms))
    engine = Engine(clock.engine, feed, market_step_ms=STEP_MS, options=options)
    path = folder / "journal.sqlite"
    journal = open_journal(path)
    with open_journal(path, read_only=True) as reader:
        run = Run(clock, engine, journal, path, reader, trader, rules, stops=stops)
        try:
            yield run
        finally:
            await run.close()
