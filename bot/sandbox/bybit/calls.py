"""What a request is for, read without judging it: faults look at requests before they are checked."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from bot.sandbox.engine.exchange import Engine
from bot.sandbox.faults.kinds import Act, Call
from bot.sandbox.http import Request

_ACTS = {
    "/v5/order/create": Act.PLACE,
    "/v5/order/amend": Act.AMEND,
    "/v5/order/cancel": Act.CANCEL,
    "/v5/order/cancel-all": Act.CANCEL,
    "/v5/position/trading-stop": Act.STOP,
}
_STOPS = ("stopLoss", "takeProfit")


def read_call(engine: Engine, request: Request, api_key: str, *, public: bool) -> Call:
    """What a request is for; what cannot be read counts as absent."""
    values = _values(request)
    act = Act.READ if request.method == "GET" else _ACTS.get(request.path, Act.SETTING)
    stops = act in (Act.PLACE, Act.STOP) and any(_is_set(values.get(name)) for name in _STOPS)
    return Call(
        path=request.path,
        query=request.query,
        api_key=api_key,
        act=act,
        public=public,
        symbol=str(values.get("symbol") or ""),
        reduce_only=_reduces(engine, api_key, act, values),
        conditional=_is_set(values.get("triggerPrice")),
        post_only=values.get("timeInForce") == "PostOnly",
        sets_stop=stops,
    )


def _values(request: Request) -> Mapping[str, Any]:
    if request.method == "GET":
        return dict(parse_qsl(request.query))
    try:
        body = msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _reduces(engine: Engine, api_key: str, act: Act, values: Mapping[str, Any]) -> bool:
    if act is not Act.AMEND:
        return any(str(values.get(name)).lower() == "true" for name in ("reduceOnly", "closeOnTrigger"))
    account = engine.account_by_key(api_key)
    if account is None:
        return False
    order_id, client_id = str(values.get("orderId") or ""), str(values.get("orderLinkId") or "")
    order = engine.find_order(account.account_id, order_id=order_id, client_id=client_id)
    return order is not None and (order.reduce_only or order.close_on_trigger)


def _is_set(value: object) -> bool:
    """Whether this is a number other than 0, which stands for no stop and no trigger."""
    try:
        return value not in (None, "") and Decimal(str(value)) != 0
    except InvalidOperation:
        return False
