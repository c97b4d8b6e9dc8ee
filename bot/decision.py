"""Assess and decide: one pure function of one recorded value, so that any decision can be taken again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import Struct

from bot.model import (
    Action,
    Approval,
    Caps,
    Churning,
    Demand,
    Difference,
    Finding,
    Hedge,
    HedgeTerms,
    MarginRequest,
    MarketStats,
    OrderBook,
    OrderRequest,
    Plan,
    Policy,
    PriceTerms,
    ProtectionTerms,
    RefusedBefore,
    Snapshot,
    Stranger,
    Surroundings,
    Unknown,
    Usage,
    policies,
    position_key,
)
from bot.planning.approving import plan_with
from bot.planning.asking import Asked
from bot.planning.churn import backed_off
from bot.planning.protection import protective_stops
from bot.planning.request import PlanRequest, Watch
from bot.risk.assemble import build_portfolio
from bot.risk.carrying import funding_paid
from bot.risk.caution import cautious
from bot.risk.context import MetricContext, UnitView
from bot.risk.flows import Flows, FlowState, known_coins
from bot.risk.gates import PriceGates, PriceMemory, judge
from bot.risk.ledger import UnitLedger, advance, open_ledger, view
from bot.risk.portfolio import Portfolio
from bot.risk.reconcile import differences
from bot.risk.terms import venue_terms
from bot.rules import Evaluation, Rule, RuleSet, RulesMemory, evaluate

STOPS_WAIT = timedelta(seconds=15)
"""How long trims of an episode keep the stops of their block from being moved."""


class DecisionInput(Struct, frozen=True):
    """Everything that a decision depends on, but for the rules, which are recorded by their digest."""

    at: datetime
    snapshot: Snapshot
    stats: MarketStats
    ledger: UnitLedger | None
    """None before the first look: the unit value begins at 1 then."""
    flows: Flows
    """Deposits and withdrawals since the ledger's last look."""
    memory: RulesMemory
    usage: Usage
    caps: Caps
    protection: ProtectionTerms
    max_age_seconds: float
    impact: float
    """Price impact to allow for, as a fraction, beside half spread and fee."""
    steps_taken: dict[str, int]
    """The number that the next step of each episode takes."""
    own_stops: dict[str, Decimal] = {}
    """Trigger of the stop that the guard placed last, by position key."""
    blocked: tuple[str, ...] = ()
    """Symbols on which an earlier order has not ended."""
    crowded: tuple[str, ...] = ()
    """Symbols on which the venue refused a trim because of resting reduce-only orders."""
    refused: tuple[RefusedBefore, ...] = ()
    """What the venue has refused and is not asked for yet."""
    prices: PriceMemory = PriceMemory()
    """What earlier looks saw of prices."""
    price_terms: PriceTerms | None = None
    """None believes every price, whatever its age: so it was before there were gates."""
    surroundings: Surroundings = Surroundings()
    """Figures of markets and signals from outside, for rules that ask for them."""
    tags: tuple[str, ...] = ()
    """The account's, for rules that match by them."""
    hedges: tuple[Hedge, ...] = ()
    """What the guard opened against positions, and what others closed of that of late."""
    strangers: tuple[Stranger, ...] = ()
    """What is made of positions and orders that the guard did not open."""
    churning: tuple[Churning, ...] = ()
    """Positions that somebody fills up again, and the rules that back off from them."""
    approval: Approval | None = None
    """None asks nobody."""
    depths: dict[str, OrderBook] = {}
    """Order books of markets, by symbol, where they were read."""


class Decision(Struct, frozen=True):
    """What follows from an input and the rules."""

    portfolio: Portfolio
    context: MetricContext
    ledger: UnitLedger | None
    differences: tuple[Difference, ...]
    evaluation: Evaluation
    plan: Plan
    """Steps of the rules first, then those of protection."""
    gates: PriceGates = PriceGates()
    """What the gates say of the snapshot's prices, and what to remember of them."""
    asked: Asked | None = None
    """What the owner must be asked for; it is no part of the plan."""


