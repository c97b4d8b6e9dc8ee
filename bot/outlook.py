"""How far each rule is from firing, and at which price it would."""

import msgspec
from msgspec import Struct

from bot.decision import Decision
from bot.model import Finding, Number, Sense, Surroundings, Unknown
from bot.risk.catalogue import definition_of
from bot.risk.context import MetricContext
from bot.risk.firing import AlreadyPast, Firing, FiringPoint, Gauge, firing_price
from bot.risk.portfolio import Portfolio
from bot.rules import Rule, RuleSet, measure_rule


class RuleOutlook(Struct, frozen=True):
    """One rule on one target, with the nearest price at which it fires."""

    finding: Finding
    unit: str
    room: Number
    """How far the metric may still move towards its limit, in its own unit; negative when past it."""
    fires_at: Number | None
    """Price at which it fires: of the position's symbol, or of the reference market for account metrics.

    None where no move between -95 % and +200 % would, unknown where that cannot be told.
    """
    move: Number | None
    """The same as a fraction of today's price."""
    prices: dict[str, float]
    """Mark price of every held symbol there."""
    past: bool
    """Whether the limit is passed now."""


def outlook(
    made: Decision, rules: RuleSet, surroundings: Surroundings | None = None
) -> tuple[RuleOutlook, ...]:
    """Look ahead from a decision, for each finding. Figures of markets and signals stay as they are."""
    surroundings = surroundings or Surroundings()
    looks = []
    for finding in made.evaluation.findings:
        rule = rules.rule(finding.rule)
        context = msgspec.structs.replace(made.context, scenarios=rule.scenarios if rule else ())
        firing: Firing = None
        if rule is not None and rule.priced_by:
            firing = firing_price(
                finding.metric,
                finding.limit,
                finding.sense,
                made.portfolio,
                context,
                finding.target.position,
                None if rule.when is None else _measured(rule, surroundings),
            )
        looks.append(_look(finding, firing))
    return tuple(looks)


def _measured(rule: Rule, surroundings: Surroundings) -> Gauge:
    """Return what measures a rule with a condition: where that is false, its limit counts as not passed."""

    def measured(portfolio: Portfolio, context: MetricContext, key: str | None) -> Number:
        return measure_rule(rule, portfolio, context, surroundings, key or "")

    return measured


class IdleRule(Struct, frozen=True):
    """A rule that applies to nothing now: no position, or not this account."""

    rule: str
    unit: str
    sense: Sense
    limit: float


def idle_rules(made: Decision, rules: RuleSet) -> tuple[IdleRule, ...]:
    """Return the rules of which a decision has no finding."""
    found = {finding.rule for finding in made.evaluation.findings}
    return tuple(
        IdleRule(rule.name, definition_of(rule.metric).unit.value, rule.sense, rule.limit)
        for rule in rules.rules
        if rule.name not in found
    )


def _look(finding: Finding, firing: Firing) -> RuleOutlook:
    fires_at: Number | None = None
    move: Number | None = None
    prices: dict[str, float] = {}
    if isinstance(firing, Unknown):
        fires_at = move = firing
    elif isinstance(firing, FiringPoint):
        fires_at, move, prices = firing.price, firing.move, firing.prices
        if fires_at is None:
            fires_at = Unknown("no position in the reference market: see the move")
    return RuleOutlook(
        finding=finding,
        unit=definition_of(finding.metric).unit.value,
        room=_room(finding),
        fires_at=fires_at,
        move=move,
        prices=prices,
        past=isinstance(firing, AlreadyPast) or _is_past(finding),
    )


def _is_past(finding: Finding) -> bool:
    room = _room(finding)
    return finding.in_force and not isinstance(room, Unknown) and room < 0


def _room(finding: Finding) -> Number:
    if isinstance(finding.value, Unknown):
        return finding.value
    if finding.sense is Sense.MAX:
        return finding.limit - finding.value
    return finding.value - finding.limit
