"""Making an order out of a request."""

from decimal import Decimal

from bot.sandbox.engine.core import Core
from bot.sandbox.engine.types import (
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Origin,
    StopKind,
    TimeInForce,
    TriggerDirection,
)


def draft(
    core: Core,
    account_id: str,
    request: OrderRequest,
    *,
    qty: Decimal | None = None,
    reduce_only: bool = True,
    origin: Origin = Origin.USER,
    stop_kind: StopKind = StopKind.NONE,
    direction: TriggerDirection | None = None,
) -> Order:
    """An order with an id of its own, not saved; it waits for its trigger where the request has one.

    `qty` and `reduce_only` are what is in force, which may differ from what was asked.
    """
    limit, now = request.kind is OrderKind.LIMIT, core.now_ms()
    waits = request.trigger_price is not None
    return Order(
        order_id=core.new_id(),
        account_id=account_id,
        request=request,
        symbol=request.symbol,
        side=request.side,
        leg=request.leg,
        kind=request.kind,
        qty=request.qty if qty is None else qty,
        price=request.price if limit else None,
        time_in_force=request.time_in_force if limit else TimeInForce.IOC,
        reduce_only=reduce_only,
        close_on_trigger=request.close_on_trigger,
        client_id=request.client_id,
        stop_kind=stop_kind,
        trigger_price=request.trigger_price,
        trigger_direction=direction,
        trigger_by=request.trigger_by,
        status=OrderStatus.UNTRIGGERED if waits else OrderStatus.NEW,
        created_ms=now,
        updated_ms=now,
        sequence=core.next_sequence(),
        origin=origin,
        last_price_on_created=core.markets[request.symbol].last,
        inverse=core.markets[request.symbol].instrument.inverse,
    )
