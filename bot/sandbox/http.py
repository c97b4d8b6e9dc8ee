"""Requests and answers, independent of what carries them (aiohttp or a call inside the process)."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

NEVER = math.inf

Send = Callable[[dict[str, Any]], None]
"""Queues one message of a stream for its reader; never blocks."""


class Stream(Protocol):
    """One WebSocket connection, as a venue's protocol sees it."""

    def receive(self, text: str) -> None:
        """Handle a message of the client."""

    def close(self) -> None:
        """The connection is gone."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request.

    `query` is the raw text behind the question mark, as it was signed; header names are lower case.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Response(msgspec.Struct, frozen=True):
    """One HTTP answer; `delay_s` is how long it is held back (`NEVER`: it is not sent at all).

    `dropped`: nothing is sent, the connection is closed at once.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    delay_s: float = 0.0
    dropped: bool = False

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


def lower_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Header names in lower case, as `Request` wants them."""
    return {name.lower(): str(value) for name, value in headers.items()}
