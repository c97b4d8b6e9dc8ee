"""Unmodified pybit (HTTP and WebSocket) drives the sandbox; it is synchronous, so it runs in threads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from pybit import _websocket_trading, unified_trading
from pybit.exceptions import InvalidRequestError

from tests.sandbox.support import KEY, SECRET, Running, pybit_client, serving, until


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


async def threaded(work: Callable[..., Any], **arguments: Any) -> Any:
    """One call in a thread."""
    return await asyncio.to_thread(lambda: work(**arguments))


async def test_market_data(running: Running) -> None:
    client = pybit_client(running.url)
    instruments = await threaded(client.get_instruments_info, category="linear", limit=10)
    assert len(instruments["result"]["list"]) == 10
    rest = await threaded(
        client.get_instruments_info, category="linear", cursor=instruments["result"]["nextPageCursor"]
    )
    assert len(rest["result"]["list"]) == len(running.engine.instruments) - 2 - 10
    ticker = await threaded(client.get_tickers, category="linear", symbol="ETHUSDT")
    assert ticker["result"]["list"][0]["markPrice"] == "4000"
    book = await threaded(client.get_orderbook, category="linear", symbol="ETHUSDT", limit=5)
    assert len(book["result"]["a"]) == 5
    rows = await threaded(client.get_kline, category="linear", symbol="ETHUSDT", interval=60, limit=3)
    starts = [int(row[0]) for row in rows["result"]["list"]]
    assert starts == sorted(starts, reverse=True)
    limits = await threaded(client.get_risk_limit, category="linear", symbol="ETHUSDT")
    assert limits["result"]["list"][0]["isLowestRisk"] == 1
    with pytest.raises(InvalidRequestError, match="10001"):
        await threaded(client.get_tickers, category="linear", symbol="NOPEUSDT")
    spot = await threaded(client.get_tickers, category="spot")
    assert spot["result"]["list"] == []


async def test_orders_positions_and_stops(running: Running) -> None:
    client = pybit_client(running.url)
    placed = await threaded(
        client.place_order, category="linear", symbol="BTCUSDT", side="Buy", orderType="Market", qty=0.2,
        orderLinkId="py-1",
    )  # fmt: skip
    assert placed["result"]["orderLinkId"] == "py-1"
    positions = await threaded(client.get_positions, category="linear", settleCoin="USDT")
    (row,) = positions["result"]["list"]
    assert (row["side"], row["size"], row["positionIdx"]) == ("Buy", "0.2", 0)
    stop = {"category": "linear", "symbol": "BTCUSDT", "stopLoss": 90_000, "slTriggerBy": "MarkPrice"}
    await threaded(client.set_trading_stop, **stop, tpslMode="Full", positionIdx=0)
    stops = await threaded(
        client.get_open_orders, category="linear", symbol="BTCUSDT", orderFilter="StopOrder"
    )
    assert stops["result"]["list"][0]["triggerPrice"] == "90000"
    with pytest.raises(InvalidRequestError, match="34040"):
        await threaded(client.set_trading_stop, **stop, tpslMode="Full", positionIdx=0)
    with pytest.raises(InvalidRequestError, match="10001"):
        await threaded(client.set_trading_stop, **stop, tpslMode="Partial", slSize="0.1", positionIdx=0)
    await threaded(
        client.place_order, category="linear", symbol="BTCUSDT", side="Sell", orderType="Market", qty=0,
        reduceOnly=True, closeOnTrigger=True,
    )  # fmt: skip
    positions = await threaded(client.get_positions, category="linear", symbol="BTCUSDT")
    assert (positions["result"]["list"][0]["size"], positions["result"]["list"][0]["side"]) == ("0", "")
    executions = await threaded(client.get_executions, category="linear", limit=1)
    older = await threaded(
        client.get_executions, category="linear", cursor=executions["result"]["nextPageCursor"]
    )
    ids = [row["execId"] for row in executions["result"]["list"] + older["result"]["list"]]
    assert len(ids) == len(set(ids)) == len(running.engine.executions(running.account.account_id))


async def test_amend_cancel_and_history(running: Running) -> None:
    client = pybit_client(running.url)
    common = {"category": "linear", "symbol": "ETHUSDT"}
    placed = await threaded(
        client.place_order, **common, side="Buy", orderType="Limit", qty="1", price="3500", orderLinkId="a-1"
    )
    await threaded(client.amend_order, **common, orderLinkId="a-1", price="3600")
    with pytest.raises(InvalidRequestError, match="remains unchanged"):
        await threaded(client.amend_order, **common, orderLinkId="a-1", price="3600")
    cancelled = await threaded(client.cancel_order, **common, orderId=placed["result"]["orderId"])
    assert cancelled["result"] == placed["result"]
    with pytest.raises(InvalidRequestError, match="110001"):
        await threaded(client.cancel_order, **common, orderLinkId="a-1")
    history = await threaded(client.get_order_history, category="linear", orderLinkId="a-1")
    assert history["result"]["list"][0]["orderStatus"] == "Cancelled"
    with pytest.raises(InvalidRequestError, match="orderId or orderLinkId"):
        await threaded(client.cancel_order, **common)
    everything = await threaded(client.cancel_all_orders, category="linear", settleCoin="USDT")
    assert everything["result"] == {"list": [], "success": "1"}


async def test_account_settings(running: Running) -> None:
    client = pybit_client(running.url)
    wallet = await threaded(client.get_wallet_balance, accountType="UNIFIED", coin="USDT")
    assert wallet["result"]["list"][0]["totalEquity"] == "100000"
    with pytest.raises(InvalidRequestError, match="UNIFIED"):
        await threaded(client.get_wallet_balance, accountType="CONTRACT")
    key = await threaded(client.get_api_key_information)
    assert key["result"]["permissions"]["ContractTrade"] == ["Order", "Position"]
    assert SECRET not in str(key)
    await threaded(
        client.set_leverage, category="linear", symbol="BTCUSDT", buyLeverage="4", sellLeverage="4"
    )
    await threaded(client.switch_position_mode, category="linear", symbol="BTCUSDT", mode=3)
    await threaded(client.set_margin_mode, setMarginMode="ISOLATED_MARGIN")
    assert (await threaded(client.get_account_info))["result"]["marginMode"] == "ISOLATED_MARGIN"
    with pytest.raises(InvalidRequestError, match="100028"):
        await threaded(
            client.switch_margin_mode, category="linear", symbol="BTCUSDT", tradeMode=1, buyLeverage="5",
            sellLeverage="5",
        )  # fmt: skip
    log = await threaded(client.get_transaction_log, category="linear")
    assert [row["type"] for row in log["result"]["list"]] == ["TRANSFER_IN"]


def point_streams(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """pybit knows only the venue's hosts; its two URL templates are all that is changed."""
    monkeypatch.setattr(unified_trading, "PUBLIC_WSS", f"{url}/v5/public/{{CHANNEL_TYPE}}")
    monkeypatch.setattr(unified_trading, "PRIVATE_WSS", f"{url}/v5/private")


