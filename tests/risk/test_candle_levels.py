"""Levels out of candles: against closed forms, with gaps, of short histories and of a real crash."""

import csv
import gzip
import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from bot.model import Candle, Number, Unknown
from bot.risk.betas import atr
from bot.risk.candle_levels import (
    FIVE_MINUTES,
    HOUR,
    TIMEFRAMES,
    five_minute_levels,
    hourly_levels,
    series_trouble,
)

D = Decimal
END = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""Where the newest candle that is over ends."""


def series(closes: Sequence[float], step: timedelta = HOUR, end: datetime = END) -> tuple[Candle, ...]:
    """Candles with these closes, the last of them over at `end`; each opens at the close before."""
    made, before = [], closes[0]
    for number, close in enumerate(closes):
        at = end - step * (len(closes) - number)
        high, low = max(before, close) * 1.001, min(before, close) * 0.999
        made.append(Candle(at, D(repr(before)), D(repr(high)), D(repr(low)), D(repr(close)), D(1)))
        before = close
    return tuple(made)


def walk(count: int, seed: int = 1) -> list[float]:
    chance, price, made = random.Random(seed), 50_000.0, []
    for _ in range(count):
        price *= math.exp(chance.gauss(0.0, 0.006))
        made.append(round(price, 2))
    return made


def known(value: Number) -> float:
    assert isinstance(value, float), value
    return value


def ema(values: Sequence[float], period: int) -> list[float]:
    """Beginning with the mean of the first `period`."""
    average = sum(values[:period]) / period
    made = [average]
    for value in values[period:]:
        average += (value - average) * 2 / (period + 1)
        made.append(average)
    return made


def rsi(closes: Sequence[float]) -> float:
    """Wilder's, as 100 U / (U + D)."""
    moves = [later - earlier for earlier, later in pairwise(closes)]
    up, down = (sum(max(sign * move, 0.0) for move in moves[:14]) / 14 for sign in (1, -1))
    for move in moves[14:]:
        up, down = (13 * up + max(move, 0.0)) / 14, (13 * down + max(-move, 0.0)) / 14
    return 100.0 * up / (up + down)


def histogram(closes: Sequence[float]) -> float:
    fast, slow = ema(closes, 12), ema(closes, 26)
    line = [a - b for a, b in zip(fast[14:], slow, strict=True)]
    return line[-1] - ema(line, 9)[-1]


def volatility(closes: Sequence[float], count: int) -> float:
    last = [math.log(price) for price in closes[-count - 1 :]]
    moves = [later - earlier for earlier, later in pairwise(last)]
    mean = sum(moves) / count
    return math.sqrt(sum((move - mean) ** 2 for move in moves) / (count - 1) * 365 * 24)


