"""`plan_with_hedges`: the plan of trims, with hedges opened where they cost less, and unwound.

In one cycle hedges are unwound first, then positions are trimmed; a hedge is opened only where neither
happens, and at most one: everything else is seen first. So no order of a cycle rests on what another one of
it may have done.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    Action,
    Demand,
    HedgeLink,
    OrderRequest,
    OrderSide,
    Plan,
    Refusal,
    Side,
    Step,
    StepKind,
    position_key,
)
from bot.planning.caps import Allowance, Draft, apply, notional_of
from bot.planning.check import Meter
from bot.planning.costs import dearer
from bot.planning.drafting import is_trading, refuse
from bot.planning.hedging import offer_of
from bot.planning.linked import must_stay
from bot.planning.numbering import Numbering, numbering_after
from bot.planning.offers import Desk, Offer
from bot.planning.options.offering import option_offer
from bot.planning.planner import plan
from bot.planning.programme.hedges import worthwhile
from bot.planning.recomputation import state_before
from bot.planning.request import PlanRequest, stale_reason
from bot.planning.unwinding import Off, drafted, forced, restored, with_trims


class _Choice(Struct, frozen=True):
    """Which demands trims answer, and the hedge that answers one of the others."""

    trimmed: tuple[Demand, ...]
    offer: Offer | None
    refusals: tuple[Refusal, ...]


def plan_with_hedges(request: PlanRequest) -> Plan:
    """Decide what should be done now, as `plan` does, hedges included."""
    if not request.hedges and not any(demand.hedge for demand in request.demands):
        return plan(request)
    if stale_reason(request) is not None:
        return plan(request)
    meter, allowance = Meter(request), Allowance(request.caps, request.usage)
    before = state_before(request)
    choice = _choose(request, Desk(request, before, meter, allowance))
    made, wanted = _trims(replace(request, demands=choice.trimmed))
    taken = _taken(made.steps)
    offs = {**with_trims(wanted, request), **forced(request)}
    if not taken and not offs:
        offs = restored(request, before, meter)
    unwound, refusals = _unwound(offs, request, made, allowance, wanted)
    told = [*made.refusals, *choice.refusals, *refusals]
    opened: tuple[Step, ...] = ()
    proofs = made.proofs
    if choice.offer is not None and (taken or unwound):
        reason = "trims and unwinding go first: a hedge waits until fresh data show them"
        told.append(refuse(choice.offer.demand, _item(choice.offer), "hedge_waits", reason))
    elif choice.offer is not None:
        opened = (_hedge_step(choice.offer, numbering_after(request, made.steps)),)
        told += choice.offer.refusals
        proofs = (*proofs, choice.offer.proof)
    steps = (*unwound, *made.steps, *opened)
    return replace(made, steps=steps, refusals=tuple(dict.fromkeys(told)), proofs=proofs)


def _trims(request: PlanRequest) -> tuple[Plan, dict[str, Decimal]]:
    """Plan the trims, and say what would be trimmed if no hedge were in the way.

    Hedges go for the whole of that, so that the rest of a trim that they bound can follow in the next cycle.
    """
    whole = plan(replace(request, unbound=True))
    wanted = _taken(whole.steps)
    for key, contracts in wanted.items():
        position = request.snapshot.position(key)
        if position is not None and contracts > position.contracts - must_stay(position, request):
            return plan(request), wanted
    return whole, wanted


def _choose(request: PlanRequest, desk: Desk) -> _Choice:
    """Choose for each demand what costs less; the first hedge is opened, others wait for the next cycle.

    A hedge is taken where it reaches the goal and trims do not, or do at a higher cost; where neither does,
    trims are, since they lower what margin must carry, too.
    """
    trimmed: list[Demand] = []
    refusals: list[Refusal] = []
    first: Offer | None = None
    offers = [best_offer(demand, desk) if demand.hedge is not None else () for demand in request.demands]
    used = _worthwhile(request, offers)
    for demand, offer in zip(request.demands, offers, strict=True):
        trades = is_trading(demand)
        if not isinstance(offer, Offer):
            refusals += () if trades else offer
            trimmed.append(demand)
        elif trades and not _is_better(offer, demand, request, used):
            trimmed.append(demand)
        elif first is None:
            first = offer
            if Action.CANCEL_ORDERS in demand.permits:
                trimmed.append(replace(demand, permits=(Action.CANCEL_ORDERS,)))
        else:
            reason = "one hedge is opened in a cycle: the next follows on fresh data"
            refusals.append(refuse(demand, _item(offer), "hedge_waits", reason))
    return _Choice(tuple(trimmed), first, tuple(refusals))


def best_offer(demand: Demand, desk: Desk) -> Offer | tuple[Refusal, ...]:
    """Return the hedge that answers a demand: one that reaches its goal, the cheaper of a perpetual and an
    option; or why there is none."""
    terms = demand.hedge
    assert terms is not None
    made = [offer_of(demand, desk)] if terms.perp else []
    if terms.put or terms.call:
        made.append(option_offer(demand, desk))
    offers = [one for one in made if isinstance(one, Offer)]
    if not offers:
        return tuple(refusal for one in made if not isinstance(one, Offer) for refusal in one)
    return min(offers, key=lambda one: (not one.proof.met, one.cost))


def _worthwhile(request: PlanRequest, offers: Sequence[Offer | tuple[Refusal, ...]]) -> frozenset[str] | None:
    """Return the hedges of the cheapest plan of all demands; None where each demand is asked for itself.

    That is so where there is but one demand, where an option is the best hedge of one, or where the programme
    cannot tell.
    """
    openings = [offer.opening for offer in offers if isinstance(offer, Offer)]
    known = {one.seat.one.key: one for one in openings if one is not None}
    if not openings or None in openings or len(request.demands) < 2:
        return None
    return worthwhile(request, request.demands, known)


def _is_better(offer: Offer, demand: Demand, request: PlanRequest, used: frozenset[str] | None) -> bool:
    """Whether a hedge answers a demand at less cost than trims; trims win where both cost the same.

    `used` are the hedges that the cheapest plan of all demands opens, where that is known.
    """
    if used is not None and offer.opening is not None and offer.proof.met:
        return offer.opening.seat.one.key in used
    alone = plan(replace(request, demands=(demand,)))
    steps = [step for step in alone.steps if isinstance(step.request, OrderRequest)]
    met = bool(steps) and all(proof.met for proof in alone.proofs)
    if not offer.proof.met:
        return not steps
    return not met or offer.cost < sum(step.cost + dearer(step, demand) for step in steps)


def _item(offer: Offer) -> str:
    return f"hedge of {offer.link.parent}"


def _taken(steps: Sequence[Step]) -> dict[str, Decimal]:
    return {
        position_key(step.request.symbol, step.request.position_side): step.request.contracts
        for step in steps
        if isinstance(step.request, OrderRequest)
    }


def _unwound(
    offs: dict[str, Off],
    request: PlanRequest,
    made: Plan,
    allowance: Allowance,
    going: Mapping[str, Decimal],
) -> tuple[tuple[Step, ...], list[Refusal]]:
    refusals: list[Refusal] = []
    drafts: list[tuple[Off, Draft]] = []
    for _, off in sorted(offs.items()):
        draft = drafted(off, request)
        if isinstance(draft, Refusal):
            refusals.append(draft)
        else:
            drafts.append((off, draft))
    capped = apply([draft for _, draft in drafts], allowance, request.order_terms)
    refusals += capped.refusals
    numbering = numbering_after(request, made.steps)
    lots = {draft.key: off for off, draft in drafts}
    steps = tuple(_unwind_step(lots[draft.key], draft, request, numbering, going) for draft in capped.drafts)
    return steps, refusals


def _unwind_step(
    off: Off, draft: Draft, request: PlanRequest, numbering: Numbering, going: Mapping[str, Decimal]
) -> Step:
    """Make the step; `going` is what of parents is to be trimmed, by their keys."""
    lot, number = off.lot, numbering.next(draft.episode)
    parent = request.snapshot.position(lot.parent)
    link = HedgeLink(
        parent=lot.parent,
        parent_contracts=parent.contracts - going.get(lot.parent, Decimal(0)) if parent else Decimal(0),
        held=draft.position.contracts,
        stop=lot.stop,
    )
    asked = OrderRequest(
        client_order_id=numbering.identity(draft.rule, draft.target, draft.episode, number),
        symbol=lot.symbol,
        side=OrderSide.SELL if lot.side is Side.LONG else OrderSide.BUY,
        position_side=lot.side,
        position_index=draft.position.position_index,
        contracts=draft.contracts,
        style=draft.quote.style,
        price=draft.quote.price,
        whole=draft.whole,
    )
    return _step(StepKind.UNWIND, draft, number, asked, link)


def _hedge_step(offer: Offer, numbering: Numbering) -> Step:
    draft, symbol = offer.draft, offer.draft.position.symbol
    number = numbering.next(draft.episode)
    asked = OrderRequest(
        client_order_id=numbering.identity(draft.rule, draft.target, draft.episode, number, opens=True),
        symbol=symbol,
        side=OrderSide.BUY if offer.side is Side.LONG else OrderSide.SELL,
        position_side=offer.side,
        position_index=draft.position.position_index,
        contracts=draft.contracts,
        style=draft.quote.style,
        price=draft.quote.price,
        opens=True,
    )
    words = f"hedge {offer.link.parent.replace('#', ' ')} with {symbol}, about {offer.cost:.2f} USD"
    told = replace(draft, reason=f"{draft.reason}: {words} over its horizon")
    return replace(_step(StepKind.HEDGE, told, number, asked, offer.link), cost=offer.cost)


def _step(kind: StepKind, draft: Draft, number: int, asked: OrderRequest, link: HedgeLink) -> Step:
    notional = float(notional_of(draft, draft.contracts))
    return Step(
        kind=kind,
        rule=draft.rule,
        episode=draft.episode,
        number=number,
        request=asked,
        notional=notional,
        cost=notional * draft.trade_cost,
        reason=f"{draft.reason}, at worst at {draft.quote.worst:f}{draft.quote.note}",
        hedge=link,
    )
