"""What goes on the wire for each request, to the letter, and what is never sent."""

import hashlib
import hmac
import json
from decimal import Decimal

import pytest

from bot.clock import VirtualClock
from bot.exchange.gateway import CcxtGateway
from bot.model import (
    CancelRequest,
    OrderRequest,
    OrderSide,
    Request,
    Side,
    StopRequest,
    Style,
    Verdict,
)
from tests.exchange.stub import BTC, KEY, NOW, NOW_MS, SECRET, StubVenue, envelope, gateway

D = Decimal
CREATE, STOP, CANCEL = "/v5/order/create", "/v5/position/trading-stop", "/v5/order/cancel"


def ioc(**changes: object) -> OrderRequest:
    wanted: dict[str, object] = {
        "client_order_id": "reef-1",
        "symbol": BTC,
        "side": OrderSide.SELL,
        "position_side": Side.LONG,
        "position_index": 0,
        "contracts": D("0.250"),
        "style": Style.IOC,
        "price": D("99500.5"),
    }
    return OrderRequest(**{**wanted, **changes})  # type: ignore[arg-type]


GOLDEN: list[tuple[Request, str, dict[str, object]]] = [
    (
        ioc(),
        CREATE,
        {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Sell",
            "orderType": "Limit",
            "qty": "0.250",
            "positionIdx": 0,
            "reduceOnly": True,
            "orderLinkId": "reef-1",
            "timeInForce": "IOC",
            "price": "99500.5",
        },
    ),
    (
        ioc(style=Style.PASSIVE),
        CREATE,
        {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Sell",
            "orderType": "Limit",
            "qty": "0.250",
            "positionIdx": 0,
            "reduceOnly": True,
            "orderLinkId": "reef-1",
            "timeInForce": "PostOnly",
            "price": "99500.5",
        },
    ),
    (
        ioc(style=Style.MARKET, price=None, side=OrderSide.BUY, position_side=Side.SHORT, position_index=2),
        CREATE,
        {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Buy",
            "orderType": "Market",
            "qty": "0.250",
            "positionIdx": 2,
            "reduceOnly": True,
            "orderLinkId": "reef-1",
        },
    ),
    (
        ioc(opens=True, position_side=Side.SHORT, client_order_id="reef0-1"),
        CREATE,
        {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": "Sell",
            "orderType": "Limit",
            "qty": "0.250",
            "positionIdx": 0,
            "reduceOnly": False,
            "orderLinkId": "reef0-1",
            "timeInForce": "IOC",
            "price": "99500.5",
        },
    ),
    (
        StopRequest("reef-4", BTC, Side.SHORT, 0, D("110000.0"), D("71000.0")),
        STOP,
        {
            "category": "linear",
            "symbol": "BTCUSDT",
            "positionIdx": 0,
            "tpslMode": "Full",
            "stopLoss": "110000.0",
            "slTriggerBy": "MarkPrice",
            "slOrderType": "Market",
            "takeProfit": "71000.0",
            "tpTriggerBy": "MarkPrice",
            "tpOrderType": "Market",
        },
    ),
    (
        StopRequest("reef-2", BTC, Side.LONG, 1, D("71000.0")),
        STOP,
        {
            "category": "linear",
            "symbol": "BTCUSDT",
            "positionIdx": 1,
            "tpslMode": "Full",
            "stopLoss": "71000.0",
            "slTriggerBy": "MarkPrice",
            "slOrderType": "Market",
        },
    ),
    (
        CancelRequest("reef-3", BTC, "o-77", conditional=True),
        CANCEL,
        {"category": "linear", "symbol": "BTCUSDT", "orderId": "o-77"},
    ),
]


@pytest.mark.parametrize(
    ("request_", "path", "body"),
    GOLDEN,
    ids=["ioc", "passive", "market", "opening", "hedge stop", "stop", "cancel"],
)
async def test_the_body_is_exactly_this(
    venue: StubVenue, guarded: CcxtGateway, request_: Request, path: str, body: dict[str, object]
) -> None:
    venue.set(path, envelope({"orderId": "o-77"}))
    answer = await guarded.submit(request_)
    (sent,) = venue.paths(path)
    assert sent.method == "POST"
    assert sent.body == body
    assert answer.verdict is Verdict.ACCEPTED
    assert answer.order_id == ("" if path == STOP else "o-77")
    assert answer.code == ""


async def test_the_signature_is_the_venues_own(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(CREATE, envelope({"orderId": "o-1", "orderLinkId": "reef-1"}))
    await guarded.submit(ioc())
    (sent,) = venue.paths(CREATE)
    assert sent.headers["X-BAPI-API-KEY"] == KEY
    assert sent.headers["X-BAPI-TIMESTAMP"] == str(NOW_MS)
    assert sent.headers["X-BAPI-RECV-WINDOW"] == "5000"
    text = f"{NOW_MS}{KEY}5000{json.dumps(sent.body, separators=(',', ':'))}"
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert sent.headers["X-BAPI-SIGN"] == signature


async def test_small_numbers_have_no_exponent(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(CREATE, envelope({"orderId": "o-1"}))
    await guarded.submit(ioc(contracts=D("1E+1"), price=D("1E+5")))
    body = venue.paths(CREATE)[0].body
    assert body is not None
    assert (body["qty"], body["price"]) == ("10", "100000")


@pytest.mark.parametrize(
    "request_",
    [
        ioc(price=None),
        ioc(contracts=D("0.0005")),
        ioc(contracts=D(0)),
        ioc(contracts=D(-1)),
        ioc(price=D("99500.55")),
        ioc(client_order_id=""),
        ioc(client_order_id="x" * 37),
        ioc(client_order_id="no spaces"),
        ioc(symbol="XYZ/USDT:USDT"),
        StopRequest("reef-2", BTC, Side.LONG, 1, D("71000.05")),
    ],
)
async def test_what_does_not_fit_is_never_sent(
    venue: StubVenue, guarded: CcxtGateway, request_: Request
) -> None:
    answer = await guarded.submit(request_)
    assert (answer.verdict, answer.code) == (Verdict.REJECTED, "not_sent")
    assert answer.message
    assert not [sent for sent in venue.sent if sent.method == "POST"]


async def test_without_markets_nothing_is_sent(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set("/v5/market/instruments-info", (502, ""))
    answer = await guarded.submit(ioc())
    assert (answer.verdict, answer.code) == (Verdict.REJECTED, "not_sent")
    assert not venue.paths(CREATE)


async def test_an_order_does_not_wait_for_lists_to_be_renewed(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    guarded = gateway(venue, clock)
    await guarded.snapshot()
    clock.advance(10_000)
    venue.set(CREATE, envelope({"orderId": "o-1"}))
    venue.sent.clear()
    assert (await guarded.submit(ioc())).verdict is Verdict.ACCEPTED
    assert [sent.path for sent in venue.sent] == [CREATE]
    await guarded.close()