def decide(given: DecisionInput, rules: RuleSet) -> Decision:
    """Assess the snapshot, evaluate the rules, plan. The same arguments always give the same bytes."""
    snapshot = given.snapshot
    terms = venue_terms(snapshot.venue)
    portfolio = build_portfolio(snapshot, given.stats, terms, given.impact)
    gates = judge_prices(given)
    ledger = advance_ledger(given)
    funding = funding_paid(given.hedges, snapshot)
    context = MetricContext(given.stats, view_units(given, ledger), funding=funding)
    ignored = frozenset(
        key for key, policy in policies(given.strangers, snapshot).items() if policy is Policy.IGNORE
    )
    evaluation = evaluate(
        rules,
        snapshot,
        portfolio,
        context,
        given.memory,
        given.at,
        gates,
        given.surroundings,
        given.tags,
        ignored,
    )
    demands, held = backed_off(evaluation.demands, given.churning, given.at)
    request = _request(given, portfolio, context, rules, evaluation, demands, doubted=bool(gates.unsettled))
    planned, asked = plan_with(request, given.approval)
    stops, refusals = protective_stops(
        *cautious(portfolio, snapshot, gates.unsettled),
        protection_of(given),
        given.at,
        given.max_age_seconds,
        steps_taken=given.steps_taken,
        own_stops=given.own_stops,
        refused=given.refused,
        trimmed=_trimmed(planned, evaluation.demands, given.at),
        forced=_forced(evaluation.demands, snapshot),
        unsettled=frozenset(doubt.symbol for doubt in gates.unsettled),
        hedges=given.hedges,
        strangers=given.strangers,
    )
    return Decision(
        portfolio=portfolio,
        context=context,
        # No peak and no day's open is remembered from a price that is not believed.
        ledger=given.ledger if gates.unsettled else ledger,
        differences=differences(snapshot, portfolio),
        evaluation=evaluation,
        plan=msgspec.structs.replace(
            planned, steps=planned.steps + stops, refusals=held + planned.refusals + refusals
        ),
        gates=gates,
        asked=asked,
    )


def _request(
    given: DecisionInput,
    portfolio: Portfolio,
    context: MetricContext,
    rules: RuleSet,
    evaluation: Evaluation,
    demands: tuple[Demand, ...],
    *,
    doubted: bool,
) -> PlanRequest:
    snapshot = given.snapshot
    return PlanRequest(
        account=snapshot.account,
        at=given.at,
        snapshot=snapshot,
        portfolio=portfolio,
        context=context,
        terms=venue_terms(snapshot.venue),
        demands=demands,
        watches=watches(rules, evaluation),
        caps=given.caps,
        usage=given.usage,
        max_age_seconds=given.max_age_seconds,
        steps_taken=given.steps_taken,
        blocked_symbols=frozenset(given.blocked),
        crowded_symbols=frozenset(given.crowded),
        refused=given.refused,
        strangers=given.strangers,
        hedges=given.hedges,
        hedging=_hedging(rules, evaluation),
        asked_first=_asked_first(rules, given.approval),
        lifted=evaluation.lifted,
        asleep=_asleep(rules, evaluation),
        doubted=doubted,
        impact=given.impact,
        chains=given.surroundings.chains,
        depths=given.depths,
    )


def protection_of(given: DecisionInput) -> ProtectionTerms:
    """Return how stops are placed; an unanswered proposal may place them where the settings place none."""
    forced = given.approval is not None and given.approval.protect
    return msgspec.structs.replace(given.protection, enabled=True) if forced else given.protection


def judge_prices(given: DecisionInput) -> PriceGates:
    """Judge the prices of the snapshot."""
    if given.price_terms is None:
        return PriceGates(given.prices)
    return judge(given.snapshot, given.prices, given.price_terms, given.at, given.max_age_seconds)


