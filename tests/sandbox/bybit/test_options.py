"""Category option: unmodified ccxt over HTTP, and what the venue's rows and refusals say."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import msgspec
import pytest

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.options.settings import DAY_MS, CoinOptions, OptionSettings
from bot.sandbox.host import Sandbox
from tests.sandbox.support import (
    KEY,
    PRICES,
    SECRET,
    Running,
    admin,
    call,
    ccxt_client,
    make_engine,
    open_account,
    serving,
)

START_MS = 1_763_078_400_000  # 2025-11-14T00:00:00Z
PUT, PUT_ID = "BTC/USDT:USDT-251128-90000-P", "BTC-28NOV25-90000-P-USDT"
SOON, SOON_ID = "BTC/USDT:USDT-251115-110000-P", "BTC-15NOV25-110000-P-USDT"
OPTION = {"category": "option"}


def option_engine(*, coins: tuple[str, ...] = ("BTC",)) -> Engine:
    own = CoinOptions(settles=("USDT", "USDC"), expiries=(DAY_MS, 14 * DAY_MS))
    settings = OptionSettings(coins=dict.fromkeys(coins, own))
    clock = VirtualClock(START_MS)
    return Engine(clock, ManualFeed(START_MS, PRICES), market_step_ms=60_000, options=settings)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving(option_engine()) as server:
        server.engine.transfer(server.account.account_id, "USDC", Decimal(10_000))
        yield server


@pytest.fixture
async def client(running: Running) -> AsyncIterator[Any]:
    async with ccxt_client(running.url) as ready:
        ready.has["fetchCurrencies"] = False
        ready.options["fetchMarkets"] = {"types": ["linear", "option"]}
        ready.options["enableUnifiedAccount"] = True
        ready.nonce = running.engine.venue_ms  # virtual time stands where the market is
        await ready.load_markets()
        yield ready


def advance(running: Running, seconds: float) -> None:
    clock = running.engine.clock
    assert isinstance(clock, VirtualClock)
    clock.advance(seconds)
    running.sandbox.advance()


async def test_markets_hold_every_contract_with_its_terms(running: Running, client: Any) -> None:
    options = {name: one for name, one in client.markets.items() if one["option"]}
    assert len(options) == len(running.engine.options.listed())
    market, contract = options[PUT], running.engine.options.contract(PUT_ID)
    assert market["id"] == PUT_ID
    assert market["strike"] == 90_000
    assert (market["optionType"], market["settle"], market["contractSize"]) == ("put", "USDT", 1)
    assert market["expiry"] == contract.expiry_ms
    assert market["precision"] == {"amount": 0.01, "price": 5.0, **_without_two(market["precision"])}
    assert market["limits"]["amount"] == {"min": 0.01, "max": 500}
    assert options["BTC/USDC:USDC-251128-90000-P"]["id"] == "BTC-28NOV25-90000-P"


def _without_two(precision: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in precision.items() if name not in ("amount", "price")}


async def test_chain_tickers_greeks_and_books(running: Running, client: Any) -> None:
    quote = running.engine.options.quote(PUT_ID)
    ticker = await client.fetch_ticker(PUT)
    assert (ticker["bid"], ticker["ask"]) == (quote.bid, quote.ask)
    assert ticker["markPrice"] == float(quote.mark)
    assert ticker["info"]["underlyingPrice"] == f"{quote.forward}"
    chain = await client.fetch_option_chain("BTC")
    assert len(chain) == len(running.engine.options.listed())
    assert chain[PUT]["impliedVolatility"] == pytest.approx(quote.mark_volatility, abs=1e-4)
    greeks = await client.fetch_greeks(PUT)
    assert greeks["delta"] == pytest.approx(quote.greeks.delta, abs=1e-8)
    assert greeks["vega"] == pytest.approx(quote.greeks.vega, abs=1e-8)
    assert greeks["bidImpliedVolatility"] < greeks["markImpliedVolatility"] < greeks["askImpliedVolatility"]
    book = await client.fetch_order_book(PUT, 5)
    assert len(book["asks"]) == 5
    assert book["asks"][0][:2] == [float(quote.ask or 0), float(quote.ask_qty)]
    assert book["bids"][0][0] == ticker["bid"]


async def test_a_put_is_bought_held_and_sold_again(running: Running, client: Any) -> None:
    before = (await client.fetch_balance())["USDT"]["total"]
    ask = (await client.fetch_ticker(PUT))["ask"]
    order = await client.create_order(
        PUT, "limit", "buy", 0.5, ask, {"timeInForce": "IOC", "clientOrderId": "reef-put-1"}
    )
    found = await client.fetch_open_order(order["id"], PUT, {"category": "option"})
    assert (found["status"], found["filled"], found["average"]) == ("closed", 0.5, ask)
    assert found["clientOrderId"] == "reef-put-1"
    (held,) = await client.fetch_positions(None, {"type": "option"})
    assert (held["symbol"], held["side"], held["contracts"]) == (PUT, "long", 0.5)
    assert held["entryPrice"] == ask
    assert (held["initialMargin"], held["maintenanceMargin"], held["liquidationPrice"]) == (0, 0, None)
    assert float(held["info"]["delta"]) < 0
    assert await client.fetch_positions(None, {"settleCoin": "USDT"}) == []
    balance = await client.fetch_balance()
    info = balance["info"]["result"]["list"][0]
    value = float(held["info"]["positionValue"])
    paid = 0.5 * ask + 0.5 * 30
    (coin,) = [one for one in info["coin"] if one["coin"] == "USDT"]
    assert float(coin["walletBalance"]) == pytest.approx(before - paid)
    assert float(coin["equity"]) == pytest.approx(before - paid + value)
    usdc = 10_000 * 0.95
    assert float(info["totalMarginBalance"]) == pytest.approx(before - paid + usdc)
    assert float(info["totalEquity"]) == pytest.approx(before - paid + value + 10_000)
    await client.create_order(
        PUT, "market", "sell", 0.5, None, {"reduceOnly": True, "clientOrderId": "reef-put-2"}
    )
    assert await client.fetch_positions(None, {"type": "option"}) == []
    fills = await client.fetch_my_trades(PUT, params={"category": "option"})
    assert [one["side"] for one in sorted(fills, key=lambda one: one["info"]["seq"])] == ["buy", "sell"]
    assert all(float(one["info"]["tradeIv"]) > 0.3 for one in fills)
    assert fills[0]["fee"]["currency"] == "USDT"


async def test_a_resting_order_is_listed_and_cancelled(client: Any) -> None:
    order = await client.create_order(PUT, "limit", "buy", 1, 100, {"clientOrderId": "rests"})
    (resting,) = await client.fetch_open_orders(PUT)
    assert (resting["id"], resting["price"], resting["remaining"]) == (order["id"], 100, 1)
    await client.cancel_order(order["id"], PUT)
    assert await client.fetch_open_orders(PUT) == []
    (ended,) = await client.fetch_canceled_orders(PUT)
    assert ended["clientOrderId"] == "rests"
    await client.create_order(PUT, "limit", "buy", 1, 100)
    assert len(await client.cancel_all_orders(PUT)) == 1


async def test_refusals_are_the_venues(client: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="short options are not offered"):
        await client.create_order(PUT, "market", "sell", 1)
    with pytest.raises(ccxt.InsufficientFunds, match="cost"):
        await client.create_order(PUT, "limit", "buy", 400, 1_000)
    with pytest.raises(ccxt.InvalidOrder, match="110017"):
        await client.create_order(PUT, "market", "sell", 1, None, {"reduceOnly": True})
    await client.create_order(PUT, "limit", "buy", 1, 100, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.InvalidOrder, match="110072"):
        await client.create_order(PUT, "limit", "buy", 1, 100, {"clientOrderId": "twice"})


async def test_an_option_is_settled_at_its_expiry_and_leaves_the_chain(running: Running, client: Any) -> None:
    await client.create_order(SOON, "market", "buy", 1)
    before = (await client.fetch_balance())["USDT"]["total"]
    advance(running, 32 * 3_600)
    assert await client.fetch_positions(None, {"type": "option"}) == []
    assert (await client.fetch_balance())["USDT"]["total"] == pytest.approx(before + 10_000 - 15)
    (record,) = (await client.privateGetV5AssetDeliveryRecord(OPTION))["result"]["list"]
    assert record["symbol"] == SOON_ID
    assert (record["deliveryPrice"], record["strike"], record["fee"]) == ("100000", "110000", "15")
    assert float(record["deliveryRpl"]) == pytest.approx(10_000 - float(record["entryPrice"]) - 15)
    log = await client.privateGetV5AccountTransactionLog({"type": "DELIVERY"})
    (entry,) = log["result"]["list"]
    assert (entry["category"], entry["cashFlow"]) == ("option", "10000")
    assert SOON not in await client.load_markets(True)
    with pytest.raises(ccxt.ExchangeError, match="110074"):
        await client.privatePostV5OrderCreate(
            {
                **OPTION,
                "symbol": SOON_ID,
                "side": "Buy",
                "orderType": "Market",
                "qty": "1",
                "orderLinkId": "l",
            }
        )


@pytest.fixture
def sandbox() -> Sandbox:
    engine = option_engine(coins=("BTC", "ETH"))
    open_account(engine)
    return Sandbox(engine)


def rows(sandbox: Sandbox, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = call(sandbox, "GET", path, {**OPTION, **params})
    assert answer["retCode"] == 0
    found = answer["result"]["list"]
    assert isinstance(found, list)
    return found


def buy(sandbox: Sandbox, symbol: str, qty: str = "1", **more: Any) -> dict[str, Any]:
    body = {"symbol": symbol, "side": "Buy", "orderType": "Market", "qty": qty, "orderLinkId": f"i{symbol}"}
    return call(sandbox, "POST", "/v5/order/create", {**OPTION, **body, **more})


def test_instruments_and_tickers_are_of_btc_unless_a_coin_is_named(sandbox: Sandbox) -> None:
    for path in ("/v5/market/instruments-info", "/v5/market/tickers"):
        count = len(rows(sandbox, path, limit=1000))
        assert count == len(rows(sandbox, path, baseCoin="BTC", limit=1000))
        everything = rows(sandbox, path, baseCoin="All", limit=1000)
        assert len(everything) == count + len(rows(sandbox, path, baseCoin="ETH", limit=1000))
        assert [one["symbol"] for one in rows(sandbox, path, symbol=PUT_ID)] == [PUT_ID]
    assert len(rows(sandbox, "/v5/market/instruments-info")) == 280
    one_day = rows(sandbox, "/v5/market/tickers", baseCoin="ETH", expDate="15NOV25")
    assert {one["symbol"].split("-")[1] for one in one_day} == {"15NOV25"}
    assert rows(sandbox, "/v5/market/instruments-info", status="Delivering") == []


def test_pages_of_instruments_lead_to_all(sandbox: Sandbox) -> None:
    seen, cursor = [], ""
    while True:
        page = call(sandbox, "GET", "/v5/market/instruments-info", {**OPTION, "limit": 100, "cursor": cursor})
        seen += [one["symbol"] for one in page["result"]["list"]]
        cursor = page["result"]["nextPageCursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 280


@pytest.mark.parametrize(
    "path", ["/v5/market/tickers", "/v5/market/orderbook", "/v5/market/instruments-info"]
)
def test_a_symbol_that_is_not_listed_is_invalid(sandbox: Sandbox, path: str) -> None:
    answer = call(sandbox, "GET", path, {**OPTION, "symbol": "BTC-28NOV25-90001-P-USDT"})
    assert (answer["retCode"], "symbol invalid" in answer["retMsg"]) == (10001, True)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"orderLinkId": ""}, "orderLinkId is required"),
        ({"orderLinkId": "no spaces"}, "OrderLinkedID invalid"),
        ({"orderType": "Limit"}, "price is required"),
        ({"positionIdx": 1}, "positionIdx"),
        ({"triggerPrice": "100"}, "triggerPrice"),
        ({"qty": "0.001"}, "Qty invalid"),
    ],
)
def test_orders_that_cannot_be_read_are_refused(sandbox: Sandbox, wrong: dict[str, Any], told: str) -> None:
    answer = buy(sandbox, PUT_ID, **wrong)
    assert answer["retCode"] == 10001
    assert told in answer["retMsg"]
    assert buy(sandbox, "BTC-1-2-C")["retMsg"].startswith("params error: symbol invalid")


def test_positions_and_orders_are_narrowed_by_coin_and_settlement(sandbox: Sandbox) -> None:
    ether = "ETH-28NOV25-4000-P-USDT"
    assert buy(sandbox, PUT_ID)["retCode"] == 0
    assert buy(sandbox, ether)["retCode"] == 0
    assert buy(sandbox, "BTC-28NOV25-90000-P")["retCode"] == 110012
    path = "/v5/position/list"
    assert {one["symbol"] for one in rows(sandbox, path)} == {PUT_ID, ether}
    assert [one["symbol"] for one in rows(sandbox, path, baseCoin="ETH")] == [ether]
    assert [one["symbol"] for one in rows(sandbox, path, symbol=PUT_ID)] == [PUT_ID]
    assert rows(sandbox, path, settleCoin="USDC") == []
    assert [one["symbol"] for one in rows(sandbox, "/v5/order/history", baseCoin="ETH")] == [ether]
    by_id = rows(sandbox, "/v5/order/realtime", orderLinkId=f"i{ether}")
    assert [one["orderStatus"] for one in by_id] == ["Filled"]
    assert [one["symbol"] for one in rows(sandbox, "/v5/execution/list", symbol=ether)] == [ether]
    (account,) = admin(sandbox, "GET", "state")[1]["accounts"]
    assert {one["contract"]["symbol"] for one in account["options"]} == {PUT_ID, ether}
    linear = call(sandbox, "GET", path, {"category": "linear", "settleCoin": "USDT"})
    assert linear["result"]["list"] == []


def test_the_private_stream_tells_of_options(sandbox: Sandbox) -> None:
    told: list[dict[str, Any]] = []
    stream = sandbox.open_stream("/v5/private", told.append)
    assert stream is not None
    expires = sandbox.engine.venue_ms() + 10_000
    sign = hmac.new(SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
    stream.receive(msgspec.json.encode({"op": "auth", "args": [KEY, expires, sign]}).decode())
    topics = ["position", "order.option", "execution", "wallet"]
    stream.receive(msgspec.json.encode({"op": "subscribe", "args": topics}).decode())
    buy(sandbox, PUT_ID)
    data = {one["topic"]: one["data"][0] for one in told if "topic" in one}
    assert set(data) == set(topics)
    for name in ("position", "order.option", "execution"):
        assert (data[name]["category"], data[name]["symbol"]) == ("option", PUT_ID)
    assert data["position"]["entryPrice"] == data["execution"]["execPrice"]
    stream.close()


def test_fee_rates_of_options_are_by_coin(sandbox: Sandbox) -> None:
    found = rows(sandbox, "/v5/account/fee-rate")
    assert [(one["baseCoin"], one["takerFeeRate"]) for one in found] == [("BTC", "0.0003"), ("ETH", "0.0003")]


def test_deliveries_of_other_categories_are_none(sandbox: Sandbox) -> None:
    found = call(sandbox, "GET", "/v5/asset/delivery-record", {"category": "linear"})
    assert found["result"]["list"] == []
    for window in ({"startTime": 1}, {"endTime": 1}, {"startTime": 1, "endTime": 2}):
        assert rows(sandbox, "/v5/asset/delivery-record", **window) == []


def test_without_options_the_category_is_empty() -> None:
    sandbox = Sandbox(make_engine())
    open_account(sandbox.engine)
    assert rows(sandbox, "/v5/market/instruments-info") == []
    assert rows(sandbox, "/v5/market/tickers") == []
    assert rows(sandbox, "/v5/position/list") == []
    assert buy(sandbox, PUT_ID)["retCode"] == 10001
