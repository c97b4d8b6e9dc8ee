"""Bybit v5, the streams: their addresses, their topics, and what a message tells."""

from collections.abc import Mapping
from decimal import Decimal

from bot.exchange.failures import MalformedDataError
from bot.exchange.feed import News, Topic
from bot.exchange.values import moment, positive, text

PRIVATE_TOPICS = frozenset({"position", "order", "execution", "wallet"})
_TICKERS = "tickers."


def ticker_topic(venue_symbol: str) -> str:
    """Return the topic of one contract's prices."""
    return _TICKERS + venue_symbol


def addresses(base_url: str) -> dict[str, object]:
    """Return the addresses of a sandbox's streams, under the keys that ccxt has for them."""
    base = base_url.rstrip("/").replace("http", "ws", 1)
    return {
        "public": {"linear": f"{base}/v5/public/linear"},
        "private": {"contract": f"{base}/v5/private"},
    }


def read_news(message: Mapping[str, object]) -> News | None:
    """Read a message; None where it tells nothing, or has no time by which it could be judged."""
    topic = text(message, "topic")
    try:
        if topic.startswith(_TICKERS):
            return _ticker(topic, message)
        kind = topic.partition(".")[0]
        if kind not in PRIVATE_TOPICS:
            return None
        data = message.get("data")
        rows = data if isinstance(data, list) else []
        symbols = {text(row, "symbol") for row in rows if isinstance(row, dict)}
        return News(Topic(kind), tuple(sorted(symbols - {""})), moment(message, "creationTime"))
    except MalformedDataError:
        return None


def _ticker(topic: str, message: Mapping[str, object]) -> News:
    """Deltas hold only what changed: without a mark the last one still stands."""
    data = message.get("data")
    mark = positive(data, "markPrice") if isinstance(data, dict) else None
    told = mark if isinstance(mark, Decimal) else None
    return News(Topic.TICKER, (topic.removeprefix(_TICKERS),), moment(message, "ts"), told)
