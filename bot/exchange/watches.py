"""Watchdogs of streams: which one is silent or deaf, by the exchange's time and by what the polls show.

Pure: the time is an argument. `now` is the guard's clock, times in news and snapshots are the exchange's.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from bot.exchange.feed import News, Topic
from bot.model import Snapshot

GRACE = timedelta(seconds=3)
"""How long a stream may lag behind what a poll has shown."""
SLACK = timedelta(seconds=1)
"""How far the times of the venue's parts may lie apart, and how long a subscription takes to stand."""


class _Ticker(Struct):
    """One market's prices, as the stream tells them."""

    fresh: datetime
    """When it last advanced, or a poll last showed the same mark; by the guard's clock."""
    at: datetime | None = None
    mark: Decimal | None = None
    base: Decimal | None = None
    """The stream's mark at the last poll."""


class TickerWatch:
    """Watches tickers.

    One is dead that has not advanced for a while, unless polls show the very mark that it told last: then
    its market stands still.
    """

    def __init__(self, silence: timedelta, move: Decimal) -> None:
        self._silence = silence
        self._move = move
        self._tickers: dict[str, _Ticker] = {}

    def opened(self, now: datetime) -> None:
        """Begin anew on a new connection."""
        self._tickers = {symbol: _Ticker(now) for symbol in self._tickers}

    def closed(self) -> None:
        """Take note that the connection ended: nothing to do, `opened` begins anew."""

    def follow(self, symbols: Iterable[str], now: datetime) -> None:
        """Watch these markets, and no others."""
        known = self._tickers
        self._tickers = {symbol: known.get(symbol) or _Ticker(now) for symbol in symbols}

    def heard(self, news: News, now: datetime) -> bool:
        """Take a message in; whether a mark has moved so far that somebody should look."""
        moved = False
        for symbol in news.symbols:
            one = self._tickers.get(symbol)
            if one is None or (one.at is not None and news.at < one.at):
                continue
            if one.at is None or news.at > one.at:
                one.at, one.fresh = news.at, now
            if news.mark is not None:
                one.mark = news.mark
                one.base = one.base or news.mark
                moved = moved or abs(news.mark - one.base) >= one.base * self._move
        return moved

    def polled(self, marks: Mapping[str, Decimal], now: datetime) -> None:
        """Compare with what a poll showed; later moves count from here."""
        for symbol, one in self._tickers.items():
            one.base = one.mark
            if one.mark is not None and marks.get(symbol) == one.mark:
                one.fresh = now

    def trouble(self, now: datetime) -> str:
        """Say which ticker is dead; '' where none is."""
        for symbol, one in self._tickers.items():
            silent = now - one.fresh
            if silent >= self._silence:
                return f"the ticker of {symbol} has not advanced for {silent.total_seconds():.0f} s"
        return ""


class _Expected(Struct, frozen=True):
    """News that a stream owes: of `since` or later, and by `until`, since a poll has shown the change."""

    topic: Topic
    symbol: str
    since: datetime
    until: datetime


class AccountWatch:
    """Watches private topics, which may be silent for good reasons: the polls are the second source."""

    def __init__(self) -> None:
        self._live_since: datetime | None = None
        self._before: Snapshot | None = None
        self._last: dict[tuple[Topic, str], datetime] = {}
        self._newest: dict[Topic, datetime] = {}
        self._expected: list[_Expected] = []

    def opened(self, now: datetime) -> None:
        """Begin anew on a new connection."""
        self.closed()
        self._live_since = now

    def closed(self) -> None:
        """Expect nothing of a connection that is not there."""
        self._live_since = None
        self._last.clear()
        self._newest.clear()
        self._expected.clear()

    def heard(self, news: News) -> bool:
        """Take a message in; whether somebody should look: not where its time goes backwards."""
        for symbol in news.symbols:
            before = self._last.get((news.topic, symbol), news.at)
            self._last[news.topic, symbol] = max(before, news.at)
        newest = self._newest.get(news.topic, news.at)
        self._newest[news.topic] = max(newest, news.at)
        return news.at >= newest

    def polled(self, snapshot: Snapshot, now: datetime) -> None:
        """Expect news of whatever changed since the poll before, if the stream stood by then."""
        before, self._before = self._before, snapshot
        live = self._live_since
        if before is None or live is None or before.taken_at - live < SLACK:
            return
        since = {
            Topic.POSITION: before.times.positions - SLACK,
            Topic.ORDER: min(before.times.orders, before.times.stops) - SLACK,
        }
        for topic, symbol in sorted(_changed(_shown(before), _shown(snapshot))):
            self._expected.append(_Expected(topic, symbol, since[topic], now + GRACE))

    def trouble(self, now: datetime) -> str:
        """Say what the stream left out; '' where it left out nothing."""
        self._expected = [one for one in self._expected if not self._told(one)]
        for one in self._expected:
            if now >= one.until:
                return f"a poll showed another {one.topic} of {one.symbol}, and the stream said nothing"
        return ""

    def _told(self, one: _Expected) -> bool:
        heard = self._last.get((one.topic, one.symbol))
        return heard is not None and heard >= one.since


_Key = tuple[Topic, str, str]


def _shown(snapshot: Snapshot) -> dict[_Key, object]:
    """Return what the private stream tells of, but for what mark prices change."""

    def named(symbol: str) -> str:
        market = snapshot.markets.get(symbol)
        return symbol if market is None else market.venue_symbol

    shown: dict[_Key, object] = {}
    for position in snapshot.positions:
        key = (Topic.POSITION, named(position.symbol), position.side.value)
        shown[key] = (position.contracts, position.entry_price)
    for order in (*snapshot.orders, *snapshot.stops):
        shown[Topic.ORDER, named(order.symbol), order.order_id] = (
            order.price,
            order.trigger_price,
            order.filled,
        )
    return shown


def _changed(before: Mapping[_Key, object], after: Mapping[_Key, object]) -> set[tuple[Topic, str]]:
    keys = before.keys() | after.keys()
    return {(topic, symbol) for topic, symbol, own in keys if _differs(before, after, (topic, symbol, own))}


def _differs(before: Mapping[_Key, object], after: Mapping[_Key, object], key: _Key) -> bool:
    return before.get(key) != after.get(key)
