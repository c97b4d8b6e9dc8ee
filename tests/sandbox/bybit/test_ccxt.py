"""Unmodified ccxt (async) drives the sandbox over HTTP."""

from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import ccxt.async_support as ccxt
import pytest

from bot.sandbox.engine.types import Side
from tests.sandbox.support import (
    Running,
    ccxt_client,
    engine_with_symbols,
    make_engine,
    open_account,
    serving,
)

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


@pytest.fixture
async def client(running: Running) -> AsyncIterator[Any]:
    async with ccxt_client(running.url) as ready:
        ready.has["fetchCurrencies"] = False
        ready.options["fetchMarkets"] = {"types": ["linear", "inverse"]}
        yield ready


async def test_load_markets_reads_every_instrument_with_its_steps(running: Running, client: Any) -> None:
    markets = await client.load_markets()
    assert len(markets) == len(running.engine.instruments)
    market, instrument = markets[BTC], running.engine.instrument("BTCUSDT")
    assert market["linear"]
    assert market["active"]
    assert market["precision"]["amount"] == float(instrument.qty_step)
    assert market["precision"]["price"] == float(instrument.tick)
    assert market["limits"]["amount"]["min"] == float(instrument.min_qty)
    assert market["limits"]["leverage"]["max"] == float(instrument.max_leverage)
    assert market["limits"]["cost"]["min"] == float(instrument.min_notional)


async def test_load_markets_works_with_all_default_types_and_currencies(running: Running) -> None:
    async with ccxt_client(running.url) as plain:
        markets = await plain.load_markets()
        linear = {name for name, market in markets.items() if market["linear"]}
        inverse = {name for name, market in markets.items() if market["inverse"]}
        assert linear
        assert inverse == {"BTC/USD:BTC", "ETH/USD:ETH"}
        assert set(markets) - linear - inverse == {name.partition(":")[0] for name in linear}
        assert "BTC" in plain.currencies
        assert (await plain.fetch_status())["status"] == "ok"


async def test_server_time_ticker_book_and_candles(running: Running, client: Any) -> None:
    assert abs(await client.fetch_time() - running.engine.clock.server_ms()) < 5_000
    ticker = await client.fetch_ticker(BTC)
    assert ticker["markPrice"] == pytest.approx(100_000.0)
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert set(await client.fetch_tickers([BTC, ETH])) == {BTC, ETH}
    book = await client.fetch_order_book(BTC, 50)
    assert len(book["bids"]) > 5
    assert book["bids"][0][0] < book["asks"][0][0]
    candles = await client.fetch_ohlcv(BTC, "1h", limit=200)
    assert len(candles) == 200
    assert all(later[0] - earlier[0] == 3_600_000 for earlier, later in pairwise(candles))
    mark = await client.fetch_ohlcv(ETH, "5m", limit=10, params={"price": "mark"})
    assert len(mark) == 10
    index = await client.fetch_ohlcv(ETH, "5m", limit=10, params={"price": "index"})
    assert [row[0] for row in index] == [row[0] for row in mark]
    since = candles[10][0]
    window = await client.fetch_ohlcv(BTC, "1h", since=since, limit=5)
    assert [row[0] for row in window] == [row[0] for row in candles[10:15]]


async def test_funding_history_and_rates(client: Any) -> None:
    rate = await client.fetch_funding_rate(BTC)
    assert rate["interval"] == "8h"
    assert rate["fundingRate"] == pytest.approx(0.0001)
    assert isinstance(await client.fetch_funding_rate_history(BTC), list)


async def test_leverage_tiers_come_page_by_page(running: Running, client: Any) -> None:
    tiers = await client.fetch_leverage_tiers()
    assert len(tiers) == len([one for one in running.engine.instruments.values() if not one.inverse])
    for tier, expected in zip(tiers[ETH], running.engine.instrument("ETHUSDT").tiers, strict=True):
        assert tier["maxNotional"] == float(expected.cap)
        assert tier["maintenanceMarginRate"] == float(expected.maintenance_rate)
        assert Decimal(tier["info"]["mmDeduction"]) == expected.deduction
    assert (await client.fetch_market_leverage_tiers(BTC))[0]["minNotional"] == 0


