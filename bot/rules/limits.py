"""Limits in the unit of their metric: 15%, 5x, 10k."""

from bot.documents import WordingError, parse_fraction, parse_multiple, parse_number, plain_percent, shown
from bot.risk.metrics import MetricDefinition, Scope, Unit

NEVER_ABOVE_ONE = frozenset(
    {
        "account.margin_ratio",
        "account.joint_distance",
        "account.drawdown",
        "account.daily_loss",
        "account.cushion",
        "account.concentration",
        "position.gross_share",
        "market.fall_1h",
        "market.fall_24h",
        "market.fall_7d",
    }
)
"""Percentages for which a limit of 100 % or more could never do its work."""

TRADING_CANNOT_MOVE = frozenset({"account.drawdown", "account.daily_loss", "account.equity"})
"""Metrics of what is lost already: no trim brings them back."""


def read_limit(value: object, definition: MetricDefinition) -> float:
    """Read a limit in the metric's unit: percentages as fractions. Raises `WordingError`."""
    if definition.unit is Unit.PERCENT:
        number = parse_fraction(value)
    elif isinstance(value, str) and value.strip().endswith("%"):
        example = "10_000" if definition.unit is Unit.USD else "5"
        raise WordingError(
            f"{shown(value)}: {definition.name} is not a percentage", f"a number such as {example}"
        )
    elif definition.unit is Unit.USD:
        number = float(parse_number(value))
    else:
        number = float(parse_multiple(value))
    if number < 0 and definition.scope is not Scope.MARKET:
        raise WordingError(f"{shown(value)} is negative", "a positive number")
    return number


def check_limit(limit: float, definition: MetricDefinition) -> None:
    """Refuse limits that would always or never be passed. Raises `WordingError`."""
    if limit == 0 and definition.scope is not Scope.MARKET:
        raise WordingError("0 is no limit", "a limit above 0")
    if definition.name in NEVER_ABOVE_ONE and limit >= 1:
        raise WordingError(f"{show_limit(limit, definition)} is too late", "less than 100 %")


def show_limit(number: float, definition: MetricDefinition) -> str:
    """Return a number in the metric's unit for people."""
    if definition.unit is Unit.PERCENT:
        return plain_percent(number)
    return f"{number:,.0f} USD" if definition.unit is Unit.USD else f"{number:g}"
