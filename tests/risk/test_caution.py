"""The account at the more cautious of two prices."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import Side
from bot.risk.caution import cautious
from bot.risk.gates import Doubt
from bot.risk.portfolio import Coin
from tests.risk.build import holding, known, mark, portfolio, position, snapshot, symbol_of

BTC = symbol_of("BTC")


def doubted(price: float, sane: float) -> Doubt:
    return Doubt(BTC, price, sane, "apart", held=True)


@pytest.mark.parametrize(
    ("side", "sane", "used"),
    [
        (Side.LONG, 80.0, 80.0),
        (Side.LONG, 120.0, 100.0),
        (Side.SHORT, 120.0, 120.0),
        (Side.SHORT, 80.0, 100.0),
    ],
)
def test_the_price_that_is_worse_for_the_position_counts(side: Side, sane: float, used: float) -> None:
    account = portfolio(holding(side=side), equity=1000.0)
    seen = snapshot(position(side=side), marks={BTC: mark("BTC", Decimal(100))})
    moved, shown = cautious(account, seen, [doubted(100.0, sane)])
    assert moved.holdings[0].price == pytest.approx(used)
    assert float(str(shown.marks[BTC].mark)) == pytest.approx(used)
    assert known(moved.margin_balance) == pytest.approx(1000.0 - 10.0 * abs(100.0 - used))
    assert (moved is account) is (used == 100.0)


def test_both_legs_keep_their_mark() -> None:
    account = portfolio(holding(), holding(side=Side.SHORT))
    assert cautious(account, snapshot(), [doubted(100.0, 80.0)])[0] is account


def test_what_may_be_counted_on_falls_too() -> None:
    account = replace(portfolio(holding(), holding("ETH", isolated=50.0)), margin_floor=500.0)
    moved, shown = cautious(account, snapshot(), [doubted(100.0, 80.0)])
    assert moved.margin_floor == pytest.approx(300.0)
    assert shown.marks == {}


@pytest.mark.parametrize(
    ("side", "sane", "margin", "lost"),
    [
        (Side.LONG, 80.0, 400.0, 80.0),
        (Side.SHORT, 120.0, -100.0, 20.0),
        (Side.SHORT, 120.0, 400.0, 0.0),
    ],
)
def test_coins_behind_the_position_count_at_the_worse_price_and_gain_nothing(
    side: Side, sane: float, margin: float, lost: float
) -> None:
    coins = (Coin("BTC", 500.0, margin, 1.0, 0.0), Coin("ETH", 500.0, 400.0, 1.0, 0.0))
    account = replace(portfolio(holding(side=side), equity=1000.0), coins=coins, margin_floor=500.0)
    moved, _ = cautious(account, snapshot(), [doubted(100.0, sane)])
    assert known(moved.margin_balance) == pytest.approx(800.0 - lost)
    assert moved.margin_floor == pytest.approx(300.0 - lost)
