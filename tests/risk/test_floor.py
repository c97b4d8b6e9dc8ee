"""What margin may be counted on while a position cannot be read."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Balance, MarginMode, Position, Unknown
from bot.risk.assemble import build_portfolio
from bot.risk.portfolio import Portfolio
from tests.risk.build import (
    NOTHING,
    TERMS,
    TIERS,
    balance,
    known,
    mark,
    position,
    snapshot,
    stats,
    symbol_of,
)

BTC, ETH = symbol_of("BTC"), symbol_of("ETH")
APART = replace(TERMS, balance_includes_isolated=False)
MONEY = balance(margin=Decimal(1000), maintenance=Decimal(30))
READ = position(contracts="20", maintenance=Decimal(20))
"""2,000 USD that ask 20 of maintenance margin by the venue, 11.2 by the tiers."""


def build(lost: Position, money: Balance = MONEY, read: Position = READ, **more: Any) -> Portfolio:
    """Beside `read`, a position whose tiers nobody knows."""
    shown = snapshot(read, lost, money=money, tiers={BTC: TIERS}, **more.pop("parts", {}))
    return build_portfolio(shown, stats(), more.pop("terms", TERMS), 0.0)


def test_without_a_gap_there_is_none() -> None:
    assert build_portfolio(snapshot(READ), stats(), TERMS, 0.0).margin_floor is None


@pytest.mark.parametrize(
    ("lost", "reserve"),
    [
        (position("ETH", contracts="2"), 40.0),
        (position("ETH", contracts="2", price=NOTHING, entry=Decimal(150)), 60.0),
        (position("ETH", contracts="2", price=Decimal(0), entry=Decimal("NaN")), 400.0),
        (position("ETH", contracts="NaN"), 400.0),
        (position("ETH", contracts="-1", maintenance=Decimal(2)), 80.0),
    ],
)
def test_a_fifth_of_the_notional_and_the_venues_maintenance_margin_are_set_aside(
    lost: Position, reserve: float
) -> None:
    assert known(build(lost).margin_floor) == pytest.approx(1000 - 10 - reserve)


def test_the_mark_of_the_marks_part_goes_first_and_inverse_contracts_are_in_usd() -> None:
    marks = {ETH: mark("ETH", Decimal(200))}
    lost = position("ETH", contracts="2")
    assert known(build(lost, parts={"marks": marks}).margin_floor) == pytest.approx(990 - 80)
    assert known(build(replace(lost, inverse=True)).margin_floor) == pytest.approx(990 - 0.4)


def test_maintenance_margin_is_the_worse_of_account_and_position() -> None:
    lost = position("ETH", contracts="2", maintenance=Decimal(15))
    assert known(build(lost).margin_floor) == pytest.approx(1000 - 15 - 40)
    silent = replace(MONEY, maintenance_margin=NOTHING)
    assert known(build(lost, silent).margin_floor) == pytest.approx(1000 - 15 - 40)
    unknown = build(replace(lost, maintenance_margin=NOTHING), silent).margin_floor
    assert isinstance(unknown, Unknown)
    assert "neither" in unknown.reason


def test_nothing_is_counted_on_where_nothing_is_known() -> None:
    assert isinstance(build(position("ETH"), replace(MONEY, margin_balance=NOTHING)).margin_floor, Unknown)
    size = position("ETH", contracts="NaN")
    found = build(size, replace(MONEY, maintenance_margin=Decimal(20))).margin_floor
    assert found == Unknown(f"nothing tells how large {size.key} is")


def test_a_reserve_leaves_half_of_the_room() -> None:
    large = position("ETH", contracts="5000", maintenance=Decimal(10))
    assert known(build(large).margin_floor) == pytest.approx(1000 - 10 - (1000 - 10 - 20) / 2)
    broke = build(large, replace(MONEY, margin_balance=Decimal(25)))
    assert known(broke.margin_floor) == pytest.approx(15)


def test_isolated_margin_leaves_the_balance_where_it_is_counted_in() -> None:
    read = position(
        contracts="20",
        maintenance=Decimal(20),
        mode=MarginMode.ISOLATED,
        isolated=Decimal(300),
        profit=Decimal(0),
    )
    lost = position("ETH", contracts="2")
    assert known(build(lost, read=read).margin_floor) == pytest.approx(1000 - 300 - 10 - 40)
    assert known(build(lost, read=read, terms=APART).margin_floor) == pytest.approx(1000 - 30 - 40)


@pytest.mark.parametrize(
    ("leverage", "reserve"), [(NOTHING, 200.0), (Decimal(2), 100.0), (Decimal(50), 40.0)]
)
def test_an_isolated_position_that_cannot_be_read_keeps_its_margin(leverage: Any, reserve: float) -> None:
    lost = replace(position("ETH", contracts="2", mode=MarginMode.ISOLATED), leverage=leverage)
    assert known(build(lost).margin_floor) == pytest.approx(990 - reserve)
    assert known(build(lost, terms=APART).margin_floor) == pytest.approx(990)
