"""Position modes that change while positions are open, as no venue should let them."""

from msgspec.structs import replace

from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.stops import settle
from bot.sandbox.engine.types import Leg, Order, OrderRequest, PositionMode, Side


def force(core: Core, account: Account, mode: PositionMode, symbol: str | None = None) -> None:
    """Put a symbol (None: all) into a mode; positions and orders are kept.

    A one-way position becomes the leg of its side, and a leg the one-way position. Orders that reduce go with
    the position that they close, others with the one that they open. A symbol that holds both legs stays in
    hedge mode, one that knows no hedge mode as it is.
    """
    if symbol is None:
        symbols = {key[0] for key in account.positions} | {order.symbol for order in account.orders.values()}
        account.position_default = mode
        account.position_modes.clear()
    else:
        symbols = {symbol}
        account.position_modes[symbol] = mode
    for one in sorted(symbols - account.one_way):
        _move(core, account, one, mode)
    account.order_margin = None


def opposite(request: OrderRequest) -> OrderRequest:
    """A reducing request as one that opens the other leg."""
    leg = Leg.LONG if request.side is Side.BUY else Leg.SHORT
    return replace(request, reduce_only=False, close_on_trigger=False, leg=leg)


def _move(core: Core, account: Account, symbol: str, mode: PositionMode) -> None:
    held = [state for state in account.held.values() if state.symbol == symbol]
    if mode is PositionMode.ONE_WAY and len(held) > 1:
        account.position_modes[symbol] = PositionMode.HEDGE
        return
    for state in held:
        _rename(account, state, _leg(mode, Side.BUY if state.qty > 0 else Side.SELL))
    for order in [one for one in account.orders.values() if one.symbol == symbol]:
        core.save(replace(order, leg=_leg(mode, _position_side(order))))
    for state in held:
        settle(core, account, state)


def _leg(mode: PositionMode, side: Side) -> Leg:
    if mode is PositionMode.ONE_WAY:
        return Leg.NET
    return Leg.LONG if side is Side.BUY else Leg.SHORT


def _position_side(order: Order) -> Side:
    return order.side.opposite if order.reduce_only else order.side


def _rename(account: Account, state: PositionState, leg: Leg) -> None:
    if state.leg is leg:
        return
    before, after = (state.symbol, state.leg), (state.symbol, leg)
    del account.positions[before], account.held[before]
    empty = account.positions.get(after)
    if empty is not None:
        state.cumulative_pnl += empty.cumulative_pnl
    if before in account.leverages:
        account.leverages[after] = account.leverages[before]
    state.leg = leg
    account.positions[after] = account.held[after] = state
