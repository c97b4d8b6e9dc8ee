"""Unmodified ccxt.pro on the sandbox's streams."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.sandbox.support import Running, ccxt_pro_client, open_account, serving, until

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
PATIENCE_S = 15.0


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


@pytest.fixture
async def client(running: Running) -> AsyncIterator[Any]:
    async with ccxt_pro_client(running.url) as ready:
        ready.has["fetchCurrencies"] = False
        ready.options["fetchMarkets"] = {"types": ["linear"]}
        await ready.load_markets()
        yield ready


async def waiting(awaitable: Any) -> Any:
    """The result, or a failure where nothing comes."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def test_ticker_snapshot_then_deltas(running: Running, client: Any) -> None:
    first = await waiting(client.watch_ticker(BTC))
    assert first["markPrice"] == 100_000
    running.engine.set_price("BTCUSDT", Decimal(99_000))
    while (later := await waiting(client.watch_ticker(BTC)))["markPrice"] != 99_000:
        pass
    assert later["info"]["symbol"] == "BTCUSDT"
    assert later["info"]["fundingRate"] == first["info"]["fundingRate"]


async def test_order_book_follows_the_price(running: Running, client: Any) -> None:
    book = await waiting(client.watch_order_book(BTC, 50))
    assert len(book["bids"]) == 50
    running.engine.set_price("BTCUSDT", Decimal(101_000))
    while (book := await waiting(client.watch_order_book(BTC, 50)))["bids"][0][0] < 100_900:
        pass
    depth = running.engine.depth("BTCUSDT", 50)
    assert [row[:2] for row in book["bids"]] == [[float(one.price), float(one.qty)] for one in depth.bids]
    assert [row[:2] for row in book["asks"]] == [[float(one.price), float(one.qty)] for one in depth.asks]


async def test_best_prices(client: Any) -> None:
    best = await waiting(client.watch_bids_asks([BTC]))
    assert best[BTC]["bid"] < best[BTC]["ask"]


async def test_candles(running: Running, client: Any) -> None:
    first = await waiting(client.watch_ohlcv(BTC, "1m"))
    assert len(first[-1]) == 6
    running.engine.set_price("BTCUSDT", Decimal(97_000))
    while (rows := await waiting(client.watch_ohlcv(BTC, "1m")))[-1][4] != 97_000:
        pass
    assert rows[-1][3] <= 97_000


async def test_public_trades(running: Running, client: Any) -> None:
    watching = asyncio.create_task(client.watch_trades(ETH))
    await until(lambda: "publicTrade.ETHUSDT" in running.sandbox.topics())
    await client.create_order(ETH, "market", "buy", 0.5)
    trades = await waiting(watching)
    assert trades[-1]["side"] == "buy"
    assert trades[-1]["amount"] > 0


async def test_private_streams_tell_of_one_order(running: Running, client: Any) -> None:
    client.options["watchPositions"] = {"fetchPositionsSnapshot": False}
    tasks = {
        "orders": asyncio.create_task(client.watch_orders()),
        "trades": asyncio.create_task(client.watch_my_trades()),
        "positions": asyncio.create_task(client.watch_positions()),
        "balance": asyncio.create_task(client.watch_balance()),
    }
    await until(lambda: {"order", "execution", "position", "wallet"} <= set(running.sandbox.topics()))
    order = await client.create_order(BTC, "market", "buy", 0.2)
    orders = await waiting(tasks["orders"])
    assert orders[-1]["id"] == order["id"]
    trades = await waiting(tasks["trades"])
    assert trades[-1]["order"] == order["id"]
    positions = await waiting(tasks["positions"])
    assert (positions[-1]["symbol"], positions[-1]["contracts"]) == (BTC, 0.2)
    balance = await waiting(tasks["balance"])
    while balance["USDT"]["used"] == 0:
        balance = await waiting(client.watch_balance())
    assert balance["USDT"]["total"] < 100_000


async def test_other_accounts_stay_private(running: Running, client: Any) -> None:
    watching = asyncio.create_task(client.watch_orders())
    await until(lambda: "order" in running.sandbox.topics())
    other = open_account(running.engine, api_key="other", secret="other-secret")
    async with ccxt_pro_client(running.url, key="other", secret="other-secret") as stranger:
        stranger.has["fetchCurrencies"] = False
        stranger.options["fetchMarkets"] = {"types": ["linear"]}
        await stranger.create_order(ETH, "limit", "buy", 1, 3000)
    assert len(running.engine.open_orders(other.account_id)) == 1
    mine = await client.create_order(ETH, "limit", "buy", 1, 3100)
    seen = await waiting(watching)
    assert [order["id"] for order in seen] == [mine["id"]]


async def test_orders_over_the_trade_stream(running: Running, client: Any) -> None:
    order = await waiting(client.create_order_ws(ETH, "limit", "buy", 1, 3000, {"clientOrderId": "ws-1"}))
    assert order["id"]
    await waiting(client.edit_order_ws(order["id"], ETH, "limit", "buy", 2, 3100))
    (resting,) = running.engine.open_orders(running.account.account_id)
    assert (resting.qty, resting.price, resting.client_id) == (Decimal(2), Decimal(3100), "ws-1")
    await waiting(client.cancel_order_ws(order["id"], ETH))
    assert running.engine.open_orders(running.account.account_id) == []
    with pytest.raises(ccxt.InvalidOrder, match="110072"):
        await waiting(client.create_order_ws(ETH, "limit", "buy", 1, 3000, {"clientOrderId": "ws-1"}))
    carriers = {record.carrier for record in running.sandbox.log.listing()}
    assert carriers == {"websocket"}


async def test_a_wrong_secret_is_refused_on_the_stream(running: Running) -> None:
    async with ccxt_pro_client(running.url, secret="wrong") as wrong:
        wrong.options.update({"enableUnifiedMargin": False, "enableUnifiedAccount": True})
        wrong.has["fetchCurrencies"] = False
        wrong.options["fetchMarkets"] = {"types": ["linear"]}
        with pytest.raises(ccxt.AuthenticationError):
            await waiting(wrong.watch_orders())


async def test_unsubscribe(client: Any) -> None:
    await waiting(client.watch_ticker(BTC))
    await waiting(client.un_watch_ticker(BTC))
    again = await waiting(client.watch_ticker(BTC))
    assert again["last"] > 0
