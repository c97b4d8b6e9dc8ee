"""The sandbox called inside the process: for clients in virtual time, without a network."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from bot.sandbox.http import Request, Response, lower_headers

DEFAULT_TIMEOUT_S = 10.0


class InProcessTransport:
    """Answers HTTP requests by a call.

    An answer that is held back for longer than `timeout_s` raises TimeoutError at once, after the
    request was executed: what a client sees of it is the same, without the wait. One that is dropped
    raises ConnectionResetError.
    """

    def __init__(self, handle: Callable[[Request], Response], timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        """Status, reason, headers and text of the answer. Raises TimeoutError, ConnectionResetError."""
        parts = urlsplit(url)
        payload = body.encode() if isinstance(body, str) else body or b""
        answer = self._handle(
            Request(
                method=method.upper(),
                path=parts.path,
                query=parts.query,
                headers=lower_headers(headers or {}),
                body=payload,
            )
        )
        if answer.dropped:
            raise ConnectionResetError(
                f"the connection was closed without an answer to {method} {parts.path}"
            )
        if answer.delay_s > self._timeout_s:
            raise TimeoutError(f"no answer to {method} {parts.path} within {self._timeout_s} s")
        return answer.status, _reason(answer.status), dict(answer.headers), answer.text


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
