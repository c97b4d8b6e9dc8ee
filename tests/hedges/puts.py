"""A long in BTC that a rule may protect with puts: a real guard, with chains read beside its cycles."""

from decimal import Decimal

from bot.around import Around
from bot.chains import ChainKeeper
from bot.guard import CycleReport
from bot.market_figures import MarketKeeper
from bot.model import PriceTerms
from bot.sandbox.engine.options.settings import CoinOptions, OptionSettings
from bot.signals import SignalKeeper
from tests.faults.stage import ACCOUNT, Stage

BTC, LONG = "BTCUSDT", "BTC/USDT:USDT#long"
OPTIONS = OptionSettings(coins={"BTC": CoinOptions(level=0.5)})
PUTS = """\
version: 1
defaults: {for: 0s, cooldown: 0s, severity: critical}
rules:
  - name: shock
    metric: account.stress_loss
    scenarios: [{BTC: -20%}]
    max: 60%
    restore: 57%
    do: [hedge]
    hedge: {with: [put], put: {protect_below: 20%, min_days: 14, max_premium: 15%}}
"""


class Puts(Stage):
    """The stage with what is around it."""

    def start(self) -> None:
        """Begin a process, and what it reads beside its account."""
        super().start()
        self.chains = ChainKeeper("bybit")
        self.chains.join(self.gateway)
        signals = SignalKeeper((), {}, self.clock)
        self.around = Around(MarketKeeper("bybit", PriceTerms()), signals, self.chains)
        self.guard._around = self.around

    async def cycle(self, after: float = 2.0) -> CycleReport:
        """Read what is due, then run one cycle."""
        await self.chains.refresh(self.clock.now())
        return await super().cycle(after)

    def net(self) -> Decimal:
        """Coins that the long and its puts move like together."""
        held = self.engine.options.positions(ACCOUNT)
        return self.size(BTC) + sum((Decimal(repr(one.greeks.delta)) * one.size for one in held), Decimal(0))

    def puts(self) -> dict[str, Decimal]:
        """What of options is open at the venue, by its symbols."""
        return {one.contract.symbol: one.size for one in self.engine.options.positions(ACCOUNT) if one.size}
