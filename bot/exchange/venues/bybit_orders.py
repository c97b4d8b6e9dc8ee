"""Bybit v5: orders, executions and transfers out of raw rows, and requests onto the wire. Pure functions.

Field meanings: docs/v5/order/open-order, docs/v5/order/execution, docs/v5/account/transaction-log,
docs/v5/order/create-order, docs/v5/position/trading-stop.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from bot.exchange.failures import MalformedDataError, NotSentError
from bot.exchange.parts import Wire
from bot.exchange.values import Row, figure, moment, name, optional, plain, required, text, whole
from bot.exchange.venues.bybit_calls import category_of
from bot.model import (
    CancelRequest,
    Fill,
    Market,
    OnMarket,
    Order,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    StopRequest,
    Style,
    TriggerRequest,
    Unknown,
)

ZERO = Decimal(0)

ORDER_SIDES = {"Buy": OrderSide.BUY, "Sell": OrderSide.SELL}
SIDE_WORDS = {side: word for word, side in ORDER_SIDES.items()}
TRIGGERS = {"MarkPrice": "mark", "IndexPrice": "index", "LastPrice": "last", "": "last"}
STATUSES = {
    "New": OrderStatus.OPEN,
    "PartiallyFilled": OrderStatus.OPEN,
    "Untriggered": OrderStatus.OPEN,
    "Triggered": OrderStatus.OPEN,
    "Created": OrderStatus.OPEN,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
    "Deactivated": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
}
TIMES_IN_FORCE = {Style.IOC: "IOC", Style.PASSIVE: "PostOnly"}
ATTACHED = frozenset({"StopLoss", "TakeProfit", "TrailingStop"})
STOP_LOSSES = frozenset({"StopLoss", "PartialStopLoss"})
"""A partial one (tpslMode Partial) has a size of its own, and does not follow the position's."""
NO_REASON = frozenset({"", "EC_NoError", "UNKNOWN"})
FILL_KINDS = {
    "Trade": "trade",
    "AdlTrade": "ADL",
    "BustTrade": "liquidation",
    "Delivery": "delivery",
    "BlockTrade": "block trade",
    "MovePosition": "moved position",
}
"""Executions that change a position; funding and settlement do not."""
STOP_KINDS = {
    "StopLoss": "stop loss",
    "PartialStopLoss": "stop loss",
    "TakeProfit": "take profit",
    "PartialTakeProfit": "take profit",
    "TrailingStop": "trailing stop",
}

LEGS = frozenset({0, 1, 2})
"""One-way, the long leg, the short leg."""
UNREADABLE = "unreadable"

_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")


def wire_of(request: OnMarket, market: Market) -> Wire:
    """Write a request as the venue reads it. Raises NotSentError where it does not fit the market."""
    common: dict[str, object] = {**category_of(market), "symbol": market.venue_symbol}
    if not isinstance(request, CancelRequest) and request.position_index not in LEGS:
        raise NotSentError(f"the leg of the position in {request.symbol} is not known")
    if isinstance(request, OrderRequest):
        return Wire("privatePostV5OrderCreate", {**common, **_order_body(request, market)})
    if isinstance(request, StopRequest):
        return Wire("privatePostV5PositionTradingStop", {**common, **_stop_body(request, market)})
    if isinstance(request, TriggerRequest):
        return Wire("privatePostV5OrderCreate", {**common, **_trigger_body(request, market)})
    return Wire("privatePostV5OrderCancel", {**common, "orderId": request.order_id})


def _check_id(client_order_id: str) -> None:
    if not _CLIENT_ORDER_ID.fullmatch(client_order_id):
        raise NotSentError(f"client order id {client_order_id!r} must be 1 to 36 of A-Za-z0-9_-")


def _order_body(request: OrderRequest, market: Market) -> dict[str, object]:
    _check_id(request.client_order_id)
    _must_fit("contracts", request.contracts, request.contracts if request.whole else market.amount_step)
    body: dict[str, object] = {
        "side": SIDE_WORDS[request.side],
        "orderType": "Market",
        "qty": plain(request.contracts),
        "positionIdx": request.position_index,
        "reduceOnly": not request.opens,
        "orderLinkId": request.client_order_id,
    }
    if request.style is not Style.MARKET:
        if request.price is None:
            raise NotSentError(f"an order of style {request.style.value} needs a price")
        _must_fit("price", request.price, market.price_step)
        body |= {
            "orderType": "Limit",
            "timeInForce": TIMES_IN_FORCE[request.style],
            "price": plain(request.price),
        }
    return body


