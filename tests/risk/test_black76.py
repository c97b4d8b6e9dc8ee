"""Black-76 against a library of its own, and at its edges."""

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vollib.black import undiscounted_black
from vollib.black.greeks.analytical import delta as oracle_delta
from vollib.black.greeks.analytical import theta as oracle_theta

from bot.model import Right
from bot.risk import black76

FLAGS = {Right.CALL: "c", Right.PUT: "p"}


def draws(number: int) -> list[tuple[Right, float, float, float, float]]:
    random = Random(76)
    made = []
    for _ in range(number):
        forward = 10 ** random.uniform(-2, 5)
        right = random.choice(list(Right))
        made.append(
            (
                right,
                forward,
                forward * random.uniform(0.4, 2.5),
                random.uniform(0.5, 400) / 365,
                random.uniform(0.1, 3),
            )
        )
    return made


def test_thousands_of_prices_agree_with_the_oracle() -> None:
    worst = 0.0
    for right, forward, strike, years, vol in draws(5_000):
        ours = black76.price(right, forward, strike, years, vol)
        theirs = undiscounted_black(forward, strike, vol, years, FLAGS[right])
        worst = max(worst, abs(ours - theirs) / forward)
    assert worst < 1e-14


def test_thousands_of_greeks_agree_with_the_oracle() -> None:
    for right, forward, strike, years, vol in draws(3_000):
        flag = FLAGS[right]
        assert black76.delta(right, forward, strike, years, vol) == pytest.approx(
            oracle_delta(flag, forward, strike, years, 0.0, vol), abs=1e-9
        )
        assert black76.theta(right, forward, strike, years, vol) == pytest.approx(
            oracle_theta(flag, forward, strike, years, 0.0, vol), rel=1e-7, abs=1e-12 * forward
        )


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.floats(0.001, 2), st.floats(0.05, 3))
def test_put_and_call_differ_by_the_forward(forward: float, strike: float, years: float, vol: float) -> None:
    put = black76.price(Right.PUT, forward, strike, years, vol)
    call = black76.price(Right.CALL, forward, strike, years, vol)
    assert call - put == pytest.approx(forward - strike, abs=1e-9 * max(forward, strike))
    assert max(strike - forward, 0.0) - 1e-9 * strike <= put <= strike


@pytest.mark.parametrize(("years", "vol"), [(0.0, 0.5), (-0.1, 0.5), (0.1, 0.0)])
def test_without_time_or_volatility_only_exercise_counts(years: float, vol: float) -> None:
    assert black76.price(Right.PUT, 80.0, 100.0, years, vol) == 20.0
    assert black76.price(Right.CALL, 80.0, 100.0, years, vol) == 0.0
    assert black76.delta(Right.PUT, 80.0, 100.0, years, vol) == -1.0
    assert black76.delta(Right.CALL, 80.0, 100.0, years, vol) == 0.0
    assert black76.theta(Right.PUT, 80.0, 100.0, years, vol) == 0.0


def test_a_price_of_zero_leaves_a_put_its_strike() -> None:
    assert black76.price(Right.PUT, 0.0, 100.0, 0.1, 0.5) == 100.0
    assert black76.price(Right.CALL, 0.0, 100.0, 0.1, 0.5) == 0.0
    assert black76.price(Right.PUT, 1e-300, 100.0, 0.1, 0.5) < inf
