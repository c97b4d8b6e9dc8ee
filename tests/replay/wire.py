"""The wire between one guard and the venue: every request can be looked at before it arrives."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from bot.sandbox.http import Request, Response
from bot.sandbox.transport import InProcessTransport


class Sent(msgspec.Struct, frozen=True):
    """One request that changes something at the venue, before its answer is known."""

    path: str
    body: Mapping[str, Any]

    @property
    def client_id(self) -> str:
        """The client order id; '' where the request has none."""
        return str(self.body.get("orderLinkId", ""))

    @property
    def is_order(self) -> bool:
        """Whether it opens, changes or ends an order of its own; stops of a position do not."""
        return self.path == "/v5/order/create"

    @property
    def cancels(self) -> str:
        """The venue's id of the order that it cancels; '' where it cancels none."""
        return str(self.body.get("orderId", "")) if self.path == "/v5/order/cancel" else ""

    @property
    def stop(self) -> Decimal | None:
        """Trigger of the position's stop that it asks for."""
        raw = self.body.get("stopLoss")
        return Decimal(raw) if self.path == "/v5/position/trading-stop" and raw is not None else None


class Answered(msgspec.Struct, frozen=True):
    """A request that changes something, and the venue's code for it: 0 is accepted."""

    sent: Sent
    code: int


def code_of(text: str) -> int:
    """Return an answer's code; -1 where it cannot be read, or is a success without a result."""
    try:
        body = msgspec.json.decode(text)
        code = int(body["retCode"])
        return -1 if code == 0 and body["result"] is None else code
    except (msgspec.DecodeError, KeyError, TypeError):
        return -1


class Wire:
    """Carries requests to a sandbox inside the process; counts them and shows the writing ones."""

    def __init__(self, handle: Callable[[Request], Response], seen: Callable[[Sent], None]) -> None:
        self._transport = InProcessTransport(handle)
        self._seen = seen
        self.requests = 0
        self.answers: list[Answered] = []
        self.cut = False
        """Whether the network is down: nothing arrives, and nothing comes back."""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        """Carry one request, as a network would."""
        self.requests += 1
        if self.cut:
            raise ConnectionRefusedError("the network is down")
        if method != "POST":
            return await self._transport.request(method, url, headers, body)
        sent = Sent(url.split("?")[0].removeprefix("http://127.0.0.1:1"), msgspec.json.decode(body or b"{}"))
        self._seen(sent)
        answer = await self._transport.request(method, url, headers, body)
        self.answers.append(Answered(sent, code_of(answer[3])))
        return answer

    def taken(self) -> list[Answered]:
        """Return the answers since the last call."""
        answers, self.answers = self.answers, []
        return answers
