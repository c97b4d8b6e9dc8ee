"""Matching: takers against the book, resting orders against a moving market."""

from collections.abc import Iterator
from decimal import Decimal
from heapq import merge

import msgspec
from msgspec.structs import replace

from bot.sandbox.engine.core import Core
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.positions import Fill, apply_fill, closing_qty
from bot.sandbox.engine.stops import settle
from bot.sandbox.engine.types import (
    ZERO,
    CancelCause,
    Execution,
    ExecutionKind,
    Leg,
    Order,
    OrderKind,
    OrderStatus,
    Side,
    TimeInForce,
)


class Offer(msgspec.Struct, frozen=True):
    """What a taker can trade with: a user's resting order, or synthetic depth (`maker_id` empty)."""

    price: Decimal
    qty: Decimal
    maker_id: str = ""


def offers(market: Market, taker: Side, limit: Decimal | None) -> Iterator[Offer]:
    """Offers for a taker by price, users' orders by age before synthetic depth, up to a limit price."""
    resting = sorted(
        (order for order in market.resting.values() if order.side is not taker),
        key=lambda order: (taker.sign * (order.price or ZERO), order.sequence),
    )
    users = [Offer(order.price or ZERO, order.leaves_qty, order.order_id) for order in resting]
    synthetic = (Offer(level.price, level.qty) for level in market.book.levels(taker))
    for offer in merge(users, synthetic, key=lambda offer: taker.sign * offer.price):
        if limit is not None and taker.sign * (offer.price - limit) > 0:
            return
        yield offer


def would_take(market: Market, side: Side, price: Decimal) -> bool:
    """Whether a limit order would trade at once."""
    return next(offers(market, side, price), None) is not None


def execute(core: Core, order: Order, kind: ExecutionKind = ExecutionKind.TRADE) -> Order:
    """Match an order that was saved as open; let the rest stand or end as its time in force says."""
    market = core.markets[order.symbol]
    if order.time_in_force is TimeInForce.POST_ONLY and would_take(market, order.side, order.price or ZERO):
        return end(core, order, CancelCause.POST_ONLY_WOULD_TAKE)
    if order.time_in_force is TimeInForce.FOK:
        reachable = sum((offer.qty for offer in offers(market, order.side, order.price)), ZERO)
        if reachable < order.leaves_qty:
            return end(core, order, CancelCause.FOK_UNFILLABLE)
    order, touched = _take(core, market, order, kind)
    order = _close_or_rest(core, order)
    for account_id, leg in touched:
        account = core.accounts[account_id]
        settle(core, account, account.state(market.instrument, leg))
    return core.accounts[order.account_id].find(order.order_id, "") or order


def end(core: Core, order: Order, cause: CancelCause) -> Order:
    """Cancel an open order."""
    waiting = order.status is OrderStatus.UNTRIGGERED
    status = OrderStatus.DEACTIVATED if waiting else OrderStatus.CANCELLED
    return core.save(replace(order, status=status, cause=cause, updated_ms=core.now_ms()))


def fill(
    core: Core, order: Order, qty: Decimal, price: Decimal, *, maker: bool, kind: ExecutionKind
) -> Order:
    """Give an order one fill and return its new value (not saved)."""
    account, instrument = core.accounts[order.account_id], core.markets[order.symbol].instrument
    execution = apply_fill(
        core,
        account,
        Fill(
            order=order,
            qty=qty,
            price=price,
            fee_rate=account.fee_rate(instrument, maker=maker),
            is_maker=maker,
            kind=kind,
            leaves_qty=order.leaves_qty - qty,
        ),
    )
    return booked(order, execution)


def booked(order: Order, execution: Execution) -> Order:
    """An order's value after one of its executions (not saved)."""
    return replace(
        order,
        filled_qty=order.filled_qty + execution.qty,
        filled_value=order.filled_value + execution.value,
        fee=order.fee + execution.fee,
        status=OrderStatus.PARTIALLY_FILLED if execution.leaves_qty else OrderStatus.FILLED,
        updated_ms=execution.time_ms,
    )


def cross_resting(core: Core, market: Market) -> None:
    """Fill resting orders that the market has come to, each at its own price."""
    for order in list(market.resting.values()):
        price = order.price or ZERO
        if order.order_id not in market.resting or not market.book.reaches(order.side, price):
            continue
        reachable = sum(
            (offer.qty for offer in offers(market, order.side, price) if not offer.maker_id), ZERO
        )
        qty = min(reachable, _wanted(core, order))
        if qty > 0:
            market.book.eat(order.side, qty)
            filled = fill(core, order, qty, price, maker=True, kind=ExecutionKind.TRADE)
            core.save(filled)
            account = core.accounts[order.account_id]
            settle(core, account, account.state(market.instrument, order.leg))


def _wanted(core: Core, order: Order) -> Decimal:
    if not order.reduce_only:
        return order.leaves_qty
    state = core.accounts[order.account_id].state(core.markets[order.symbol].instrument, order.leg)
    return closing_qty(state, order.side, order.leaves_qty)


def _take(
    core: Core, market: Market, order: Order, kind: ExecutionKind
) -> tuple[Order, dict[tuple[str, Leg], None]]:
    touched: dict[tuple[str, Leg], None] = {}
    for offer in offers(market, order.side, order.price):
        qty = min(offer.qty, _wanted(core, order))
        if qty <= 0:
            break
        if offer.maker_id:
            maker = market.resting[offer.maker_id]
            qty = min(qty, _wanted(core, maker))
            if qty <= 0:
                continue
            core.save(fill(core, maker, qty, offer.price, maker=True, kind=ExecutionKind.TRADE))
            touched[(maker.account_id, maker.leg)] = None
        else:
            market.book.eat(order.side, qty)
        order = fill(core, order, qty, offer.price, maker=False, kind=kind)
        touched[(order.account_id, order.leg)] = None
        market.traded(offer.price, qty)
    return order, touched


def _close_or_rest(core: Core, order: Order) -> Order:
    if order.status is OrderStatus.FILLED:
        return core.save(order)
    if order.reduce_only and not _wanted(core, order):
        return end(core, order, CancelCause.REDUCE_ONLY)
    if order.kind is OrderKind.MARKET:
        return end(core, order, CancelCause.IOC_REMAINDER if order.filled_qty else CancelCause.NO_LIQUIDITY)
    if order.time_in_force is TimeInForce.IOC:
        return end(core, order, CancelCause.IOC_REMAINDER)
    return core.save(order)
