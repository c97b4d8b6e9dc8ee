"""What an answer to an order proves: only the venue's own words prove a refusal."""

import asyncio
from decimal import Decimal

import ccxt
import pytest

from bot.exchange.answers import judge
from bot.exchange.failures import NotSentError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.venues.bybit_codes import CODES, verdict_of
from bot.model import (
    CancelRequest,
    Cause,
    OrderRequest,
    OrderSide,
    Request,
    Side,
    StopRequest,
    Style,
    Verdict,
)
from tests.exchange.stub import BTC, Reply, Sent, StubVenue, envelope, gateway

ORDER = OrderRequest("reef-1", BTC, OrderSide.SELL, Side.LONG, 0, Decimal("0.1"), Style.MARKET, None)
STOP = StopRequest("reef-2", BTC, Side.LONG, 0, Decimal(70000))
CANCEL = CancelRequest("reef-3", BTC, "o-9", conditional=False)
PATHS = {
    OrderRequest: "/v5/order/create",
    StopRequest: "/v5/position/trading-stop",
    CancelRequest: "/v5/order/cancel",
}


def code(number: int, message: str = "no") -> Reply:
    return envelope({}, code=number, message=message)


CASES: list[tuple[Request, Reply, Verdict, str]] = [
    (ORDER, code(110072, "OrderLinkedID is duplicate"), Verdict.DUPLICATE, "110072"),
    (ORDER, code(110017, "current position is zero, cannot fix"), Verdict.NOTHING_TO_DO, "110017"),
    (ORDER, code(110017, "Reduce-only rule not satisfied"), Verdict.REJECTED, "110017"),
    (ORDER, code(110007, "ab not enough for new order"), Verdict.REJECTED, "110007"),
    (ORDER, code(10001, "position idx not match position mode"), Verdict.REJECTED, "10001"),
    (ORDER, code(10006), Verdict.THROTTLED, "10006"),
    (ORDER, code(10429), Verdict.OVERLOADED, "10429"),
    (STOP, code(10429), Verdict.OVERLOADED, "10429"),
    (STOP, code(110099), Verdict.REJECTED, "110099"),
    (ORDER, code(110103), Verdict.MAINTENANCE, "110103"),
    (ORDER, code(10003), Verdict.AUTH, "10003"),
    (ORDER, code(10010), Verdict.AUTH, "10010"),
    (ORDER, code(110066), Verdict.MAINTENANCE, "110066"),
    (ORDER, code(10000, "Server Timeout"), Verdict.UNKNOWN, "10000"),
    (ORDER, code(10016, "Request timeout"), Verdict.UNKNOWN, "10016"),
    (ORDER, code(170007), Verdict.UNKNOWN, "170007"),
    (ORDER, code(110001), Verdict.UNKNOWN, "110001"),
    (ORDER, code(424242), Verdict.UNKNOWN, "424242"),
    (STOP, code(34040, "not modified"), Verdict.NOTHING_TO_DO, "34040"),
    (STOP, code(10001, "can not set tp/sl/ts for zero position"), Verdict.NOTHING_TO_DO, "10001"),
    (STOP, code(10001, "StopLoss should lower than base_price"), Verdict.REJECTED, "10001"),
    (CANCEL, code(110001), Verdict.NOTHING_TO_DO, "110001"),
    (CANCEL, code(110008), Verdict.NOTHING_TO_DO, "110008"),
    (CANCEL, code(110010), Verdict.NOTHING_TO_DO, "110010"),
    (ORDER, envelope({"orderId": ""}), Verdict.UNKNOWN, "no_order_id"),
    (ORDER, envelope({"orderId": None}), Verdict.UNKNOWN, "no_order_id"),
    (ORDER, envelope({}), Verdict.UNKNOWN, "no_order_id"),
    (ORDER, envelope({"orderId": "o-1", "orderLinkId": "somebody-else"}), Verdict.UNKNOWN, "no_order_id"),
    (CANCEL, envelope({"orderId": "another"}), Verdict.UNKNOWN, "no_order_id"),
    (STOP, envelope({}), Verdict.ACCEPTED, ""),
    (ORDER, (200, "null"), Verdict.UNKNOWN, "http_200"),
    (ORDER, (200, "<html>maintenance</html>"), Verdict.UNKNOWN, "http_200"),
    (ORDER, (200, '{"retCode":0,"result":{"orderId":"o'), Verdict.UNKNOWN, "http_200"),
    (ORDER, (503, "<html>"), Verdict.UNKNOWN, "http_503"),
    (ORDER, (504, ""), Verdict.UNKNOWN, "http_504"),
    (ORDER, (400, "bad"), Verdict.UNKNOWN, "http_400"),
    (ORDER, (403, "<html>access too frequent</html>"), Verdict.THROTTLED, "http_403"),
    (ORDER, (429, ""), Verdict.THROTTLED, "http_429"),
    (ORDER, (503, code(110007)[1]), Verdict.REJECTED, "110007"),  # type: ignore[index]
    (ORDER, TimeoutError(), Verdict.UNKNOWN, "RequestTimeout"),
    (ORDER, ConnectionResetError(), Verdict.UNKNOWN, "ExchangeNotAvailable"),
    (ORDER, TypeError("inside ccxt"), Verdict.UNKNOWN, "TypeError"),
    (ORDER, KeyError("inside ccxt"), Verdict.UNKNOWN, "KeyError"),
    (ORDER, AttributeError("inside ccxt"), Verdict.UNKNOWN, "AttributeError"),
    (ORDER, RuntimeError("session is closed"), Verdict.UNKNOWN, "RuntimeError"),
    (ORDER, ccxt.NotSupported("never left"), Verdict.REJECTED, "not_sent"),
    (ORDER, ccxt.ArgumentsRequired("never left"), Verdict.REJECTED, "not_sent"),
    (ORDER, ccxt.ExchangeError("truncated"), Verdict.UNKNOWN, "ExchangeError"),
    (ORDER, ccxt.OnMaintenance("perhaps"), Verdict.UNKNOWN, "OnMaintenance"),
]


