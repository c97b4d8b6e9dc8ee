"""What a book takes within a price, what it costs, and which books are believed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import BookLevel, Side
from bot.planning.depth import Ladder, book_trouble, ladder_of
from tests.planning.books import book
from tests.planning.build import NOW, later, market
from tests.planning.inverse import INVERSE, inverse_market

D = Decimal
BTC = "BTC/USDT:USDT"
PRICE = D(100_000)
BOOK = book(BTC, PRICE)
FEE = 0.0005


def rungs(side: Side = Side.LONG, *, inverse: bool = False, **prices: str) -> Ladder:
    return Ladder(side, inverse, tuple(D(name[1:]) for name in prices), tuple(map(D, prices.values())))


def test_contracts_within_a_price() -> None:
    found = ladder_of(BOOK, Side.LONG, market(BTC))
    assert [found.within(D(price)) for price in (99_995, 99_990, 99_975, 1)] == [0, 1, 2, 60]
    bought = ladder_of(BOOK, Side.SHORT, market(BTC, contract_size=D("0.01")))
    assert [bought.within(D(price)) for price in (100_005, 100_010, 100_025)] == [0, 100, 200]


def test_whether_the_book_was_told_to_a_price() -> None:
    found = ladder_of(BOOK, Side.LONG, market(BTC))
    assert not found.ends_inside(D(99_401))
    assert found.ends_inside(D(99_400))
    assert Ladder(Side.LONG, False, (), ()).ends_inside(PRICE)


def test_the_average_of_the_first_contracts() -> None:
    found = rungs(p100="1", p90="2", p80="1")
    assert found.average(D(1)) == 100
    assert found.average(D(2)) == 95
    assert found.average(D(4)) == 90
    assert found.average(D("4.1")) is None
    assert found.average(D(0)) is None


def test_the_average_of_an_inverse_market_is_by_coins() -> None:
    """100 USD at 100 are a coin, 100 USD at 50 are two: 200 USD for three coins."""
    found = rungs(inverse=True, p100="100", p50="100")
    average = found.average(D(200))
    assert average is not None
    assert float(average) == pytest.approx(200 / 3)


def test_an_inverse_book_counts_in_contracts() -> None:
    level = BookLevel(D(50_000), D("0.02"))
    found = ladder_of(replace(BOOK, symbol=INVERSE, bids=(level,)), Side.LONG, inverse_market("BTC"))
    assert (found.prices, found.contracts) == ((D(50_000),), (D(1_000),))


def test_what_a_usd_costs() -> None:
    down = rungs(p99="1")
    assert down.cost(D(1), D(100), FEE) == pytest.approx(0.01 + 0.0005 * 0.99)
    up = rungs(Side.SHORT, p101="1")
    assert up.cost(D(1), D(100), FEE) == pytest.approx(0.01 + 0.0005 * 1.01)
    assert rungs(p120="1").cost(D(1), D(100), FEE) == 0.0
    assert down.cost(D(0), D(100), FEE) is None
    assert down.cost(D(2), D(100), FEE) == pytest.approx(1.5 * (0.01 + 0.0005 * 0.99))
    coins = rungs(inverse=True, p99="100")
    assert coins.cost(D(100), D(100), FEE) == pytest.approx(100 / 99 - 1 + 0.0005 * 100 / 99)


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    more=st.integers(1, 400),
    side=st.sampled_from(Side),
    inverse=st.booleans(),
)
def test_more_is_never_cheaper(sizes: list[int], more: int, side: Side, inverse: bool) -> None:
    prices = tuple(D(1000 - side.sign * number) for number in range(len(sizes)))
    found = Ladder(side, inverse, prices, tuple(map(D, sizes)))
    costs = [found.cost(D(part), D(1000), FEE) for part in (1, more)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0] <= costs[1] + 1e-12


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"at": later(-11)}, "11.0 s old"),
        ({"at": later(3)}, "in the future"),
        ({"bids": ()}, "a side of the book of BTC/USDT:USDT is empty"),
        ({"asks": ()}, "empty"),
        ({"bids": BOOK.bids[::-1]}, "out of order"),
        ({"asks": BOOK.asks[::-1]}, "out of order"),
        ({"bids": (BookLevel(PRICE, D(0)),)}, "hold nothing"),
        ({"asks": (BookLevel(D("NaN"), D(1)),)}, "out of order"),
        ({"bids": (BookLevel(D(100_010), D(1)),)}, "crossed: bid 100010, ask 100010"),
    ],
)
def test_a_book_that_is_not_believed(changes: dict[str, Any], words: str) -> None:
    assert words in book_trouble(replace(BOOK, **changes), PRICE, NOW, 10.0)


def test_a_book_far_from_mark_is_not_believed() -> None:
    assert book_trouble(BOOK, PRICE, NOW, 10.0) == ""
    assert book_trouble(BOOK, PRICE * D("0.96"), NOW, 10.0) == ""
    assert "apart from mark 90000" in book_trouble(BOOK, D(90_000), NOW, 10.0)
