"""Risk-increasing orders of others: what is cancelled before anything is trimmed."""

from bot.model import Action, CancelRequest, Demand, Order, OrderSide, Side, Snapshot
from bot.planning.identity import is_own


def increases_risk(order: Order, snapshot: Snapshot) -> bool:
    """Whether a fill of the order could open a position or add to one.

    A reduce-only or attached order cannot. In hedge mode an order adds to the leg that it names; in one-way
    mode it adds unless it is smaller than the position on the other side, which it then only reduces.
    """
    if order.reduce_only or order.attached:
        return False
    adds_to = Side.LONG if order.side is OrderSide.BUY else Side.SHORT
    if order.position_index:
        leg = Side.LONG if order.position_index == 1 else Side.SHORT
        return leg is adds_to
    for position in snapshot.positions:
        if position.symbol == order.symbol and position.side is not adds_to:
            return order.remaining > position.contracts
    return True


def orders_to_cancel(demand: Demand, snapshot: Snapshot, prefix: str) -> tuple[Order, ...]:
    """Return the orders that a demand lets the guard cancel, in a fixed order.

    A limit of the account reaches every symbol, a limit of a position its own. The guard's own orders are
    never among them.
    """
    if Action.CANCEL_ORDERS not in demand.permits:
        return ()
    found = [
        order
        for order in (*snapshot.orders, *snapshot.stops)
        if not is_own(order.client_order_id, prefix)
        and (not demand.target.symbol or order.symbol == demand.target.symbol)
        and increases_risk(order, snapshot)
    ]
    unique = {(order.symbol, order.order_id): order for order in found}
    return tuple(unique[key] for key in sorted(unique))


def cancel_request(order: Order, client_order_id: str, snapshot: Snapshot) -> CancelRequest:
    """Turn an order into the request that cancels it."""
    return CancelRequest(
        client_order_id=client_order_id,
        symbol=order.symbol,
        order_id=order.order_id,
        conditional=order in snapshot.stops,
    )