@pytest.mark.parametrize(("request_", "reply", "verdict", "word"), CASES)
async def test_verdicts(
    venue: StubVenue, guarded: CcxtGateway, request_: Request, reply: Reply, verdict: Verdict, word: str
) -> None:
    venue.set(PATHS[type(request_)], reply)
    answer = await guarded.submit(request_)
    assert (answer.verdict, answer.code) == (verdict, word)
    assert len(venue.paths(PATHS[type(request_)])) == 1
    assert (answer.message == "") == (verdict is Verdict.ACCEPTED)


@pytest.mark.parametrize(
    ("number", "words", "cause"),
    [
        (110017, "Reduce-only rule not satisfied", Cause.CROWDED),
        (110017, "current position is zero, cannot fix reduce-only order qty", Cause.NONE),
        (110094, "Order does not meet minimum order value", Cause.FILTERS),
        (10001, "The number of contracts exceeds minimum limit allowed", Cause.FILTERS),
        (10001, "Qty invalid", Cause.FILTERS),
        (10001, "Price invalid", Cause.FILTERS),
        (10001, "position idx not match position mode", Cause.NONE),
        (110007, "ab not enough for new order", Cause.NONE),
    ],
)
async def test_a_refusal_says_what_the_order_did_not_fit(
    venue: StubVenue, guarded: CcxtGateway, number: int, words: str, cause: Cause
) -> None:
    venue.set("/v5/order/create", code(number, words))
    assert (await guarded.submit(ORDER)).cause is cause


async def test_missing_keys_are_a_matter_of_authentication(venue: StubVenue) -> None:
    keyless = gateway(venue, api_key="", api_secret="")
    answer = await keyless.submit(ORDER)
    assert (answer.verdict, answer.code) == (Verdict.AUTH, "credentials")
    assert not venue.paths("/v5/order/create")
    await keyless.close()


async def test_cancellation_passes_through(venue: StubVenue, guarded: CcxtGateway) -> None:
    def cancel(_: Sent) -> Reply:
        raise asyncio.CancelledError

    venue.answers["/v5/order/create"] = cancel
    with pytest.raises(asyncio.CancelledError):
        await guarded.submit(ORDER)


def test_a_code_stands_in_the_table_once_and_the_rest_is_unknown() -> None:
    assert {verdict_of(str(number), "", None) for number in range(200000, 200100)} == {Verdict.UNKNOWN}
    assert Verdict.ACCEPTED not in CODES.values()
    assert not {"10000", "10016", "10014", "10019", "170007", "110001"} & set(CODES)
    assert judge(NotSentError("x"), verdict_of, frozenset())[0] is Verdict.REJECTED


def test_an_overloaded_poll_waits_like_a_throttled_one() -> None:
    assert verdict_of("10429", "System level frequency protection", None) is Verdict.THROTTLED
