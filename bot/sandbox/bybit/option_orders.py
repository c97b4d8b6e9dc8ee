"""Category option of /v5/order/* and /v5/execution/list. Every order needs an orderLinkId."""

from typing import Any

from bot.sandbox.bybit import words
from bot.sandbox.bybit.contracts import OPTION
from bot.sandbox.bybit.envelope import bad_params
from bot.sandbox.bybit.order_lists import (
    client_id_of,
    either_id,
    execution_key,
    filtered,
    ids,
    order_key,
)
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import Params
from bot.sandbox.bybit.views import execution_row, order_row
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import AccountInfo, Order, OrderKind, OrderRequest, TimeInForce

RECENTLY_CLOSED = 500
_UNOFFERED = ("triggerPrice", "stopLoss", "takeProfit", "orderIv")


def create(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/create: market and limit orders."""
    kind, price = params.required_choice("orderType", words.ORDER_KINDS), params.decimal("price")
    if kind is OrderKind.LIMIT and price is None:
        raise bad_params("Request parameter error: price is required for a limit order.")
    if params.integer("positionIdx", 0) != 0:
        raise bad_params("params error: positionIdx of an option must be 0.")
    offered = [name for name in _UNOFFERED if params.decimal(name)]
    if offered:
        raise bad_params(f"params error: {', '.join(offered)} of options is not offered here.")
    params.required("orderLinkId")
    request = OrderRequest(
        symbol=params.required("symbol"),
        side=params.required_choice("side", words.SIDES),
        qty=params.required_decimal("qty"),
        kind=kind,
        price=price if kind is OrderKind.LIMIT else None,
        time_in_force=params.choice("timeInForce", words.TIMES_IN_FORCE) or TimeInForce.GTC,
        reduce_only=params.flag("reduceOnly"),
        client_id=client_id_of(params),
    )
    return ids(engine.options.place(account.account_id, request))


def cancel(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/cancel."""
    symbol = engine.options.contract(params.required("symbol")).symbol
    order_id, client_id = either_id(params)
    return ids(
        engine.options.cancel(account.account_id, order_id=order_id, client_id=client_id, symbol=symbol)
    )


def cancel_all(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/cancel-all: all, or those of a symbol, base coin or settle coin."""
    chosen = _narrowed(engine, engine.options.open_orders(account.account_id), params)
    ended = [engine.options.cancel(account.account_id, order_id=one.order_id) for one in chosen]
    return {"list": [ids(one) for one in ended], "success": "1"}


def realtime(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/realtime: open orders; by id, or with `openOnly=1`, also those that ended lately."""
    found = engine.options.open_orders(account.account_id)
    by_id = params.has("orderId") or params.has("orderLinkId")
    if by_id or params.integer("openOnly", 0):
        found = found + engine.options.order_history(account.account_id)[-RECENTLY_CLOSED:]
    return _orders(engine, _narrowed(engine, found, params), params)


def history(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/history: orders that ended; newest first."""
    start, end = params.window()
    found = _narrowed(engine, engine.options.order_history(account.account_id), params)
    return _orders(engine, [one for one in found if start <= one.created_ms <= end], params)


def executions(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/execution/list: fills and deliveries; newest first."""
    kind = params.choice("execType", words.EXECUTIONS)
    symbol, order_id, client_id = (params.text(name) for name in ("symbol", "orderId", "orderLinkId"))
    start, end = params.window()
    found = [
        one
        for one in engine.options.executions(account.account_id)
        if kind in (None, one.kind)
        and symbol in ("", one.symbol)
        and order_id in ("", one.order_id)
        and client_id in ("", one.client_id)
        and start <= one.time_ms <= end
    ]
    limit = params.limit(50, 100)
    shown, cursor = page(found, execution_key, params.text("cursor"), limit, descending=True)
    return {
        "category": OPTION,
        "list": [execution_row(engine, one) for one in shown],
        "nextPageCursor": cursor,
    }


def _orders(engine: Engine, found: list[Order], params: Params) -> dict[str, Any]:
    limit = params.limit(20, 50)
    shown, cursor = page(found, order_key, params.text("cursor"), limit, descending=True)
    return {
        "category": OPTION,
        "list": [order_row(engine, one) for one in shown],
        "nextPageCursor": cursor,
    }


def _narrowed(engine: Engine, orders: list[Order], params: Params) -> list[Order]:
    """The orders of a symbol, base coin or settle coin, where one is asked for."""
    symbol, base, settle = (params.text(name) for name in ("symbol", "baseCoin", "settleCoin"))
    if symbol:
        engine.options.contract(symbol)
    contracts = {one.symbol: engine.options.contract(one.symbol) for one in orders}
    wanted = [
        name
        for name, one in contracts.items()
        if symbol in ("", name) and base in ("", one.base) and settle in ("", one.settle)
    ]
    return filtered(orders, params, wanted)
