"""Category spot of /v5/order/*, /v5/execution/list and /v5/market/instruments-info.

Only what trades at once is offered: market orders by base coin, and limit orders with time in force IOC.
"""

from typing import Any

from bot.sandbox.bybit import words
from bot.sandbox.bybit.envelope import BybitError, bad_params
from bot.sandbox.bybit.formats import number
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import Params
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.moves import SpotOrder, SpotRequest
from bot.sandbox.engine.spot import FEE_RATE, MIN_QTY, MIN_VALUE, STEP
from bot.sandbox.engine.types import AccountInfo, EngineRefusal, OrderKind, OrderStatus, Reason, TimeInForce

_REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.DUPLICATE_CLIENT_ID: (170141, "Duplicate clientOrderId"),
    Reason.INSUFFICIENT_BALANCE: (170131, "Insufficient balance."),
    Reason.QTY_NOT_A_STEP: (170137, "Order volume decimal too long"),
    Reason.QTY_BELOW_MINIMUM: (170136, "Order quantity exceeded lower limit."),
    Reason.NOTIONAL_BELOW_MINIMUM: (170140, "Order value exceeded lower limit."),
    Reason.UNKNOWN_SYMBOL: (170121, "Invalid symbol."),
}


def market_row(instrument: Instrument) -> dict[str, Any]:
    """A row of /v5/market/instruments-info."""
    return {
        "symbol": instrument.symbol,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.settle,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "lotSizeFilter": {
            "basePrecision": number(STEP),
            "quotePrecision": "0.00000001",
            "minOrderQty": number(MIN_QTY),
            "maxOrderQty": "100000",
            "minOrderAmt": number(MIN_VALUE),
            "maxOrderAmt": "10000000",
        },
        "priceFilter": {"tickSize": number(instrument.tick)},
    }


def create(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/create."""
    kind = params.required_choice("orderType", words.ORDER_KINDS)
    price = params.decimal("price")
    if kind is OrderKind.LIMIT:
        time_in_force = params.choice("timeInForce", words.TIMES_IN_FORCE)
        if price is None or time_in_force is not TimeInForce.IOC:
            raise bad_params("params error: only limit orders with a price and timeInForce IOC are offered.")
    elif params.text("marketUnit", "baseCoin") != "baseCoin":
        raise bad_params("params error: only marketUnit baseCoin is offered here.")
    request = SpotRequest(
        symbol=params.required("symbol"),
        side=params.required_choice("side", words.SIDES),
        qty=params.required_decimal("qty"),
        kind=kind,
        price=price if kind is OrderKind.LIMIT else None,
        client_id=params.text("orderLinkId"),
    )
    try:
        made = engine.trade_spot(account.account_id, request)
    except EngineRefusal as refusal:
        if refusal.reason not in _REFUSALS:
            raise
        code, told = _REFUSALS[refusal.reason]
        raise BybitError(code, f"{told} [{refusal.message}]") from refusal
    return {"orderId": made.order_id, "orderLinkId": request.client_id}


def orders(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/order/realtime and /v5/order/history: every order has ended; newest first."""
    found = _wanted(engine, account, params)
    shown, cursor = page(found, _key, params.text("cursor"), params.limit(20, 50), descending=True)
    return {"category": "spot", "list": [_order_row(one) for one in shown], "nextPageCursor": cursor}


def executions(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/execution/list; newest first."""
    found = [one for one in _wanted(engine, account, params) if one.filled_qty]
    shown, cursor = page(found, _key, params.text("cursor"), params.limit(50, 100), descending=True)
    return {"category": "spot", "list": [_execution_row(one) for one in shown], "nextPageCursor": cursor}


def _wanted(engine: Engine, account: AccountInfo, params: Params) -> list[SpotOrder]:
    symbol, order_id, client_id = params.text("symbol"), params.text("orderId"), params.text("orderLinkId")
    return [
        one
        for one in engine.spot_orders(account.account_id)
        if symbol in ("", one.request.symbol)
        and order_id in ("", one.order_id)
        and client_id in ("", one.request.client_id)
    ]


def _key(one: SpotOrder) -> str:
    return f"{one.time_ms:013d},{one.order_id}"


def _order_row(one: SpotOrder) -> dict[str, Any]:
    asked, filled = one.request, one.status is OrderStatus.FILLED
    return {
        "orderId": one.order_id,
        "orderLinkId": asked.client_id,
        "symbol": asked.symbol,
        "side": words.SIDE_WORDS[asked.side],
        "orderType": words.ORDER_KIND_WORDS[asked.kind],
        "timeInForce": "IOC",
        "price": number(asked.price) or "0",
        "qty": number(asked.qty),
        "orderStatus": words.STATUS_WORDS[one.status],
        "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError" if filled else "EC_NoImmediateQtyToFill",
        "avgPrice": number(one.price) if filled else "",
        "leavesQty": "0",
        "cumExecQty": number(one.filled_qty),
        "cumExecValue": number(one.filled_value),
        "cumExecFee": number(one.fee),
        "cumFeeDetail": {"USDT": number(one.fee)} if filled else {},
        "createdTime": str(one.time_ms),
        "updatedTime": str(one.time_ms),
    }


def _execution_row(one: SpotOrder) -> dict[str, Any]:
    asked = one.request
    return {
        "symbol": asked.symbol,
        "orderId": one.order_id,
        "orderLinkId": asked.client_id,
        "side": words.SIDE_WORDS[asked.side],
        "orderQty": number(asked.qty),
        "orderType": words.ORDER_KIND_WORDS[asked.kind],
        "execId": one.execution_id,
        "execType": "Trade",
        "execPrice": number(one.price),
        "execQty": number(one.filled_qty),
        "execValue": number(one.filled_value),
        "execFee": number(one.fee),
        "feeRate": number(FEE_RATE),
        "feeCurrency": "USDT",
        "execTime": str(one.time_ms),
        "isMaker": False,
        "closedSize": "",
    }
