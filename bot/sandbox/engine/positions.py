"""What a fill does to a position, its margin and the wallet."""

from decimal import Decimal

import msgspec

from bot.sandbox.engine import views
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.events import ExecutionEvent, PositionEvent, PublicTrade, WalletEvent
from bot.sandbox.engine.margin import close_rate
from bot.sandbox.engine.types import ZERO, Execution, ExecutionKind, LogKind, Order, Side

_LOG_KINDS = {ExecutionKind.LIQUIDATION: LogKind.LIQUIDATION, ExecutionKind.ADL: LogKind.ADL}


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One fill that an order is about to get. `leaves_qty` is what the order has left afterwards."""

    order: Order
    qty: Decimal
    price: Decimal
    fee_rate: Decimal
    is_maker: bool
    kind: ExecutionKind
    leaves_qty: Decimal


def apply_fill(core: Core, account: Account, fill: Fill) -> Execution:
    """Book a fill: position, isolated margin, wallet, fee pool, counterparty, history and events."""
    order, market = fill.order, core.markets[fill.order.symbol]
    state = account.state(market.instrument, order.leg)
    instrument = market.instrument
    value = instrument.value(fill.qty, fill.price)
    fee = money(value * fill.fee_rate)
    closed = closing_qty(state, order.side, fill.qty)
    realised = money(instrument.profit(closed if state.qty > 0 else -closed, state.entry_price, fill.price))
    execution = Execution(
        execution_id=core.new_id(),
        order_id=order.order_id,
        client_id=order.client_id,
        account_id=account.account_id,
        symbol=order.symbol,
        side=order.side,
        leg=order.leg,
        kind=fill.kind,
        qty=fill.qty,
        price=fill.price,
        value=value,
        fee=fee,
        fee_rate=fill.fee_rate,
        is_maker=fill.is_maker,
        closed_qty=closed,
        realised_pnl=realised,
        mark_price=market.mark,
        index_price=market.index,
        order_kind=order.kind,
        order_qty=order.qty,
        order_price=order.price,
        leaves_qty=fill.leaves_qty,
        stop_kind=order.stop_kind,
        sequence=core.next_sequence(),
        time_ms=core.now_ms(),
    )
    _log(core, account, execution)
    if not state.qty:
        state.realised_pnl = ZERO
    _close(state, closed)
    _book_pnl(core, account, state, realised - fee)
    _open(core, account, state, order.side, fill.qty - closed, fill.price)
    pool = core.pool(instrument.settle)
    pool.fees += fee
    pool.counterparty_cash += -order.side.sign * value if instrument.inverse else order.side.sign * value
    market.counterparty_qty -= order.side.sign * fill.qty
    tell_execution(core, account, execution)
    return execution


def closing_qty(state: PositionState, side: Side, qty: Decimal) -> Decimal:
    """How much of a fill on `side` closes what the leg holds."""
    return min(qty, max(ZERO, -side.sign * state.qty))


def tell_execution(core: Core, account: Account, execution: Execution) -> None:
    """Add an execution to the account's history and tell subscribers."""
    account.executions.append(execution)
    core.emit(ExecutionEvent(execution))
    if not execution.is_maker and execution.kind is not ExecutionKind.FUNDING:
        core.emit(PublicTrade(symbol=execution.symbol, execution=execution))


def tell_position(core: Core, account: Account, state: PositionState) -> None:
    """Tell subscribers a position and the wallet behind it."""
    if core.has_subscribers:
        core.emit(PositionEvent(views.position_view(core, account, state)))
        core.emit(WalletEvent(views.wallet(core, account)))


def _log(core: Core, account: Account, execution: Execution) -> None:
    core.credit(
        account,
        _LOG_KINDS.get(execution.kind, LogKind.TRADE),
        cash_flow=execution.realised_pnl,
        fee=execution.fee,
        fee_rate=execution.fee_rate,
        coin=core.markets[execution.symbol].instrument.settle,
        symbol=execution.symbol,
        side=execution.side,
        qty=execution.qty,
        price=execution.price,
        order_id=execution.order_id,
        client_id=execution.client_id,
        reference=execution.execution_id,
    )


def _close(state: PositionState, closed: Decimal) -> None:
    if not closed:
        return
    size = abs(state.qty)
    # isolated margin goes back to the wallet in proportion, so that the liquidation price stays
    state.isolated_margin -= state.isolated_margin * closed / size
    state.qty += closed if state.qty < 0 else -closed


def _book_pnl(core: Core, account: Account, state: PositionState, pnl: Decimal) -> None:
    state.realised_pnl += pnl
    state.cumulative_pnl += pnl
    state.updated_ms = core.now_ms()
    state.sequence = core.next_sequence()
    if not state.qty:
        state.isolated_margin = state.entry_price = ZERO
        account.held.pop((state.symbol, state.leg), None)
    account.order_margin = None


def _open(
    core: Core, account: Account, state: PositionState, side: Side, qty: Decimal, price: Decimal
) -> None:
    if not qty:
        return
    if not state.qty:
        state.created_ms = core.now_ms()
    before = abs(state.qty)
    state.entry_price = state.instrument.blended(before, state.entry_price, qty, price)
    state.qty += side.sign * qty
    account.held[(state.symbol, state.leg)] = state
    if state.isolated:
        rate = 1 / account.leverage(state.instrument, state.leg) + close_rate(core, account, state.instrument)
        state.isolated_margin += money(qty * price * rate)
