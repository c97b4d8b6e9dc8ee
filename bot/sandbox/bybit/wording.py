"""How the venue words what faults need: its refusals, its lists, the names in its rows."""

from collections.abc import Sequence
from typing import Any

import msgspec

from bot.sandbox.bybit.envelope import answer, envelope
from bot.sandbox.faults.kinds import Fields, Refusal, Row
from bot.sandbox.http import Response

FORBIDDEN = 403

FIELDS = Fields(symbol="symbol", order_id="orderId", liquidation_price="liqPrice", mark_price="markPrice")

REFUSALS: dict[Refusal, tuple[int, str]] = {
    Refusal.OVERLOADED: (10429, "System level frequency protection"),
    Refusal.DUPLICATE_ID: (110072, "OrderLinkedID is duplicate"),
    Refusal.MAINTENANCE: (110066, "Trading is currently not allowed."),
    Refusal.POST_ONLY_STAGE: (110103, "Only Post-Only orders are available at this stage"),
    Refusal.STOP_TYPE: (
        110099,
        "You cannot create TP/SL orders during the Call Auction for Pre-Market Perpetuals.",
    ),
    Refusal.BAD_KEY: (10003, "API key is invalid."),
    Refusal.NO_PERMISSION: (10005, "Permission denied, please check your API key permissions."),
    Refusal.BAD_ADDRESS: (10010, "Unmatched IP, please check your API key's bound IP addresses."),
}


def refuse(refusal: Refusal, now_ms: int, code: int | None, message: str) -> Response:
    """A refusal in the venue's envelope."""
    usual, words = REFUSALS[refusal]
    return error(usual if code is None else code, message or words, now_ms)


def limited(wait_ms: int, now_ms: int) -> Response:
    """HTTP 429 with the time to wait, in whole seconds and as the moment at which it is over."""
    body = envelope({}, now_ms, code=10006, message="Too many visits. Exceeded the IP rate limit.")
    headers = {"Retry-After": _whole_seconds(wait_ms), "X-Bapi-Limit-Reset-Timestamp": str(now_ms + wait_ms)}
    return answer(body, now_ms, status=429, headers=headers)


def banned(status: int, wait_ms: int) -> Response:
    """The page for a banned address; as at the venue, 403 does not say for how long."""
    headers = {"Content-Type": "text/html"}
    if status != FORBIDDEN:
        headers["Retry-After"] = _whole_seconds(wait_ms)
    return Response(status=status, headers=headers, body=b"<html><body>access too frequent</body></html>")


def _whole_seconds(wait_ms: int) -> str:
    return str(-(-wait_ms // 1000))


def error(code: int, message: str, now_ms: int) -> Response:
    """A code and its message in the venue's envelope."""
    return answer(envelope({}, now_ms, code=code, message=message), now_ms)


def rows(response: Response) -> list[Row]:
    """The rows of an answer's list; none where it holds no list."""
    found = _result(_body(response)).get("list")
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def with_rows(response: Response, shown: Sequence[Row], *, last: bool) -> Response:
    """The same answer with other rows; as it was where it holds no list."""
    body = _body(response)
    result = _result(body)
    if "list" not in result:
        return response
    result = {**result, "list": list(shown)}
    if last:
        result["nextPageCursor"] = ""
    return _with(response, {**body, "result": result})


def placed_id(response: Response) -> str:
    """The order id in the answer to a new order; '' where it was refused."""
    return str(_result(_body(response)).get("orderId", ""))


def without_result(response: Response) -> Response:
    """The same envelope as a success with null for its result."""
    return _with(response, {**_body(response), "retCode": 0, "retMsg": "OK", "result": None})


def _body(response: Response) -> dict[str, Any]:
    """The envelope; every true answer here is one."""
    body = msgspec.json.decode(response.body)
    return body if isinstance(body, dict) else {}


def _result(body: dict[str, Any]) -> dict[str, Any]:
    result = body.get("result")
    return result if isinstance(result, dict) else {}


def _with(response: Response, body: dict[str, Any]) -> Response:
    return msgspec.structs.replace(response, body=msgspec.json.encode(body))
