"""The ccxt client: its clock, its lanes, its URLs and its end."""

import asyncio
import time
from functools import partial
from typing import Any

import ccxt
import pytest

from bot.clock import SystemClock, VirtualClock
from bot.errors import MisuseError
from bot.exchange.client import BybitClient, LaneThrottler
from bot.exchange.errors import GatewayError
from bot.exchange.factory import make_gateway
from bot.exchange.gateway import CcxtGateway
from bot.exchange.scrub import Scrubber
from bot.exchange.together import together
from bot.exchange.venues.bybit_codes import check_envelope
from bot.model import Verdict
from tests.exchange.stub import (
    BTC,
    KEY,
    NOW,
    NOW_MS,
    Answerer,
    Reply,
    Sent,
    StubVenue,
    envelope,
    gateway,
    listed,
)
from tests.exchange.test_answers import ORDER

POSITIONS, TIME, CREATE = "/v5/position/list", "/v5/market/time", "/v5/order/create"
LATE = envelope({}, code=10002, message="invalid request, please check your server timestamp")


def strict_about_time(answer: Reply, server_ms: int) -> Answerer:
    def check(sent: Sent) -> Reply:
        near = abs(int(sent.headers["X-BAPI-TIMESTAMP"]) - server_ms) <= 1000
        return answer if near else LATE

    return check


@pytest.mark.parametrize("skew_ms", [60_000, -60_000])
async def test_a_clock_that_is_off_is_set_once(venue: StubVenue, guarded: CcxtGateway, skew_ms: int) -> None:
    server_ms = NOW_MS + skew_ms
    venue.set(TIME, envelope({}, at=server_ms))
    for path, answer in ((POSITIONS, listed()), (CREATE, envelope({"orderId": "o-1"}))):
        venue.answers[path] = strict_about_time(answer, server_ms)
    await guarded.snapshot()
    await guarded.snapshot()
    assert len(venue.paths(TIME)) == 2  # one to sign by, one to date answers by
    told = await guarded.submit(ORDER)
    assert told.verdict is Verdict.ACCEPTED
    first, second = venue.paths(CREATE)
    assert first.body == second.body
    assert first.headers["X-BAPI-SIGN"] != second.headers["X-BAPI-SIGN"]


async def test_several_requests_set_the_clock_together(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(TIME, envelope({}, at=NOW_MS + 60_000))
    for path in (POSITIONS, "/v5/order/realtime"):
        venue.answers[path] = strict_about_time(listed(), NOW_MS + 60_000)
    await guarded.snapshot()
    assert len(venue.paths(TIME)) == 2  # one to sign by, one to date answers by


async def test_a_clock_that_stays_off_is_told(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(CREATE, LATE)
    answer = await guarded.submit(ORDER)
    assert (answer.verdict, answer.code) == (Verdict.REJECTED, "10002")
    assert len(venue.paths(CREATE)) == 2


@pytest.mark.parametrize("reply", [LATE, TimeoutError(), (200, "null")])
async def test_without_the_venues_time_the_refusal_stands(
    venue: StubVenue, guarded: CcxtGateway, reply: Reply
) -> None:
    venue.set(CREATE, LATE)
    venue.set(TIME, reply)
    answer = await guarded.submit(ORDER)
    assert (answer.verdict, answer.code) == (Verdict.REJECTED, "10002")
    assert len(venue.paths(CREATE)) == 1


async def test_virtual_time_needs_no_real_time(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    guarded = gateway(venue, clock)
    started = time.monotonic()
    for _ in range(100):
        await guarded.snapshot()
        clock.advance(1)
    assert time.monotonic() - started < 10
    stamps = [int(sent.headers["X-BAPI-TIMESTAMP"]) for sent in venue.paths(POSITIONS)]
    assert stamps == [NOW_MS + 1000 * second for second in range(100)]
    await guarded.close()


async def test_orders_do_not_wait_behind_reads(venue: StubVenue) -> None:
    guarded = gateway(venue, SystemClock())
    for client in (guarded._reader, guarded._looker, guarded._trader):
        client.enableRateLimit = True
    venue.set(CREATE, envelope({"orderId": "o-1"}))
    await guarded.candles(BTC, "1m", 1)
    polls = [asyncio.ensure_future(guarded.candles(BTC, "1m", 1)) for _ in range(20)]
    await asyncio.sleep(0)
    started = time.monotonic()
    assert (await guarded.submit(ORDER)).verdict is Verdict.ACCEPTED
    assert time.monotonic() - started < 0.5
    assert not all(poll.done() for poll in polls)
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    await guarded.close()


async def test_the_limiter_refills_while_idle_and_holds_under_load() -> None:
    bucket = {"refillRate": 1 / 20, "capacity": 1, "cost": 1, "tokens": 0, "delay": 0.001}
    limiter = LaneThrottler(bucket, asyncio.get_running_loop())
    await limiter(5)
    await asyncio.sleep(0.15)
    started = time.monotonic()
    await limiter(5)
    assert time.monotonic() - started < 0.05
    for _ in range(3):
        await limiter(2.5)
    assert time.monotonic() - started >= 0.17


async def test_one_failure_ends_the_others() -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("slow")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await together(slow(), fails())
    assert ended == ["slow"]


def client(network: str, base_url: str | None = None) -> BybitClient:
    made = make_gateway(
        account="main",
        venue="bybit",
        network=network,  # type: ignore[arg-type]
        api_key=KEY,
        api_secret="s",
        clock=SystemClock(),
        base_url=base_url,
    )
    assert isinstance(made._reader, BybitClient)
    return made._reader


def test_networks_have_their_own_urls() -> None:
    live, testnet = client("live"), client("testnet")
    assert live.implode_hostname(live.urls["api"]["private"]) == "https://api.bybit.com"
    assert testnet.implode_hostname(testnet.urls["api"]["private"]) == "https://api-testnet.bybit.com"
    sandbox = client("sandbox", "http://127.0.0.1:9/")
    assert set(sandbox.urls["api"].values()) == {"http://127.0.0.1:9"}
    assert sandbox.has["fetchCurrencies"] is False
    assert not sandbox.options.get("maxRetriesOnFailure")


@pytest.mark.parametrize(
    "wrong",
    [
        {"venue_name": "bibyt"},
        {"network": "main"},
        {"network": "live"},
        {"base_url": None},
        {"base_url": "https://api.bybit.com"},
    ],
)
def test_wrong_settings_are_misuse(venue: StubVenue, wrong: dict[str, Any]) -> None:
    with pytest.raises(MisuseError, match="account main"):
        gateway(venue, **wrong)


async def test_a_closed_client_opens_no_connection() -> None:
    made = BybitClient({"timeout_on_exit": 0}, SystemClock(), None, partial(check_envelope, Scrubber()))
    await made.close()
    with pytest.raises(ccxt.ExchangeClosedByUser):
        await made.publicGetV5MarketTime()


async def test_a_closed_gateway_says_so(venue: StubVenue) -> None:
    guarded = gateway(venue, transport=None)
    await guarded.close()
    with pytest.raises(GatewayError, match="closed"):
        await guarded.snapshot()
