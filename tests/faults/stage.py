"""One guarded account in virtual time: real guard, real ccxt, real journal, a venue inside the process.

A scenario is told in a few lines: open positions, arm a fault, let cycles pass, look at the venue's books.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bot.exchange.budget import Budget
from bot.exchange.factory import make_budget, make_gateway
from bot.exchange.gateway import CcxtGateway
from bot.execution import Executor
from bot.facts import GuardTerms
from bot.guard import CycleReport, Guard
from bot.journal import Entry, Journal, JournalWorker, open_journal
from bot.journal.records import Kind, Outcome
from bot.market_stats import StatsKeeper
from bot.model import Caps, ProtectionTerms
from bot.rules import load_rules_text
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.options.settings import OptionSettings
from bot.sandbox.engine.types import AccountSpec, OrderKind, OrderRequest, Side
from bot.sandbox.host import Sandbox
from bot.sandbox.requests_log import OrderRequestRecord
from bot.sandbox.transport import InProcessTransport
from tests.replay.world import URL, JointClock
from tests.sandbox.past import remembered

START = datetime(2025, 11, 21, 4, 30, tzinfo=UTC)
ACCOUNT = "main"
PRICES = {"BTCUSDT": 100_000.0, "ETHUSDT": 4_000.0, "SOLUSDT": 200.0}
CREATE = "/v5/order/create"
DEPOSIT = Decimal(100_000)
CAP = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5
    restore: 4
    cooldown: 0s
    do: [cancel_orders, trim]
    trim: {max_slippage: 2%}
"""
TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)


