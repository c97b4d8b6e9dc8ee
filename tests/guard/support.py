"""A guard of a real account on a sandbox that serves over HTTP, wired as the daemon wires it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec

from bot.clock import Clock, SystemClock
from bot.exchange.factory import make_gateway
from bot.exchange.gateway import CcxtGateway
from bot.execution import Executor
from bot.facts import GuardTerms
from bot.guard import Guard
from bot.journal import Entry, FullDiskError, Journal, JournalWorker, open_journal
from bot.journal.records import Kind
from bot.market_stats import StatsKeeper
from bot.model import Caps, ProtectionTerms
from bot.rules import load_rules_text
from bot.sandbox.engine.types import Side
from tests.sandbox.past import remembered
from tests.sandbox.support import KEY, SECRET, Running, serving

ACCOUNT = "main"
LEVERAGE_CAP = """
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5
    restore: 4
    cooldown: 0s
    do: [cancel_orders, trim]
"""
TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)


class Bench(msgspec.Struct):
    """A guard and everything around it."""

    venue: Running
    guard: Guard
    gateway: CcxtGateway
    journal: Journal
    ended: bool = False
    """Whether something else closed guard and journal already."""

    def open(self, symbol: str, side: Side, qty: str) -> None:
        """Open a position at the venue, as its owner would."""
        account = self.venue.account.account_id
        self.venue.engine.open_position(account, symbol, side, Decimal(qty), None, Decimal(20))

    def price(self, symbol: str, price: str) -> None:
        """Move a market."""
        self.venue.engine.set_price(symbol, Decimal(price))

    def of_kind(self, kind: Kind) -> list[Entry]:
        """Return the journal's entries of a kind, oldest first."""
        return self.journal.entries(kind=kind)

    def fault(self, name: str, **more: object) -> None:
        """Let the venue fail in a way that it knows by name."""
        self.venue.sandbox.faults.arm({"name": name, **more})

    def mend(self) -> None:
        """End all faults."""
        self.venue.sandbox.faults.clear()

    def again(self, rules: str = LEVERAGE_CAP, *, armed: bool = True) -> Guard:
        """A guard that begins anew on the same account and journal, as after a restart."""
        return wire(self.gateway, self.guard.executor.worker, SystemClock(), rules, armed, TERMS)


def refusal(path: Path) -> FullDiskError:
    """What a journal without room raises."""
    return FullDiskError(path, "the disk is full", "Make room.")


def wire(
    gateway: CcxtGateway, worker: JournalWorker, clock: Clock, rules: str, armed: bool, terms: GuardTerms
) -> Guard:
    """Wire a guard as the daemon does."""
    return Guard(
        gateway=gateway,
        executor=Executor(gateway, worker, clock, armed=armed),
        worker=worker,
        clock=clock,
        rules=load_rules_text(rules, "rules.yaml"),
        stats=StatsKeeper(gateway, "BTC/USDT:USDT", "BTC", clock.now()),
        terms=terms,
    )


@asynccontextmanager
async def bench(
    path: Path,
    rules: str = LEVERAGE_CAP,
    *,
    armed: bool = True,
    terms: GuardTerms = TERMS,
    clock: Clock | None = None,
) -> AsyncIterator[Bench]:
    """Serve a sandbox and wire a guard to it; the journal is a file under `path`."""
    used = clock or SystemClock()
    async with serving() as venue:
        gateway = make_gateway(
            account=ACCOUNT,
            venue="bybit",
            network="sandbox",
            api_key=KEY,
            api_secret=SECRET,
            clock=used,
            base_url=venue.url,
        )
        journal = open_journal(path / "journal.sqlite")
        worker = JournalWorker(journal)
        guard = wire(gateway, worker, used, rules, armed, terms)
        it = Bench(venue, guard, gateway, journal)
        try:
            with remembered():
                yield it
        finally:
            await guard.close()
            if not it.ended:
                await worker.close()
