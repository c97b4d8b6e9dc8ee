"""What a fill or a delivery of an option does to holding, wallet and history."""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.events import ExecutionEvent, OptionEvent, OrderEvent, WalletEvent
from bot.sandbox.engine.options.chains import exact
from bot.sandbox.engine.options.holdings import Holding, OptionBooks
from bot.sandbox.engine.options.values import OptionExecution
from bot.sandbox.engine.options.views import position_view
from bot.sandbox.engine.types import ZERO, ExecutionKind, LogKind, Order, OrderStatus, Side
from bot.sandbox.engine.views import wallet


class OptionFill(msgspec.Struct, frozen=True, kw_only=True):
    """One fill that an order is about to get. `fee` is of the whole fill."""

    order: Order
    qty: Decimal
    price: Decimal
    fee: Decimal
    is_maker: bool
    kind: ExecutionKind = ExecutionKind.TRADE


def books_of(account: Account) -> OptionBooks:
    """The account's options, made empty where it never traded one."""
    if account.options is None:
        account.options = OptionBooks()
    return account.options


def save(core: Core, order: Order) -> Order:
    """Keep an order's new value where its status belongs, and tell subscribers."""
    books = books_of(core.accounts[order.account_id])
    if order.status.is_open:
        books.orders[order.order_id] = order
    else:
        books.orders.pop(order.order_id, None)
        books.history[order.order_id] = order
    core.emit(OrderEvent(order))
    return order


def fill(core: Core, what: OptionFill) -> Order:
    """Book a fill and give the order's new value (not saved)."""
    order, account = what.order, core.accounts[what.order.account_id]
    contract, books = core.chains.contract(order.symbol), books_of(account)
    holding = books.of(contract)
    value = money(what.qty * what.price)
    bought = order.side is Side.BUY
    realised = ZERO if bought else money(what.qty * (what.price - holding.entry_price))
    filled = replace(
        order,
        filled_qty=order.filled_qty + what.qty,
        filled_value=order.filled_value + value,
        fee=order.fee + what.fee,
        status=OrderStatus.PARTIALLY_FILLED if what.qty < order.leaves_qty else OrderStatus.FILLED,
        updated_ms=core.now_ms(),
    )
    execution = _execution(core, what, value, realised, filled.leaves_qty)
    core.credit(
        account,
        LogKind.DELIVERY if what.kind is ExecutionKind.DELIVERY else LogKind.TRADE,
        cash_flow=-value if bought else value,
        fee=what.fee,
        fee_rate=execution.fee_rate,
        coin=contract.settle,
        symbol=order.symbol,
        side=order.side,
        qty=what.qty,
        price=what.price,
        order_id=order.order_id,
        client_id=order.client_id,
        reference=execution.execution_id,
    )
    _hold(core, holding, what, realised - what.fee)
    pool = core.pool(contract.settle)
    pool.fees += what.fee
    pool.counterparty_cash += value if bought else -value
    before = core.chains.counterparty.get(order.symbol, ZERO)
    core.chains.counterparty[order.symbol] = before - order.side.sign * what.qty
    books.executions.append(execution)
    core.emit(ExecutionEvent(execution))
    return filled


def tell(core: Core, account: Account, holding: Holding) -> None:
    """Tell subscribers a holding and the wallet behind it."""
    if core.has_subscribers:
        core.emit(OptionEvent(position_view(core, account, holding)))
        core.emit(WalletEvent(wallet(core, account)))


def _hold(core: Core, holding: Holding, what: OptionFill, earned: Decimal) -> None:
    now = core.now_ms()
    if not holding.qty:
        holding.realised_pnl, holding.created_ms = ZERO, now
    if what.order.side is Side.BUY:
        cost = holding.qty * holding.entry_price + what.qty * what.price
        holding.qty += what.qty
        holding.entry_price = cost / holding.qty
    else:
        holding.qty -= what.qty
    if not holding.qty:
        holding.entry_price = ZERO
    holding.realised_pnl += earned
    holding.cumulative_pnl += earned
    holding.updated_ms, holding.sequence = now, core.next_sequence()


def _execution(
    core: Core, what: OptionFill, value: Decimal, realised: Decimal, leaves: Decimal
) -> OptionExecution:
    order, chains = what.order, core.chains
    contract = chains.contract(order.symbol)
    index, point = chains.index(contract.base), chains.point(contract)
    closed = ZERO if order.side is Side.BUY else what.qty
    delivered = what.kind is ExecutionKind.DELIVERY
    return OptionExecution(
        execution_id=core.new_id(),
        order_id=order.order_id,
        client_id=order.client_id,
        account_id=order.account_id,
        symbol=order.symbol,
        side=order.side,
        leg=order.leg,
        kind=what.kind,
        qty=what.qty,
        price=what.price,
        value=value,
        fee=what.fee,
        fee_rate=what.fee / (what.qty * index),
        is_maker=what.is_maker,
        closed_qty=closed,
        realised_pnl=realised,
        mark_price=chains.mark(contract),
        index_price=index,
        order_kind=order.kind,
        order_qty=order.qty,
        order_price=order.price,
        leaves_qty=leaves,
        stop_kind=order.stop_kind,
        sequence=core.next_sequence(),
        time_ms=core.now_ms(),
        forward=exact(point.forward),
        volatility=0.0 if delivered else point.implied(what.price),
        mark_volatility=0.0 if delivered else point.volatility,
    )
