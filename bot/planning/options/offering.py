"""Offers: how a demand could be answered by an option that is bought, checked and priced, or why not."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import inf

from msgspec import Struct

from bot.model import (
    Demand,
    HedgeLink,
    HedgeTerms,
    MarginMode,
    OptionTerms,
    Position,
    Refusal,
    Right,
    Side,
    Style,
    Unknown,
    position_key,
)
from bot.planning.aftermath import with_paper
from bot.planning.caps import Draft, apply
from bot.planning.check import is_nearer, prove
from bot.planning.demands import refuse, tightened
from bot.planning.effort import Effort
from bot.planning.hedge_seats import NoHedge
from bot.planning.linked import NOT_TOLD, ZERO, hedged
from bot.planning.offers import PLAIN, Desk, Offer, harm
from bot.planning.options.ranking import Candidate, gain_of, ranked
from bot.planning.options.screening import Fit, Wanted
from bot.planning.options.sizing import Bounds, needed, sized
from bot.planning.pricing import Quote
from bot.planning.recomputation import Paper, State
from bot.planning.request import PlanRequest, watch_of
from bot.planning.sizing import CannotHelp, faces
from bot.planning.spread import missing
from bot.risk.definitions import OPTIONS_HELP
from bot.risk.figures import as_float
from bot.risk.portfolio import Holding

DAY = 86_400.0


class Case(Struct, frozen=True):
    """One parent on its way to an offer."""

    demand: Demand
    terms: HedgeTerms
    own: OptionTerms
    parent: Position
    holding: Holding
    moves: tuple[float, ...]
    """How its base moves in each scenario."""
    before: State


class Way(Struct, frozen=True):
    """A parent, and the contracts that may be bought for it, the best ranked first."""

    case: Case
    candidates: tuple[Candidate, ...]
    most: Mapping[str, float] = {}
    """Coins of a contract that may be bought at the most, by its symbol, where something bounds them."""


def best_option(ways: Sequence[Way], desk: Desk) -> Offer | tuple[Refusal, ...]:
    """Return the option that would answer a demand, or why none of its ways does."""
    refusals: list[Refusal] = []
    for way in ways:
        found = _offer(way, desk)
        if isinstance(found, Offer):
            return found
        refusals.append(_refused(way.case, found))
    return tuple(refusals)


def option_ways(demand: Demand, desk: Desk) -> Iterator[Way | Refusal]:
    """Yield each parent with what may be bought for it, or why nothing may."""
    item, request = demand.target.text, desk.request
    terms = demand.hedge or HedgeTerms()
    if demand.metric not in OPTIONS_HELP:
        yield refuse(demand, item, "hedge_cannot_help", f"an option does not bring {demand.metric} back")
        return
    unread = request.snapshot.options_unread or ("" if request.snapshot.options_read else "not asked for yet")
    if unread:
        yield refuse(demand, item, "unknown_figure", f"options of the account are not known: {unread}")
        return
    if isinstance(desk.before, Unknown):
        reason = f"the account cannot be recomputed: {desk.before.reason}"
        yield refuse(demand, item, "unknown_figure", reason)
        return
    known = False
    moves = [desk.moves(one) for one in demand.scenarios]
    gaps = _gaps(demand, 0.0, desk)
    for parent, holding in desk.parents:
        own = terms.options(Right.PUT if parent.side is Side.LONG else Right.CALL)
        if own is None:
            continue
        known = True
        moved = tuple(one[holding.key] for one in moves)
        case = Case(demand, terms, own, parent, holding, moved, desk.before)
        found = _way(case, gaps, desk)
        yield _refused(case, found) if isinstance(found, NoHedge) else found
    if not known:
        reason = "no position in cross margin that the rule's options protect adds to the net exposure"
        yield refuse(demand, item, "no_parent", reason)


def _refused(case: Case, why: NoHedge) -> Refusal:
    return refuse(case.demand, f"option for {case.parent.key}", why.code, why.reason)


def _way(case: Case, gaps: list[float] | NoHedge, desk: Desk) -> Way | NoHedge:
    """Return the contracts that may be bought for a parent, or why none may."""
    waits = _waits(case, desk.request)
    if waits is not None:
        return waits
    if isinstance(gaps, NoHedge):
        return gaps
    if max(gaps) <= 0.0:
        return NoHedge("goal_met", f"{case.demand.metric} is at its goal: nothing is missing")
    worst = max(range(len(gaps)), key=gaps.__getitem__)
    kind = (case.parent.key, case.own, case.moves[worst], case.terms.horizon_seconds)
    found = desk.ranked.get(kind)
    if found is None:
        found = desk.ranked[kind] = _candidates(case, case.moves[worst], desk)
    return found if isinstance(found, NoHedge) else Way(case, found)


def _offer(way: Way, desk: Desk) -> Offer | NoHedge:
    """Offer the cheapest contract that reaches the goal, else the one that comes nearest to it."""
    nearer: list[tuple[float, Offer]] = []
    refused: list[NoHedge] = []
    for candidate in way.candidates:
        found = offer_with(way.case, candidate, desk, way.most.get(candidate.fit.market.symbol, inf))
        if isinstance(found, NoHedge):
            refused.append(found)
            continue
        if found.proof.met:
            return found
        assert not isinstance(found.proof.after, Unknown)
        nearer.append((found.proof.after, found))
    return min(nearer, key=lambda one: one[0])[1] if nearer else refused[0]


def _waits(case: Case, request: PlanRequest) -> NoHedge | None:
    """Say why nothing may be bought for a parent at the moment; None where it may."""
    key, rule = case.parent.key, case.demand.rule
    for lot in request.hedges:
        if (lot.parent, lot.rule) == (key, rule) and lot.is_option and lot.lost_at is not None:
            when = f"{lot.lost_at:%H:%M:%S} UTC"
            reason = f"others closed an option of {key} at {when}: none is bought again for an hour"
            return NoHedge("hedge_lost", reason)
        if lot.parent == key and lot.pending:
            reason = f"an order to open {lot.key} has not ended: nothing is bought beside it"
            return NoHedge("unknown_outcome", reason)
    return None


def _gaps(demand: Demand, tightness: float, desk: Desk) -> list[float] | NoHedge:
    """Return what each scenario's loss is above the goal, in USD."""
    known = desk.gaps.get((id(demand), tightness))
    if known is None:
        found = faces(tightened(watch_of(demand), tightness), desk.book)
        if isinstance(found, CannotHelp):
            known = NoHedge(found.code, found.reason)
        else:
            known = [missing(face, desk.book) for face in found]
        desk.gaps[id(demand), tightness] = known
    return known


