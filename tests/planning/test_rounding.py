"""Contracts that the market takes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Style
from bot.planning.request import OrderTerms
from bot.planning.rounding import fit, largest, room, smallest
from tests.planning.build import market

MARKET = market(
    "BTC/USDT:USDT", amount_step=Decimal("0.01"), amount_min=Decimal("0.02"), notional_min=Decimal(5)
)
PRICE = Decimal(100)
TERMS = OrderTerms()
LEAST = Decimal("0.05")


@pytest.mark.parametrize(
    ("wanted", "position", "order"),
    [
        ("0", "1", "0"),
        ("0.101", "1", "0.11"),
        ("0.001", "1", "0.05"),
        ("0.96", "1", "1"),
        ("0.951", "1", "1"),
        ("0.95", "1", "0.95"),
        ("2", "1", "1"),
        ("0.001", "0.03", "0.03"),
        ("0.001", "0.015", "0.015"),
    ],
)
def test_fit(wanted: str, position: str, order: str) -> None:
    assert fit(Decimal(wanted), Decimal(position), MARKET, PRICE, TERMS) == Decimal(order)


def test_venue_terms_for_small_orders() -> None:
    assert smallest(MARKET, PRICE, TERMS) == Decimal("0.05")
    assert smallest(MARKET, PRICE, OrderTerms(exempt_from_notional_min=True)) == Decimal("0.02")
    assert fit(Decimal("0.97"), Decimal(1), MARKET, PRICE, OrderTerms(close_dust=False)) == Decimal("0.97")


@given(
    wanted=st.decimals(Decimal("0.0001"), 100, places=4),
    position=st.decimals(Decimal("0.01"), 100, places=2),
    price=st.decimals(Decimal("0.1"), 1000, places=1),
)
def test_fit_is_enough_and_never_past_the_position(
    wanted: Decimal, position: Decimal, price: Decimal
) -> None:
    order = fit(wanted, position, MARKET, price, TERMS)
    assert min(wanted, position) <= order <= position
    assert order == position or order % MARKET.amount_step == 0
    assert order == position or position - order >= smallest(MARKET, price, TERMS)


def test_room_under_a_share_cap() -> None:
    assert smallest(MARKET, PRICE, TERMS) == LEAST
    assert room(Decimal(1), Decimal("0.5"), MARKET, LEAST) == Decimal("0.5")
    assert room(Decimal(1), Decimal("0.333"), MARKET, LEAST) == Decimal("0.33")
    assert room(Decimal(1), Decimal(1), MARKET, LEAST) == Decimal(1)
    assert room(Decimal("0.06"), Decimal("0.5"), MARKET, LEAST) == Decimal("0.05")
    assert room(Decimal("0.03"), Decimal("0.5"), MARKET, LEAST) == Decimal("0.03")
    assert room(Decimal(1), Decimal(-1), MARKET, LEAST) == Decimal("0.05")


def test_largest_order() -> None:
    assert largest(MARKET, Style.MARKET) is None
    bounded = market("BTC/USDT:USDT", amount_max=Decimal("10.0005"), market_amount_max=Decimal(3))
    assert largest(bounded, Style.IOC) == Decimal(10)
    assert largest(bounded, Style.MARKET) == Decimal(3)
