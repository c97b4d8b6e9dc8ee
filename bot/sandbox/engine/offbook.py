"""Trades beside the book, at a given price: positions given by the operator, deleveraging, trades by hand."""

from decimal import Decimal

from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.drafts import draft
from bot.sandbox.engine.matching import booked
from bot.sandbox.engine.positions import Fill, apply_fill
from bot.sandbox.engine.stops import settle
from bot.sandbox.engine.types import ZERO, ExecutionKind, Order, OrderRequest, Origin


def trade(
    core: Core,
    account: Account,
    request: OrderRequest,
    price: Decimal,
    *,
    fee_rate: Decimal,
    origin: Origin,
    kind: ExecutionKind = ExecutionKind.TRADE,
) -> Order:
    """Fill a request wholly at a price, without the book and without any check.

    Stops and reduce-only orders follow the changed position.
    """
    order = draft(core, account.account_id, request, reduce_only=request.reduce_only, origin=origin)
    fill = Fill(
        order=order,
        qty=order.qty,
        price=price,
        fee_rate=fee_rate,
        is_maker=False,
        kind=kind,
        leaves_qty=ZERO,
    )
    order = core.save(booked(order, apply_fill(core, account, fill)))
    settle(core, account, account.state(core.markets[request.symbol].instrument, request.leg))
    return order