async def test_public_streams(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    point_streams(monkeypatch, running.stream_url)
    stream = await asyncio.to_thread(unified_trading.WebSocket, testnet=False, channel_type="linear")
    tickers: list[Any] = []
    books: list[Any] = []
    best: list[Any] = []
    candles: list[Any] = []
    try:
        await asyncio.to_thread(stream.ticker_stream, symbol="BTCUSDT", callback=tickers.append)
        await asyncio.to_thread(stream.orderbook_stream, 50, "BTCUSDT", books.append)
        await asyncio.to_thread(stream.orderbook_stream, 1, "BTCUSDT", best.append)
        await asyncio.to_thread(stream.kline_stream, 1, "BTCUSDT", candles.append)
        await until(lambda: tickers and books and best and candles)
        assert tickers[0]["data"]["markPrice"] == "100000"
        running.engine.set_price("BTCUSDT", Decimal(98_000))
        await until(lambda: tickers[-1]["data"]["markPrice"] == "98000")
        await until(lambda: max(float(row[0]) for row in books[-1]["data"]["b"]) < 98_000)
        await until(lambda: len(best[-1]["data"]["b"]) == 1 and float(best[-1]["data"]["b"][0][0]) < 98_000)
        await until(lambda: candles[-1]["data"][0]["close"] == "98000")
    finally:
        await asyncio.to_thread(stream.exit)


async def test_private_streams(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    point_streams(monkeypatch, running.stream_url)
    stream = await asyncio.to_thread(
        lambda: unified_trading.WebSocket(
            testnet=False,
            channel_type="private",
            api_key=KEY,
            api_secret=SECRET,
            private_auth_expire=10,
        )
    )
    seen: dict[str, list[Any]] = {"order": [], "position": [], "execution": [], "wallet": []}
    try:
        await asyncio.to_thread(stream.order_stream, seen["order"].append)
        await asyncio.to_thread(stream.position_stream, seen["position"].append)
        await asyncio.to_thread(stream.execution_stream, seen["execution"].append)
        await asyncio.to_thread(stream.wallet_stream, seen["wallet"].append)
        await until(lambda: set(seen) <= set(running.sandbox.topics()))
        client = pybit_client(running.url)
        order = {"category": "linear", "symbol": "ETHUSDT", "side": "Sell", "orderType": "Market", "qty": "2"}
        placed = await threaded(client.place_order, **order)
        await until(lambda: all(seen.values()))
        assert seen["order"][-1]["data"][0]["orderId"] == placed["result"]["orderId"]
        assert seen["execution"][-1]["data"][0]["category"] == "linear"
        assert seen["position"][-1]["data"][0]["entryPrice"]
        assert seen["wallet"][-1]["data"][0]["accountType"] == "UNIFIED"
    finally:
        await asyncio.to_thread(stream.exit)


async def test_orders_over_the_trade_stream(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_websocket_trading, "TRADE_WSS", f"{running.stream_url}/v5/trade")
    stream = await asyncio.to_thread(
        lambda: unified_trading.WebSocketTrading(
            testnet=False, api_key=KEY, api_secret=SECRET, private_auth_expire=10
        )
    )
    good: list[Any] = []
    bad: list[Any] = []
    order = {"category": "linear", "symbol": "ETHUSDT", "side": "Buy", "orderType": "Limit", "qty": "1"}
    try:
        await until(lambda: stream.auth)
        await threaded(stream.place_order, callback=good.append, **order, price="3000", orderLinkId="t-1")
        await until(lambda: good)
        await threaded(
            stream.place_order, callback=good.append, error_callback=bad.append, **order, orderLinkId="t-2"
        )
        await until(lambda: bad)
    finally:
        await asyncio.to_thread(stream.exit)
    assert (good[0]["retCode"], good[0]["data"]["orderLinkId"]) == (0, "t-1")
    assert bad[0]["retCode"] == 10001
    assert len(running.engine.open_orders(running.account.account_id)) == 1
