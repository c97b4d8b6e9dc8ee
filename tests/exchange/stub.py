"""A venue of canned answers, reached by a transport inside the process, and gateways onto it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from bot.clock import Clock, VirtualClock
from bot.exchange.factory import make_gateway
from bot.exchange.gateway import CcxtGateway
from bot.model import Market

KEY, SECRET = "planted-api-key-7731", "planted-secret-9942"
NOW = datetime(2025, 11, 21, 7, 0, tzinfo=UTC)
NOW_MS = 1_763_708_400_000
BTC = "BTC/USDT:USDT"

Reply = tuple[int, str] | Exception


class Sent(msgspec.Struct, frozen=True):
    """One captured request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any] | None


Answerer = Callable[[Sent], Reply]


def envelope(result: object, *, code: int = 0, message: str = "OK", at: int = NOW_MS) -> Reply:
    """The venue's envelope as an HTTP answer."""
    body = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": at}
    return 200, msgspec.json.encode(body).decode()


def listed(*rows: object, cursor: str = "", at: int = NOW_MS) -> Reply:
    """A list as the venue answers it."""
    return envelope({"list": list(rows), "nextPageCursor": cursor, "category": "linear"}, at=at)


class StubVenue:
    """Answers by path; what has no answer of its own is an empty list."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: dict[str, Answerer] = {}
        self.inverse: dict[str, Reply] = {}
        """Answers for the inverse category, by path; what has none is an empty list."""
        self.set("/v5/market/time", envelope({"timeSecond": str(NOW_MS // 1000)}))
        self.set("/v5/market/instruments-info", listed(instrument("BTC"), instrument("ETH")))
        self.answers["/v5/market/risk-limit"] = lambda sent: listed(*risk_limits(sent.query["symbol"]))
        self.set("/v5/market/tickers", listed(ticker("BTCUSDT"), ticker("ETHUSDT")))
        self.set("/v5/account/info", envelope({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 5}))
        self.set("/v5/account/wallet-balance", listed(wallet()))

    def set(self, path: str, reply: Reply) -> None:
        """Answer every request to `path` with `reply`."""
        self.answers[path] = lambda _: reply

    def holds(self, *rows: dict[str, object], at: int = NOW_MS) -> None:
        """Show these positions in the list, and by name those and flat ones, as the venue does."""

        def answer(sent: Sent) -> Reply:
            symbol = sent.query.get("symbol")
            if symbol is None:
                return listed(*rows, at=at)
            named = [row for row in rows if row["symbol"] == symbol]
            return listed(*(named or [position(symbol, size="0", side="")]), at=at)

        self.answers["/v5/position/list"] = answer

    def paths(self, path: str) -> list[Sent]:
        """Requests that came to `path`, but for those of the inverse category."""
        return [one for one in self.sent if one.path == path and one.query.get("category") != "inverse"]

    def inverse_paths(self, path: str) -> list[Sent]:
        """Requests of the inverse category that came to `path`."""
        return [one for one in self.sent if one.path == path and one.query.get("category") == "inverse"]

    def reply_to(self, sent: Sent) -> Reply:
        """Answer a request."""
        if sent.query.get("category") == "inverse":
            return self.inverse.get(sent.path, self.nothing())
        return self.answers[sent.path](sent) if sent.path in self.answers else self.nothing()

    def nothing(self) -> Reply:
        """An empty list."""
        return listed()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> tuple[int, str, dict[str, str], str]:
        """Capture a request and answer it."""
        parts = urlsplit(url)
        sent = Sent(
            method=method,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers=dict(headers or {}),
            body=msgspec.json.decode(body) if body else None,
        )
        self.sent.append(sent)
        await asyncio.sleep(0)
        reply = self.reply_to(sent)
        if isinstance(reply, Exception):
            raise reply
        status, text = reply
        return status, "", {}, text


def gateway(
    venue: StubVenue, clock: Clock | None = None, venue_name: str = "bybit", **settings: Any
) -> CcxtGateway:
    """A gateway onto the stub."""
    wanted: dict[str, Any] = {
        "account": "main",
        "venue": venue_name,
        "network": "sandbox",
        "api_key": KEY,
        "api_secret": SECRET,
        "base_url": "http://127.0.0.1:1",
        "transport": venue,
        "clock": clock or VirtualClock(NOW),
    }
    return make_gateway(**{**wanted, **settings})


def instrument(base: str, **changes: object) -> dict[str, object]:
    """A row of the list of contracts."""
    row = {
        "symbol": f"{base}USDT",
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "deliveryTime": "0",
        "priceFilter": {"tickSize": "0.10", "minPrice": "0.10", "maxPrice": "1999999.80"},
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": "0.001",
            "qtyStep": "0.001",
            "maxMktOrderQty": "119.000",
            "minNotionalValue": "5",
        },
    }
    return {**row, **changes}


def risk_limits(symbol: str) -> list[dict[str, object]]:
    """Two brackets of one symbol."""
    first = {
        "id": 1,
        "symbol": symbol,
        "riskLimitValue": "2000000",
        "maintenanceMargin": "0.005",
        "initialMargin": "0.01",
        "maxLeverage": "100.00",
        "mmDeduction": "",
    }
    second = {
        **first,
        "id": 2,
        "riskLimitValue": "10000000",
        "maintenanceMargin": "0.01",
        "initialMargin": "0.02",
        "maxLeverage": "50.00",
        "mmDeduction": "10000",
    }
    return [second, first]


def ticker(symbol: str, **changes: object) -> dict[str, object]:
    """A row of prices."""
    row = {
        "symbol": symbol,
        "lastPrice": "100001.5",
        "indexPrice": "100010.01",
        "markPrice": "100000.25",
        "bid1Price": "100001.0",
        "ask1Price": "100001.5",
        "fundingRate": "-0.0001",
    }
    return {**row, **changes}


def wallet(coins: list[dict[str, object]] | None = None, **changes: object) -> dict[str, object]:
    """A row of the wallet."""
    usdt = {"coin": "USDT", "totalPositionIM": "0", "totalPositionMM": "0", "totalOrderIM": "0"}
    row = {
        "accountType": "UNIFIED",
        "totalEquity": "20000.5",
        "totalMarginBalance": "19999.5",
        "totalMaintenanceMargin": "500.25",
        "totalInitialMargin": "0",
        "totalWalletBalance": "19500",
        "totalAvailableBalance": "17999.5",
        "totalPerpUPL": "0",
        "accountMMRate": "0.0250",
        "coin": coins if coins is not None else [usdt],
    }
    return {**row, **changes}


def position(symbol: str = "BTCUSDT", **changes: object) -> dict[str, object]:
    """A row of the list of positions."""
    row = {
        "positionIdx": 0,
        "symbol": symbol,
        "side": "Buy",
        "size": "0.5",
        "avgPrice": "98000.125",
        "tradeMode": 0,
        "leverage": "10",
        "positionBalance": "4900",
        "markPrice": "100000.25",
        "liqPrice": "61000.5",
        "positionMM": "278.5",
        "unrealisedPnl": "1000.0625",
        "stopLoss": "",
        "updatedTime": str(NOW_MS - 1000),
    }
    return {**row, **changes}


def order(order_id: str = "o-1", **changes: object) -> dict[str, object]:
    """A row of a list of orders: a resting limit order."""
    row = {
        "orderId": order_id,
        "orderLinkId": f"link-{order_id}",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "price": "90000",
        "qty": "0.2",
        "cumExecQty": "0.05",
        "cumExecFee": "0.99",
        "avgPrice": "90000",
        "orderStatus": "PartiallyFilled",
        "stopOrderType": "",
        "triggerPrice": "0",
        "triggerBy": "",
        "reduceOnly": False,
        "closeOnTrigger": False,
        "positionIdx": 0,
        "createdTime": str(NOW_MS - 5000),
        "updatedTime": str(NOW_MS - 4000),
        "rejectReason": "EC_NoError",
        "cancelType": "UNKNOWN",
    }
    return {**row, **changes}


def stop(order_id: str = "s-1", **changes: object) -> dict[str, object]:
    """A row of a list of orders: the position's own stop."""
    waiting = {
        "side": "Sell",
        "orderType": "Market",
        "price": "0",
        "cumExecQty": "0",
        "cumExecFee": "0",
        "avgPrice": "",
        "qty": "0.5",
        "orderStatus": "Untriggered",
        "stopOrderType": "StopLoss",
        "triggerPrice": "70000",
        "triggerBy": "MarkPrice",
        "reduceOnly": True,
        "closeOnTrigger": True,
    }
    return order(order_id, **{**waiting, **changes})


def execution(exec_id: str = "e-1", **changes: object) -> dict[str, object]:
    """A row of the list of executions."""
    row = {
        "execId": exec_id,
        "orderId": "o-1",
        "orderLinkId": "link-o-1",
        "symbol": "BTCUSDT",
        "side": "Sell",
        "execType": "Trade",
        "execQty": "0.2",
        "execPrice": "99000",
        "execFee": "10.89",
        "orderQty": "0.5",
        "execTime": str(NOW_MS - 3000),
    }
    return {**row, **changes}


def market(**changes: Any) -> Market:
    """The market of BTC/USDT:USDT as the stub lists it."""
    listed_market = Market(
        symbol=BTC,
        venue_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        settle="USDT",
        linear=True,
        contract_size=Decimal(1),
        amount_step=Decimal("0.001"),
        amount_min=Decimal("0.001"),
        amount_max=Decimal("1190.000"),
        market_amount_max=Decimal("119.000"),
        price_step=Decimal("0.10"),
        notional_min=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        active=True,
    )
    return msgspec.structs.replace(listed_market, **changes)