async def test_market_order_opens_a_position_that_balance_and_positions_show(client: Any) -> None:
    order = await client.create_order(BTC, "market", "buy", 0.5, params={"clientOrderId": "first-1"})
    assert order["id"]
    (position,) = await client.fetch_positions()
    assert position["symbol"] == BTC
    assert position["side"] == "long"
    assert position["contracts"] == 0.5
    assert position["info"]["liqPrice"] == ""
    balance = await client.fetch_balance()
    account = balance["info"]["result"]["list"][0]
    assert Decimal(account["totalEquity"]) < 100_000
    assert Decimal(account["accountMMRate"]) == pytest.approx(
        Decimal(account["totalMaintenanceMargin"]) / Decimal(account["totalMarginBalance"])
    )
    assert balance["USDT"]["total"] == float(account["coin"][0]["walletBalance"])
    (trade, *_) = await client.fetch_my_trades(BTC)
    assert trade["order"] == order["id"]
    assert trade["takerOrMaker"] == "taker"
    assert trade["fee"]["cost"] > 0
    closed = await client.fetch_closed_order(order["id"], BTC)
    assert closed["status"] == "closed"
    assert closed["clientOrderId"] == "first-1"
    assert closed["filled"] == 0.5


async def test_limit_order_rests_is_amended_found_and_cancelled(client: Any) -> None:
    order = await client.create_order(ETH, "limit", "buy", 1, 3500, {"clientOrderId": "rest-1"})
    (resting,) = await client.fetch_open_orders(ETH)
    assert resting["id"] == order["id"]
    assert resting["price"] == 3500
    await client.edit_order(order["id"], ETH, "limit", "buy", 2, 3400)
    found = await client.fetch_open_order(order["id"], ETH)
    assert (found["amount"], found["price"]) == (2, 3400)
    by_client_id = await client.fetch_order("", ETH, {"acknowledged": True, "orderLinkId": "rest-1"})
    assert by_client_id["id"] == order["id"]
    await client.cancel_order(order["id"], ETH)
    assert await client.fetch_open_orders(ETH) == []
    (ended,) = await client.fetch_canceled_orders(ETH)
    assert ended["status"] == "canceled"
    assert ended["info"]["cancelType"] == "CancelByUser"


async def test_immediate_orders_fill_or_go(client: Any) -> None:
    far = await client.create_order(ETH, "limit", "buy", 1, 3000, {"timeInForce": "IOC"})
    gone = await client.fetch_order(far["id"], ETH, {"acknowledged": True})
    assert (gone["status"], gone["filled"]) == ("canceled", 0)
    near = await client.create_order(ETH, "limit", "buy", 1, 4100, {"timeInForce": "IOC"})
    done = await client.fetch_order(near["id"], ETH, {"acknowledged": True})
    assert (done["status"], done["filled"]) == ("closed", 1)
    taker = await client.create_order(ETH, "limit", "buy", 1, 4100, {"postOnly": True})
    refused = await client.fetch_order(taker["id"], ETH, {"acknowledged": True})
    assert refused["status"] == "canceled"
    assert refused["info"]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"


async def test_reduce_only_closes_and_never_flips(client: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="110017"):
        await client.create_order(SOL, "market", "sell", 1, params={"reduceOnly": True})
    await client.create_order(SOL, "market", "buy", 10)
    with pytest.raises(ccxt.InvalidOrder, match="110017"):
        await client.create_order(SOL, "market", "buy", 1, params={"reduceOnly": True})
    await client.create_order(SOL, "market", "sell", 25, params={"reduceOnly": True})
    assert await client.fetch_positions() == []
    flat = await client.fetch_position(SOL)
    assert flat["contracts"] == 0


async def test_conditional_order_waits_among_the_stops(running: Running, client: Any) -> None:
    await client.create_order(BTC, "market", "buy", 0.1)
    params = {
        "triggerPrice": 95_000,
        "triggerDirection": "descending",
        "reduceOnly": True,
        "triggerBy": "MarkPrice",
    }
    stop = await client.create_order(BTC, "market", "sell", 0.1, params=params)
    (waiting,) = await client.fetch_open_orders(BTC, params={"trigger": True})
    assert waiting["id"] == stop["id"]
    assert waiting["info"]["orderStatus"] == "Untriggered"
    assert waiting["info"]["stopOrderType"] == "Stop"
    assert waiting["stopLossPrice"] == 95_000
    assert await client.fetch_open_orders(BTC, params={"orderFilter": "Order"}) == []
    assert len(await client.fetch_open_orders(BTC)) == 1
    running.engine.set_price("BTCUSDT", Decimal(94_900))
    assert await client.fetch_positions() == []
    fired = await client.fetch_order(stop["id"], BTC, {"acknowledged": True})
    assert fired["status"] == "closed"


