"""An account with a long in ETH that a rule may hedge with a short in BTC, and what is judged of the two."""

from decimal import Decimal

from bot.execution import recorded_hedges
from bot.journal.records import HedgeChanged, Kind, Prepared
from bot.model import Hedge, OrderRequest, Step, StepKind
from bot.sandbox.engine.types import OrderKind, Side
from bot.sandbox.engine.types import OrderRequest as VenueOrder
from tests.faults.stage import ACCOUNT, CREATE, Stage

BTC, ETH = "BTCUSDT", "ETHUSDT"
LONG = "ETH/USDT:USDT#long"
SHORT = "BTC/USDT:USDT#short"
BETA = 1.4
"""What the guard takes for ETH's beta to BTC where no candles tell."""
SHOCK = """\
version: 1
defaults: {for: 0s, cooldown: 0s, severity: critical}
rules:
  - name: shock
    metric: account.stress_loss
    scenarios: [{BTC: -20%}]
    max: 60%
    restore: 57%
    do: [hedge]
    hedge: {with: [perp], venue: same, max_share: 50%, stop: 30%, unwind: restore}
"""
CAPPED = (
    SHOCK
    + """\
  - name: cap
    metric: account.leverage
    max: 3.2
    restore: 3
    do: [cancel_orders, trim]
    trim: {max_slippage: 2%}
"""
)


class Judge:
    """Looks at the venue's books before every order and after every cycle: parent and hedge never turn."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.worst = float("inf")
        """Smallest exposure of parent and hedge together so far, in USD by beta."""
        self.hedged = Decimal(0)
        """Largest hedge so far."""
        stage.line.before[CREATE] = self.look

    def look(self) -> None:
        """Take the books as they are."""
        parent, hedge = self._stage.size(ETH), self._stage.size(BTC)
        prices = {one: float(self._stage.engine.ticker(one).mark_price) for one in (BTC, ETH)}
        exposure = BETA * float(parent) * prices[ETH] + float(hedge) * prices[BTC]
        assert hedge <= 0, f"a hedge of a long is {hedge}"
        self.worst = min(self.worst, exposure)
        self.hedged = max(self.hedged, -hedge)


def steps(stage: Stage, kind: StepKind) -> list[Step]:
    """Steps of a kind that were prepared, oldest first."""
    bodies = [entry.record for entry in stage.of_kind(Kind.PREPARED)]
    return [one.step for one in bodies if isinstance(one, Prepared) and one.step.kind is kind]


def asked(stage: Stage, kind: StepKind) -> list[Decimal]:
    """Contracts of the orders of a kind, oldest first."""
    requests = [step.request for step in steps(stage, kind)]
    return [one.contracts for one in requests if isinstance(one, OrderRequest)]


def lots(stage: Stage) -> tuple[Hedge, ...]:
    """The hedges as the journal adds them up."""
    return recorded_hedges(stage.journal, ACCOUNT, stage.clock.now())


def changes(stage: Stage) -> list[HedgeChanged]:
    """What is on record of hedges beside their orders."""
    return [one.record for one in stage.of_kind(Kind.HEDGE) if isinstance(one.record, HedgeChanged)]


def move(stage: Stage, share: float, drift: float = 0.0) -> None:
    """Move the market to `share` of where it began; ETH by its beta and a drift of its own."""
    stage.price(BTC, f"{100_000 * share:.1f}")
    stage.price(ETH, f"{4_000 * (1 + BETA * (share - 1) + drift):.2f}")


def trade(stage: Stage, symbol: str, side: Side, qty: str, *, reduce_only: bool = False) -> None:
    """Trade at market by hand, as the owner would."""
    asked_for = VenueOrder(
        symbol=symbol, side=side, qty=Decimal(qty), kind=OrderKind.MARKET, reduce_only=reduce_only
    )
    stage.engine.place(ACCOUNT, asked_for)
