"""What a message of Bybit's streams tells."""

from decimal import Decimal
from typing import Any

import pytest

from bot.exchange.feed import News, Topic
from bot.exchange.venues.bybit_streams import addresses, read_news, ticker_topic
from tests.exchange.stub import NOW, NOW_MS

TICKER = {"topic": "tickers.BTCUSDT", "ts": NOW_MS, "data": {"symbol": "BTCUSDT", "markPrice": "100.5"}}
ORDER = {"topic": "order", "creationTime": NOW_MS, "data": [{"symbol": "ETHUSDT"}, {"symbol": "BTCUSDT"}]}


@pytest.mark.parametrize(
    ("message", "news"),
    [
        (TICKER, News(Topic.TICKER, ("BTCUSDT",), NOW, Decimal("100.5"))),
        (TICKER | {"data": {"lastPrice": "1"}}, News(Topic.TICKER, ("BTCUSDT",), NOW)),
        (TICKER | {"data": {"markPrice": "0"}}, News(Topic.TICKER, ("BTCUSDT",), NOW)),
        (TICKER | {"data": None}, News(Topic.TICKER, ("BTCUSDT",), NOW)),
        (ORDER, News(Topic.ORDER, ("BTCUSDT", "ETHUSDT"), NOW)),
        (ORDER | {"topic": "order.linear"}, News(Topic.ORDER, ("BTCUSDT", "ETHUSDT"), NOW)),
        (ORDER | {"topic": "wallet", "data": [{"coin": []}]}, News(Topic.WALLET, (), NOW)),
        (ORDER | {"data": "rubbish"}, News(Topic.ORDER, (), NOW)),
        (ORDER | {"data": [1, {"symbol": 2}]}, News(Topic.ORDER, (), NOW)),
        (TICKER | {"ts": None}, None),
        (TICKER | {"ts": "soon"}, None),
        (ORDER | {"creationTime": -1}, None),
        (ORDER | {"topic": "greeks"}, None),
        (ORDER | {"topic": 5}, None),
    ],
)
def test_a_message_is_news_or_nothing(message: dict[str, Any], news: News | None) -> None:
    assert read_news(message) == news


def test_addresses_of_a_sandbox() -> None:
    assert addresses("http://127.0.0.1:8899/") == {
        "public": {"linear": "ws://127.0.0.1:8899/v5/public/linear"},
        "private": {"contract": "ws://127.0.0.1:8899/v5/private"},
    }
    assert ticker_topic("BTCUSDT") == "tickers.BTCUSDT"