@pytest.mark.parametrize("count", [720, 733, 749])
def test_hourly_figures_are_their_closed_forms(count: int) -> None:
    closes = walk(count)
    candles = series(closes)
    found = hourly_levels(candles, END)
    expected = {
        "realized_vol_24h": volatility(closes, 24),
        "realized_vol_7d": volatility(closes, 168),
        "rsi_14h": rsi(closes),
        "ema_24h": ema(closes, 24)[-1],
        "sma_24h": sum(closes[-24:]) / 24,
        "sma_7d": sum(closes[-168:]) / 168,
        "sma_30d": sum(closes[-720:]) / 720,
        "atr": known(atr(candles)) * closes[-1],
        "macd": histogram(closes),
        "high_7d": max(float(one.high) for one in candles[-168:]),
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert known(found[name]) == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_the_running_candle_counts_in_highs_alone() -> None:
    closes = walk(740)
    over = hourly_levels(series(closes), END)
    running = Candle(END, D(1), D(999_999), D(1), D(1), D(1))
    found = hourly_levels((*series(closes), running), END + timedelta(minutes=59))
    assert found["high_7d"] == 999_999.0
    assert {name: value for name, value in found.items() if name != "high_7d"} == {
        name: value for name, value in over.items() if name != "high_7d"
    }
    counted = hourly_levels((*series(closes), running), END + HOUR)
    assert counted["sma_24h"] == pytest.approx((sum(closes[-23:]) + 1) / 24)


NEEDS = {
    "realized_vol_24h": 25,
    "realized_vol_7d": 169,
    "rsi_14h": 15,
    "ema_24h": 24,
    "sma_24h": 24,
    "sma_7d": 168,
    "sma_30d": 720,
    "atr": 15,
    "macd": 34,
    "high_7d": 168,
}


@pytest.mark.parametrize(("name", "needed"), NEEDS.items())
def test_one_candle_too_few_is_unknown_and_says_how_many_came(name: str, needed: int) -> None:
    assert isinstance(hourly_levels(series(walk(needed)), END)[name], float)
    short = hourly_levels(series(walk(needed - 1)), END)[name]
    assert isinstance(short, Unknown)
    if name != "high_7d":
        assert f"needs {needed} candles of 1h in a row, {needed - 1} came" in short.reason
    nothing = hourly_levels((), END)[name]
    assert isinstance(nothing, Unknown)
    assert TIMEFRAMES[HOUR][1] >= needed + 1


def test_what_lies_before_a_gap_is_not_looked_at() -> None:
    closes = walk(200)
    candles = list(series(closes))
    after_gap = series(closes[-100:])
    del candles[99]
    found, alone = hourly_levels(candles, END), hourly_levels(after_gap, END)
    assert known(found["rsi_14h"]) == known(alone["rsi_14h"])
    lacking = found["sma_7d"]
    assert isinstance(lacking, Unknown)
    assert lacking.reason.endswith(
        "168 candles of 1h in a row, 100 came: there is a gap before 2026-01-27 08:00"
    )
    high = found["high_7d"]
    assert isinstance(high, Unknown)
    assert "needs candles of 1h before 2026-01-27 08:00: there is a gap" in high.reason


@pytest.mark.parametrize("price", ["0", "-1", "1e400", "1e-400"])
@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
def test_a_candle_without_a_price_ends_the_history(field: str, price: str) -> None:
    candles = list(series(walk(60)))
    bad = candles[29]
    prices = {name: getattr(bad, name) for name in ("open", "high", "low", "close")} | {field: D(price)}
    candles[29] = Candle(bad.at, **prices, volume=bad.volume)
    lacking = hourly_levels(candles, END)["macd"]
    assert isinstance(lacking, Unknown)
    assert "30 came: that of 2026-01-30 05:00 has no price" in lacking.reason
    only = hourly_levels(candles[:30], candles[30].at)["high_7d"]
    assert isinstance(only, Unknown)
    assert "that of 2026-01-30 05:00 has no price" in only.reason


def test_closes_that_stand_still() -> None:
    flat = hourly_levels(series([100.0] * 740), END)
    assert flat["realized_vol_24h"] == 0.0
    assert flat["macd"] == 0.0
    still = flat["rsi_14h"]
    assert isinstance(still, Unknown)
    assert "closes that move" in still.reason


def test_closes_and_highs_of_an_hour_and_a_day() -> None:
    closes = walk(300)
    candles = series(closes, FIVE_MINUTES)
    at = END + timedelta(minutes=2)
    found = five_minute_levels(candles, at)
    # The candle of 10:55 was over at 11:00; at 11:02 that of 11:00 was not.
    assert found["close_1h"] == closes[-13]
    assert found["close_24h"] == closes[-289]
    assert found["high_1h"] == max(float(one.high) for one in candles[-12:])
    assert found["high_24h"] == max(float(one.high) for one in candles[-288:])
    exactly = five_minute_levels(candles, END)
    assert exactly["close_1h"] == closes[-13]


def test_too_few_five_minute_candles() -> None:
    found = five_minute_levels(series(walk(20), FIVE_MINUTES), END)
    assert isinstance(found["close_1h"], float)
    for name in ("close_24h", "high_24h"):
        value = found[name]
        assert isinstance(value, Unknown)
        assert "24 hours" in value.reason
        assert "the venue gave no older ones" in value.reason
    assert all(isinstance(value, Unknown) for value in five_minute_levels((), END).values())


def test_a_window_after_the_newest_candle_has_no_high() -> None:
    found = five_minute_levels(series(walk(300), FIVE_MINUTES), END + timedelta(hours=3))
    high = found["high_1h"]
    assert isinstance(high, Unknown)
    assert "the newest one is older" in high.reason


def test_a_series_that_is_old_or_of_the_future_is_no_series() -> None:
    last = END - HOUR
    assert series_trouble(last, HOUR, END) == ""
    assert series_trouble(last, HOUR, END + HOUR - timedelta(seconds=1)) == ""
    assert series_trouble(last, HOUR, END + HOUR) == (
        "the newest candle of 1h is of 2026-01-31 11:00 UTC, which is too old"
    )
    assert "5m" in series_trouble(END - FIVE_MINUTES, FIVE_MINUTES, END + FIVE_MINUTES)
    assert series_trouble(END, HOUR, END - timedelta(minutes=1)) == ""
    assert "yet to come" in series_trouble(END, HOUR, END - timedelta(minutes=2))
    assert "no candles" in series_trouble(None, HOUR, END)


def test_real_candles_of_a_crash(shared_dir: Path) -> None:
    path = shared_dir / "data" / "btcusdt-perp-5m-2025-10-06_2025-10-14.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.reader(file) if row[0].isdigit()]
    fives = [
        Candle(datetime.fromtimestamp(int(row[0]) / 1000, UTC), *(D(cell) for cell in row[1:6]))
        for row in rows
    ]
    at = datetime(2025, 10, 10, 21, 40, tzinfo=UTC)
    before = [one for one in fives if one.at < at]
    found = five_minute_levels(before[-300:], at)
    day = before[-288:]
    assert found["high_24h"] == max(float(one.high) for one in day)
    low = min(float(one.low) for one in day)
    assert 1 - low / known(found["high_24h"]) > 0.10  # the fall of that evening
    assert found["close_24h"] == float(before[-289].close)
    hours = [group for number in range(0, len(before) - 11, 12) if (group := before[number : number + 12])]
    bars = tuple(
        Candle(
            one[0].at,
            one[0].open,
            max(bar.high for bar in one),
            min(bar.low for bar in one),
            one[-1].close,
            D(1),
        )
        for one in hours
    )
    closes = [float(one.close) for one in bars]
    levels = hourly_levels(bars, at)
    assert known(levels["rsi_14h"]) == pytest.approx(rsi(closes))
    assert known(levels["realized_vol_24h"]) == pytest.approx(volatility(closes, 24))
    assert known(levels["macd"]) == pytest.approx(histogram(closes))
    assert isinstance(levels["sma_30d"], Unknown)
