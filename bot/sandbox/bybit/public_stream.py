"""/v5/public/linear and inverse: tickers, books, candles and trades, as snapshots and deltas."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.sandbox.bybit import words
from bot.sandbox.bybit.api import BybitApi
from bot.sandbox.bybit.contracts import category_of, in_contracts
from bot.sandbox.bybit.formats import number
from bot.sandbox.bybit.market import book_data, ticker_row
from bot.sandbox.bybit.session import Session
from bot.sandbox.engine.events import Event, MarketEvent, PublicTrade
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import Candle, Execution
from bot.sandbox.http import Send

DEPTHS = {"1": 1, "50": 50, "200": 200, "1000": 1000}


class Topic:
    """One subscribed topic: remembers what was sent last, so that only changes follow."""

    def __init__(self, name: str, symbol: str) -> None:
        self.name = name
        self.symbol = symbol

    def snapshot(self) -> dict[str, Any] | None:
        """The first message, None where a topic has none."""
        return None

    def changes(self) -> list[dict[str, Any]]:
        """What has changed since the last message."""
        return []


class TickerTopic(Topic):
    """tickers.{symbol}."""

    def __init__(self, name: str, symbol: str, read: Callable[[], dict[str, Any]]) -> None:
        super().__init__(name, symbol)
        self._read = read
        self._last: dict[str, Any] = {}

    def snapshot(self) -> dict[str, Any]:
        """The whole ticker."""
        self._last = self._read()
        return {"topic": self.name, "type": "snapshot", "data": self._last}

    def changes(self) -> list[dict[str, Any]]:
        """The fields that changed."""
        row = self._read()
        changed = {name: value for name, value in row.items() if self._last.get(name) != value}
        self._last = row
        if not changed:
            return []
        return [{"topic": self.name, "type": "delta", "data": {"symbol": self.symbol, **changed}}]


class BookTopic(Topic):
    """orderbook.{depth}.{symbol}."""

    def __init__(self, name: str, symbol: str, read: Callable[[], dict[str, Any]]) -> None:
        super().__init__(name, symbol)
        self._read = read
        self._last: dict[str, Any] = {"a": [], "b": []}

    def snapshot(self) -> dict[str, Any]:
        """The whole book."""
        self._last = self._read()
        return {"topic": self.name, "type": "snapshot", "data": self._last}

    def changes(self) -> list[dict[str, Any]]:
        """Changed levels; size 0 takes one away."""
        book = self._read()
        bids, asks = _level_changes(self._last["b"], book["b"]), _level_changes(self._last["a"], book["a"])
        self._last = book
        if not bids and not asks:
            return []
        return [{"topic": self.name, "type": "delta", "data": {**book, "b": bids, "a": asks}}]


class CandleTopic(Topic):
    """kline.{interval}.{symbol}: the running candle, and each one once more when it is complete."""

    def __init__(self, name: str, symbol: str, interval: str, read: Callable[[], list[Candle]]) -> None:
        super().__init__(name, symbol)
        self._interval = interval
        self._read = read
        self._last: Candle | None = None

    def snapshot(self) -> dict[str, Any] | None:
        """The running candle."""
        candles = self._read()
        if not candles:
            return None
        self._last = candles[-1]
        return self._message(candles[-1])

    def changes(self) -> list[dict[str, Any]]:
        """The candles that changed since the last message."""
        since = self._last.start_ms if self._last is not None else 0
        fresh = [one for one in self._read() if one.start_ms >= since and one != self._last]
        if fresh:
            self._last = fresh[-1]
        return [self._message(candle) for candle in fresh]

    def _message(self, candle: Candle) -> dict[str, Any]:
        end = candle.start_ms + words.INTERVALS_MS[self._interval] - 1
        row = {
            "start": candle.start_ms,
            "end": end,
            "interval": self._interval,
            "open": number(candle.open),
            "close": number(candle.close),
            "high": number(candle.high),
            "low": number(candle.low),
            "volume": number(candle.volume),
            "turnover": number(candle.turnover),
            "confirm": candle.closed,
            "timestamp": end if candle.closed else candle.start_ms,
        }
        return {"topic": self.name, "type": "snapshot", "data": [row]}


class PublicSession(Session):
    """A connection to the public stream of one category; only linear and inverse have symbols."""

    def __init__(self, api: BybitApi, send: Send, category: str) -> None:
        super().__init__(api, send)
        self._category = category
        self._topics: dict[str, Topic] = {}
        self._last_trade: dict[str, Decimal] = {}
        self._unsubscribe = api.engine.subscribe(self._on_event)

    def add_topics(self, topics: list[str]) -> str:
        """Subscribe to all, or to none where one is unknown."""
        found: dict[str, Topic] = {}
        for name in topics:
            if name in self._topics:
                return f"error:already subscribed,topic:{name}"
            topic = self._topic(name)
            if topic is None:
                return f"error:handler not found,topic:{name}"
            found[name] = topic
        self._topics.update(found)
        return ""

    def drop_topics(self, topics: list[str]) -> None:
        """Unsubscribe; unknown ones are passed over."""
        for name in topics:
            self._topics.pop(name, None)

    def topics(self) -> list[str]:
        """What the client is subscribed to."""
        return list(self._topics)

    def show(self, topics: list[str]) -> None:
        """Send the snapshots."""
        for name in topics:
            snapshot = self._topics[name].snapshot()
            if snapshot is not None:
                self._publish(snapshot, is_first=True)

    def close(self) -> None:
        """Stop listening."""
        self._unsubscribe()
        self._topics.clear()

    def _topic(self, name: str) -> Topic | None:
        *kind, symbol = name.split(".")
        engine = self.engine
        if symbol not in engine.listed or category_of(engine, symbol) != self._category:
            return None
        match kind:
            case ["tickers"]:
                return TickerTopic(name, symbol, lambda: ticker_row(engine, engine.ticker(symbol)))
            case ["publicTrade"]:
                return Topic(name, symbol)
            case ["orderbook", depth] if depth in DEPTHS:
                return BookTopic(name, symbol, lambda: book_data(engine, engine.depth(symbol, DEPTHS[depth])))
            case ["kline", interval] if interval in words.INTERVALS_MS:
                length = words.INTERVALS_MS[interval]
                return CandleTopic(name, symbol, interval, lambda: _in_contracts(engine, symbol, length))
            case _:
                return None

    def _on_event(self, event: Event) -> None:
        if not self._topics:
            return
        if isinstance(event, MarketEvent):
            moved = frozenset(event.symbols) & self.engine.listed.keys()
            for topic in self._topics.values():
                if topic.symbol in moved:
                    for message in topic.changes():
                        self._publish(message)
        elif isinstance(event, PublicTrade) and f"publicTrade.{event.symbol}" in self._topics:
            self._publish(self._trade(event.execution))

    def _publish(self, message: dict[str, Any], *, is_first: bool = False) -> None:
        now = self.engine.venue_ms()
        self.publish({**message, "ts": now, "cts": now}, is_first=is_first)

    def _trade(self, execution: Execution) -> dict[str, Any]:
        before = self._last_trade.get(execution.symbol, execution.price)
        self._last_trade[execution.symbol] = execution.price
        row = {
            "T": execution.time_ms,
            "s": execution.symbol,
            "S": words.SIDE_WORDS[execution.side],
            "v": in_contracts(self.engine, execution.symbol, execution.qty),
            "p": number(execution.price),
            "L": "MinusTick" if execution.price < before else "PlusTick",
            "i": execution.execution_id,
            "BT": False,
            "RPI": False,
            "seq": execution.sequence,
        }
        return {"topic": f"publicTrade.{execution.symbol}", "type": "snapshot", "data": [row]}


def _in_contracts(engine: Engine, symbol: str, length_ms: int) -> list[Candle]:
    """The last and the running candle, their volume in contracts."""
    size = engine.instrument(symbol).contract_size
    return [replace(one, volume=one.volume / size) for one in engine.candles(symbol, length_ms, limit=2)]


def _level_changes(before: list[list[str]], after: list[list[str]]) -> list[list[str]]:
    old = {price: size for price, size in before}  # noqa: C416 - mypy cannot see the pairs in dict()
    new = {price: size for price, size in after}  # noqa: C416
    gone = [[price, "0"] for price in old if price not in new]
    return gone + [[price, size] for price, size in new.items() if old.get(price) != size]