def _trigger_body(request: TriggerRequest, market: Market) -> dict[str, object]:
    _check_id(request.client_order_id)
    _must_fit("contracts", request.contracts, market.amount_step)
    _must_fit("trigger price", request.trigger_price, market.price_step)
    return {
        "side": SIDE_WORDS[request.side],
        "orderType": "Market",
        "qty": plain(request.contracts),
        "positionIdx": request.position_index,
        "reduceOnly": True,
        "triggerPrice": plain(request.trigger_price),
        "triggerDirection": 2 if request.falling else 1,
        "triggerBy": "MarkPrice",
        "orderLinkId": request.client_order_id,
    }


def _stop_body(request: StopRequest, market: Market) -> dict[str, object]:
    _must_fit("trigger price", request.trigger_price, market.price_step)
    body: dict[str, object] = {
        "positionIdx": request.position_index,
        "tpslMode": "Full",
        "stopLoss": plain(request.trigger_price),
        "slTriggerBy": "MarkPrice",
        "slOrderType": "Market",
    }
    if request.take_profit is not None:
        _must_fit("take profit", request.take_profit, market.price_step)
        gain = {"takeProfit": plain(request.take_profit), "tpTriggerBy": "MarkPrice", "tpOrderType": "Market"}
        body |= gain
    return body


def _must_fit(what: str, value: Decimal, step: Decimal) -> None:
    if value <= 0 or value % step != 0:
        raise NotSentError(f"{what} {value} is not a positive multiple of the market's step {step}")


def order_id_of(request: OnMarket, result: Row) -> str | None:
    """Read the venue's order id out of a success; None where the success does not prove the request."""
    if isinstance(request, StopRequest):
        return ""
    order_id = text(result, "orderId")
    if isinstance(request, CancelRequest):
        return order_id if order_id == request.order_id else None
    same = result.get("orderLinkId") in (None, "", request.client_order_id)
    return order_id if order_id and same else None


def is_conditional(row: Row) -> bool:
    """Say whether an order still waits for its trigger."""
    return text(row, "orderStatus") == "Untriggered"


def _levels(row: Row, waits: bool) -> tuple[Decimal | None, Decimal | None, str]:
    """Read price, trigger price and what triggers."""
    by = TRIGGERS.get(text(row, "triggerBy"), UNREADABLE) if waits else ""
    try:
        return optional(row, "price"), optional(row, "triggerPrice") if waits else None, by
    except MalformedDataError:
        return None, None, UNREADABLE if waits else ""


def parse_order(row: Row, symbol: str, at: datetime | None = None) -> Order:
    """Read one resting order. Raises MalformedDataError where side, size or leg cannot be read.

    One whose trigger or price cannot be read has a trigger that covers nothing; what was filled of it, where
    that is unclear, counts as nothing. `at` stands for a time that is not given.
    """
    waits = is_conditional(row)
    plain_kind = OrderKind.MARKET if text(row, "orderType") == "Market" else OrderKind.LIMIT
    price, trigger, by = _levels(row, waits)
    filled = figure(row, "cumExecQty")
    return Order(
        order_id=name(row, "orderId"),
        client_order_id=text(row, "orderLinkId"),
        symbol=symbol,
        side=_side(row),
        kind=OrderKind.STOP if waits else plain_kind,
        price=price,
        trigger_price=trigger,
        trigger_by=by,
        contracts=required(row, "qty"),
        filled=ZERO if isinstance(filled, Unknown) else filled,
        reduce_only=row.get("reduceOnly") is True or row.get("closeOnTrigger") is True,
        attached=text(row, "stopOrderType") in ATTACHED,
        position_index=whole(row, "positionIdx"),
        created_at=moment(row, "createdTime", at),
        stop_loss=text(row, "stopOrderType") in STOP_LOSSES,
    )


