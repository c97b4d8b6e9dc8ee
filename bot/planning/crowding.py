"""Resting reduce-only orders that hold a position, where the venue counts them against a new one.

Such a venue refuses a trim once all reduce-only orders together are larger than the position. Orders of
others are never cancelled for it: the trim takes what they leave. The position's own stops follow its size
and hold nothing.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from bot.model import Market, Order, OrderSide, Position, Side, Snapshot
from bot.planning.identity import is_own
from bot.planning.pricing import NoQuote
from bot.planning.request import PlanRequest
from bot.planning.rounding import round_down

NAMED = 5
"""Orders that are named; more are counted."""


class Free(Struct, frozen=True):
    """What of a position resting orders leave to a new one."""

    contracts: Decimal
    note: str
    """What a reader of the order must be told; '' where nothing is held."""


def holding(position: Position, snapshot: Snapshot) -> tuple[Order, ...]:
    """Return the reduce-only orders that rest against a position, plain and conditional."""
    closing = OrderSide.SELL if position.side is Side.LONG else OrderSide.BUY
    return tuple(
        order
        for order in (*snapshot.orders, *snapshot.stops)
        if order.symbol == position.symbol
        and order.position_index == position.position_index
        and order.side is closing
        and order.reduce_only
        and not order.attached
    )


def own_in_the_way(position: Position, request: PlanRequest) -> tuple[Order, ...]:
    """Return the guard's own orders that hold a crowded position: they are cancelled first."""
    if position.symbol not in request.crowded_symbols:
        return ()
    found = holding(position, request.snapshot)
    return tuple(order for order in found if is_own(order.client_order_id, request.own_order_prefix))


def free_of_orders(
    position: Position, market: Market, least: Decimal, request: PlanRequest
) -> Free | NoQuote:
    """Say what orders of others leave of a crowded position; NoQuote where that is less than the smallest
    order."""
    own = own_in_the_way(position, request)
    others = [order for order in holding(position, request.snapshot) if order not in own]
    held = sum((order.remaining for order in others), Decimal(0))
    if held <= 0:
        return Free(position.contracts, "")
    words = f"resting reduce-only orders hold {held.normalize():f} of {position.contracts.normalize():f}"
    left = round_down(max(position.contracts - held, Decimal(0)), market.amount_step)
    if left <= 0 or left < min(least, position.contracts):
        reason = f"{words} contracts of {position.key}: {_names(others)}. Cancel or shrink them"
        return NoQuote("reduce_only_blocked", reason)
    return Free(left, f"; {words}: {_names(others)}")


def _names(orders: Sequence[Order]) -> str:
    named = [f"{order.order_id} ({order.remaining.normalize():f})" for order in orders[:NAMED]]
    more = len(orders) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
