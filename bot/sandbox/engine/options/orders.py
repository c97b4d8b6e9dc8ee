"""Making and ending orders for options; they are the same values as those for perpetuals."""

from decimal import Decimal

from msgspec.structs import replace

from bot.sandbox.engine.core import Core
from bot.sandbox.engine.options.fills import save
from bot.sandbox.engine.types import (
    CancelCause,
    Leg,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Origin,
    StopKind,
    TimeInForce,
)


def option_order(
    core: Core,
    account_id: str,
    request: OrderRequest,
    qty: Decimal,
    *,
    last: Decimal,
    origin: Origin = Origin.USER,
) -> Order:
    """An order with an id of its own, not saved; `qty` is what is in force."""
    limit, now = request.kind is OrderKind.LIMIT, core.now_ms()
    return Order(
        order_id=core.new_id(),
        account_id=account_id,
        request=request,
        symbol=request.symbol,
        side=request.side,
        leg=Leg.NET,
        kind=request.kind,
        qty=qty,
        price=request.price if limit else None,
        time_in_force=request.time_in_force if limit else TimeInForce.IOC,
        reduce_only=request.reduce_only,
        close_on_trigger=False,
        client_id=request.client_id,
        stop_kind=StopKind.NONE,
        trigger_price=None,
        trigger_direction=None,
        trigger_by=request.trigger_by,
        status=OrderStatus.NEW,
        created_ms=now,
        updated_ms=now,
        sequence=core.next_sequence(),
        origin=origin,
        last_price_on_created=last,
    )


def end(core: Core, order: Order, cause: CancelCause) -> Order:
    """Cancel an open order."""
    return save(core, replace(order, status=OrderStatus.CANCELLED, cause=cause, updated_ms=core.now_ms()))