async def test_trading_stop_shows_in_the_position_and_among_the_orders(running: Running, client: Any) -> None:
    await client.create_order(BTC, "market", "buy", 0.1)
    request = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "stopLoss": "93000",
        "slTriggerBy": "MarkPrice",
        "tpslMode": "Full",
        "positionIdx": 0,
    }
    await client.privatePostV5PositionTradingStop(request)
    (position,) = await client.fetch_positions()
    assert position["stopLossPrice"] == 93_000
    (order,) = await client.fetch_open_orders(BTC, params={"trigger": True})
    assert order["info"]["stopOrderType"] == "StopLoss"
    assert order["info"]["orderStatus"] == "Untriggered"
    assert order["info"]["triggerBy"] == "MarkPrice"
    assert order["info"]["createType"] == "CreateByStopLoss"
    assert order["reduceOnly"] is True
    with pytest.raises(ccxt.ExchangeError, match="34040"):
        await client.privatePostV5PositionTradingStop(request)
    await client.privatePostV5PositionTradingStop({**request, "stopLoss": "0"})
    assert await client.fetch_open_orders(BTC, params={"trigger": True}) == []
    await client.privatePostV5PositionTradingStop(request)
    running.engine.set_price("BTCUSDT", Decimal(92_000))
    assert await client.fetch_positions() == []


async def test_stops_attached_to_an_order_come_with_its_fill(client: Any) -> None:
    params = {"stopLoss": {"triggerPrice": 3600}, "takeProfit": {"triggerPrice": 4400}}
    await client.create_order(ETH, "market", "buy", 1, params=params)
    (position,) = await client.fetch_positions()
    assert (position["stopLossPrice"], position["takeProfitPrice"]) == (3600, 4400)
    kinds = {
        o["info"]["stopOrderType"] for o in await client.fetch_open_orders(ETH, params={"trigger": True})
    }
    assert kinds == {"StopLoss", "TakeProfit"}


async def test_oco_through_the_trading_stop_endpoint(client: Any) -> None:
    await client.create_order(ETH, "market", "sell", 1)
    await client.create_order(
        ETH, "market", "buy", 0, params={"stopLossPrice": 4300, "takeProfitPrice": 3700, "positionIdx": 0}
    )
    (position,) = await client.fetch_positions()
    assert (position["side"], position["stopLossPrice"], position["takeProfitPrice"]) == ("short", 4300, 3700)


async def test_cancel_all_by_kind(client: Any) -> None:
    await client.create_order(ETH, "limit", "buy", 1, 3000)
    await client.create_order(BTC, "limit", "buy", 0.1, 80_000)
    stop = {"triggerPrice": 4500, "triggerDirection": "ascending"}
    await client.create_order(ETH, "market", "buy", 1, params=stop)
    assert len(await client.cancel_all_orders(None, {"trigger": True})) == 1
    assert len(await client.fetch_open_orders()) == 2
    assert len(await client.cancel_all_orders(ETH)) == 1
    assert [order["symbol"] for order in await client.fetch_open_orders()] == [BTC]


async def test_settings_of_the_account(client: Any) -> None:
    await client.set_leverage(7, BTC)
    with pytest.raises(ccxt.BadRequest, match="110043"):
        await client.set_leverage(7, BTC)
    with pytest.raises(ccxt.BadRequest, match="110013"):
        await client.set_leverage(5_000, BTC)
    assert (await client.fetch_leverage(BTC))["longLeverage"] == 7
    await client.set_position_mode(True, BTC)
    with pytest.raises(ccxt.NoChange, match="110025"):
        await client.set_position_mode(True, BTC)
    await client.set_margin_mode("isolated")
    with pytest.raises(ccxt.MarginModeAlreadySet):
        await client.set_margin_mode("isolated")
    with pytest.raises(ccxt.BadRequest):
        await client.set_margin_mode("portfolio")
    info = await client.privateGetV5AccountInfo()
    assert info["result"]["marginMode"] == "ISOLATED_MARGIN"
    fee = await client.fetch_trading_fee(BTC)
    assert fee["taker"] == pytest.approx(0.00055)


async def test_hedge_mode_has_two_legs(client: Any) -> None:
    await client.set_position_mode(True)
    await client.create_order(BTC, "market", "buy", 0.2, params={"hedged": True})
    legs = await client.fetch_positions([BTC])
    assert [(leg["side"], leg["contracts"]) for leg in legs] == [("long", 0.2), ("short", 0)]
    with pytest.raises(ccxt.BadRequest, match="position idx not match position mode"):
        await client.create_order(BTC, "market", "buy", 0.1)
    await client.create_order(BTC, "market", "sell", 0.1, params={"hedged": True})
    assert {leg["side"] for leg in await client.fetch_positions()} == {"long", "short"}
    with pytest.raises(ccxt.BadRequest, match="110024"):
        await client.set_position_mode(False, BTC)
    await client.create_order(BTC, "market", "sell", 0.2, params={"hedged": True, "reduceOnly": True})
    assert [leg["side"] for leg in await client.fetch_positions()] == ["short"]


