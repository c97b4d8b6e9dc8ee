"""Statistics of candles, against constructed series and hand-worked numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp, sqrt
from random import Random

import pytest

from bot.model import Beta, Candle, Unknown
from bot.risk.betas import MINIMUM_RETURNS, atr, beta_from_candles, daily_sigma, fallback_beta
from tests.risk.build import known

START = datetime(2025, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def candles(returns: Sequence[float], step: timedelta = HOUR, start: datetime = START) -> tuple[Candle, ...]:
    level, found = 100.0, []
    for number, move in enumerate([0.0, *returns]):
        level *= exp(move)
        price = Decimal(str(level))
        found.append(Candle(start + number * step, price, price, price, price, Decimal(1)))
    return tuple(found)


def noise(count: int, seed: int = 1, width: float = 0.01) -> list[float]:
    random = Random(seed)
    return [random.gauss(0.0, width) for _ in range(count)]


def test_a_multiple_of_the_reference_has_that_beta_and_no_residual() -> None:
    market = noise(300)
    beta = beta_from_candles("SOL", candles([1.7 * move for move in market]), candles(market))
    assert beta.beta == pytest.approx(1.7)
    assert beta.residual == pytest.approx(0.0, abs=1e-9)
    assert beta.source == "300 returns"


def test_the_residual_is_the_unexplained_share_of_large_moves_over_a_day() -> None:
    # Each day moves one way; the symbol goes 1.2 times as far on one day and 0.8 times on the next.
    market: list[float] = []
    own: list[float] = []
    for day in range(40):
        move = (0.002 if day < 34 else 0.02) * (-1) ** (day // 2)
        market += [move] * 24
        own += [move * (1.2 if day % 2 else 0.8)] * 24
    beta = beta_from_candles("SOL", candles(own), candles(market))
    assert beta.beta == pytest.approx(1.0, abs=0.02)
    assert beta.residual == pytest.approx(0.2, abs=0.02)


def test_hours_that_cancel_within_a_day_leave_no_residual() -> None:
    market = [0.01 * (-1) ** (number // 48) for number in range(480)]
    own = [move + 0.004 * (-1) ** number for number, move in enumerate(market)]
    beta = beta_from_candles("SOL", candles(own), candles(market))
    assert beta.residual == pytest.approx(0.0, abs=0.002)


def test_without_long_moves_the_residual_is_a_fallback() -> None:
    market = noise(300)
    pieces = [number for number in range(301) if number % 50 < 20]
    own, reference = candles([2.0 * move for move in market]), candles(market)
    beta = beta_from_candles(
        "SOL", [own[number] for number in pieces], [reference[number] for number in pieces]
    )
    assert beta.beta == pytest.approx(2.0)
    assert beta.residual == fallback_beta("SOL").residual
    assert "residual a fallback" in beta.source


def test_candles_are_matched_by_time_and_gaps_are_left_out() -> None:
    market = noise(400)
    whole = candles([2.0 * move for move in market])
    holed = (*whole[:50], *whole[60:200], *whole[203:])
    beta = beta_from_candles("SOL", holed[::-1], candles(market))
    assert beta.beta == pytest.approx(2.0)
    assert beta.source == f"{400 - 11 - 4} returns"


def test_too_few_candles_or_a_market_at_rest_give_the_fallback() -> None:
    few = candles(noise(MINIMUM_RETURNS - 1))
    beta = beta_from_candles("SOL", few, few)
    assert (beta.beta, beta.residual) == (1.8, 0.5)
    assert beta.source == "fallback: 99 common returns, 100 needed"
    late = candles(noise(200), start=START + 9000 * HOUR)
    assert beta_from_candles("SOL", late, candles(noise(200))).source.startswith("fallback: 0 common")
    still = beta_from_candles("ETH", candles(noise(200)), candles([0.0] * 200))
    assert (still.beta, still.source) == (1.4, "fallback: BTC did not move")


def test_the_reference_moves_with_itself() -> None:
    assert beta_from_candles("BTC", (), ()) == Beta(1.0, 0.0, "the reference itself")
    assert fallback_beta("BTC").beta == 1.0
    assert fallback_beta("BTC").residual == 0.0
    assert fallback_beta("BTC", "ETH") == Beta(1.0, 0.1, "fallback")
    assert fallback_beta("ETH", "ETH").residual == 0.0
    assert fallback_beta("DOGE") == Beta(1.8, 0.5, "fallback")


def bar(number: int, high: str, low: str, close: str) -> Candle:
    return Candle(
        START + number * HOUR, Decimal(close), Decimal(high), Decimal(low), Decimal(close), Decimal(1)
    )


def test_atr_by_hand() -> None:
    bars = (
        bar(0, "11", "9", "10"),
        bar(1, "12", "10", "11"),  # high - low = 2
        bar(2, "16", "14", "15"),  # high - previous close = 5
        bar(3, "10", "9", "10"),  # previous close - low = 6
    )
    # First average (2 + 5) / 2 = 3.5, then 3.5 + (6 - 3.5) / 2 = 4.75.
    assert atr(bars, 2) == pytest.approx(4.75 / 10)
    assert atr(bars[:3], 2) == pytest.approx(3.5 / 15)
    assert isinstance(atr(bars[:2], 2), Unknown)
    assert isinstance(atr(bars), Unknown)
    assert isinstance(atr((*bars[:2], bar(2, "1", "0", "0")), 2), Unknown)


def test_daily_sigma_is_scaled_from_the_step_of_the_candles() -> None:
    hourly = [0.01 * (-1) ** number for number in range(240)]
    assert known(daily_sigma(candles(hourly))) == pytest.approx(0.01 * sqrt(24) * sqrt(240 / 239))
    daily = candles([0.03, -0.03] * 10, timedelta(days=1))
    assert known(daily_sigma(daily)) == pytest.approx(0.03 * sqrt(20 / 19))


def test_a_single_return_has_no_deviation() -> None:
    assert isinstance(daily_sigma(candles([0.1], timedelta(days=9))), Unknown)


@pytest.mark.parametrize("count", [0, 1, 2, 160])
def test_a_daily_sigma_needs_days(count: int) -> None:
    assert isinstance(daily_sigma(candles(noise(200))[:count]), Unknown)
