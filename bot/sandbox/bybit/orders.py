"""Orders and executions: /v5/order/*, /v5/execution/list."""

from decimal import Decimal
from typing import Any

from bot.sandbox.bybit import option_orders, spot, words
from bot.sandbox.bybit.contracts import (
    CATEGORIES,
    INVERSE,
    OPTION,
    category_of,
    contract_symbol,
    in_coins,
    of_category,
)
from bot.sandbox.bybit.envelope import BybitError, bad_params
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
from bot.sandbox.bybit.positions import leg
from bot.sandbox.bybit.views import execution_row, order_row
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import (
    AccountInfo,
    EngineRefusal,
    Execution,
    Order,
    OrderKind,
    OrderRequest,
    Reason,
    TimeInForce,
    TriggerBy,
    TriggerDirection,
)

RECENTLY_CLOSED = 500


def create(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/create."""
    if params.category() == OPTION:
        return option_orders.create(engine, account, params)
    if params.category() == "spot":
        return spot.create(engine, account, params)
    request = read_order(engine, account, params)
    try:
        return ids(engine.place(account.account_id, request))
    except EngineRefusal as refusal:
        if refusal.reason is Reason.IMMEDIATE_TRIGGER and request.trigger_direction is TriggerDirection.RISE:
            words_of_venue = "expect Rising, but trigger_price <= current"
            raise BybitError(110092, f"{words_of_venue} [{refusal.message}]") from refusal
        raise


def amend(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/amend: quantity, price and trigger price."""
    symbol = contract_symbol(engine, params)
    order_id, client_id = either_id(params)
    trigger_by = params.choice("triggerBy", words.TRIGGERS)
    present = engine.find_order(account.account_id, order_id=order_id, client_id=client_id)
    if present is not None and trigger_by not in (None, present.trigger_by):
        raise bad_params("params error: triggerBy of an order cannot be amended here.")
    if any(params.has(name) for name in ("stopLoss", "takeProfit")):
        raise bad_params("params error: stopLoss and takeProfit are set with trading-stop here.")
    qty = params.decimal("qty")
    changes = {
        "qty": None if qty is None else in_coins(engine, symbol, qty),
        "price": params.decimal("price"),
        "trigger_price": params.decimal("triggerPrice"),
    }
    if all(value is None for value in changes.values()):
        raise bad_params("Request parameter error: qty, price or triggerPrice is required.")
    return ids(
        engine.amend(account.account_id, order_id=order_id, client_id=client_id, symbol=symbol, **changes)
    )


def cancel(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/cancel."""
    if params.category() == OPTION:
        return option_orders.cancel(engine, account, params)
    symbol = contract_symbol(engine, params)
    order_id, client_id = either_id(params)
    return ids(engine.cancel(account.account_id, order_id=order_id, client_id=client_id, symbol=symbol))


def cancel_all(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/cancel-all: by symbol, base coin or settle coin; `orderFilter` narrows it."""
    category = params.category()
    if category == OPTION:
        return option_orders.cancel_all(engine, account, params)
    if category not in CATEGORIES:
        return {"list": [], "success": "1"}
    conditional = params.choice("orderFilter", {"Order": False, "StopOrder": True})
    cancelled: list[Order] = []
    for symbol in _symbols(engine, params, category):
        cancelled += engine.cancel_all(account.account_id, symbol=symbol, conditional=conditional)
    return {"list": [ids(order) for order in cancelled], "success": "1"}


def realtime(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/realtime: open orders; by id, or with `openOnly=1`, also those that ended lately."""
    category = params.category()
    if category == "spot":
        return spot.orders(engine, account, params)
    if category == OPTION:
        return option_orders.realtime(engine, account, params)
    limit = params.limit(20, 50)
    by_id = params.has("orderId") or params.has("orderLinkId")
    found: list[Order] = []
    if category in CATEGORIES:
        symbols = None if by_id and not params.has("symbol") else _symbols(engine, params, category)
        found = engine.open_orders(account.account_id)
        if by_id or params.integer("openOnly", 0):
            found = found + engine.order_history(account.account_id)[-RECENTLY_CLOSED:]
        found = [one for one in filtered(found, params, symbols) if _is_of(engine, one, category)]
    shown, cursor = page(found, order_key, params.text("cursor"), limit, descending=True)
    rows = [order_row(engine, order) for order in shown]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def history(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/history: orders that ended; newest first."""
    category = params.category()
    if category == "spot":
        return spot.orders(engine, account, params)
    if category == OPTION:
        return option_orders.history(engine, account, params)
    limit = params.limit(20, 50)
    found: list[Order] = []
    if category in CATEGORIES:
        narrow = params.has("symbol") or params.has("baseCoin") or params.has("settleCoin")
        symbols = _symbols(engine, params, category) if narrow else None
        found = filtered(engine.order_history(account.account_id), params, symbols)
        start, end = params.window()
        found = [one for one in found if start <= one.created_ms <= end and _is_of(engine, one, category)]
    shown, cursor = page(found, order_key, params.text("cursor"), limit, descending=True)
    rows = [order_row(engine, order) for order in shown]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def executions(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/execution/list; newest first."""
    category = params.category()
    if category == "spot":
        return spot.executions(engine, account, params)
    if category == OPTION:
        return option_orders.executions(engine, account, params)
    limit = params.limit(50, 100)
    found: list[Execution] = []
    if category in CATEGORIES:
        kind = params.choice("execType", words.EXECUTIONS)
        symbol, order_id = params.text("symbol") or None, params.text("orderId") or None
        client_id = params.text("orderLinkId")
        start, end = params.window()
        found = [
            execution
            for execution in engine.executions(account.account_id, symbol, order_id)
            if kind in (None, execution.kind)
            and category_of(engine, execution.symbol) == category
            and client_id in ("", execution.client_id)
            and start <= execution.time_ms <= end
        ]
    shown, cursor = page(found, execution_key, params.text("cursor"), limit, descending=True)
    rows = [execution_row(engine, execution) for execution in shown]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def read_order(engine: Engine, account: AccountInfo, params: Params) -> OrderRequest:
    """The order that the parameters of /v5/order/create describe. Raises BybitError."""
    symbol = contract_symbol(engine, params)
    kind = params.required_choice("orderType", words.ORDER_KINDS)
    price = params.decimal("price")
    if kind is OrderKind.LIMIT and price is None:
        raise bad_params("Request parameter error: price is required for a limit order.")
    _refuse_unoffered(params)
    client_id = client_id_of(params)
    return OrderRequest(
        symbol=symbol,
        side=params.required_choice("side", words.SIDES),
        qty=_quantity(engine, account, params, symbol),
        kind=kind,
        price=price if kind is OrderKind.LIMIT else None,
        time_in_force=params.choice("timeInForce", words.TIMES_IN_FORCE) or TimeInForce.GTC,
        reduce_only=params.flag("reduceOnly"),
        close_on_trigger=params.flag("closeOnTrigger"),
        leg=leg(params),
        client_id=client_id,
        trigger_price=params.decimal("triggerPrice") or None,
        trigger_direction=params.choice("triggerDirection", {**words.DIRECTIONS, "0": None}),
        trigger_by=params.choice("triggerBy", words.TRIGGERS) or TriggerBy.LAST,
        stop_loss=params.decimal("stopLoss") or None,
        stop_loss_trigger_by=params.choice("slTriggerBy", words.TRIGGERS) or TriggerBy.LAST,
        take_profit=params.decimal("takeProfit") or None,
        take_profit_trigger_by=params.choice("tpTriggerBy", words.TRIGGERS) or TriggerBy.LAST,
    )


def _quantity(engine: Engine, account: AccountInfo, params: Params, symbol: str) -> Decimal:
    """`qty` in coins; 0 with reduceOnly and closeOnTrigger stands for the whole position."""
    qty = in_coins(engine, symbol, params.required_decimal("qty"))
    if qty == 0 and params.flag("reduceOnly") and params.flag("closeOnTrigger"):
        qty = engine.position(account.account_id, symbol, leg(params)).size
        if qty == 0:
            raise BybitError(110017, "current position is zero, cannot fix reduce-only order qty")
    return qty


def _refuse_unoffered(params: Params) -> None:
    limited = [name for name in ("tpLimitPrice", "slLimitPrice") if params.decimal(name)]
    if params.text("tpslMode", "Full") != "Full" or limited:
        raise bad_params("params error: only tpslMode Full with market stops is offered here.")


def _is_of(engine: Engine, order: Order, category: str) -> bool:
    return category_of(engine, order.symbol) == category


def _symbols(engine: Engine, params: Params, category: str) -> list[str]:
    """The symbols that `symbol`, `baseCoin` or `settleCoin` ask for.

    One of them is required, but for the inverse category.
    """
    base, settle = params.text("baseCoin"), params.text("settleCoin")
    if params.has("symbol"):
        return [contract_symbol(engine, params)]
    if not base and not settle and category != INVERSE:
        raise bad_params("Missing some parameters that must be filled in, symbol or baseCoin or settleCoin")
    return [
        one.symbol
        for one in of_category(engine.instruments, category)
        if base in ("", one.base) and settle in ("", one.settle)
    ]