def parse_report(row: Row, symbol: str, *, inverse: bool = False) -> OrderReport:
    """Read what became of one order; the fee of an inverse contract is in coins at the venue, in USD here.

    Raises MalformedDataError.
    """
    status = STATUSES.get(text(row, "orderStatus"))
    if status is None:
        raise MalformedDataError(f"an order of {symbol} with status {row.get('orderStatus')!r}")
    filled = required(row, "cumExecQty")
    reasons = (text(row, "rejectReason"), text(row, "cancelType"))
    average, fee = optional(row, "avgPrice"), _order_fee(row, filled)
    return OrderReport(
        order_id=name(row, "orderId"),
        client_order_id=text(row, "orderLinkId"),
        symbol=symbol,
        status=status,
        contracts=required(row, "qty"),
        filled=filled,
        average_price=average,
        fee=fee * (average or ZERO) if inverse else fee,
        reason=next((reason for reason in reasons if reason not in NO_REASON), ""),
        at=moment(row, "updatedTime"),
    )


def _order_fee(row: Row, filled: Decimal) -> Decimal:
    detail = row.get("cumFeeDetail")
    if isinstance(detail, dict) and detail:
        return sum((required(detail, coin) for coin in detail), ZERO)
    if filled == 0 and row.get("cumExecFee") in (None, ""):
        return ZERO
    return required(row, "cumExecFee")


def report_from_fills(fills: tuple[Fill, ...], rows: Iterable[Row], *, inverse: bool = False) -> OrderReport:
    """Build evidence from executions alone, where no list of orders shows the order.

    What is left over may still rest unseen: the order counts as open until it is all executed.
    """
    filled = sum((fill.contracts for fill in fills), ZERO)
    coins = sum((fill.contracts / fill.price for fill in fills), ZERO)
    value = sum((fill.contracts * fill.price for fill in fills), ZERO)
    wanted = max(required(row, "orderQty") for row in rows)
    last = fills[-1]
    return OrderReport(
        order_id=last.order_id,
        client_order_id=last.client_order_id,
        symbol=last.symbol,
        status=OrderStatus.FILLED if filled >= wanted else OrderStatus.OPEN,
        contracts=wanted,
        filled=filled,
        average_price=filled / coins if inverse else value / filled,
        fee=sum((fill.fee for fill in fills), ZERO),
        reason="",
        at=last.at,
    )


def parse_fills(rows: Iterable[Row], symbol: str, *, inverse: bool = False) -> tuple[Fill, ...]:
    """Read executions that changed a position, each once, oldest first. Raises MalformedDataError.

    The fee of an inverse contract is in coins at the venue, in USD here.
    """
    fills = {
        name(row, "execId"): Fill(
            fill_id=name(row, "execId"),
            order_id=text(row, "orderId"),
            client_order_id=text(row, "orderLinkId"),
            symbol=symbol,
            side=_side(row),
            contracts=required(row, "execQty"),
            price=required(row, "execPrice"),
            fee=required(row, "execFee") * (required(row, "execPrice") if inverse else 1),
            liquidation=text(row, "execType") == "BustTrade",
            at=moment(row, "execTime"),
            kind=_fill_kind(row),
            closed=_closed(row),
        )
        for row in rows
        if text(row, "execType") in FILL_KINDS
    }
    return tuple(sorted(fills.values(), key=lambda fill: (fill.at, fill.fill_id)))


def _fill_kind(row: Row) -> str:
    """Name an execution by what made it: a trade of a position's stop is told from one by hand."""
    kind = FILL_KINDS[text(row, "execType")]
    stop = STOP_KINDS.get(text(row, "stopOrderType"), "")
    return stop if stop and kind == "trade" else kind


def _closed(row: Row) -> Decimal | None:
    size = figure(row, "closedSize")
    return size if isinstance(size, Decimal) else None


def _side(row: Row) -> OrderSide:
    side = ORDER_SIDES.get(text(row, "side"))
    if side is None:
        raise MalformedDataError(f"a row of {row.get('symbol')!r} with side {row.get('side')!r}")
    return side