class Line:
    """The line to the venue: every request is noted, whether it is answered or not."""

    def __init__(self, sandbox: Sandbox, clock: JointClock) -> None:
        self._inside = InProcessTransport(sandbox.handle)
        self._clock = clock
        self.asked: list[tuple[datetime, str]] = []
        """When, and which path."""
        self.before: dict[str, Callable[[], object]] = {}
        """What happens just before a request of a path arrives."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        """Carry one request, as a network would."""
        path = url.removeprefix(URL).partition("?")[0]
        self.asked.append((self._clock.now(), path))
        self.before.get(path, lambda: None)()
        return await self._inside.request(method, url, headers, body)


class Stage:
    """A venue, one account, its guard and its journal."""

    def __init__(
        self,
        clock: JointClock,
        engine: Engine,
        path: Path,
        rules: str,
        terms: GuardTerms,
        *,
        sandbox: Sandbox | None = None,
        account: str = ACCOUNT,
        budget: Budget | None = None,
    ) -> None:
        self.clock = clock
        self.engine = engine
        self.path = path
        self.rules = rules
        self.terms = terms
        self.account = account
        self.sandbox = sandbox or Sandbox(engine)
        self.line = Line(self.sandbox, clock)
        self.neighbours: list[Stage] = []
        self.budget = budget or make_budget(
            venue="bybit", network="sandbox", clock=clock, base_url=URL, folder=path.parent
        )
        self.journal: Journal
        self.gateway: CcxtGateway
        self.guard: Guard
        self.armed = True
        self.start()

    def start(self) -> None:
        """Begin a process: nothing is known but what journal and venue tell."""
        self.journal = open_journal(self.path)
        self.worker = JournalWorker(self.journal)
        self.gateway = make_gateway(
            account=self.account,
            venue="bybit",
            network="sandbox",
            api_key=f"planted-key-of-{self.account}",
            api_secret=f"planted-secret-of-{self.account}",
            base_url=URL,
            clock=self.clock,
            transport=self.line,
            budget=self.budget,
        )
        self.guard = Guard(
            gateway=self.gateway,
            executor=Executor(self.gateway, self.worker, self.clock, armed=self.armed),
            worker=self.worker,
            clock=self.clock,
            rules=load_rules_text(self.rules, "rules.yaml"),
            stats=StatsKeeper(self.gateway, "BTC/USDT:USDT", "BTC", self.clock.now()),
            terms=self.terms,
        )

    def neighbour(self, name: str) -> "Stage":
        """Another account of the same owner at the same venue, with a guard and a journal of its own."""
        admit(self.engine, name)
        path = self.path.with_name(f"{name}.sqlite")
        made = Stage(
            self.clock,
            self.engine,
            path,
            self.rules,
            self.terms,
            sandbox=self.sandbox,
            account=name,
            budget=self.budget,
        )
        self.neighbours.append(made)
        return made

    async def end(self) -> None:
        """End the process on purpose."""
        await self.guard.close()
        await self.worker.close()

    async def restart(self) -> None:
        """End this process and begin another on the same journal."""
        await self.end()
        self.start()

    def open(self, symbol: str, side: Side, qty: str, leverage: int = 20) -> None:
        """Open a position at the venue, as its owner would."""
        self.engine.open_position(self.account, symbol, side, Decimal(qty), None, Decimal(leverage))

    def owner_orders(self, symbol: str, side: Side, qty: str, price: str, **more: Any) -> str:
        """Let the owner put a limit order into the book; its id at the venue."""
        asked = OrderRequest(
            symbol=symbol,
            side=side,
            qty=Decimal(qty),
            kind=OrderKind.LIMIT,
            price=Decimal(price),
            **more,
        )
        return self.engine.place(self.account, asked).order_id

    def price(self, symbol: str, price: str) -> None:
        """Move a market."""
        self.engine.set_price(symbol, Decimal(price))

    def fault(self, name: str, **more: object) -> None:
        """Let the venue fail in a way that it knows by name."""
        self.sandbox.faults.arm({"name": name, **more})

    def mend(self) -> None:
        """End all faults."""
        self.sandbox.faults.clear()

    async def cycle(self, after: float = 2.0) -> CycleReport:
        """Run one cycle, then let time pass."""
        report = await self.guard.cycle()
        self.clock.advance(after)
        return report

    async def cycles(self, count: int, after: float = 2.0) -> list[CycleReport]:
        """Run so many cycles."""
        return [await self.cycle(after) for _ in range(count)]

    def size(self, symbol: str) -> Decimal:
        """Net size at the venue in coins, negative for a short."""
        return sum(
            (
                one.size if one.side is Side.BUY else -one.size
                for one in self.engine.positions(self.account)
                if one.symbol == symbol and one.side is not None
            ),
            Decimal(0),
        )

    def requests(self) -> list[OrderRequestRecord]:
        """Every request for an order that arrived at the venue, oldest first."""
        return [one for one in self.sandbox.log.listing() if one.path == CREATE]

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(1 for _, one in self.line.asked if one == path)

    def accepted(self) -> list[str]:
        """Client ids of the orders that the engine took, each as often as it did."""
        return [one.client_id for one in self.requests() if one.executed and one.code == 0]

    def outcomes(self) -> list[Outcome]:
        """How the intents of the journal ended, oldest first."""
        return [body for entry in self.of_kind(Kind.OUTCOME) if isinstance(body := entry.record, Outcome)]

    def booked(self) -> Decimal:
        """Contracts that were executed, as the journal says."""
        return sum((one.filled for one in self.outcomes()), Decimal(0))

    def stop(self, symbol: str) -> Decimal | None:
        """Trigger of the stop that rests at the venue for a position; None where none does."""
        stops = (one.stop_loss for one in self.engine.positions(self.account) if one.symbol == symbol)
        return next(stops, None)

    def of_kind(self, kind: Kind) -> Sequence[Entry]:
        """Return the journal's entries of a kind, oldest first."""
        return self.journal.entries(kind=kind, limit=10_000)

    def open_intents(self) -> int:
        """How many intents have not ended."""
        return len(self.journal.open_intents(self.account))


TRADES = frozenset({"read", "trade"})
TRANSFERS = TRADES | {"transfer"}


def admit(engine: Engine, name: str, permissions: frozenset[str] = TRADES) -> None:
    """Let an account in at the venue, with its deposit."""
    spec = AccountSpec(
        api_key=f"planted-key-of-{name}",
        secret=f"planted-secret-of-{name}",
        deposit=DEPOSIT,
        account_id=name,
        permissions=permissions,
    )
    engine.add_account(spec)


@asynccontextmanager
async def stage(
    folder: Path,
    rules: str = CAP,
    *,
    terms: GuardTerms = TERMS,
    max_age_seconds: float | None = None,
    fault_seed: int = 0,
    permissions: frozenset[str] = TRADES,
    options: OptionSettings | None = None,
    made_by: type[Stage] = Stage,
) -> AsyncIterator[Stage]:
    """Set the stage: prices stand until they are moved, the account has 100,000 USD and no position."""
    clock = JointClock(START)
    engine = Engine(clock.engine, ManualFeed(clock.engine.market_ms(), PRICES), options=options)
    admit(engine, ACCOUNT, permissions)
    sandbox = Sandbox(engine, fault_seed=fault_seed)
    used = terms if max_age_seconds is None else replace(terms, max_age_seconds=max_age_seconds)
    made = made_by(clock, engine, folder / "journal.sqlite", rules, used, sandbox=sandbox)
    try:
        with remembered():
            yield made
    finally:
        for one in (*made.neighbours, made):
            await one.end()
