"""What already rests for a position at the venue: stops that cover it, and the owner's own."""

from decimal import Decimal

from bot.model import Order, OrderSide, Position, Side, Snapshot


def resting_stop(position: Position, snapshot: Snapshot, mark: Decimal) -> Decimal | None:
    """Return the trigger of the stop that covers the whole position by mark price, None where none does.

    Only a market order counts, and only on the losing side of mark: a stop-limit may stay unfilled, and a
    take profit protects nothing. The list of conditional orders goes before the position's own field,
    because it tells what triggers them. A stop loss of the field that is not in the list is believed.
    """
    listed = _listed(position, snapshot)
    good = [
        order.trigger_price
        for order in listed
        if order.trigger_price and _covers(order, position) and _loses(order.trigger_price, position, mark)
    ]
    if good:
        return max(good, key=lambda price: price * position.side.sign)
    own = position.stop_price
    if not isinstance(own, Decimal) or any(order.stop_loss for order in listed):
        return None
    return own if own.is_finite() and own > 0 else None


def attached_stop(position: Position, snapshot: Snapshot) -> Order | None:
    """Return the position's own stop loss as the list of conditional orders shows it."""
    for order in _listed(position, snapshot):
        if order.attached and order.stop_loss and order.trigger_price:
            return order
    return None


def _listed(position: Position, snapshot: Snapshot) -> list[Order]:
    closing = OrderSide.SELL if position.side is Side.LONG else OrderSide.BUY
    return [
        order
        for order in snapshot.stops
        if order.symbol == position.symbol
        and order.side is closing
        and order.position_index == position.position_index
    ]


def _covers(order: Order, position: Position) -> bool:
    if order.trigger_by != "mark" or order.price is not None:
        return False
    if order.attached:
        return order.stop_loss
    return order.reduce_only and order.remaining >= position.contracts


def _loses(trigger: Decimal, position: Position, mark: Decimal) -> bool:
    return (mark - trigger) * position.side.sign > 0
