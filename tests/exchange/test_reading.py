"""Snapshots that fail, and what is read seldom."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from bot.clock import VirtualClock
from bot.exchange.client import BybitClient
from bot.exchange.errors import GatewayError
from bot.exchange.factory import point
from bot.exchange.gateway import CcxtGateway
from bot.exchange.scrub import Scrubber
from bot.exchange.venues.bybit import Bybit
from bot.model import (
    Verdict,
)
from tests.exchange.stub import (
    BTC,
    NOW,
    Reply,
    StubVenue,
    envelope,
    gateway,
    instrument,
    listed,
    order,
    position,
)

D = Decimal
POSITIONS, ORDERS, WALLET = "/v5/position/list", "/v5/order/realtime", "/v5/account/wallet-balance"


@pytest.mark.parametrize(
    "row",
    [
        order(side=""),
        order(orderId=""),
        order(qty=""),
        order(positionIdx="x"),
    ],
)
async def test_a_malformed_order_is_an_error(
    venue: StubVenue, guarded: CcxtGateway, row: dict[str, object]
) -> None:
    venue.set(ORDERS, listed(row))
    with pytest.raises(GatewayError, match="MalformedDataError"):
        await guarded.snapshot()


@pytest.mark.parametrize(
    "reply",
    [
        envelope({"memberId": "1", "balance": []}),
        envelope({"list": "many"}),
        envelope({"list": ["row"]}),
        (200, "null"),
        (200, ""),
        (200, "<html>busy</html>"),
        (200, '{"retCode": 0, "result": {"list": ['),
        (200, "[]"),
        (200, "{}"),
        (200, '{"retCode": 0, "retMsg": "OK", "result": null, "time": 1763708400000}'),
        (200, '{"retCode": 0, "retMsg": "OK", "result": {}, "time": "yes"}'),
        (200, '{"retCode": 0, "retMsg": "OK", "result": {}}'),
        (200, '{"retCode": 0, "retMsg": "OK", "result": {"list": [NaN]}, "time": 1763708400000}'),
        (504, ""),
        (500, '{"retCode": 0, "retMsg": "OK", "result": {"list": []}, "time": 1763708400000}'),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
@pytest.mark.parametrize("path", [WALLET, POSITIONS, ORDERS, "/v5/market/tickers", "/v5/account/info"])
async def test_no_broken_answer_reads_as_flat(
    venue: StubVenue, guarded: CcxtGateway, path: str, reply: Reply
) -> None:
    venue.set(path, reply)
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    assert caught.value.account == "main"
    assert caught.value.verdict is Verdict.UNKNOWN
    assert caught.value.call in str(caught.value)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"accountType": "UNIFIED"}],
        [{"accountType": "SPOT", "coin": []}],
        [{"accountType": "UNIFIED", "coin": [{}]}],
    ],
)
async def test_a_wallet_without_a_unified_account_is_an_error(
    venue: StubVenue, guarded: CcxtGateway, rows: list[object]
) -> None:
    venue.set(WALLET, listed(*rows))
    with pytest.raises(GatewayError, match=r"wallet|coin"):
        await guarded.snapshot()


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (10003, Verdict.AUTH),
        (10006, Verdict.THROTTLED),
        (10016, Verdict.UNKNOWN),
        (110066, Verdict.MAINTENANCE),
        (10001, Verdict.REJECTED),
        (987654, Verdict.UNKNOWN),
    ],
)
async def test_a_refused_read_says_why(
    venue: StubVenue, guarded: CcxtGateway, code: int, verdict: Verdict
) -> None:
    venue.set(POSITIONS, envelope({}, code=code, message="no"))
    with pytest.raises(GatewayError) as caught:
        await guarded.snapshot()
    assert (caught.value.verdict, caught.value.code) == (verdict, str(code))


async def test_unknown_margin_mode_is_an_error(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set("/v5/account/info", envelope({"marginMode": "NEW_MARGIN"}))
    with pytest.raises(GatewayError, match="NEW_MARGIN"):
        await guarded.snapshot()


async def test_slow_parts_are_read_seldom(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    guarded = gateway(venue, clock)
    venue.set(POSITIONS, listed(position()))
    slow = ("/v5/account/info", "/v5/market/instruments-info", "/v5/market/risk-limit")
    for _ in range(3):
        await guarded.snapshot()
        clock.advance(1)
    assert [len(venue.paths(path)) for path in slow] == [1, 1, 1]
    clock.advance(timedelta(minutes=6).total_seconds())
    await guarded.snapshot()
    assert [len(venue.paths(path)) for path in slow] == [2, 1, 1]
    clock.advance(timedelta(hours=1).total_seconds())
    await guarded.snapshot()
    assert [len(venue.paths(path)) for path in slow] == [3, 2, 2]
    await guarded.snapshot()
    assert [len(venue.paths(path)) for path in slow] == [3, 2, 2]
    await guarded.close()


async def test_old_lists_stay_in_use_while_renewing_fails(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    guarded = gateway(venue, clock)
    venue.set(POSITIONS, listed(position()))
    before = await guarded.snapshot()
    clock.advance(timedelta(hours=2).total_seconds())
    for path in ("/v5/market/instruments-info", "/v5/market/risk-limit"):
        venue.set(path, (502, "<html>"))
    after = await guarded.snapshot()
    assert (after.markets, after.tiers) == (before.markets, before.tiers)
    assert len(venue.paths("/v5/market/risk-limit")) == 2
    await guarded.close()


async def test_known_terms_serve_on_for_an_hour(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    guarded = gateway(venue, clock)
    venue.set(POSITIONS, listed(position()))
    before = await guarded.snapshot()
    fine = venue.answers["/v5/account/info"]
    venue.set("/v5/account/info", (502, "<html>"))
    clock.advance(timedelta(minutes=6).total_seconds())
    for _ in range(3):
        assert (await guarded.snapshot()).positions == before.positions
    assert len(venue.paths("/v5/account/info")) == 2
    clock.advance(31)
    await guarded.snapshot()
    assert len(venue.paths("/v5/account/info")) == 3
    clock.advance(timedelta(hours=1).total_seconds())
    with pytest.raises(GatewayError, match="502"):
        await guarded.snapshot()
    venue.answers["/v5/account/info"] = fine
    await guarded.snapshot()
    clock.advance(timedelta(minutes=6).total_seconds())
    venue.set("/v5/account/info", envelope({"marginMode": "NEW_MARGIN"}))
    with pytest.raises(GatewayError, match="NEW_MARGIN"):
        await guarded.snapshot()
    await guarded.close()


async def test_fees_of_the_account_are_used(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    guarded = gateway(venue, clock)
    venue.set(POSITIONS, listed(position(), position("ETHUSDT")))
    fee = {"symbol": "BTCUSDT", "takerFeeRate": "0.0004", "makerFeeRate": "0.0001"}
    venue.set("/v5/account/fee-rate", listed(fee))
    markets = (await guarded.snapshot()).markets
    assert (markets[BTC].taker_fee, markets[BTC].maker_fee) == (D("0.0004"), D("0.0001"))
    assert markets["ETH/USDT:USDT"].taker_fee == D("0.00055")
    venue.set("/v5/account/fee-rate", (502, ""))
    clock.advance(600)
    assert (await guarded.snapshot()).markets[BTC].taker_fee == D("0.0004")
    await guarded.close()


async def test_list_fees_where_the_account_tells_none(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position()))
    venue.set("/v5/account/fee-rate", envelope({}, code=10005, message="Permission denied"))
    assert (await guarded.snapshot()).markets[BTC].taker_fee == D("0.00055")


async def test_two_accounts_share_one_catalog(venue: StubVenue) -> None:
    first = gateway(venue)
    second = gateway(venue, account="second", catalog=first.catalog)
    await first.snapshot()
    await second.snapshot()
    assert len(venue.paths("/v5/market/instruments-info")) == 1
    await first.close()
    await second.close()


async def test_positions_of_one_symbol_are_read_again(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position(size="0.25"), position(positionIdx=1, size="0", side="")))
    (held,) = await guarded.positions(BTC)
    assert held.contracts == D("0.25")
    assert venue.paths(POSITIONS)[0].query["symbol"] == "BTCUSDT"
    with pytest.raises(GatewayError, match="no market 'XYZ/USDT:USDT'"):
        await guarded.positions("XYZ/USDT:USDT")


@pytest.mark.parametrize(
    "row",
    [
        instrument("BTC", contractType="Option"),
        instrument("BTC", priceFilter=None),
        instrument("BTC", priceFilter={"tickSize": "0"}),
        instrument("BTC", lotSizeFilter={"qtyStep": "x"}),
        instrument("BTC", contractType="LinearFutures"),
    ],
)
async def test_a_malformed_contract_is_an_error(
    venue: StubVenue, guarded: CcxtGateway, row: dict[str, object]
) -> None:
    venue.set("/v5/market/instruments-info", listed(row))
    with pytest.raises(GatewayError, match="MalformedDataError"):
        await guarded.snapshot()


async def test_a_future_is_named_by_its_last_day(venue: StubVenue, guarded: CcxtGateway) -> None:
    future = instrument(
        "BTC", symbol="BTCUSDT-26DEC25", contractType="LinearFutures", deliveryTime="1766736000000"
    )
    venue.set("/v5/market/instruments-info", listed(future))
    venue.set(POSITIONS, listed(position("BTCUSDT-26DEC25")))
    assert (await guarded.snapshot()).positions[0].symbol == "BTC/USDT:USDT-251226"


def test_testnets_by_demo_trading_are_reached_too() -> None:
    class DemoVenue(Bybit):
        demo_trading = True

    made = BybitClient({}, VirtualClock(NOW), None, partial(Bybit().check, Scrubber()))
    point(made, DemoVenue(), "testnet", None)
    assert "demo" in made.urls["api"]["private"]