async def test_isolated_position_takes_margin(client: Any) -> None:
    add = {"category": "linear", "symbol": "BTCUSDT", "margin": "500", "positionIdx": 0}
    with pytest.raises(ccxt.InvalidOrder, match="110033"):
        await client.privatePostV5PositionAddMargin(add)
    await client.set_margin_mode("isolated")
    await client.create_order(BTC, "market", "buy", 0.1)
    (before,) = await client.fetch_positions()
    assert before["liquidationPrice"] > 0
    await client.privatePostV5PositionAddMargin(add)
    (after,) = await client.fetch_positions()
    assert after["liquidationPrice"] < before["liquidationPrice"]
    assert float(after["info"]["positionBalance"]) == pytest.approx(
        float(before["info"]["positionBalance"]) + 500
    )
    account = (await client.fetch_balance())["info"]["result"]["list"][0]
    assert account["accountMMRate"] == ""


async def test_refusals_become_ccxt_errors(client: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="110007"):
        await client.create_order(BTC, "market", "buy", 90)
    with pytest.raises(ccxt.OrderNotFound, match="110001"):
        await client.cancel_order("no-such-order", BTC)
    with pytest.raises(ccxt.OrderNotFound, match="110001"):
        await client.edit_order("no-such-order", BTC, "limit", "buy", 1, 90_000)
    await client.create_order(ETH, "limit", "buy", 1, 3000, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match="110072"):
        await client.create_order(ETH, "limit", "buy", 1, 3000, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match="110094"):
        await client.create_order("XRP/USDT:USDT", "limit", "buy", 1, 2)
    with pytest.raises(ccxt.BadRequest, match="10001"):
        await client.create_order(ETH, "limit", "buy", 1, 3000, {"clientOrderId": "no spaces allowed"})
    with pytest.raises(ccxt.BadRequest, match="10001"):
        await client.privatePostV5OrderCreate({"category": "linear", "symbol": "NOSUCHUSDT"})


async def test_wrong_secret_and_wrong_key(running: Running) -> None:
    async with ccxt_client(running.url, secret="wrong") as wrong:
        with pytest.raises(ccxt.AuthenticationError, match="10004"):
            await wrong.privateGetV5AccountInfo()
    async with ccxt_client(running.url, key="nobody") as nobody:
        with pytest.raises(ccxt.AuthenticationError, match="10003"):
            await nobody.privateGetV5AccountInfo()


async def test_a_read_only_key_may_not_trade() -> None:
    engine = make_engine()
    open_account(engine, permissions=frozenset({"read"}))
    async with serving(engine) as running, ccxt_client(running.url) as client:
        info = await client.privateGetV5UserQueryApi()
        assert info["result"]["readOnly"] == "1" or info["result"]["readOnly"] == 1
        assert info["result"]["permissions"]["Wallet"] == []
        with pytest.raises(ccxt.PermissionDenied, match="10005"):
            await client.create_order(BTC, "market", "buy", 0.1)


async def test_ledger_and_liquidations(running: Running, client: Any) -> None:
    await client.create_order(BTC, "market", "buy", 0.1)
    running.engine.transfer(running.account.account_id, "USDT", Decimal(250))
    entries = await client.fetch_ledger("USDT")
    kinds = [entry["info"]["type"] for entry in entries]
    assert "TRANSFER_IN" in kinds
    assert "TRADE" in kinds
    change = sum(Decimal(entry["info"]["change"]) for entry in entries)
    assert change == running.engine.wallet(running.account.account_id).wallet_balance


async def test_more_positions_than_a_page_come_with_the_cursor() -> None:
    engine = engine_with_symbols(205)
    open_account(engine, deposit="100000000")
    async with serving(engine) as running, ccxt_client(running.url) as client:
        client.options["fetchMarkets"] = {"types": ["linear"]}
        for symbol, instrument in engine.instruments.items():
            engine.open_position(running.account.account_id, symbol, Side.BUY, instrument.min_qty * 100)
        first = await client.fetch_positions()
        assert len(first) == 200
        rest = await client.fetch_positions(None, {"cursor": first[0]["info"]["nextPageCursor"]})
        assert len(rest) == 5
        assert "nextPageCursor" not in rest[0]["info"]
        seen = [row["info"]["symbol"] for row in first + rest]
        assert sorted(seen) == sorted(engine.instruments)
        assert len(await client.fetch_positions(None, {"paginate": True})) == 205
