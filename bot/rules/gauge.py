"""Everything that rules measure in one evaluation, each number once."""

from collections.abc import Sequence

from msgspec.structs import replace

from bot.model import Number, Scenario, Surroundings, Unknown
from bot.risk.catalogue import WHEN, split_market
from bot.risk.metrics import MetricContext, measure
from bot.risk.portfolio import Portfolio
from bot.rules.conditions import Conditions, Truth, finite
from bot.rules.ruleset import Rule


class Gauge:
    """Measures metrics, each once for each target and list of scenarios, and judges conditions."""

    def __init__(self, portfolio: Portfolio, context: MetricContext, surroundings: Surroundings) -> None:
        self._portfolio = portfolio
        self._context = replace(context, scenarios=())
        self._surroundings = surroundings
        self._plain: dict[str, dict[str, Number]] = {}
        self._under: list[tuple[str, tuple[Scenario, ...], dict[str, Number]]] = []
        self.conditions = Conditions(self.plain, surroundings)

    def values(
        self, rule: Rule, keys: Sequence[str], truths: Sequence[Truth] | None = None
    ) -> Sequence[Number]:
        """Return the rule's metric by position; the key '' is the account.

        `truths` are what its condition came to on each: of a condition alone they are the metric.
        """
        if rule.metric == WHEN:
            return [one if isinstance(one, Unknown) else float(one) for one in truths or ()]
        market = split_market(rule.metric)
        if market is not None:
            return [finite(rule.metric, self._surroundings.market(*market))] * len(keys)
        known = self._series(rule)
        for key in keys:
            if key not in known:
                known[key] = self._measure(rule.metric, rule.scenarios, key)
        return [known[key] for key in keys]

    def plain(self, metric: str, key: str) -> Number:
        """Return a metric without parameters of the position `key`, or of the account where it is ''."""
        known = self._plain.setdefault(metric, {})
        number = known[key] = self._measure(metric, (), key)
        return number

    def _series(self, rule: Rule) -> dict[str, Number]:
        if not rule.scenarios:
            return self._plain.setdefault(rule.metric, {})
        for metric, scenarios, known in self._under:
            if metric == rule.metric and scenarios == rule.scenarios:
                return known
        values: dict[str, Number] = {}
        self._under.append((rule.metric, rule.scenarios, values))
        return values

    def _measure(self, metric: str, scenarios: tuple[Scenario, ...], key: str) -> Number:
        context = replace(self._context, scenarios=scenarios) if scenarios else self._context
        return finite(metric, measure(metric, self._portfolio, context, key or None))


def measure_rule(
    rule: Rule, portfolio: Portfolio, context: MetricContext, surroundings: Surroundings, key: str
) -> Number:
    """Measure one rule on the position `key`, or on the account where it is ''.

    Where its condition is false the rule counts as home: its goal is returned.
    """
    gauge = Gauge(portfolio, context, surroundings)
    truth = True if rule.when is None else gauge.conditions.truth(rule.when, key)
    if isinstance(truth, Unknown):
        return truth
    if rule.metric == WHEN:
        return float(truth)
    return gauge.values(rule, (key,))[0] if truth else rule.goal
