"""What metrics need beside the portfolio: market statistics, the unit value, scenarios."""

from msgspec import Struct

from bot.model import MarketStats, Number, Scenario


class UnitView(Struct, frozen=True):
    """The account's unit value (NAV a unit) beside its past; see `bot.risk.ledger`.

    All three are in USD a unit. Deposits and withdrawals do not move them.
    """

    value: Number
    """Unit value now."""
    peak: Number
    """Highest unit value so far."""
    day_open: Number
    """Unit value at 00:00 UTC of the running day."""


class MetricContext(Struct, frozen=True):
    """Arguments of `measure` that do not come from the snapshot."""

    stats: MarketStats
    units: UnitView
    scenarios: tuple[Scenario, ...] = ()
    """The scenarios of the rule that asks; read by metrics whose `parameters` name them."""
    funding: Number = 0.0
    """USD that the guard's hedges pay for funding in a day; see `bot.risk.carrying.funding_paid`."""
