"""The registry of market metrics: figures of one market that rules may watch, whatever the account holds."""

from bot.model import Sense
from bot.risk.definitions import MetricDefinition, Scope, Unit

_CANDLES = "computed from the venue's candles of the perpetual"
_TICKER = "the venue's ticker"


def _market(name: str, sense: Sense, unit: Unit, description: str, source: str) -> MetricDefinition:
    return MetricDefinition(f"market.{name}", Scope.MARKET, sense, unit, description, source)


_DEFINITIONS = (
    _market("price", Sense.MIN, Unit.USD, "Mark price of the perpetual.", _TICKER),
    _market("change_1h", Sense.MIN, Unit.PERCENT, "Price over the close one hour ago, less 1.", _CANDLES),
    _market("change_24h", Sense.MIN, Unit.PERCENT, "Price over the close 24 hours ago, less 1.", _CANDLES),
    _market(
        "fall_1h", Sense.MAX, Unit.PERCENT, "Fall from the high of the last hour: 1 - price / high.", _CANDLES
    ),
    _market(
        "fall_24h", Sense.MAX, Unit.PERCENT, "Fall from the high of 24 hours: 1 - price / high.", _CANDLES
    ),
    _market("fall_7d", Sense.MAX, Unit.PERCENT, "Fall from the high of 7 days: 1 - price / high.", _CANDLES),
    _market(
        "realized_vol_24h",
        Sense.MAX,
        Unit.PERCENT,
        "Standard deviation of hourly log returns over 24 hours, a year's worth: times the root of 8760.",
        _CANDLES,
    ),
    _market(
        "realized_vol_7d",
        Sense.MAX,
        Unit.PERCENT,
        "Standard deviation of hourly log returns over 7 days, a year's worth: times the root of 8760.",
        _CANDLES,
    ),
    _market("atr_14h", Sense.MAX, Unit.PERCENT, "ATR(14) of hourly candles over price.", _CANDLES),
    _market("rsi_14h", Sense.MIN, Unit.RATIO, "RSI(14) of hourly closes, 0 to 100.", _CANDLES),
    _market(
        "macd_1h",
        Sense.MIN,
        Unit.PERCENT,
        "MACD(12, 26, 9) histogram of hourly closes over price: line less signal line.",
        _CANDLES,
    ),
    _market("ema_24h", Sense.MIN, Unit.USD, "Exponential moving average of 24 hourly closes.", _CANDLES),
    _market("sma_24h", Sense.MIN, Unit.USD, "Mean of the last 24 hourly closes.", _CANDLES),
    _market("sma_7d", Sense.MIN, Unit.USD, "Mean of the last 168 hourly closes.", _CANDLES),
    _market("sma_30d", Sense.MIN, Unit.USD, "Mean of the last 720 hourly closes.", _CANDLES),
    _market(
        "over_sma_30d", Sense.MIN, Unit.PERCENT, "Price over the mean of 720 hourly closes, less 1.", _CANDLES
    ),
    _market("basis", Sense.MAX, Unit.PERCENT, "Mark over index, less 1.", _TICKER),
    _market(
        "funding",
        Sense.MAX,
        Unit.PERCENT,
        "Funding rate of the running interval; longs pay where it is positive.",
        _TICKER,
    ),
    _market("spread", Sense.MAX, Unit.PERCENT, "Best ask less best bid, over their mean.", _TICKER),
    _market(
        "depth",
        Sense.MIN,
        Unit.USD,
        "Value resting within 1 % of the middle, on the thinner side.",
        "the venue's order book",
    ),
)

MARKET_METRICS: dict[str, MetricDefinition] = {definition.name: definition for definition in _DEFINITIONS}
"""Every market metric by name. A rule on one names its market: `market: BTC`."""