def _candidates(case: Case, move: float, desk: Desk) -> tuple[Candidate, ...] | NoHedge:
    base, request = case.holding.base, desk.request
    chain = request.chains.get(base)
    if chain is None:
        return NoHedge("no_option", f"no options of {base} have been read")
    market = request.snapshot.markets[case.parent.symbol]
    right = Right.PUT if case.parent.side is Side.LONG else Right.CALL
    at = request.snapshot.venue_time(request.at)
    screened = desk.screens.of(chain, Wanted(right, base, market.settle, case.own, at))
    aside = dict(screened.aside)
    usable: list[Fit] = []
    for fit in screened.fits:
        trouble = _trouble(fit, request)
        if trouble:
            aside[fit.market.symbol] = trouble
        else:
            usable.append(fit)
    found = ranked(usable, move, case.terms.horizon_seconds / DAY)
    if found:
        return found
    if usable:
        return NoHedge("hedge_cannot_help", f"no {right.value} of {base} gains more than it costs there")
    kind = f"{right.value} of {base} that is settled in {market.settle}"
    if not aside:
        return NoHedge("no_option", f"no {kind} is in question")
    symbol, why = next(iter(sorted(aside.items())))
    return NoHedge("no_option", f"no {kind} will do: {symbol}: {why} ({len(aside)} were set aside)")


def _trouble(fit: Fit, request: PlanRequest) -> str:
    """Say why a contract may not be bought now, although it would do; '' where it may."""
    symbol, at = fit.market.symbol, request.at
    if symbol in request.blocked_symbols:
        return "an order for it has not ended"
    for one in request.refused:
        if one.item == symbol and at < one.until:
            return one.words
    key = position_key(symbol, Side.LONG)
    there = request.snapshot.position(key)
    if request.snapshot.position(position_key(symbol, Side.SHORT)) is not None:
        return "its owner has sold it"
    if not request.hedges and there is None:
        return ""
    own = sum((lot.contracts for lot in request.hedges if lot.key == key), ZERO)
    return "" if own == (there.contracts if there else ZERO) else "its owner holds it"


def offer_with(case: Case, candidate: Candidate, desk: Desk, most: float = inf) -> Offer | NoHedge:
    """Size for the goal, and where the check says that it is missed, for a tighter one, a few times.

    No more than `most` coins, rounded up to the market's step.
    """
    bought, effort = ZERO, Effort()
    gains = [gain_of(candidate.fit, move) for move in case.moves]
    while True:
        draft = _draft(case, candidate, gains, effort.tightness, desk, most)
        found = draft if isinstance(draft, NoHedge) else _checked(case, candidate, draft, desk)
        further = effort.again()
        if isinstance(found, NoHedge) or found.proof.met or further is None:
            return found
        if found.draft.contracts == bought:
            return found
        bought, effort = found.draft.contracts, further


