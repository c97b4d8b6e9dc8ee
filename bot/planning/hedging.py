"""Offers: how a demand could be answered by a hedge with a perpetual, checked and priced, or why not."""

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    Demand,
    HedgeLink,
    HedgeTerms,
    OrderPolicy,
    Position,
    Refusal,
    Side,
    TrimTerms,
    Unknown,
)
from bot.planning.aftermath import Addition, with_addition
from bot.planning.book import Leg, Priced, price_leg
from bot.planning.caps import Capped, Draft, apply
from bot.planning.check import is_nearer, prove
from bot.planning.costs import DEAREST_FUNDING, FUNDING_SECONDS, funding_of
from bot.planning.demands import refuse
from bot.planning.effort import Effort
from bot.planning.hedge_seats import USABLE, NoHedge, Seat, leverage_of, room_for, seat_of
from bot.planning.nature import Nature, nature_of
from bot.planning.offers import PLAIN, Desk, Offer, Opening, harm
from bot.planning.pricing import NoQuote, is_apart
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest, watch_of
from bot.planning.rounding import round_down, smallest
from bot.planning.sizing import CannotHelp
from bot.risk.definitions import HEDGEABLE
from bot.risk.portfolio import Holding

TRIFLE = 0.01
"""Share of the parent: where a bound leaves less than that of what is needed, nothing is opened."""


class _Case(Struct, frozen=True):
    """One parent on its way to an offer."""

    demand: Demand
    terms: HedgeTerms
    opening: Opening
    before: State

    @property
    def seat(self) -> Seat:
        return self.opening.seat

    @property
    def priced(self) -> Priced:
        return self.opening.priced


def openings(demand: Demand, desk: Desk) -> Iterator[Opening | Refusal]:
    """Yield the perpetuals that may be opened for a demand, priced, that with most exposure left to hedge
    first; or why none may. Whether one passes the check `offer_at` says."""
    terms, item = demand.hedge, demand.target.text
    if terms is None or demand.metric not in HEDGEABLE:
        reason = f"a hedge does not bring {demand.metric} back"
        yield refuse(demand, item, "hedge_cannot_help", reason)
        return
    if isinstance(desk.before, Unknown):
        reason = f"the account cannot be recomputed: {desk.before.reason}"
        yield refuse(demand, item, "unknown_figure", reason)
        return
    known = False
    for parent, holding in desk.parents:
        known = True
        found = _opening(demand, terms, parent, holding, desk)
        yield _refused(demand, parent, found) if isinstance(found, NoHedge) else found
    if not known:
        reason = "no position in cross margin adds to the account's net exposure: there is nothing to hedge"
        yield refuse(demand, item, "no_parent", reason)


def _opening(
    demand: Demand, terms: HedgeTerms, parent: Position, holding: Holding, desk: Desk
) -> Opening | NoHedge:
    """Return what may be opened against a parent: the same for all demands whose terms are."""
    request = desk.request
    place = (parent.key, demand.rule if request.hedges else "", terms.symbol)
    seat = desk.seats.get(place)
    if seat is None:
        seat = desk.seats[place] = seat_of(demand, terms, parent, holding, request)
    if isinstance(seat, NoHedge):
        return seat
    patient = TrimTerms(max_slippage=terms.max_slippage, order=OrderPolicy.IOC)
    nature, mark = nature_of(demand.metric), request.snapshot.marks.get(seat.symbol)
    if nature is not Nature.EXPOSURE or mark is None or not is_apart(mark):
        nature = Nature.OTHER  # they are priced alike
    kind = (*place, terms.max_share, terms.max_slippage, terms.horizon_seconds, nature.value)
    found = desk.openings.get(kind)
    if found is None:
        priced = _priced(terms, patient, seat, nature, desk)
        found = (
            NoHedge(priced.code, priced.reason)
            if isinstance(priced, NoQuote)
            else Opening(seat, priced, carry(seat, terms, request))
        )
        desk.openings[kind] = found
    return found


def _refused(demand: Demand, parent: Position, why: NoHedge) -> Refusal:
    return refuse(demand, f"hedge of {parent.key}", why.code, why.reason)


def offer_of(demand: Demand, desk: Desk) -> Offer | tuple[Refusal, ...]:
    """Return the hedge that would answer a demand, or why there is none."""
    refusals: list[Refusal] = []
    for opening in openings(demand, desk):
        if isinstance(opening, Refusal):
            refusals.append(opening)
            continue
        found = offer_at(opening, demand, desk)
        if isinstance(found, Offer):
            return found
        refusals.append(_refused(demand, opening.seat.parent, found))
    return tuple(refusals)


def offer_at(opening: Opening, demand: Demand, desk: Desk) -> Offer | NoHedge:
    """Size for the goal, and where the check says that it is missed, for a tighter one, a few times."""
    case = _case(opening, demand, desk)
    effort: Effort | None = Effort()
    found: Offer | NoHedge = NoHedge("check_failed", "no size passes the check")
    while effort is not None:
        sized = _draft(case, effort.tightness, desk)
        found = sized if isinstance(sized, NoHedge) else _checked(case, sized, desk)
        if isinstance(found, NoHedge) or found.proof.met or found.draft.contracts >= opening.priced.room:
            return found
        effort = effort.again()
    return found


def _case(opening: Opening, demand: Demand, desk: Desk) -> _Case:
    terms, before = demand.hedge, desk.before
    assert terms is not None
    assert isinstance(before, State)
    return _Case(demand, terms, opening, before)


