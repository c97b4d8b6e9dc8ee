"""An option that grows old is replaced: the new one is bought first, the old one goes when that one stands.

Once half of its time is over its rule's limit is looked at as if it were gone. Where that would be beyond its
goal, a new one is bought for what is missing. The old one is sold as any hedge is: as far as it is needed no
more, and only what the venue shows counts for that. So a purchase that is refused, filled in part or of
unknown outcome leaves the old one standing.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from bot.model import Action, Demand, Hedge, Plan, Refusal, Severity, TrimTerms, Unknown
from bot.planning.caps import Allowance
from bot.planning.check import is_inside
from bot.planning.demands import refuse
from bot.planning.hedged import hedge_step
from bot.planning.known import Known, known_of
from bot.planning.linked import hedged
from bot.planning.numbering import numbering_after
from bot.planning.offers import Desk, Offer
from bot.planning.options.held import is_old
from bot.planning.options.offering import Way, best_option, option_ways
from bot.planning.request import PlanRequest, Watch, stale_reason
from bot.planning.rounding import round_down
from bot.risk import black76
from bot.risk.portfolio import OptionHolding

LEAST_DELTA = 0.01
"""An option counts as if it moved by so much of its coin at least."""


def rolled(request: PlanRequest, made: Plan) -> Plan:
    """Add the purchase that replaces an old option to a plan that does nothing else; or why there is none.

    Nothing is bought while a price is not believed, nor while the rule acts: what it asks for goes first.
    """
    if made.steps or request.doubted or stale_reason(request) is not None:
        return made
    acting = {demand.rule for demand in request.demands}
    told: list[Refusal] = []
    for watch in request.watches:
        old = [] if watch.rule in acting else _old(watch.rule, request)
        found = _replacement(watch, old, request) if old else ()
        if isinstance(found, Offer):
            step = hedge_step(found, numbering_after(request, ()))
            return replace(made, steps=(step,), proofs=(*made.proofs, found.proof))
        told += found
    return replace(made, refusals=tuple(dict.fromkeys((*made.refusals, *told))))


def _old(rule: str, request: PlanRequest) -> list[Hedge]:
    """Return the options of a rule that are old, and certain."""
    return [
        lot
        for lot in request.hedges
        if lot.rule == rule and lot.is_option and lot.contracts and not lot.pending and is_old(lot, request)
    ]


def _replacement(watch: Watch, old: Sequence[Hedge], request: PlanRequest) -> Offer | tuple[Refusal, ...]:
    """Return what is bought in the place of old options; no refusals where nothing has to be."""
    bare = _without(old, request)
    known = known_of(bare)
    value = known.before if isinstance(known.before, Unknown) else known.meter.read(watch, known.before)
    demand = _demand(watch, 0.0 if isinstance(value, Unknown) else value, old[0], request)
    if isinstance(value, Unknown):
        return (_kept(demand, old[0], "unknown_figure", value.reason),)
    if is_inside(value, watch.goal, watch.sense):
        return ()
    if watch.rule in request.asked_first:
        return (_kept(demand, old[0], "waits_for_approval", "its rule asks its owner before it buys"),)
    found = _offer(demand, bare, known, request)
    if not isinstance(found, Offer):
        return found
    why = f"half of the time of {old[0].symbol} is over: without it {found.draft.reason}"
    return replace(found, draft=replace(found.draft, reason=why))


def _kept(demand: Demand, lot: Hedge, code: str, why: str) -> Refusal:
    return refuse(demand, f"hedge {lot.key}", code, f"it is old and not replaced now: {why}")


def _without(old: Sequence[Hedge], request: PlanRequest) -> PlanRequest:
    """Return the account as if old options were gone."""
    coins: dict[str, float] = {}
    for lot in old:
        held = request.snapshot.option(lot.key)
        assert held is not None, "an option that is not shown is not old"
        coins[lot.key] = coins.get(lot.key, 0.0) + float(lot.contracts * held.market.contract_size)
    left = [_less(one, coins.get(one.key, 0.0)) for one in request.portfolio.options]
    return replace(
        request,
        demands=(),
        hedges=tuple(lot for lot in request.hedges if lot not in old),
        portfolio=replace(request.portfolio, options=tuple(one for one in left if one.coins > 0.0)),
    )


def _less(one: OptionHolding, coins: float) -> OptionHolding:
    return replace(one, coins=max(one.coins - coins, 0.0)) if coins else one


def _demand(watch: Watch, value: float, lot: Hedge, request: PlanRequest) -> Demand:
    """Ask for what the limit would ask for."""
    return Demand(
        rule=watch.rule,
        episode=lot.episode,
        target=watch.target,
        metric=watch.metric,
        sense=watch.sense,
        value=value,
        limit=watch.limit,
        goal=watch.goal,
        severity=Severity.INFO,
        permits=(Action.HEDGE,),
        trim=TrimTerms(),
        scenarios=watch.scenarios,
        drawdown_budget=0.0,
        acting_since=request.at,
        hedge=request.hedging[watch.rule],
    )


def _offer(
    demand: Demand, bare: PlanRequest, known: Known, request: PlanRequest
) -> Offer | tuple[Refusal, ...]:
    desk = Desk(bare, known, Allowance(request.caps, request.usage))
    ways: list[Way] = []
    refusals: list[Refusal] = []
    for way in option_ways(demand, desk):
        found = _bounded(way, request) if isinstance(way, Way) else way
        if isinstance(found, Way):
            ways.append(found)
        else:
            refusals.append(found)
    offer = best_option(ways, desk)
    return offer if isinstance(offer, Offer) else (*refusals, *offer)


def _bounded(way: Way, request: PlanRequest) -> Way | Refusal:
    """Bound what is bought by what the old option leaves: until that is sold, both together may not come to
    more than the position, as they move now."""
    case, most = way.case, {}
    holding = case.holding
    left = min(holding.beta * holding.notional - hedged(holding.key, request), abs(request.net_exposure))
    for candidate in way.candidates:
        fit, market = candidate.fit, candidate.fit.market
        delta = black76.delta(market.right, fit.forward, float(market.strike), fit.years, fit.vol)
        coins = left / (holding.beta * fit.forward * max(abs(delta), LEAST_DELTA))
        contracts = round_down(Decimal(repr(coins)) / market.contract_size, market.amount_step)
        if contracts >= market.amount_min:
            most[market.symbol] = float(contracts * market.contract_size)
    kept = tuple(one for one in way.candidates if one.fit.market.symbol in most)
    if kept:
        return replace(way, candidates=kept, most=most)
    reason = f"with the old one it would come to more than {case.parent.key}: the old one is kept"
    return refuse(case.demand, f"option for {case.parent.key}", "hedge_waits", reason)
