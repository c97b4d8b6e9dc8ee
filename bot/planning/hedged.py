"""`plan_with_hedges`: the plan of trims, with hedges opened where they cost less, and unwound.

In one cycle hedges are unwound first, then positions are trimmed; a hedge is opened only where neither
happens, and where the free margin carries it beside what is added to positions, and at most one: everything
else is seen first. So no order of a cycle rests on what another one of it may have done.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from bot.model import (
    HedgeLink,
    MarginRequest,
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
from bot.planning.choosing import Choice, choose_hedges, item_of
from bot.planning.demands import refuse
from bot.planning.known import Known, known_of
from bot.planning.linked import must_stay
from bot.planning.numbering import Numbering, numbering_after
from bot.planning.offers import Desk, Offer
from bot.planning.planner import plan
from bot.planning.request import PlanRequest, stale_reason
from bot.planning.unwinding import Off, drafted, forced, restored, with_trims


def plan_with_hedges(request: PlanRequest) -> Plan:
    """Decide what should be done now, as `plan` does, hedges included."""
    if not request.hedges and not any(demand.hedge for demand in request.demands):
        return plan(request)
    if stale_reason(request) is not None:
        return plan(request)
    known, allowance = known_of(request), Allowance(request.caps, request.usage)
    choice = choose_hedges(request, Desk(request, known, allowance))
    rest = request if choice.trimmed == request.demands else replace(request, demands=choice.trimmed)
    made, wanted = _trims(rest, known, choice)
    taken = _taken(made.steps)
    offs = {**with_trims(wanted, request), **forced(request)}
    if not taken and not offs:
        offs = restored(request, known.before, known.meter)
    unwound, refusals = _unwound(offs, request, made, allowance, wanted)
    told = [*made.refusals, *choice.refusals, *refusals]
    opened: tuple[Step, ...] = ()
    proofs = made.proofs
    if choice.offer is not None and (taken or unwound):
        reason = "trims and unwinding go first: a hedge waits until fresh data show them"
        told.append(refuse(choice.offer.demand, item_of(choice.offer), "hedge_waits", reason))
    elif choice.offer is not None and _is_spent(choice.offer, made, request):
        reason = "margin that is added goes first, and what is free is not enough for both"
        told.append(refuse(choice.offer.demand, item_of(choice.offer), "hedge_waits", reason))
    elif choice.offer is not None:
        opened = (hedge_step(choice.offer, numbering_after(request, made.steps)),)
        told += choice.offer.refusals
        proofs = (*proofs, choice.offer.proof)
        made = replace(made, reasoning=choice.chosen.reasoning if choice.chosen else made.reasoning)
    steps = (*unwound, *made.steps, *opened)
    return replace(made, steps=steps, refusals=tuple(dict.fromkeys(told)), proofs=proofs)


def _is_spent(offer: Offer, made: Plan, request: PlanRequest) -> bool:
    """Whether the margin that a plan adds leaves too little of what is free for a hedge."""
    moved = [step.request.amount for step in made.steps if isinstance(step.request, MarginRequest)]
    free = request.snapshot.balance.available
    return bool(moved) and isinstance(free, Decimal) and offer.takes > float(free - sum(moved))


def _trims(request: PlanRequest, known: Known, choice: Choice) -> tuple[Plan, dict[str, Decimal]]:
    """Plan the trims, and say what would be trimmed if no hedge were in the way.

    Hedges go for the whole of that, so that the rest of a trim that they bound can follow in the next cycle.
    Where none stands in the way a plan that was made to compare serves.
    """
    chosen = choice.chosen
    if not request.hedges:
        made = choice.made
        if made is None or chosen is not None:
            made = plan(request, known, chosen)
        return made, _taken(made.steps)
    whole = plan(replace(request, unbound=True), known, chosen)
    wanted = _taken(whole.steps)
    for key, contracts in wanted.items():
        position = request.snapshot.position(key)
        if position is not None and contracts > position.contracts - must_stay(position, request):
            return plan(request, known, chosen), wanted
    return whole, wanted


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
        parent_contracts=parent.contracts if parent else Decimal(0),
        held=draft.position.contracts,
        stop=lot.stop,
        parent_left=parent.contracts - going.get(lot.parent, Decimal(0)) if parent else None,
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


def hedge_step(offer: Offer, numbering: Numbering) -> Step:
    """Make the step that opens a hedge."""
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
