"""When hedges are made smaller, and by how much.

A hedge goes when its parent or its rule is gone; it shrinks with its parent, and whenever it would come to
more exposure than its parent has. It goes, too, when it is needed no more: when its rule's limit would be at
its goal without it, or its rule's condition is false. That is how `unwind: restore` is meant. The limit
itself comes back the moment the hedge is opened, so its episode ends then; the hedge stays until the account
is as safe without it. The hours of a rule do not matter for that: they say when it may begin something.
"""

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Hedge, OrderPolicy, Refusal, TrimTerms, Unknown
from bot.planning.book import Leg, price_leg
from bot.planning.caps import Draft
from bot.planning.check import Meter, examine, is_inside, worsened
from bot.planning.linked import TERMS, ZERO, hedged, removed, taken_off
from bot.planning.nature import Nature
from bot.planning.options.held import by_age, option_draft
from bot.planning.pricing import NoQuote
from bot.planning.recomputation import State
from bot.planning.removing import removal_of
from bot.planning.request import PlanRequest


class Off(Struct, frozen=True):
    """What must go of one hedge."""

    lot: Hedge
    contracts: Decimal
    why: str
    urgent: bool = False
    """Whether it goes at market, within the account's largest slippage: nothing stands against it any
    more."""


def forced(request: PlanRequest) -> dict[str, Off]:
    """Return what must go whatever the limits say, by the hedge's position key: one order each."""
    found: dict[str, Off] = {}
    for lot in request.hedges:
        off = _forced(lot, request) if lot.contracts else None
        if off is not None and off.contracts > 0:
            before = found.get(lot.key)
            if before is None or off.urgent > before.urgent:
                found[lot.key] = off
    return found


def _forced(lot: Hedge, request: PlanRequest) -> Off | None:
    parent = request.snapshot.position(lot.parent)
    name = lot.parent.replace("#", " ")
    if parent is None:
        return Off(lot, lot.contracts, f"its parent {name} is gone", urgent=True)
    if lot.rule not in request.hedging:
        return Off(lot, lot.contracts, f"the rule {lot.rule!r} is gone, or hedges no more")
    if not parent.contracts.is_finite():
        return None
    more = lot.contracts - parent.contracts * lot.ratio
    holding = request.portfolio.holding(lot.parent)
    against = hedged(lot.parent, request)
    own = 0.0 if holding is None else max(holding.beta, 0.0) * holding.notional
    if holding is not None and against > own:
        more = max(more, lot.contracts * Decimal(repr(1.0 - own / against)))
    return Off(lot, taken_off(lot, more, request), f"its parent {name} holds less by now")


def with_trims(taken: dict[str, Decimal], request: PlanRequest) -> dict[str, Off]:
    """Return what goes with the trims of a plan: contracts by the parent's key."""
    return {
        key: Off(lot, contracts, f"its parent {lot.parent.replace('#', ' ')} is trimmed")
        for key, (lot, contracts) in removed(taken, request).items()
    }


def restored(request: PlanRequest, before: State | Unknown, meter: Meter) -> dict[str, Off]:
    """Return what of the first hedge is needed no more, old options before others: without it its limit would
    stay at its goal, or does not count, since the rule's condition is false.

    The whole of it, or else as many quarters as may go. Nothing may while its rule acts, while a price is not
    believed, or where another limit would be made worse.
    """
    if request.doubted or isinstance(before, Unknown):
        return {}
    acting = {demand.rule for demand in request.demands}
    for lot in by_age(request):
        if not lot.contracts or lot.pending or lot.rule in acting:
            continue
        for quarters in (4, 3, 2, 1):
            contracts = taken_off(lot, lot.contracts * quarters / 4, request)
            off = Off(lot, contracts, _needless(lot, request))
            if contracts and _is_idle(off, request, before, meter):
                return {lot.key: off}
    return {}


def _needless(lot: Hedge, request: PlanRequest) -> str:
    if lot.rule in request.lifted:
        return f"the condition of {lot.rule!r} is false"
    return "so much of it is needed no more"


def _is_idle(off: Off, request: PlanRequest, before: State, meter: Meter) -> bool:
    lot = off.lot
    draft = drafted(off, request)
    own = [watch for watch in (*request.watches, *request.asleep) if watch.rule == lot.rule]
    if isinstance(draft, Refusal) or not (own or lot.rule in request.lifted):
        return False
    examination = examine(request, before, {lot.key: removal_of(draft)})
    for watch in own:
        after = meter.read(watch, examination.worst)
        if isinstance(after, Unknown) or not is_inside(after, watch.goal, watch.sense):
            return False
    return worsened(request.watches, meter, examination) is None


def drafted(off: Off, request: PlanRequest) -> Draft | Refusal:
    """Price what goes of a hedge; a refusal says why it cannot go now."""
    lot = off.lot
    if lot.is_option:
        return option_draft(lot, off.contracts, off.why, request, urgent=off.urgent)
    position, holding = request.snapshot.position(lot.key), request.portfolio.holding(lot.key)
    market = request.snapshot.markets.get(lot.symbol)
    if position is None or market is None:
        return _refusal(lot, "position_gone", f"{lot.key} or its market is not shown")
    terms = TERMS
    if off.urgent:
        terms = TrimTerms(max_slippage=float(request.caps.max_slippage), order=OrderPolicy.MARKET)
    plain = replace(request, hedges=(), depths={})
    leg = Leg(lot.key, position, market, holding)
    priced = price_leg(leg, terms, plain, 0.0, Nature.OTHER, whole=True)
    if isinstance(priced, NoQuote):
        return _refusal(lot, priced.code, priced.reason)
    contracts = min(off.contracts, priced.room, position.contracts)
    if contracts <= ZERO:
        return _refusal(lot, "reduce_only_blocked", f"nothing of {lot.key} may go now")
    return Draft(
        rule=lot.rule,
        episode=lot.episode,
        target=f"hedge of {lot.parent}",
        position=position,
        market=market,
        quote=priced.quote,
        contracts=contracts,
        trade_cost=priced.expected,
        lifeline=off.urgent,
        reason=f"unwind the hedge of {lot.parent.replace('#', ' ')}: {off.why}",
    )


def _refusal(lot: Hedge, code: str, reason: str) -> Refusal:
    return Refusal(
        rule=lot.rule, item=f"hedge {lot.key}", code=code, reason=f"it is not unwound now: {reason}"
    )
