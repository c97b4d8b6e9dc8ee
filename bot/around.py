"""What rules know beside the account: markets, signals and options, as they stand now."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from bot.chains import ChainKeeper
from bot.market_figures import MarketKeeper
from bot.model import Surroundings
from bot.rules import RuleSet
from bot.signals import SignalKeeper


class Look(Protocol):
    """Says what a set of rules may know at a moment."""

    async def begin(self, rules: RuleSet, now: datetime, held: Iterable[str]) -> None:
        """Wait a little for what a first decision must not be without; `held` as below."""
        ...

    def __call__(self, rules: RuleSet, now: datetime, held: Iterable[str] = ()) -> Surroundings:
        """Return what stands, without waiting; `held` are the base currencies of the account's positions."""
        ...


class Around:
    """What is around the accounts of one venue."""

    def __init__(
        self, markets: MarketKeeper, signals: SignalKeeper, chains: ChainKeeper | None = None
    ) -> None:
        self.markets = markets
        self.signals = signals
        self.chains = chains or ChainKeeper(markets.venue)

    async def begin(self, rules: RuleSet, now: datetime, held: Iterable[str]) -> None:
        """Wait a little for options that were never read."""
        await self.chains.first(rules, held, now)

    async def refresh(self, rules: RuleSet, now: datetime, held: Iterable[str] = ()) -> None:
        """Read what these rules ask for where it is due, as the daemon's errands do."""
        self.markets.watch(rules.markets, now)
        self.chains.chains(rules, held, now)
        await self.markets.refresh(now)
        await self.chains.refresh(now)

    def __call__(self, rules: RuleSet, now: datetime, held: Iterable[str] = ()) -> Surroundings:
        """Return what these rules ask for, as it stands; what is missing is unknown, with its reason."""
        wanted = rules.markets
        figures = self.markets.figures(wanted, now)
        markets = {base: {name: figures[base][name] for name in names} for base, names in wanted.items()}
        return Surroundings(
            markets, self.signals.values(rules.signals, now), self.chains.chains(rules, held, now)
        )


class Nothing:
    """Looks at nothing: whatever a rule asks for is unknown."""

    async def begin(self, rules: RuleSet, now: datetime, held: Iterable[str]) -> None:
        """Wait for nothing."""

    def __call__(self, rules: RuleSet, now: datetime, held: Iterable[str] = ()) -> Surroundings:
        """Return that nothing is known."""
        return Surroundings()


NOTHING = Nothing()