def _draft(
    case: Case, candidate: Candidate, gains: Sequence[float], tightness: float, desk: Desk, most: float
) -> Draft | NoHedge:
    fit, request, demand = candidate.fit, desk.request, case.demand
    gaps = _gaps(demand, tightness, desk)
    assert not isinstance(gaps, NoHedge)
    coins = needed(zip(gaps, gains, strict=True), fit.cost)
    if isinstance(coins, CannotHelp):
        return NoHedge(coins.code, coins.reason)
    size = sized(min(coins, most), fit, bounds_of(case, fit, request))
    if isinstance(size, CannotHelp):
        return NoHedge(size.code, size.reason)
    held = fit.market.market
    mark = Decimal(repr(fit.worth))
    draft = Draft(
        rule=demand.rule,
        episode=demand.episode,
        target=demand.target.text,
        position=_mirrored(fit, size.contracts, mark, request),
        market=held,
        quote=Quote(Style.IOC, fit.price, mark, fit.price, ZERO),
        contracts=size.contracts,
        trade_cost=fit.cost / fit.worth,
        lifeline=False,
        reason=f"{demand.metric} is {demand.value:.6g}, limit {demand.limit:.6g}, goal {demand.goal:.6g}",
    )
    capped = apply((draft,), desk.allowance.copy(), PLAIN)
    if not capped.drafts:
        return NoHedge(capped.refusals[0].code, capped.refusals[0].reason)
    return capped.drafts[0]


def bounds_of(case: Case, fit: Fit, request: PlanRequest) -> Bounds:
    """Return what of its parent no hedge stands against, however far the price goes, and what of the premium
    is left: by the rule, and of the free margin that pays it."""
    holding = case.holding
    free = min(
        holding.beta * holding.notional - hedged(holding.key, request, full=True), abs(request.net_exposure)
    )
    spent = 0.0
    for lot in request.hedges:
        held = request.snapshot.option(lot.key)
        if lot.rule == case.demand.rule and held is not None:
            paid = held.position.entry_price
            price = float(paid) if isinstance(paid, Decimal) else fit.premium
            spent += float(lot.contracts * held.market.contract_size) * price
    equity = request.portfolio.equity
    most = 0.0 if isinstance(equity, Unknown) else case.own.max_premium * equity
    coins, purse = free / (holding.beta * fit.forward), request.snapshot.balance.available
    if isinstance(purse, Decimal) and as_float(purse) < most - spent:
        return Bounds(coins, as_float(purse), "the free margin")
    return Bounds(coins, most - spent)


def _mirrored(fit: Fit, contracts: Decimal, mark: Decimal, request: PlanRequest) -> Position:
    """Return the position whose reduction would be priced like the purchase."""
    return Position(
        symbol=fit.market.symbol,
        side=Side.SHORT,
        contracts=contracts,
        contract_size=fit.market.contract_size,
        entry_price=mark,
        mark_price=mark,
        margin_mode=MarginMode.CROSS,
        leverage=NOT_TOLD,
        position_index=0,
        isolated_margin=None,
        unrealised_pnl=ZERO,
        maintenance_margin=NOT_TOLD,
        liquidation_price=NOT_TOLD,
        stop_price=None,
        updated_at=request.at,
    )


def _checked(case: Case, candidate: Candidate, draft: Draft, desk: Desk) -> Offer | NoHedge:
    """Recompute the account with the option: the limit comes nearer, none is made worse beyond its target."""
    fit, demand, before = candidate.fit, case.demand, case.before

    def opened() -> State:
        return with_paper(before, _paper(case, fit, draft.contracts), as_float(fit.price), fit.fee)

    bought = (fit.market.symbol, case.parent.symbol, draft.contracts)
    examination = desk.examine(before, bought, opened)
    proof = prove(watch_of(demand), desk.meter, examination)
    useless = f"an option would not bring {demand.metric} nearer to its goal"
    worse = harm(examination, desk) if is_nearer(proof) else useless
    if worse:
        return NoHedge("check_failed", worse)
    key = position_key(fit.market.symbol, Side.LONG)
    there = desk.request.snapshot.position(key)
    link = HedgeLink(
        parent=case.parent.key,
        parent_contracts=case.parent.contracts,
        held=there.contracts if there else ZERO,
        stop=case.terms.stop,
    )
    coins = float(draft.contracts * fit.market.contract_size)
    cost, takes = coins * candidate.carrying, coins * fit.premium
    return Offer(demand, Side.LONG, draft, link, proof, cost, takes=takes)


def _paper(case: Case, fit: Fit, contracts: Decimal) -> Paper:
    return Paper(
        key=position_key(fit.market.symbol, Side.LONG),
        base=fit.market.base,
        coins=float(contracts * fit.market.contract_size),
        put=fit.market.right is Right.PUT,
        strike=as_float(fit.market.strike),
        spread=fit.vol * fit.years**0.5,
        forward=fit.forward,
        worth=fit.worth,
        beta=case.holding.beta,
        residual=case.holding.residual,
    )
