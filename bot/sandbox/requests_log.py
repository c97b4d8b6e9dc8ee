"""Every order request that arrived, whatever became of it."""

from collections import deque
from typing import Any

import msgspec

KEPT = 100_000


class OrderRequestRecord(msgspec.Struct):
    """One request. `executed` tells whether it reached the engine, `code` what the venue's answer to it was.

    `http_status` is what was sent back (with a fault: something else than `code` says), None while
    it is being handled.
    """

    time_ms: int
    api_key: str
    path: str
    client_id: str
    body: Any
    executed: bool = False
    code: int | None = None
    message: str = ""
    order_id: str = ""
    http_status: int | None = None
    carrier: str = "http"


class OrderRequestLog:
    """The latest order requests, oldest first."""

    def __init__(self) -> None:
        self._records: deque[OrderRequestRecord] = deque(maxlen=KEPT)

    def add(self, record: OrderRequestRecord) -> OrderRequestRecord:
        """Keep a record; whoever handles the request fills in what became of it."""
        self._records.append(record)
        return record

    def listing(self) -> list[OrderRequestRecord]:
        """All that is kept."""
        return list(self._records)
