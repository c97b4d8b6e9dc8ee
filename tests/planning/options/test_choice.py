"""Which contract is bought, and how many of it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Right
from bot.planning.options.ranking import COUNTED, gain_of, ranked
from bot.planning.options.screening import Fit, screen
from bot.planning.options.sizing import Bounds, Size, needed, sized
from bot.planning.sizing import CannotHelp
from tests.planning.options.build import chain, contract, wanted

STRIKES = range(40_000, 52_000, 1_000)
WIDE = Bounds(coins=1e9, premium=1e12)


def fits(*strikes: int, right: Right = Right.PUT, days: float = 21.0) -> tuple[Fit, ...]:
    return screen(chain(*(contract(one, days, right) for one in strikes)), wanted(right)).fits


def test_the_cheapest_protection_comes_first() -> None:
    found = ranked(fits(*STRIKES), -0.2, 1.0)
    assert len(found) == 10
    scores = [one.score for one in found]
    assert scores == sorted(scores)
    first = found[0]
    assert first.gain == pytest.approx(COUNTED * (first.fit.value(-0.2) - first.fit.worth))
    assert first.carrying == pytest.approx(first.fit.half_spread + first.fit.fee + first.fit.decay(1.0))
    assert ranked(fits(*STRIKES), -0.2, 1.0, most=3) == found[:3]


def test_what_gains_less_than_it_costs_is_no_candidate() -> None:
    assert ranked(fits(*STRIKES), 0.2, 1.0) == ()
    assert ranked(fits(40_000), -0.0001, 1.0) == ()


def test_a_loss_counts_in_full() -> None:
    (fit,) = fits(45_000)
    assert gain_of(fit, 0.1) == pytest.approx(fit.value(0.1) - fit.worth)
    assert gain_of(fit, 0.1) < 0.0


def test_calls_mirror_puts() -> None:
    found = ranked(fits(50_000, 55_000, 60_000, right=Right.CALL), 0.2, 1.0)
    assert len(found) == 3
    assert all(one.gain > 0 for one in found)


def test_the_size_closes_the_widest_gap() -> None:
    assert needed([(3_000.0, 5_100.0), (-10.0, 1.0), (1_000.0, 8_100.0)], 100.0) == pytest.approx(0.6)
    assert needed([(0.0, 1.0)], 100.0) == 0.0
    assert needed([], 1.0) == 0.0
    assert isinstance(needed([(1.0, 90.0)], 100.0), CannotHelp)
    assert isinstance(needed([(float("nan"), 90.0)], 1.0), CannotHelp)


@given(st.floats(1, 1e6), st.floats(10, 1e4), st.floats(0.01, 9))
def test_what_is_bought_brings_the_loss_to_the_goal(gap: float, gain: float, cost: float) -> None:
    coins = needed([(gap, gain)], cost)
    assert isinstance(coins, float)
    assert coins * (gain - cost) == pytest.approx(gap)


def test_contracts_are_rounded_up() -> None:
    (fit,) = fits(45_000)
    assert sized(0.601, fit, WIDE) == Size(Decimal("0.61"))
    assert sized(0.0001, fit, WIDE) == Size(Decimal("0.01"))


@pytest.mark.parametrize("size", ["0.01", "0.1", "10", "100"])
def test_contracts_of_any_size_are_the_same_coins(size: str) -> None:
    market = contract(45_000, contract_size=Decimal(size), amount_step=Decimal(1), amount_min=Decimal(1))
    (fit,) = screen(chain(market), wanted()).fits
    found = sized(100.0, fit, WIDE)
    assert isinstance(found, Size)
    assert min(Decimal(50), 100 / Decimal(size)) == found.contracts


def test_bounds_round_toward_zero_and_say_which_they_are() -> None:
    (fit,) = fits(45_000)
    assert sized(0.6, fit, Bounds(0.555, 1e12)) == Size(Decimal("0.55"), "what its parent holds")
    assert sized(2.0, fit, Bounds(9.0, fit.premium * 1.239)) == Size(Decimal("1.23"), "max_premium")
    poor = Bounds(9.0, fit.premium * 1.239, "the free margin")
    assert sized(2.0, fit, poor) == Size(Decimal("1.23"), "the free margin")
    assert sized(70.0, fit, WIDE) == Size(Decimal(50), "what is offered at the ask")
    few = contract(45_000, amount_max=Decimal(3))
    (small,) = screen(chain(few), wanted()).fits
    assert sized(70.0, small, WIDE) == Size(Decimal(3), "the venue's largest order")


def test_a_bound_below_the_smallest_order_allows_nothing() -> None:
    (fit,) = fits(45_000)
    for bounds in (Bounds(0.009, 1e9), Bounds(-1.0, 1e9), Bounds(1.0, -5.0)):
        found = sized(0.5, fit, bounds)
        assert isinstance(found, CannotHelp)
        assert found.code == "hedge_too_small"
        assert "the smallest order is 0.01" in found.reason