def _trimmed(planned: Plan, demands: Sequence[Demand], at: datetime) -> frozenset[str]:
    """Positions whose stops had better be moved after the trims and additions of this plan.

    An episode that has acted for STOPS_WAIT without coming home does not hold stops back any longer: its
    orders may not fill, or not be sent.
    """
    young = {demand.episode for demand in demands if at - demand.acting_since < STOPS_WAIT}
    return frozenset(
        position_key(step.request.symbol, step.request.position_side)
        for step in planned.steps
        if isinstance(step.request, OrderRequest | MarginRequest) and step.episode in young
    )


def _forced(demands: Sequence[Demand], snapshot: Snapshot) -> frozenset[str]:
    """Positions whose stops a rule asks for now, also where protection is switched off."""
    return frozenset(
        position.key
        for demand in demands
        if Action.PROTECT in demand.permits
        for position in snapshot.positions
        if demand.target.position in (None, position.key)
    )


def advance_ledger(given: DecisionInput) -> UnitLedger | None:
    """Bring the unit ledger up to the snapshot.

    It stays where it was while equity or flows are unknown, and for a balance older than the last one; while
    the wallet is unexplained it remembers since when.
    """
    balance, flows, ledger = given.snapshot.balance, given.flows, given.ledger
    at, coins = given.snapshot.times.balance, known_coins(balance)
    if isinstance(balance.equity, Unknown) or isinstance(coins, Unknown) or flows.state is FlowState.UNREAD:
        return ledger
    if ledger is None:
        return open_ledger(balance.equity, at, coins)
    if at < ledger.as_of:
        return ledger
    if flows.state is FlowState.UNEXPLAINED:
        return msgspec.structs.replace(ledger, unexplained_since=ledger.unexplained_since or at)
    explained = None if flows.state is FlowState.SMALL else coins
    moved = advance(ledger, balance.equity, flows.transfers, at, explained)
    if flows.state is FlowState.GIVEN_UP:  # a row of it that is listed yet must not count again
        return msgspec.structs.replace(moved, opened_at=at)
    return moved


def view_units(given: DecisionInput, ledger: UnitLedger | None) -> UnitView:
    """Return unit value, peak and day's open, unknown where the ledger could not be brought up to now."""
    equity = given.snapshot.balance.equity
    if isinstance(equity, Unknown):
        return UnitView(equity, equity, equity)
    if not given.flows.known:
        unclear = Unknown(given.flows.reason)
        return UnitView(unclear, unclear, unclear)
    if ledger is None:
        unseen = Unknown("the account's equity has not been seen yet")
        return UnitView(unseen, unseen, unseen)
    return view(ledger, equity)


def _hedging(rules: RuleSet, evaluation: Evaluation) -> dict[str, HedgeTerms]:
    """Return the rules in force that permit hedges."""
    in_force = {finding.rule for finding in evaluation.findings}
    return {one.name: one.hedge for one in rules.rules if one.hedge is not None and one.name in in_force}


def _asked_first(rules: RuleSet, approval: Approval | None) -> frozenset[str]:
    """Return the rules that hedge and ask their owner first."""
    if approval is None:
        return frozenset()
    return frozenset(one.name for one in rules.rules if one.hedge and (one.approve or approval.every))


def watches(rules: RuleSet, evaluation: Evaluation) -> tuple[Watch, ...]:
    """Return every limit in force that trades can move, demanded or not: no plan may make one worse."""
    made = []
    for finding in evaluation.findings:
        rule = rules.rule(finding.rule)
        if rule is not None and rule.has_level and finding.in_force:
            made.append(_watch(rule, finding))
    return tuple(made)


def _asleep(rules: RuleSet, evaluation: Evaluation) -> tuple[Watch, ...]:
    """Return the limits of rules that hedge and are outside their hours."""
    made = []
    for finding in evaluation.findings:
        rule = rules.rule(finding.rule)
        if rule is None or rule.hedge is None or finding.in_force or rule.name in evaluation.lifted:
            continue
        made.append(_watch(rule, finding))
    return tuple(made)


def _watch(rule: Rule, finding: Finding) -> Watch:
    return Watch(
        rule=rule.name,
        metric=rule.metric,
        sense=rule.sense,
        limit=rule.limit,
        goal=rule.goal,
        target=finding.target,
        scenarios=rule.scenarios,
    )
