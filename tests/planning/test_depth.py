"""What a book takes within a price, what it costs, and which books are believed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import BookLevel, Market, OrderBook, Side
from bot.planning.depth import Ladder, ladder_of
from bot.planning.slicing import Books
from tests.planning.books import book
from tests.planning.build import later, market, position, request, snapshot
from tests.planning.inverse import INVERSE, inverse_market

D = Decimal
BTC = "BTC/USDT:USDT"
PRICE = D(100_000)
BOOK = book(BTC, PRICE)
FEE = 0.0005


def rungs(side: Side = Side.LONG, *, inverse: bool = False, **prices: str) -> Ladder:
    """Levels of so many contracts at each price; those of an inverse market are of a USD."""
    levels = [D(name[1:]) for name in prices]
    sizes = [
        D(size) / price if inverse else D(size) for price, size in zip(levels, prices.values(), strict=True)
    ]
    return Ladder(side, levels, sizes, D(1), inverse=inverse)


def believed(book: OrderBook = BOOK, side: Side = Side.LONG, of: Market | None = None) -> Ladder:
    found = ladder_of(book, side, of or market(BTC), PRICE)
    assert found is not None
    return found


def test_contracts_within_a_price() -> None:
    found = believed()
    assert [found.within(D(price)) for price in (99_995, 99_990, 99_975, 1)] == [0, 1, 2, 60]
    bought = believed(BOOK, Side.SHORT, market(BTC, contract_size=D("0.01")))
    assert [bought.within(D(price)) for price in (100_005, 100_010, 100_025)] == [0, 100, 200]


def test_whether_the_best_price_holds_all() -> None:
    sold, bought = believed(), believed(side=Side.SHORT)
    assert sold.holds(D(1), D(99_990))
    assert not sold.holds(D("1.001"), D(99_990))
    assert not sold.holds(D(1), D(99_991))
    assert bought.holds(D(1), D(100_010))
    assert not bought.holds(D(1), D(100_009))


def test_whether_the_book_was_told_to_a_price() -> None:
    found, bought = believed(), believed(side=Side.SHORT)
    assert not found.ends_inside(D(99_401))
    assert found.ends_inside(D(99_400))
    assert not bought.ends_inside(D(100_599))
    assert bought.ends_inside(D(100_600))


def test_the_average_of_the_first_contracts() -> None:
    found = rungs(p100="1", p90="2", p80="1")
    costs = [found.cost(D(contracts), D(100), 0.0) for contracts in ("0.5", "1", "2", "4")]
    assert costs == pytest.approx([0.0, 0.0, 0.05, 0.1])
    assert found.cost(D(5), D(100), 0.0) == pytest.approx(0.8 * 0.1 + 0.2 * 2 * 0.2)


def test_the_average_of_an_inverse_market_is_by_coins() -> None:
    """100 USD at 100 are a coin, 100 USD at 50 are two: 200 USD for three coins, where two are due."""
    found = rungs(inverse=True, p100="100", p50="100")
    assert found.cost(D(100), D(100), 0.0) == 0.0
    assert found.cost(D(200), D(100), 0.0) == pytest.approx(0.5)
    assert found.cost(D(150), D(100), 0.0) == pytest.approx(1 / 3)


def test_an_inverse_book_counts_in_contracts() -> None:
    level = BookLevel(D(50_000), D("0.02"))
    seen = replace(BOOK, symbol=INVERSE, bids=(level,), asks=(BookLevel(D(50_010), D(1)),))
    found = ladder_of(seen, Side.LONG, inverse_market("BTC"), D(50_000))
    assert found is not None
    assert (found.first, found.within(D(50_000)), found.within(D(50_001))) == (1_000, 1_000, 0)


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
    found = Ladder(side, prices, tuple(map(D, sizes)), D(1), inverse=inverse)
    costs = [found.cost(D(part), D(1000), FEE) for part in (1, more)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0] <= costs[1] + 1e-12


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    "changes",
    [
        {"bids": ()},
        {"asks": ()},
        {"bids": (BookLevel(PRICE, D(0)),)},
        {"asks": (BookLevel(D("NaN"), D(1)),)},
        {"bids": (BookLevel(D(100_010), D(1)),)},
    ],
)
def test_a_book_whose_best_levels_are_odd_is_not_believed(changes: dict[str, Any], side: Side) -> None:
    assert ladder_of(BOOK, side, market(BTC), PRICE) is not None
    assert ladder_of(replace(BOOK, **changes), side, market(BTC), PRICE) is None


@pytest.mark.parametrize(
    ("side", "levels"),
    [
        (Side.LONG, BOOK.bids[::-1]),
        (Side.SHORT, BOOK.asks[::-1]),
        (Side.SHORT, (BOOK.asks[0], BOOK.asks[0])),
        (Side.LONG, (*BOOK.bids, BookLevel(D(0), D(1)))),
        (Side.LONG, (*BOOK.bids, BookLevel(PRICE / 2, D("NaN")))),
        (Side.SHORT, (*BOOK.asks, BookLevel(D("Infinity"), D(1)))),
        (Side.SHORT, (*BOOK.asks, BookLevel(PRICE * 2, D(-1)))),
    ],
)
def test_a_book_is_not_believed_whose_levels_are_odd_that_are_met(
    side: Side, levels: tuple[BookLevel, ...]
) -> None:
    """Out of order, or no sizes. What stands behind the best level of the other side is met by nobody."""
    odd = replace(BOOK, **{"bids" if side is Side.LONG else "asks": levels})
    assert ladder_of(odd, side, market(BTC), PRICE) is None
    if levels[0] == (BOOK.bids if side is Side.LONG else BOOK.asks)[0]:
        other = Side.SHORT if side is Side.LONG else Side.LONG
        assert ladder_of(odd, other, market(BTC), PRICE) is not None


@pytest.mark.parametrize(
    ("price", "is_believed"), [("1", True), ("0.96", True), ("0.9", False), ("1.06", False)]
)
def test_a_book_far_from_mark_is_not_believed(price: str, is_believed: bool) -> None:
    found = ladder_of(BOOK, Side.LONG, market(BTC), PRICE * D(price))
    assert (found is not None) == is_believed


@pytest.mark.parametrize(("seconds", "is_believed"), [(-10, True), (-11, False), (2, True), (3, False)])
def test_an_old_book_is_not_believed(seconds: float, is_believed: bool) -> None:
    held = position(BTC, Side.LONG, "1", PRICE)
    shot = snapshot([held], 10_000)
    given = request(shot, [], depths={BTC: replace(BOOK, at=later(seconds))})
    found = Books(given).ladder(held, market(BTC), PRICE)
    assert (found is not None) == is_believed
