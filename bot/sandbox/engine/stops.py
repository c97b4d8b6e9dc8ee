"""Stops attached to a position, and what a changed position does to orders that may only reduce it."""

from decimal import Decimal

from msgspec.structs import replace

from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.checks import check_price, check_stop_side
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.drafts import draft
from bot.sandbox.engine.positions import closing_qty, tell_position
from bot.sandbox.engine.types import (
    CancelCause,
    EngineRefusal,
    Order,
    OrderRequest,
    OrderStatus,
    Origin,
    Reason,
    Side,
    StopKind,
    TriggerBy,
    TriggerDirection,
)

StopChange = tuple[Decimal | None, TriggerBy | None]
"""(price, trigger by).

Price None leaves the stop alone, 0 removes it; trigger by None keeps what was set (else LAST).
"""


def settle(core: Core, account: Account, state: PositionState) -> None:
    """After a position changed: attached stops follow its size, reduce-only orders never exceed it."""
    for order in [o for o in account.orders.values() if o.symbol == state.symbol and o.leg is state.leg]:
        if not order.reduce_only:
            continue
        allowed = closing_qty(state, order.side, abs(state.qty))
        if order.stop_kind in {StopKind.STOP_LOSS, StopKind.TAKE_PROFIT}:
            if not allowed:
                _remove(core, state, order, CancelCause.POSITION_CLOSED)
            elif order.qty != allowed:
                core.save(replace(order, qty=allowed, updated_ms=core.now_ms()))
        elif order.status is OrderStatus.UNTRIGGERED:
            continue
        elif not allowed:
            core.save(
                replace(
                    order,
                    status=OrderStatus.CANCELLED,
                    cause=CancelCause.REDUCE_ONLY,
                    updated_ms=core.now_ms(),
                )
            )
        elif order.leaves_qty > allowed:
            core.save(replace(order, qty=order.filled_qty + allowed, updated_ms=core.now_ms()))
    tell_position(core, account, state)


def set_stops(
    core: Core, account: Account, state: PositionState, loss: StopChange, profit: StopChange
) -> None:
    """Set, move or remove the stops of a position (see `Engine.set_trading_stop`)."""
    if state.side is None:
        raise EngineRefusal(
            Reason.POSITION_FLAT, f"{state.symbol} {state.leg.name} has no position to protect"
        )
    present = {
        StopKind.STOP_LOSS: account.orders.get(state.stop_loss_id),
        StopKind.TAKE_PROFIT: account.orders.get(state.take_profit_id),
    }
    changes = {
        kind: change
        for kind, change in ((StopKind.STOP_LOSS, loss), (StopKind.TAKE_PROFIT, profit))
        if _changes(present[kind], change)
    }
    if not changes:
        raise EngineRefusal(Reason.NOT_MODIFIED, f"the stops of {state.symbol} already stand as asked")
    for kind, change in changes.items():
        _check(core, state, kind, change, present[kind])
    for kind, change in changes.items():
        _apply(core, account, state, kind, change, present[kind])
    tell_position(core, account, state)


def forget(state: PositionState, order: Order) -> None:
    """Detach a stop that has ended or triggered from its position."""
    if state.stop_loss_id == order.order_id:
        state.stop_loss_id = ""
    if state.take_profit_id == order.order_id:
        state.take_profit_id = ""


def _changes(present: Order | None, change: StopChange) -> bool:
    price, by = change
    if price is None:
        return bool(present and by and by is not present.trigger_by)
    if not present:
        return price != 0
    return price != present.trigger_price or by not in {None, present.trigger_by}


def _resolved(change: StopChange, present: Order | None) -> tuple[Decimal, TriggerBy]:
    price, by = change
    if price is None:
        price = present.trigger_price if present and present.trigger_price else Decimal(0)
    return price, by or (present.trigger_by if present else TriggerBy.LAST)


def _check(
    core: Core, state: PositionState, kind: StopKind, change: StopChange, present: Order | None
) -> None:
    price, by = _resolved(change, present)
    if price:
        check_price(state.instrument, price, kind.value.replace("_", " "))
        market = core.markets[state.symbol]
        check_stop_side(market, state.qty > 0, price, by, is_loss=kind is StopKind.STOP_LOSS)


def _apply(
    core: Core,
    account: Account,
    state: PositionState,
    kind: StopKind,
    change: StopChange,
    present: Order | None,
) -> None:
    price, by = _resolved(change, present)
    if present and not price:
        _remove(core, state, present, CancelCause.USER)
        return
    if present:
        core.save(replace(present, trigger_price=price, trigger_by=by, updated_ms=core.now_ms()))
        return
    order = _attached(core, account, state, kind, price, by)
    if kind is StopKind.STOP_LOSS:
        state.stop_loss_id = order.order_id
    else:
        state.take_profit_id = order.order_id
    core.save(order)


def _attached(
    core: Core, account: Account, state: PositionState, kind: StopKind, price: Decimal, by: TriggerBy
) -> Order:
    is_long = state.qty > 0
    side = Side.SELL if is_long else Side.BUY
    falls = is_long is (kind is StopKind.STOP_LOSS)
    direction = TriggerDirection.FALL if falls else TriggerDirection.RISE
    request = OrderRequest(
        symbol=state.symbol,
        side=side,
        qty=abs(state.qty),
        reduce_only=True,
        close_on_trigger=True,
        leg=state.leg,
        trigger_price=price,
        trigger_direction=direction,
        trigger_by=by,
    )
    return draft(
        core,
        account.account_id,
        request,
        origin=Origin.POSITION_STOP,
        stop_kind=kind,
        direction=direction,
    )


def _remove(core: Core, state: PositionState, order: Order, cause: CancelCause) -> None:
    forget(state, order)
    core.save(replace(order, status=OrderStatus.DEACTIVATED, cause=cause, updated_ms=core.now_ms()))
