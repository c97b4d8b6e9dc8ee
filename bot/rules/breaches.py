"""Which rules are past their limits, for who asks no more than that: many times, with nothing remembered."""

from collections.abc import Iterator, Set

from bot.model import Snapshot, Surroundings, Target, Unknown
from bot.risk.metrics import MetricContext
from bot.risk.portfolio import Portfolio
from bot.rules.gauge import Gauge
from bot.rules.places import Site
from bot.rules.ruleset import Rule, RuleSet
from bot.rules.states import past_limit


def breaches(
    ruleset: RuleSet,
    snapshot: Snapshot,
    portfolio: Portfolio,
    context: MetricContext,
    surroundings: Surroundings,
    tags: tuple[str, ...] = (),
    ignored: Set[str] = frozenset(),
) -> Iterator[tuple[Rule, Target]]:
    """Yield each rule and target that `evaluate` would find firing, in its order, one when it is asked for.

    That is so for rules without `for` and hours, an empty memory and good prices; the arguments are those of
    `evaluate`.
    """
    gauge = Gauge(portfolio, context, surroundings)
    site = Site(snapshot, tags, ignored)
    for rule in ruleset.rules:
        there = site.places(rule)
        if not there.keys:
            continue
        truths = None if rule.when is None else gauge.conditions.judge(there.keys, (rule.when,))[0]
        values = gauge.values(rule, there.keys, truths)
        for index, (target, value) in enumerate(zip(there.targets, values, strict=True)):
            met = truths is None or truths[index] is True
            if met and not isinstance(value, Unknown) and past_limit(rule, value):
                yield rule, target
