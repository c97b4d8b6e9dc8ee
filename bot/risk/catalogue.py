"""Every name under which a rule may measure something: metrics, figures of a market, `when`."""

import re

from bot.model import Sense
from bot.risk.definitions import METRICS, MetricDefinition, Scope, Unit
from bot.risk.market_definitions import MARKET_METRICS

WHEN = "when"
"""Stands for the metric in what is told of a rule that has a condition alone: 1 is true, 0 is false."""

_CONDITION = MetricDefinition(
    WHEN, Scope.ACCOUNT, Sense.MAX, Unit.TRUTH, "Whether the rule's condition is true.", "the rule"
)
_OF_MARKET = re.compile(r'market\("([A-Za-z0-9]+)"\)\.(\w+)')


def market_metric(base: str, figure: str) -> str:
    """Return the name of one market's figure, for example market("BTC").fall_24h."""
    return f'market("{base}").{figure}'


def split_market(name: str) -> tuple[str, str] | None:
    """Return base currency and figure of what `market_metric` made, None for any other name."""
    found = None if name in METRICS else _OF_MARKET.fullmatch(name)
    return (found[1], found[2]) if found else None


def definition_of(name: str) -> MetricDefinition:
    """Return what the metric of a rule, finding or demand means. Raises KeyError where there is none."""
    if name == WHEN:
        return _CONDITION
    market = split_market(name)
    return METRICS[name] if market is None else MARKET_METRICS[f"market.{market[1]}"]


def of_account(name: str) -> bool:
    """Whether a metric is measured on the account or its positions, so that trades may move it."""
    return name in METRICS
