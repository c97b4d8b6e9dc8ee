"""The price of an option against vollib, and what must hold of any price."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vollib.black import black
from vollib.black.greeks.analytical import delta, gamma, theta, vega

from bot.sandbox.engine.options import black76

FORWARDS = st.floats(100.0, 200_000.0)
MONEYNESS = st.floats(0.3, 3.0)
YEARS = st.floats(1e-4, 2.0)
VOLATILITIES = st.floats(0.05, 3.0)
CALLS = st.booleans()


@given(FORWARDS, MONEYNESS, YEARS, VOLATILITIES, CALLS)
def test_price_and_greeks_agree_with_vollib(
    forward: float, moneyness: float, years: float, volatility: float, is_call: bool
) -> None:
    strike, flag = forward * moneyness, "c" if is_call else "p"
    ours = black76.price(forward, strike, years, volatility, is_call=is_call)
    assert ours == pytest.approx(black(flag, forward, strike, years, 0.0, volatility), abs=1e-9 * forward)
    found = black76.greeks(forward, strike, years, volatility, is_call=is_call)
    asked = (flag, forward, strike, years, 0.0, volatility)
    assert found.delta == pytest.approx(delta(*asked), abs=1e-9)
    assert found.gamma * forward == pytest.approx(gamma(*asked) * forward, rel=1e-6, abs=1e-9)
    assert found.vega == pytest.approx(vega(*asked), abs=1e-9 * forward)
    assert found.theta == pytest.approx(theta(*asked), abs=1e-9 * forward)


@given(FORWARDS, MONEYNESS, YEARS, VOLATILITIES)
def test_a_call_less_a_put_is_the_forward_less_the_strike(
    forward: float, moneyness: float, years: float, volatility: float
) -> None:
    strike = forward * moneyness
    call = black76.price(forward, strike, years, volatility, is_call=True)
    put = black76.price(forward, strike, years, volatility, is_call=False)
    assert call - put == pytest.approx(forward - strike, abs=1e-9 * forward)


@given(FORWARDS, st.floats(0.7, 1.4), st.floats(0.02, 2.0), st.floats(0.2, 3.0), CALLS)
def test_the_implied_volatility_gives_the_price_back(
    forward: float, moneyness: float, years: float, volatility: float, is_call: bool
) -> None:
    strike = forward * moneyness
    paid = black76.price(forward, strike, years, volatility, is_call=is_call)
    found = black76.implied(paid, forward, strike, years, is_call=is_call)
    again = black76.price(forward, strike, years, found, is_call=is_call)
    assert again == pytest.approx(paid, abs=1e-8 * forward)


def test_nothing_is_implied_by_a_price_that_no_volatility_gives() -> None:
    assert black76.implied(5_000.0, 100_000.0, 110_000.0, 0.1, is_call=False) == 0.0
    assert black76.implied(200_000.0, 100_000.0, 110_000.0, 0.1, is_call=False) == 0.0
    assert black76.implied(500.0, 100_000.0, 90_000.0, 0.0, is_call=False) == 0.0


def test_without_time_or_volatility_only_the_inner_value_is_left() -> None:
    assert black76.price(90.0, 100.0, 0.0, 0.5, is_call=False) == 10.0
    assert black76.price(90.0, 100.0, 1.0, 0.0, is_call=True) == 0.0
    assert black76.greeks(90.0, 100.0, 0.0, 0.5, is_call=False) == black76.Greeks(-1.0, 0.0, 0.0, 0.0)
    assert black76.greeks(90.0, 100.0, 0.0, 0.5, is_call=True) == black76.NO_GREEKS
    assert math.isclose(black76.price(90.0, 100.0, -1.0, 0.5, is_call=False), 10.0)
