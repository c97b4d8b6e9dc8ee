"""Market figures out of levels, prices and book; what is unknown takes no other figure with it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import BookLevel, Figure, Mark, Number, OrderBook, Unknown
from bot.risk.indicators import MarketView, depth, market_figures
from bot.risk.market_definitions import MARKET_METRICS

D = Decimal
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
BTC = "BTC/USDT:USDT"
MARK = Mark(BTC, D(90_000), D(89_910), D(89_990), D(89_995), D(90_005), D("-0.0001"), AT)
HOURS: dict[str, Number] = {
    "realized_vol_24h": 0.6,
    "realized_vol_7d": 0.5,
    "rsi_14h": 31.5,
    "ema_24h": 91_000.0,
    "sma_24h": 91_500.0,
    "sma_7d": 95_000.0,
    "sma_30d": 100_000.0,
    "atr": 450.0,
    "macd": -90.0,
    "high_7d": 99_000.0,
}
MINUTES: dict[str, Number] = {
    "close_1h": 92_000.0,
    "close_24h": 96_000.0,
    "high_1h": 93_000.0,
    "high_24h": 100_000.0,
}
UNKNOWN = Unknown("nobody knows")


def levels(*rows: tuple[str, str]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(D(price), D(coins)) for price, coins in rows)


BOOK = OrderBook(
    BTC, levels(("99", "1"), ("98.99", "2"), ("90", "50")), levels(("101", "1"), ("102", "9")), AT
)
VIEW = MarketView(90_000.0, MARK, 250_000.0, HOURS, MINUTES)


def test_every_market_metric_has_its_figure() -> None:
    assert {f"market.{name}" for name in market_figures(VIEW)} == set(MARKET_METRICS)


def test_figures_are_what_their_definitions_say() -> None:
    found = market_figures(VIEW)
    expected = {
        "price": 90_000.0,
        "change_1h": 90 / 92 - 1,
        "change_24h": 90 / 96 - 1,
        "fall_1h": 1 - 90 / 93,
        "fall_24h": 0.1,
        "fall_7d": 0.1,
        "atr_14h": 0.005,
        "macd_1h": -0.001,
        "over_sma_30d": -0.1,
        "basis": 90_000 / 89_910 - 1,
        "funding": -0.0001,
        "spread": 10 / 90_000,
        "depth": 250_000.0,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name
    for name in ("realized_vol_24h", "realized_vol_7d", "rsi_14h", "ema_24h", "sma_24h", "sma_7d", "sma_30d"):
        assert found[name] == HOURS[name]


def test_a_price_above_its_highs_has_not_fallen() -> None:
    found = market_figures(replace(VIEW, price=120_000.0))
    assert (found["fall_1h"], found["fall_24h"], found["fall_7d"]) == (0.0, 0.0, 0.0)


OF_PRICE = {
    *("price", "change_1h", "change_24h", "fall_1h", "fall_24h", "fall_7d"),
    *("atr_14h", "macd_1h", "over_sma_30d", "basis"),
}
OF_MINUTES = {"change_1h", "change_24h", "fall_1h", "fall_24h", "fall_7d"}
OF_HOURS = {
    *("fall_7d", "realized_vol_24h", "realized_vol_7d", "atr_14h", "rsi_14h", "macd_1h"),
    *("ema_24h", "sma_24h", "sma_7d", "sma_30d", "over_sma_30d"),
}


@pytest.mark.parametrize(
    ("view", "unknown"),
    [
        (replace(VIEW, price=UNKNOWN), OF_PRICE),
        (replace(VIEW, minutes=UNKNOWN), OF_MINUTES),
        (replace(VIEW, hours=UNKNOWN), OF_HOURS),
        (replace(VIEW, ticker=UNKNOWN), {"basis", "funding", "spread"}),
        (replace(VIEW, depth=UNKNOWN), {"depth"}),
        (replace(VIEW, hours={**HOURS, "sma_30d": UNKNOWN}), {"sma_30d", "over_sma_30d"}),
    ],
    ids=["price", "minutes", "hours", "ticker", "book", "one level"],
)
def test_what_is_unknown_takes_no_other_figure_with_it(view: MarketView, unknown: set[str]) -> None:
    found = market_figures(view)
    assert {name for name, value in found.items() if isinstance(value, Unknown)} == unknown
    assert all(found[name] == UNKNOWN for name in unknown)


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({"index": D(0)}, "basis", "index came as 0"),
        ({"index": Unknown("the venue gave no indexPrice")}, "basis", "the venue gave no indexPrice"),
        ({"funding_rate": D("NaN")}, "funding", "funding rate came as NaN"),
        ({"bid": D(90_010)}, "spread", f"the prices of {BTC} cross: bid 90010 above ask 90005"),
        ({"bid": Unknown("no bid")}, "spread", "no bid"),
        ({"ask": Unknown("no ask")}, "spread", "no ask"),
    ],
)
def test_a_ticker_of_which_one_figure_is_wrong(changes: dict[str, Figure], name: str, reason: str) -> None:
    found = market_figures(replace(VIEW, ticker=replace(MARK, **changes)))
    value = found[name]
    assert isinstance(value, Unknown)
    assert value.reason.startswith(reason)
    assert sum(isinstance(one, Unknown) for one in found.values()) == 1


def test_a_figure_without_end_is_unknown() -> None:
    found = market_figures(replace(VIEW, price=float("inf")))
    for name in ("price", "fall_1h"):
        value = found[name]
        assert isinstance(value, Unknown)
        assert value.reason.startswith(f"{name} came out as")


def test_depth_is_that_of_the_thinner_side_within_one_percent() -> None:
    # The middle is 100: bids from 99 on count, asks up to 101.
    assert depth(BOOK) == 99.0
    both = replace(BOOK, asks=levels(("99.5", "2"), ("100.2", "1"), ("100.3", "100")))
    # The middle is 99.25: asks up to 100.2425 count, bids from 98.2575 on.
    assert depth(both) == pytest.approx(min(199 + 100.2, 99 + 2 * 98.99))


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        (replace(BOOK, bids=()), "has no bids"),
        (replace(BOOK, asks=()), "has no asks"),
        (replace(BOOK, bids=levels(("101.5", "1"))), "crosses: bid 101.5 above ask 101"),
    ],
)
def test_a_book_without_a_middle_has_no_depth(book: OrderBook, reason: str) -> None:
    found = depth(book)
    assert isinstance(found, Unknown)
    assert reason in found.reason
