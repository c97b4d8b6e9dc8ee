"""Every reading call against every kind of broken answer: an error that says nothing is known, never flat."""

import socket
from collections.abc import Awaitable, Callable

import pytest
from msgspec import Struct

from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.model import Verdict
from tests.exchange.stub import BTC, NOW, NOW_MS, Reply, Sent, StubVenue, envelope, gateway, listed, position
from tests.exchange.test_answers import CANCEL, ORDER, STOP

Read = Callable[[CcxtGateway], Awaitable[object]]


class Reading(Struct, frozen=True):
    """One reading call, and a path that it needs an answer from."""

    path: str
    read: Read
    cold: bool = False
    """Whether the path is asked only before anything is known."""


SNAPSHOT: Read = lambda gateway: gateway.snapshot()  # noqa: E731
LOOK_UP: Read = lambda gateway: gateway.find_order(BTC, "reef-1")  # noqa: E731

READINGS = {
    "wallet": Reading("/v5/account/wallet-balance", SNAPSHOT),
    "positions": Reading("/v5/position/list", SNAPSHOT),
    "orders": Reading("/v5/order/realtime", SNAPSHOT),
    "tickers": Reading("/v5/market/tickers", SNAPSHOT),
    "account": Reading("/v5/account/info", SNAPSHOT, cold=True),
    "markets": Reading("/v5/market/instruments-info", SNAPSHOT, cold=True),
    "market": Reading("/v5/market/instruments-info", lambda gateway: gateway.market(BTC), cold=True),
    "positions of one": Reading("/v5/position/list", lambda gateway: gateway.positions(BTC)),
    "open orders": Reading("/v5/order/realtime", LOOK_UP),
    "past orders": Reading("/v5/order/history", LOOK_UP),
    "executions of one": Reading("/v5/execution/list", LOOK_UP),
    "executions": Reading("/v5/execution/list", lambda gateway: gateway.fills(BTC, NOW)),
    "wallet log": Reading("/v5/account/transaction-log", lambda gateway: gateway.wallet_changes(NOW)),
    "candles": Reading("/v5/market/kline", lambda gateway: gateway.candles(BTC, "1h", 3)),
    "ticker": Reading("/v5/market/tickers", lambda gateway: gateway.ticker(BTC)),
    "order book": Reading("/v5/market/orderbook", lambda gateway: gateway.order_book(BTC)),
    "perpetual": Reading("/v5/market/instruments-info", lambda gateway: gateway.perpetual("BTC"), cold=True),
    "key": Reading("/v5/user/query-api", lambda gateway: gateway.key_rights()),
}

CUT = '{"retCode": 0, "retMsg": "OK", "result": {"list": [{"symbol": "BTCUSDT", "si'
BROKEN: dict[str, Reply] = {
    "500": (500, "internal error"),
    "502": (502, "<html>bad gateway</html>"),
    "503": (503, ""),
    "504": (504, "gateway timeout"),
    "500 with a success": (500, f'{{"retCode": 0, "result": {{"list": []}}, "time": {NOW_MS}}}'),
    "404": (404, "<html>not found</html>"),
    "html": (200, "<!doctype html><html>busy</html>"),
    "cut": (200, CUT),
    "null": (200, "null"),
    "nothing": (200, ""),
    "a list": (200, "[]"),
    "an object": (200, "{}"),
    "null for a result": (200, f'{{"retCode": 0, "retMsg": "OK", "result": null, "time": {NOW_MS}}}'),
    "no time": (200, '{"retCode": 0, "retMsg": "OK", "result": {"list": []}}'),
    "no list": envelope({}),
    "null for a list": envelope({"list": None}),
    "rows of text": envelope({"list": ["row"]}),
    "an unknown code": envelope({"list": []}, code=987654),
    "server error": envelope({}, code=10016),
    "time-out": TimeoutError(),
    "refused": ConnectionRefusedError(111, "Connection refused"),
    "reset": ConnectionResetError(),
    "no name": socket.gaierror(-2, "Name or service not known"),
    "no network": OSError(101, "Network is unreachable"),
}


@pytest.mark.fault(31)
@pytest.mark.fault(32)
@pytest.mark.parametrize("reply", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("reading", READINGS.values(), ids=list(READINGS))
async def test_a_broken_answer_is_an_error_of_which_nothing_is_known(reading: Reading, reply: Reply) -> None:
    venue = StubVenue()
    venue.holds(position())
    guarded = gateway(venue)
    if not reading.cold:
        await guarded.snapshot()
    venue.set(reading.path, reply)
    with pytest.raises(GatewayError) as caught:
        await reading.read(guarded)
    assert caught.value.verdict is Verdict.UNKNOWN
    assert caught.value.account == "main"
    assert venue.paths(reading.path)
    await guarded.close()


@pytest.mark.fault(31)
@pytest.mark.parametrize("reply", BROKEN.values(), ids=list(BROKEN))
async def test_after_a_broken_answer_the_next_look_sees_all(reply: Reply) -> None:
    venue = StubVenue()
    venue.holds(position(), position("ETHUSDT"))
    guarded = gateway(venue)
    before = await guarded.snapshot()
    whole = venue.answers["/v5/position/list"]
    venue.set("/v5/position/list", reply)
    with pytest.raises(GatewayError):
        await guarded.snapshot()
    venue.answers["/v5/position/list"] = whole
    assert (await guarded.snapshot()).positions == before.positions
    await guarded.close()


@pytest.mark.fault(32)
@pytest.mark.parametrize("name", ["time-out", "refused", "reset", "no name", "no network"])
async def test_a_request_that_may_have_arrived_is_unknown(name: str) -> None:
    venue = StubVenue()
    guarded = gateway(venue)
    await guarded.snapshot()
    for path in ("/v5/order/create", "/v5/position/trading-stop", "/v5/order/cancel"):
        venue.set(path, BROKEN[name])
    for request in (ORDER, STOP, CANCEL):
        answer = await guarded.submit(request)
        assert (answer.verdict, answer.order_id) == (Verdict.UNKNOWN, "")
    await guarded.close()


@pytest.mark.fault(31)
async def test_prices_and_lists_that_break_on_a_later_page_are_no_shorter_list() -> None:
    venue = StubVenue()
    guarded = gateway(venue)

    def pages(sent: Sent) -> Reply:
        return (200, CUT) if "cursor" in sent.query else listed(position(), cursor="next")

    venue.answers["/v5/position/list"] = pages
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    assert caught.value.verdict is Verdict.UNKNOWN
    await guarded.close()
