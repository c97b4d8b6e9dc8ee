"""The inverse category over other people's clients."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.engine.types import Side
from bot.sandbox.host import Sandbox
from tests.sandbox.support import (
    Running,
    call,
    ccxt_client,
    ccxt_pro_client,
    make_engine,
    open_account,
    serving,
)

BTC, INVERSE = "BTC/USDT:USDT", "BTC/USD:BTC"
LIST = {"category": "inverse"}


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving(deposit="20000", coins={"BTC": Decimal(1)}) as server:
        server.engine.open_position(server.account.account_id, "BTCUSD", Side.BUY, Decimal(50_000))
        server.engine.open_position(server.account.account_id, "BTCUSDT", Side.SELL, Decimal("0.1"))
        yield server


@pytest.fixture
async def client(running: Running) -> AsyncIterator[Any]:
    async with ccxt_client(running.url) as ready:
        ready.has["fetchCurrencies"] = False
        ready.options["fetchMarkets"] = {"types": ["linear", "inverse"]}
        yield ready


async def test_ccxt_reads_market_tiers_and_prices(running: Running, client: Any) -> None:
    market = (await client.load_markets())[INVERSE]
    assert (market["settle"], market["contractSize"], market["linear"]) == ("BTC", 1.0, False)
    tiers = await client.fetch_market_leverage_tiers(INVERSE)
    assert [one["maxNotional"] for one in tiers] == [150.0, 300.0, 1500.0]
    ticker = await client.fetch_ticker(INVERSE)
    assert ticker["markPrice"] == 100_000
    assert float(ticker["info"]["openInterestValue"]) == pytest.approx(0.5)
    book = await client.fetch_order_book(INVERSE, 5)
    assert book["bids"][0][1] > 1_000
    candles = await client.fetch_ohlcv(INVERSE, "1m", limit=2)
    assert candles[-1][4] == 100_000


async def test_each_category_shows_its_own_positions(client: Any) -> None:
    await client.load_markets()
    inverse = await client.fetch_positions(None, {"subType": "inverse"})
    assert [(one["symbol"], one["contracts"], one["side"]) for one in inverse] == [
        (INVERSE, 50_000.0, "long")
    ]
    assert float(inverse[0]["info"]["positionValue"]) == 0.5
    linear = await client.fetch_positions(None, {"subType": "linear"})
    assert [one["symbol"] for one in linear] == [BTC]


async def test_ccxt_trades_and_protects_it(running: Running, client: Any) -> None:
    await client.load_markets()
    await client.set_leverage(20, INVERSE)
    placed = await client.create_order(INVERSE, "limit", "sell", 1_000, 110_000, {"reduceOnly": True})
    shown = await client.fetch_open_orders(INVERSE)
    assert [(one["id"], one["amount"]) for one in shown] == [(placed["id"], 1_000.0)]
    assert await client.fetch_open_orders(BTC) == []
    await client.cancel_order(placed["id"], INVERSE)
    sold = await client.create_order(INVERSE, "market", "sell", 10_000, None, {"reduceOnly": True})
    trades = await client.fetch_my_trades(INVERSE)
    own = [one for one in trades if one["order"] == sold["id"]]
    assert {(one["symbol"], one["fee"]["currency"]) for one in own} == {(INVERSE, "BTC")}
    assert sum(one["fee"]["cost"] for one in own) == pytest.approx(0.1 * 0.00055, rel=1e-3)
    await client.private_post_v5_position_trading_stop(
        {"category": "inverse", "symbol": "BTCUSD", "stopLoss": "90000", "slTriggerBy": "MarkPrice"}
    )
    running.engine.set_price("BTCUSDT", Decimal(89_000))
    assert running.engine.position(running.account.account_id, "BTCUSD").size == 0
    ledger = await client.fetch_ledger("BTC")
    assert {one["info"]["category"] for one in ledger if one["info"]["symbol"] == "BTCUSD"} == {"inverse"}


async def test_streams_of_the_category(running: Running) -> None:
    async with ccxt_pro_client(running.url) as client:
        client.has["fetchCurrencies"] = False
        client.options["fetchMarkets"] = {"types": ["linear", "inverse"]}
        ticker = await client.watch_ticker(INVERSE)
        assert ticker["markPrice"] == 100_000


def sandbox() -> Sandbox:
    engine = make_engine()
    account = open_account(engine, coins={"BTC": Decimal(1)})
    engine.open_position(account.account_id, "BTCUSD", Side.BUY, Decimal(1_000))
    return Sandbox(engine)


def test_the_categories_do_not_mix() -> None:
    served = sandbox()
    listed = call(served, "GET", "/v5/position/list", LIST)["result"]["list"]
    assert [(row["symbol"], row["size"], row["positionValue"]) for row in listed] == [
        ("BTCUSD", "1000", "0.01")
    ]
    for path in ("/v5/position/list", "/v5/order/realtime"):
        assert call(served, "GET", path, {"category": "linear"})["retCode"] == 10001
        assert call(served, "GET", path, LIST)["retCode"] == 0
        mixed = {"category": "linear", "symbol": "BTCUSD"}
        assert call(served, "GET", path, mixed)["retCode"] == 10001
    linear = call(served, "GET", "/v5/position/list", {"category": "linear", "settleCoin": "BTC"})
    assert linear["result"]["list"] == []
    order = {"category": "inverse", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}
    assert call(served, "POST", "/v5/order/create", order)["retCode"] == 10001
    mode = {**LIST, "coin": "BTC", "mode": 3}
    assert call(served, "POST", "/v5/position/switch-mode", mode)["retCode"] == 10001
    fees = call(served, "GET", "/v5/account/fee-rate", LIST)["result"]["list"]
    assert [row["symbol"] for row in fees] == ["BTCUSD", "ETHUSD"]
    option = {"category": "option", "symbol": "BTCUSD"}
    assert call(served, "GET", "/v5/market/tickers", option)["retCode"] == 10001


def test_the_wallet_tells_of_the_coin_in_which_margin_is_held() -> None:
    served = sandbox()
    row = call(served, "GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"})["result"]["list"][0]
    coin = next(one for one in row["coin"] if one["coin"] == "BTC")
    assert Decimal(coin["totalPositionMM"]) == Decimal("0.01") * Decimal("0.00555")
    assert Decimal(row["totalMaintenanceMargin"]) == Decimal("5.55")
    assert Decimal(coin["usdValue"]) == 100_000
