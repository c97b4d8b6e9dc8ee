"""Answers as the venue wraps them: `retCode, retMsg, result, retExtInfo, time`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bot.sandbox.http import Response

SUCCESS = 0

_encode = msgspec.json.Encoder().encode


class BybitError(Exception):
    """A refusal in the venue's words: its code, its message and, for some calls, a result or headers."""

    def __init__(
        self,
        code: int,
        message: str,
        result: object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.result: object = {} if result is None else result
        self.headers = headers or {}


def bad_params(message: str) -> BybitError:
    """The venue's general answer to a request that it cannot read (10001)."""
    return BybitError(10001, message)


def envelope(
    result: object, time_ms: int, *, code: int = SUCCESS, message: str = "OK", ext_info: object | None = None
) -> dict[str, Any]:
    """The object that every REST answer consists of."""
    return {
        "retCode": code,
        "retMsg": message,
        "result": result,
        "retExtInfo": {} if ext_info is None else ext_info,
        "time": time_ms,
    }


def answer(
    body: object, time_ms: int, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`body` as JSON with the headers that the venue sends."""
    code = body.get("retCode", SUCCESS) if isinstance(body, dict) else SUCCESS
    combined = {
        "Content-Type": "application/json; charset=utf-8",
        "Timenow": str(time_ms),
        "Ret_code": str(code),
    }
    if headers:
        combined.update(headers)
    return Response(status=status, headers=combined, body=_encode(body))
