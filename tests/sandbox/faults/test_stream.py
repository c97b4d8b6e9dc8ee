"""Faults at orders that come over the trade stream."""

import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from bot.sandbox.host import Sandbox
from bot.sandbox.http import Stream
from tests.sandbox.faults.support import BID, BUY, arm, make_sandbox, position, strikes
from tests.sandbox.support import KEY, SECRET, admin


class Trader:
    """A client of the trade stream."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.received: list[dict[str, Any]] = []
        stream = sandbox.open_stream("/v5/trade", self.received.append)
        assert stream is not None
        self.stream: Stream = stream
        expires = str(sandbox.engine.clock.server_ms() + 10_000)
        signature = hmac.new(SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        assert self.send({"op": "auth", "args": [KEY, expires, signature]})["retCode"] == 0

    def send(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and return the one answer to it; empty where none came."""
        self.received.clear()
        self.stream.receive(msgspec.json.encode(message).decode())
        assert len(self.received) <= 1
        return self.received[0] if self.received else {}

    def order(self, order: dict[str, Any], op: str = "order.create") -> dict[str, Any]:
        """Send an order."""
        header = {"X-BAPI-TIMESTAMP": str(self.sandbox.engine.clock.server_ms())}
        return self.send({"reqId": "r1", "header": header, "op": op, "args": [order]})


@pytest.fixture
def trader() -> Trader:
    return Trader(make_sandbox())


def test_without_faults_orders_go_through(trader: Trader) -> None:
    answer = trader.order(BUY)
    assert (answer["reqId"], answer["retCode"], answer["op"]) == ("r1", 0, "order.create")
    assert answer["data"]["orderId"]
    assert trader.order({**BUY, "qty": "0.00001"})["retCode"] == 10001
    first, second = admin(trader.sandbox, "GET", "orders")[1]["orders"]
    assert (first["code"], first["carrier"]) == (0, "websocket")
    assert (second["code"], second["executed"]) == (10001, True)


def test_refusals_come_in_the_streams_form(trader: Trader) -> None:
    arm(trader.sandbox, "overload", api_key=KEY)
    answer = trader.order(BUY)
    assert (answer["retCode"], answer["retMsg"]) == (10429, "System level frequency protection")
    assert position(trader.sandbox) == 0
    trader.sandbox.faults.clear()
    arm(trader.sandbox, "duplicate", count=1)
    assert trader.order(BUY)["retCode"] == 110072
    assert float(position(trader.sandbox)) == 0.1
    assert trader.order(BUY)["retCode"] == 0


def test_a_success_without_a_result_keeps_its_form(trader: Trader) -> None:
    arm(trader.sandbox, "corrupt", variant="error_in_200")
    answer = trader.order(BUY)
    assert (answer["retCode"], answer["data"]) == (0, None)


@pytest.mark.parametrize(
    ("fault", "executed"),
    [
        ({"name": "hang"}, True),
        ({"name": "drop"}, False),
        ({"name": "refused_connection"}, False),
        ({"name": "corrupt"}, True),
        ({"name": "corrupt", "variant": "cut"}, True),
        ({"name": "corrupt", "variant": "null"}, True),
    ],
)
def test_what_the_stream_has_no_form_for_is_not_answered(
    trader: Trader, fault: dict[str, Any], executed: bool
) -> None:
    arm(trader.sandbox, count=1, **fault)
    assert trader.order(BUY) == {}
    assert strikes(trader.sandbox) == [1]
    assert (position(trader.sandbox) > 0) is executed
    assert trader.order(BID)["retCode"] == 0
