"""Risk-increasing orders of others: which are cancelled, and in which order.

They are cancelled a few at a time, nearest to the market first: FIRST of those on markets that the same plan
trims go before the trims, the rest of MOST after them, and what is left waits for the next cycle. So no trim
waits behind a long tail of orders that may never fill.
"""

from collections.abc import Iterable, Sequence, Set
from decimal import Decimal

from msgspec import Struct

from bot.model import Action, CancelRequest, Demand, Order, OrderSide, Position, Side, Snapshot, Unknown
from bot.planning.identity import is_own

MOST = 20
"""Cancels in one cycle."""

FIRST = 5
"""Cancels that may go before the trims of a cycle."""


class Cancel(Struct, frozen=True):
    """An order that a demand lets the guard cancel."""

    demand: Demand
    order: Order


class Batch(Struct, frozen=True):
    """The cancels of one cycle."""

    first: tuple[Cancel, ...]
    """Before the trims."""
    then: tuple[Cancel, ...]
    """After them."""
    waiting: tuple[Demand, ...]
    """Demands of which some orders wait for a later cycle."""


def risk_increasing(snapshot: Snapshot, prefix: str) -> tuple[Order, ...]:
    """Return the orders of others whose fill could open a position or add to one, in a fixed order.

    A reduce-only or attached order cannot. In hedge mode an order adds to the leg that it names. In one-way
    mode orders against the position reduce it as long as all that fill on the same way of the price together
    are not larger than it; the nearest are counted first, and those that would pass its size open a new
    position. Orders above and below the market are counted apart: a take profit does not make a stop risky.
    """
    unique = {
        (order.symbol, order.order_id): order
        for order in (*snapshot.orders, *snapshot.stops)
        if not (order.reduce_only or order.attached or is_own(order.client_order_id, prefix))
    }
    reducing: dict[tuple[str, bool], Decimal] = {}
    found: list[Order] = []
    for order in sorted(unique.values(), key=lambda order: nearness(order, snapshot)):
        position = _reduced_by(order, snapshot)
        if position is not None and not order.position_index:
            way = (position.key, _is_above(order, snapshot))
            reducing[way] = reducing.get(way, Decimal(0)) + order.remaining
            if reducing[way] <= position.contracts:
                continue
            reducing[way] -= order.remaining
        elif order.position_index and _adds_to(order) is not _leg(order):
            continue
        found.append(order)
    return tuple(found)


def nearness(order: Order, snapshot: Snapshot) -> tuple[Decimal, str, str]:
    """Sort key: the distance from the market first. An order whose distance is unknown counts as near."""
    level, mark = order.trigger_price or order.price, _mark(order, snapshot)
    distance = Decimal(0) if level is None or mark is None else abs(level / mark - 1)
    return distance, order.symbol, order.order_id


def _mark(order: Order, snapshot: Snapshot) -> Decimal | None:
    mark = snapshot.marks.get(order.symbol)
    if mark is None or isinstance(mark.mark, Unknown) or not (mark.mark.is_finite() and mark.mark > 0):
        return None
    return mark.mark


def _is_above(order: Order, snapshot: Snapshot) -> bool:
    level, mark = order.trigger_price or order.price, _mark(order, snapshot)
    return level is not None and mark is not None and level >= mark


def _adds_to(order: Order) -> Side:
    return Side.LONG if order.side is OrderSide.BUY else Side.SHORT


def _leg(order: Order) -> Side:
    return Side.LONG if order.position_index == 1 else Side.SHORT


def _reduced_by(order: Order, snapshot: Snapshot) -> Position | None:
    """The position that an order is against; None where there is none, or its size is no number."""
    for position in snapshot.positions:
        if position.symbol == order.symbol and position.side is not _adds_to(order):
            return position if position.contracts.is_finite() else None
    return None


def wanted_cancels(demands: Iterable[Demand], snapshot: Snapshot, prefix: str) -> tuple[Cancel, ...]:
    """Return what the demands let the guard cancel, nearest to the market first, each order once.

    A limit of the account reaches every symbol, a limit of a position its own. The guard's own orders are
    never among them. An order that several demands name belongs to the first by rule and target.
    """
    naming = [demand for demand in demands if Action.CANCEL_ORDERS in demand.permits]
    naming.sort(key=lambda demand: (demand.rule, demand.target))
    found: list[Cancel] = []
    for order in risk_increasing(snapshot, prefix) if naming else ():
        owner = next((one for one in naming if one.target.symbol in ("", order.symbol)), None)
        if owner is not None:
            found.append(Cancel(owner, order))
    return tuple(found)


def batch_of(cancels: Sequence[Cancel], trimmed: Set[str]) -> Batch:
    """Choose the cancels of this cycle; `trimmed` are the symbols that its plan trims.

    Without trims the order does not matter, and all of them go first.
    """
    first = (
        [one for one in cancels if one.order.symbol in trimmed][:FIRST] if trimmed else list(cancels)[:MOST]
    )
    taken = {id(one) for one in first}
    then = [one for one in cancels if id(one) not in taken][: MOST - len(first)]
    taken.update(id(one) for one in then)
    waiting = dict.fromkeys((one.demand.rule, one.demand.target) for one in cancels if id(one) not in taken)
    demands = {(one.demand.rule, one.demand.target): one.demand for one in cancels}
    return Batch(tuple(first), tuple(then), tuple(demands[key] for key in waiting))


def cancel_request(order: Order, client_order_id: str, snapshot: Snapshot) -> CancelRequest:
    """Turn an order into the request that cancels it."""
    return CancelRequest(
        client_order_id=client_order_id,
        symbol=order.symbol,
        order_id=order.order_id,
        conditional=order in snapshot.stops,
    )