def resized(opening: Opening, demand: Demand, usd: float, desk: Desk) -> Offer | NoHedge:
    """Return a hedge with so many USD at the most, rounded up to the market's step, and checked."""
    seat, step = opening.seat, opening.seat.market.amount_step
    most = (Decimal(repr(usd / seat.unit.notional)) / step).to_integral_value(ROUND_CEILING) * step
    priced = replace(opening.priced, room=min(most, opening.priced.room))
    case = _case(replace(opening, priced=priced), demand, desk)
    sized = _draft(case, 0.0, desk)
    return sized if isinstance(sized, NoHedge) else _checked(case, sized, desk)


def _priced(
    terms: HedgeTerms, patient: TrimTerms, seat: Seat, nature: Nature, desk: Desk
) -> Priced | NoQuote:
    """Price it like a reduction of the other side, inside the rule's slippage, always as an IOC order.

    Its room is what may be opened, rounded toward zero.
    """
    usd = room_for(seat, terms, desk.request)
    most = round_down(Decimal(repr(usd / seat.unit.notional)), seat.market.amount_step)
    leg = Leg(seat.one.key, mirrored(seat, most), seat.market, seat.unit)
    return price_leg(leg, patient, desk.plain, 0.0, nature, whole=True)


def mirrored(seat: Seat, contracts: Decimal) -> Position:
    """Return the position whose reduction would be priced like opening the hedge."""
    other = Side.SHORT if seat.side is Side.LONG else Side.LONG
    return replace(seat.one, side=other, contracts=contracts)


def _draft(case: _Case, tightness: float, desk: Desk) -> Capped | NoHedge:
    """Size a hedge for one goal and apply the caps."""
    demand, seat, priced = case.demand, case.seat, case.priced
    step = seat.market.amount_step
    usd = desk.needed(demand, tightness, case.opening)
    if isinstance(usd, CannotHelp):
        return NoHedge(usd.code, usd.reason)
    if usd <= 0.0:
        return NoHedge("goal_met", f"{demand.metric} is at its goal: nothing is missing")
    wanted = (Decimal(repr(usd / seat.unit.notional)) / step).to_integral_value(ROUND_CEILING) * step
    least = smallest(seat.market, priced.quote.mark, PLAIN)
    amount = min(max(wanted, least), priced.room)
    if amount < least:
        words = f"{amount.normalize():f} {seat.symbol} is below the smallest order, {least.normalize():f}"
        return NoHedge("hedge_too_small", f"a hedge of {words}")
    if amount < wanted and float(amount) * seat.unit.notional < TRIFLE * seat.holding.notional:
        words = f"{amount.normalize():f} of {wanted.normalize():f} {seat.symbol} may be opened"
        return NoHedge("hedge_too_small", f"{words}, less than {TRIFLE:.0%} of {seat.parent.key}")
    draft = Draft(
        rule=demand.rule,
        episode=demand.episode,
        target=demand.target.text,
        position=mirrored(seat, amount),
        market=seat.market,
        quote=priced.quote,
        contracts=amount,
        trade_cost=priced.expected,
        lifeline=False,
        reason=f"{demand.metric} is {demand.value:.6g}, limit {demand.limit:.6g}, goal {demand.goal:.6g}",
    )
    capped = apply((draft,), desk.allowance.copy(), PLAIN)
    if not capped.drafts:
        return NoHedge(capped.refusals[0].code, capped.refusals[0].reason)
    return capped


def _checked(case: _Case, sized: Capped, desk: Desk) -> Offer | NoHedge:
    """Recompute the account with the hedge: the limit comes nearer, none is made worse beyond its target."""
    (draft,) = sized.drafts
    demand, seat, before = case.demand, case.seat, case.before
    worst = draft.quote.worst

    def opened() -> State:
        position = replace(seat.one, contracts=draft.contracts)
        return with_addition(before, desk.request, Addition(position, seat.unit, worst))

    examination = desk.examine(before, (seat.one.key, draft.contracts, worst), opened)
    proof = prove(watch_of(demand), desk.meter, examination)
    if not is_nearer(proof):
        return NoHedge("check_failed", f"a hedge would not bring {demand.metric} nearer to its goal")
    worse = harm(examination, desk)
    if worse:
        return NoHedge("check_failed", worse)
    notional = float(draft.contracts) * seat.unit.notional
    link = HedgeLink(seat.parent.key, seat.parent.contracts, seat.held, case.terms.stop)
    cost = notional * (2 * draft.trade_cost + case.opening.carried)
    leverage = leverage_of(seat.symbol, desk.request)
    takes = notional / (USABLE * float(leverage)) if leverage else 0.0
    return Offer(demand, seat.side, draft, link, proof, cost, sized.refusals, takes)


def carry(seat: Seat, terms: HedgeTerms, request: PlanRequest) -> float:
    """Return the funding that a USD of a hedge pays over its horizon at today's rate; earnings count as 0.

    Where the rate is not known the hedge is taken to pay the dearest: it stays on offer, and is never chosen
    for being free.
    """
    paid = funding_of(seat.symbol, seat.side.sign, terms.horizon_seconds, request)
    if isinstance(paid, Unknown):
        return DEAREST_FUNDING * terms.horizon_seconds / FUNDING_SECONDS
    return max(paid, 0.0)
