"""The guard's own passive orders: who waits for them, and when they are cancelled.

An order that rests blocks its symbol like any that has not ended, so there are never two for one amount. The
limits that it was sent for wait, all of what they asked for with them, until it ends or its time is up. Then,
and once a limit wants the position that does not wait, or none wants it any more, it is cancelled. What it
filled is known only from the venue, so nothing follows before the venue says that it has ended.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    Action,
    CancelRequest,
    Demand,
    Order,
    OrderPolicy,
    OrderSide,
    Plan,
    Refusal,
    Side,
    Step,
    StepKind,
    position_key,
)
from bot.planning.cancels import cancel_request
from bot.planning.demands import acting, is_trading, refuse
from bot.planning.identity import OPENING, is_own
from bot.planning.nature import Nature, nature_of
from bot.planning.numbering import numbering_after
from bot.planning.pricing import taking_seconds
from bot.planning.request import PlanRequest, stale_reason
from bot.planning.slicing import is_pressing


class Waiting(Struct, frozen=True):
    """What is planned beside passive orders."""

    demands: tuple[Demand, ...]
    """Those that do not wait, and of those that do, what trades nothing."""
    refusals: tuple[Refusal, ...]
    cancels: tuple[tuple[Order, Demand | None], ...]
    """Orders that go, each with the demand that wants its position now."""

    def beside(self, made: Plan, request: PlanRequest) -> Plan:
        """Put the cancels before the steps of a plan."""
        numbering = numbering_after(request, made.steps)
        steps: list[Step] = []
        cancelled = {one.request.order_id for one in made.steps if isinstance(one.request, CancelRequest)}
        for order, demand in self.cancels:
            if order.order_id in cancelled:
                continue
            if demand is None:
                at = request.at.isoformat()
                name, number = numbering.identity("", order.order_id, at, 0), 0
            else:
                number = numbering.next(demand.episode)
                name = numbering.identity(demand.rule, demand.target.text, demand.episode, number)
            rule, episode = ("", "") if demand is None else (demand.rule, demand.episode)
            why = "nothing asks for it any more" if demand is None else "what it is for does not wait longer"
            reason = f"the guard's own order of {order.remaining.normalize():f} contracts rests: {why}"
            asked = cancel_request(order, name, request.snapshot)
            steps.append(Step(StepKind.CANCEL, rule, episode, number, asked, 0.0, 0.0, reason))
        return replace(made, steps=(*steps, *made.steps), refusals=(*made.refusals, *self.refusals))


def own_resting(request: PlanRequest) -> tuple[Order, ...]:
    """Return the guard's own reduce-only orders that rest in the book, its stops aside."""
    return tuple(
        order
        for order in request.snapshot.orders
        if is_own(order.client_order_id, request.own_order_prefix)
        and order.reduce_only
        and not order.client_order_id.startswith(OPENING)
    )


def waiting(request: PlanRequest, demands: Sequence[Demand], asking: Sequence[Demand] = ()) -> Waiting:
    """Say which demands wait for passive orders, and which of those orders are cancelled.

    `asking` are demands that wait for their owner: what rests for them goes on resting.
    """
    if stale_reason(request) is not None:
        return Waiting(tuple(demands), (), ())
    orders = own_resting(request)
    resting = [demand for demand in demands if _rests(demand, request) or _ends(demand, orders, request)]
    urgent = acting([demand for demand in demands if demand not in resting])
    wait = {id(demand): why for demand in resting if (why := _why(demand, orders, urgent, request))}
    cancels: list[tuple[Order, Demand | None]] = []
    for order in orders:
        wanted = next((demand for demand in urgent if _covers(demand, order)), None)
        ends = next((one for one in resting if _covers(one, order) and not _rests(one, request)), None)
        kept = any(_rests(one, request) and _covers(one, order) for one in (*resting, *asking))
        if wanted is not None or ends is not None or not kept:
            cancels.append((order, wanted or ends))
    left = [_beside(one) if id(one) in wait else one for one in demands]
    refusals = [
        refuse(one, one.target.text, "passive_waits", wait[id(one)]) for one in demands if id(one) in wait
    ]
    return Waiting(tuple(one for one in left if one is not None), tuple(refusals), tuple(cancels))


def _beside(demand: Demand) -> Demand | None:
    """Return what of a demand goes on while its passive orders do not; None where that is nothing."""
    cancels = Action.CANCEL_ORDERS in demand.permits
    return replace(demand, permits=(Action.CANCEL_ORDERS,)) if cancels else None


def _why(demand: Demand, orders: Sequence[Order], urgent: Sequence[Demand], request: PlanRequest) -> str:
    """Say why a demand that would rest sends nothing now; '' where it may."""
    left = -_seconds(demand, request)
    if left <= 0:
        return "its passive order is cancelled first, and the rest taken once that has ended"
    if _has_order(demand, orders, request):
        return f"a passive order has not ended; it is cancelled in {left:.0f} s, and the rest taken"
    other = next((one for one in urgent if _meets(one, demand)), None)
    if other is None:
        return ""
    who = f"{other.rule} acts on its positions and does not wait"
    return f"{who}: a passive order waits, {left:.0f} s at most"


def _rests(demand: Demand, request: PlanRequest) -> bool:
    return is_trading(demand) and _seconds(demand, request) < 0


def _ends(demand: Demand, orders: Sequence[Order], request: PlanRequest) -> bool:
    """Whether the time of a demand's passive orders is up and some still rest: they go first.

    Only for a while: a cancel that the venue does not take must not hold the rest back for good.
    """
    waited = demand.trim.order is OrderPolicy.PASSIVE and Action.TRIM in demand.permits
    bound = demand.trim.escalate_after_seconds
    if not waited or _acts_at_once(demand) or not 0 <= _seconds(demand, request) < bound:
        return False
    return any(_covers(demand, order) for order in orders)


def _acts_at_once(demand: Demand) -> bool:
    return nature_of(demand.metric) is Nature.SURVIVAL or is_pressing(demand)


def _seconds(demand: Demand, request: PlanRequest) -> float:
    acting_seconds = (request.at - demand.acting_since).total_seconds()
    whole, nature = Action.TRIM not in demand.permits, nature_of(demand.metric)
    pressing = is_pressing(demand)
    return taking_seconds(demand.trim, acting_seconds, nature, whole=whole, pressing=pressing)


def _has_order(demand: Demand, orders: Sequence[Order], request: PlanRequest) -> bool:
    """Whether an order of a demand rests, or may: one that has not ended is not always shown."""
    if any(_covers(demand, order) for order in orders):
        return True
    symbols = {position.symbol for position in request.snapshot.positions}
    own = demand.target.symbol
    return bool(request.blocked_symbols & ({own} if own else symbols))


def _covers(demand: Demand, order: Order) -> bool:
    side = Side.LONG if order.side is OrderSide.SELL else Side.SHORT
    return demand.target.position in (None, position_key(order.symbol, side))


def _meets(one: Demand, other: Demand) -> bool:
    """Whether two demands may trade the same position: one order of both could rest where one must not."""
    own, others = one.target.position, other.target.position
    return own is None or others is None or own == others
