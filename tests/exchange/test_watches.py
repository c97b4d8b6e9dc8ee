"""Which stream is silent and which is deaf, by the exchange's time and by what polls show."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.exchange.feed import News, Topic
from bot.exchange.watches import GRACE, SLACK, AccountWatch, TickerWatch
from bot.model import OrderSide
from tests.exchange.shots import BTC, ETH, shot
from tests.exchange.stub import NOW
from tests.planning.build import order

SILENCE = timedelta(seconds=10)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def tick(seconds: float, mark: str | None = None, symbol: str = "BTCUSDT") -> News:
    return News(Topic.TICKER, (symbol,), at(seconds), None if mark is None else Decimal(mark))


def tickers() -> TickerWatch:
    watch = TickerWatch(SILENCE, Decimal("0.0025"))
    watch.follow(["BTCUSDT"], NOW)
    watch.opened(NOW)
    return watch


def test_a_ticker_that_advances_is_well() -> None:
    watch = tickers()
    for second in range(60):
        watch.heard(tick(second), at(second))
        assert watch.trouble(at(second + 0.9)) == ""
    assert "BTCUSDT has not advanced for 10 s" in watch.trouble(at(69))


def test_each_ticker_is_watched_by_itself() -> None:
    watch = tickers()
    watch.follow(["BTCUSDT", "ETHUSDT"], NOW)
    for second in range(11):
        watch.heard(tick(second), at(second))
    assert "ETHUSDT" in watch.trouble(at(10))
    watch.follow(["BTCUSDT"], at(10))
    assert watch.trouble(at(10)) == ""


@pytest.mark.parametrize("step", [0.0, -0.5], ids=["stands still", "goes backwards"])
def test_a_replay_does_not_feed_the_watchdog(step: float) -> None:
    watch = tickers()
    watch.heard(tick(0), NOW)
    for second in range(1, 11):
        watch.heard(tick(step * second), at(second))
    assert watch.trouble(at(10)) != ""


def test_a_market_that_stands_still_is_quiet_for_a_good_reason() -> None:
    watch = tickers()
    watch.heard(tick(0, "100000"), NOW)
    for second in range(0, 60, 2):
        watch.polled({"BTCUSDT": Decimal(100_000)}, at(second))
        assert watch.trouble(at(second)) == ""
    for second in range(60, 68, 2):
        watch.polled({"BTCUSDT": Decimal(100_001)}, at(second))
        assert watch.trouble(at(second - 0.1)) == ""
    assert watch.trouble(at(68)) != ""


def test_a_poll_without_a_mark_vouches_for_nothing() -> None:
    watch = tickers()
    watch.heard(tick(0), NOW)
    watch.polled({}, at(5))
    assert watch.trouble(at(10)) != ""


def test_moves_count_from_the_last_poll() -> None:
    watch = tickers()
    assert not watch.heard(tick(0, "100000"), NOW)
    assert not watch.heard(tick(1, "100249"), at(1))
    assert not watch.heard(tick(2), at(2))
    assert watch.heard(tick(3, "99750"), at(3))
    assert watch.heard(tick(4, "99000"), at(4))
    watch.polled({}, at(4))
    assert not watch.heard(tick(5, "98800"), at(5))
    assert watch.heard(tick(6, "98700"), at(6))
    assert not watch.heard(tick(5.5, "50000"), at(6))
    assert not watch.heard(tick(7, "1", "ETHUSDT"), at(7))


@given(st.lists(st.integers(9000, 11000), min_size=1, max_size=30))
def test_no_move_below_the_share_asks_and_each_one_above_does(marks: list[int]) -> None:
    watch = tickers()
    for second, mark in enumerate(marks):
        asked = watch.heard(tick(second, str(mark)), at(second))
        assert asked == (abs(mark - marks[0]) >= marks[0] * 0.0025)


def private(topic: Topic, seconds: float, *symbols: str) -> News:
    return News(topic, symbols, at(seconds))


def account() -> AccountWatch:
    """A watch of a stream that stood long before the first poll."""
    watch = AccountWatch()
    watch.opened(NOW - SLACK)
    return watch


def test_a_change_that_the_stream_told_is_well() -> None:
    watch = account()
    watch.polled(shot(NOW, {BTC: "1"}), NOW)
    assert watch.heard(private(Topic.POSITION, 1, "BTCUSDT"))
    watch.polled(shot(at(2), {BTC: "2"}), at(2))
    assert watch.trouble(at(2) + GRACE) == ""


def test_a_change_that_the_stream_tells_late_is_well() -> None:
    watch = account()
    watch.polled(shot(NOW, {BTC: "1"}), NOW)
    watch.polled(shot(at(2), {BTC: "2"}), at(2))
    assert watch.trouble(at(4.9)) == ""
    watch.heard(private(Topic.POSITION, 1.5, "BTCUSDT"))
    assert watch.trouble(at(60)) == ""


@pytest.mark.parametrize(
    "told",
    [
        None,
        private(Topic.POSITION, 1, "ETHUSDT"),
        private(Topic.ORDER, 1, "BTCUSDT"),
        private(Topic.POSITION, -30, "BTCUSDT"),
    ],
    ids=["nothing", "another market", "another topic", "something old"],
)
def test_a_change_that_the_stream_left_out_shows_that_it_is_deaf(told: News | None) -> None:
    watch = account()
    watch.polled(shot(NOW, {BTC: "1"}), NOW)
    if told is not None:
        watch.heard(told)
    watch.polled(shot(at(2), {BTC: "2"}), at(2))
    assert watch.trouble(at(4.9)) == ""
    assert "another position of BTCUSDT" in watch.trouble(at(5))
    watch.closed()
    assert watch.trouble(at(5)) == ""


def test_orders_that_come_go_or_fill_are_expected() -> None:
    resting = order(ETH, OrderSide.BUY)
    for before, after in ([], [resting]), ([resting], []), ([resting], [replace(resting, filled=Decimal(1))]):
        watch = account()
        watch.polled(shot(NOW, {ETH: "1"}, orders=before), NOW)
        watch.polled(shot(at(2), {ETH: "1"}, orders=after), at(2))
        assert "another order of ETHUSDT" in watch.trouble(at(5))


def test_marks_and_what_stays_are_not_expected() -> None:
    watch = account()
    watch.polled(shot(NOW, {BTC: "1"}), NOW)
    watch.polled(shot(at(2), {BTC: "1"}, prices={BTC: "90000"}), at(2))
    assert watch.trouble(at(60)) == ""


def test_a_symbol_that_has_no_market_any_more_is_known_by_its_own_name() -> None:
    watch = account()
    watch.polled(shot(NOW, {}), NOW)
    watch.polled(replace(shot(at(2), {BTC: "1"}), markets={}), at(2))
    assert BTC in watch.trouble(at(5))


def test_nothing_is_expected_of_the_time_before_a_connection_stood() -> None:
    watch = AccountWatch()
    watch.polled(shot(NOW, {BTC: "1"}), NOW)
    watch.polled(shot(at(2), {BTC: "2"}), at(2))
    watch.opened(at(2))
    watch.polled(shot(at(4), {BTC: "3"}), at(4))
    assert watch.trouble(at(60)) == ""
    watch.polled(shot(at(6), {BTC: "4"}), at(6))
    assert watch.trouble(at(60)) != ""


def test_private_news_that_goes_backwards_asks_for_nothing() -> None:
    watch = account()
    assert watch.heard(private(Topic.ORDER, 5, "BTCUSDT"))
    assert watch.heard(private(Topic.ORDER, 5, "ETHUSDT"))
    assert watch.heard(private(Topic.WALLET, 1))
    assert not watch.heard(private(Topic.ORDER, 4, "BTCUSDT"))
    watch.opened(at(6))
    assert watch.heard(private(Topic.ORDER, 4, "BTCUSDT"))
