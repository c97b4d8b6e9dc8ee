"""The account at the more cautious of two prices."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import Side
from bot.risk.caution import cautious
from bot.risk.gates import Doubt
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
