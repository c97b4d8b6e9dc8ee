"""What rules know beside the account: figures of markets and signals, as they stand now."""

from collections.abc import Callable
from datetime import datetime

from bot.market_figures import MarketKeeper
from bot.model import Surroundings
from bot.rules import RuleSet
from bot.signals import SignalKeeper

Look = Callable[[RuleSet, datetime], Surroundings]
"""Says what a set of rules may know at a moment. It never waits."""


class Around:
    """What is around the accounts of one venue."""

    def __init__(self, markets: MarketKeeper, signals: SignalKeeper) -> None:
        self.markets = markets
        self.signals = signals

    async def refresh(self, rules: RuleSet, now: datetime) -> None:
        """Read markets that these rules ask for where it is due, as the daemon's errands do."""
        self.markets.watch(rules.markets, now)
        await self.markets.refresh(now)

    def __call__(self, rules: RuleSet, now: datetime) -> Surroundings:
        """Return what these rules ask for, as it stands; what is missing is unknown, with its reason."""
        wanted = rules.markets
        figures = self.markets.figures(wanted, now)
        markets = {base: {name: figures[base][name] for name in names} for base, names in wanted.items()}
        return Surroundings(markets, self.signals.values(rules.signals, now))


def nothing_around(_rules: RuleSet, _now: datetime) -> Surroundings:
    """Look at nothing: whatever a rule asks for is unknown."""
    return Surroundings()
