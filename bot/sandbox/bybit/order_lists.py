"""What lists of orders and executions have in common, whatever the category."""

import re
from typing import Any

from bot.sandbox.bybit import words
from bot.sandbox.bybit.envelope import bad_params
from bot.sandbox.bybit.params import Params
from bot.sandbox.engine.types import Execution, Order, OrderStatus, StopKind

_CLIENT_ID = re.compile(r"[A-Za-z0-9_\-]{1,36}")


def ids(order: Order) -> dict[str, Any]:
    """The answer to a request that made, changed or ended an order."""
    return {"orderId": order.order_id, "orderLinkId": order.client_id}


def either_id(params: Params) -> tuple[str, str]:
    """Order id and client id, one of which must be there; the first one counts."""
    order_id, client_id = params.text("orderId"), params.text("orderLinkId")
    if not order_id and not client_id:
        raise bad_params("Request parameter error: orderId or orderLinkId is required.")
    return order_id, "" if order_id else client_id


def client_id_of(params: Params) -> str:
    """The client's own id of a new order. Raises BybitError for one that the venue does not take."""
    client_id = params.text("orderLinkId")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise bad_params("params error: OrderLinkedID invalid: at most 36 of letters, digits, - and _.")
    return client_id


def filtered(orders: list[Order], params: Params, symbols: list[str] | None) -> list[Order]:
    """The orders that ids, filter and status of a call choose, of these symbols (None: all)."""
    allowed = None if symbols is None else frozenset(symbols)
    order_id, client_id = params.text("orderId"), params.text("orderLinkId")
    belongs = params.choice("orderFilter", _FILTERS) or _any_order
    status = params.text("orderStatus")
    return [
        order
        for order in orders
        if (allowed is None or order.symbol in allowed)
        and order_id in ("", order.order_id)
        and client_id in ("", order.client_id)
        and belongs(order)
        and status in ("", words.STATUS_WORDS[order.status])
    ]


def _any_order(_order: Order) -> bool:
    return True


def _is_plain(order: Order) -> bool:
    return not _is_conditional(order)


def _is_attached(order: Order) -> bool:
    return _is_conditional(order) and order.stop_kind in (StopKind.STOP_LOSS, StopKind.TAKE_PROFIT)


def _is_conditional(order: Order) -> bool:
    """Whether the order waits for its trigger, or was conditional when it ended."""
    return order.status in (OrderStatus.UNTRIGGERED, OrderStatus.DEACTIVATED) or (
        order.trigger_price is not None and not order.status.is_open
    )


_FILTERS = {"Order": _is_plain, "StopOrder": _is_conditional, "tpslOrder": _is_attached}


def order_key(order: Order) -> str:
    """Sorts orders by their age."""
    return f"{order.created_ms:013d},{order.order_id}"


def execution_key(execution: Execution) -> str:
    """Sorts executions by their age."""
    return f"{execution.time_ms:013d},{execution.sequence:012d}"
