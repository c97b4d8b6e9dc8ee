"""A snapshot of 20 positions costs no more processor time than bare ccxt for the same data."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from bot.clock import VirtualClock
from bot.exchange.client import BybitClient
from bot.exchange.scrub import Scrubber
from bot.exchange.venues.bybit import Bybit
from tests.exchange.stub import (
    KEY,
    NOW,
    SECRET,
    StubVenue,
    gateway,
    instrument,
    listed,
    order,
    position,
    stop,
    ticker,
)

ROUNDS = 15
BASES = [f"C{number:03d}" for number in range(20)]


def world() -> StubVenue:
    venue = StubVenue()
    symbols = [f"{base}USDT" for base in BASES]
    venue.set("/v5/market/instruments-info", listed(*map(instrument, BASES)))
    venue.set("/v5/market/tickers", listed(*map(ticker, symbols)))
    venue.set("/v5/position/list", listed(*map(position, symbols)))
    stops = listed(*(stop(f"s-{symbol}", symbol=symbol) for symbol in symbols))
    orders = listed(*(order(f"o-{symbol}", symbol=symbol) for symbol in symbols))
    venue.answers["/v5/order/realtime"] = lambda sent: (
        stops if sent.query.get("orderFilter") == "StopOrder" else orders
    )
    return venue


async def cost(read: Callable[[], Awaitable[object]]) -> float:
    """Processor seconds of the cheapest of several rounds, so that a busy machine does not count."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        await read()
        rounds.append(time.process_time() - started)
    return min(rounds)


async def test_a_snapshot_is_cheaper_than_bare_ccxt() -> None:
    venue = world()
    guarded = gateway(venue)
    options = {**Bybit.options, "defaultType": "swap"}
    config = {"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "options": options}
    bare = BybitClient(config, VirtualClock(NOW), venue, partial(Bybit().check, Scrubber()))
    bare.has["fetchCurrencies"] = False
    await bare.load_markets()

    async def by_ccxt() -> object:
        return await asyncio.gather(
            bare.fetch_positions(),
            bare.fetch_balance(),
            bare.fetch_open_orders(None, None, None, {"settleCoin": "USDT"}),
            bare.fetch_open_orders(None, None, None, {"settleCoin": "USDT", "trigger": True}),
            bare.fetch_tickers(None, {"subType": "linear"}),
        )

    assert len((await guarded.snapshot()).positions) == 20
    assert await cost(guarded.snapshot) <= await cost(by_ccxt)
    await bare.close()
    await guarded.close()
