"""What trading costs: order books by hand, and the constant where there is none."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import BookLevel, Figure, OrderBook, OrderRequest, Side, TrimTerms, Unknown
from bot.planning.book import Leg, Priced, open_book, price_leg
from bot.planning.costs import KNOTS, chords, funding_of, saved_of
from bot.planning.nature import Nature
from bot.planning.planner import plan
from bot.planning.request import PlanRequest
from tests.planning import books, inverse
from tests.planning.build import NOW, demand, mark, position, request, snapshot

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
FEE = 0.00055
LONG = [position(BTC, Side.LONG, "1", "100000"), position(ETH, Side.LONG, "40", "2500")]


def level(price: str, coins: str) -> BookLevel:
    return BookLevel(Decimal(price), Decimal(coins))


def book(symbol: str = BTC, **changes: object) -> OrderBook:
    """10,000 USD at 0.1 % from mark, as much again at 0.3 %, on both sides."""
    bids = (level("99900", "0.1"), level("99700", "0.1"))
    asks = (level("100100", "0.1"), level("100300", "0.1"))
    return replace(OrderBook(symbol, bids, asks, NOW), **changes)


def asked(**depths: OrderBook) -> PlanRequest:
    found = request(snapshot(LONG, 50_000), [demand("account.leverage", 3.0)])
    return replace(found, depths={one.symbol: one for one in depths.values()})


def priced(given: PlanRequest, key: str = f"{BTC}#long", **trim: Any) -> tuple[Leg, Priced]:
    """A leg as a limit of survival prices it: a book that ends inside the cap does not bound it."""
    leg = open_book(given).by_key[key]
    found = price_leg(leg, TrimTerms(**trim), given, 0.0, Nature.SURVIVAL)
    assert isinstance(found, Priced)
    return leg, found


def test_chords_meet_the_book_at_their_knots_and_grow_dearer() -> None:
    leg, terms = priced(asked(b=book()))
    found = chords(leg, terms)
    assert [width for width, _ in found] == pytest.approx([5_000, 15_000, 80_000])
    first, last = 0.001 + FEE * 0.999, 0.003 + FEE * 0.997
    assert found[0][1] == pytest.approx(first)
    assert 15_000 * found[1][1] == pytest.approx(5_000 * first + 10_000 * last)


def test_what_a_book_bounds_ends_with_its_chords() -> None:
    """A level beyond the cap shows that no more rests within it."""
    leg, terms = priced(asked(b=book(bids=(*book().bids, level("98000", "5")))))
    found = chords(leg, terms)
    assert terms.thin
    assert sum(width for width, _ in found) == pytest.approx(20_000)
    assert len(found) < len(KNOTS)


def test_a_share_bounds_the_chords_too() -> None:
    leg, terms = priced(asked(b=book()), max_share=0.1)
    assert sum(width for width, _ in chords(leg, terms)) == pytest.approx(10_000)


def test_buying_back_meets_the_asks() -> None:
    held = [position(BTC, Side.SHORT, "1", "100000"), LONG[1]]
    given = replace(
        request(snapshot(held, 50_000), [demand("account.leverage", 3.0)]),
        depths={BTC: book(asks=(level("100500", "5"),))},
    )
    found = chords(*priced(given, f"{BTC}#short"))
    assert [slope for _, slope in found] == pytest.approx([0.005 + FEE * 1.005])


def test_contracts_of_a_usd_are_sold_by_the_same_book() -> None:
    given = request(inverse.account(one=inverse.held(contracts="20000")), [])
    depths = {inverse.INVERSE: books.book(inverse.INVERSE, inverse.MARK, "0.01", 300)}
    leg, terms = priced(replace(given, depths=depths), f"{inverse.INVERSE}#long")
    found = chords(leg, terms)
    assert sum(width for width, _ in found) == pytest.approx(20_000)
    assert [slope for _, slope in found] == sorted(slope for _, slope in found)


@pytest.mark.parametrize(
    "useless",
    [
        book(ETH),
        book(at=NOW - timedelta(seconds=11)),
        book(bids=()),
        book(bids=(level("99900", "0"), level("0", "1"))),
    ],
)
def test_no_fresh_book_leaves_the_constant(useless: OrderBook) -> None:
    leg, terms = priced(asked(b=useless))
    assert leg.holding is not None
    assert chords(leg, terms) == ((pytest.approx(100_000), leg.holding.trade_cost),)


def test_prices_better_than_mark_are_no_reason_to_sell_more() -> None:
    free = book(bids=(level("100090", "9"),))
    leg, terms = priced(asked(b=free))
    assert chords(leg, terms)[0][1] == 0.0
    found = taken(asked(b=free))
    assert float(found[BTC]) * 100_000 == pytest.approx(50_000, rel=0.02)
    assert ETH not in found


def test_funding_is_paid_by_the_side_that_pays_it() -> None:
    given = asked()
    shot = given.snapshot
    dear = mark(BTC, Decimal(1), funding_rate=Decimal("0.001"))
    paid = replace(given, snapshot=replace(shot, marks={BTC: dear}))
    assert funding_of(BTC, 1, 86_400.0, paid) == pytest.approx(0.003)
    assert funding_of(BTC, -1, 28_800.0, paid) == pytest.approx(-0.001)
    assert saved_of(BTC, 1, paid) == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("rate", "why"), [(Unknown("silent"), "silent"), (Decimal("NaN"), "the funding rate of BTC/USDT:USDT")]
)
def test_a_funding_rate_that_is_not_known_is_no_zero(rate: Figure, why: str) -> None:
    """It is no reason to trim what might pay it, either."""
    given = asked()
    dark = replace(given.snapshot, marks={BTC: mark(BTC, Decimal(1), funding_rate=rate)})
    found = funding_of(BTC, 1, 86_400.0, replace(given, snapshot=dark))
    assert isinstance(found, Unknown)
    assert why in found.reason
    assert saved_of(BTC, 1, replace(given, snapshot=dark)) == 0.0
    bare = funding_of(ETH, 1, 86_400.0, replace(given, snapshot=dark))
    assert bare == Unknown("prices of ETH/USDT:USDT are not known")


def taken(given: PlanRequest) -> dict[str, Decimal]:
    return {
        step.request.symbol: step.request.contracts
        for step in plan(given).steps
        if isinstance(step.request, OrderRequest)
    }


def test_the_deeper_market_gives_more_and_a_step_costs_what_its_book_says() -> None:
    thin = book(bids=(level("99990", "0.02"), level("99000", "5")))
    deep = OrderBook(ETH, (level("2499", "100"),), (level("2501", "100"),), NOW)
    given = asked(b=thin, e=deep)
    found = taken(given)
    assert found[ETH] * 2500 > 10 * found.get(BTC, Decimal(0)) * 100_000
    costs = {step.request.symbol: step.cost / step.notional for step in plan(given).steps}
    assert costs[ETH] == pytest.approx(0.0004 + FEE * 0.9996)


def test_what_pays_funding_goes_first_where_all_else_is_the_same() -> None:
    given = asked()
    assert list(taken(given)) == [BTC]
    marks = {**given.snapshot.marks, ETH: replace(given.snapshot.marks[ETH], funding_rate=Decimal("0.0001"))}
    assert list(taken(replace(given, snapshot=replace(given.snapshot, marks=marks)))) == [ETH]
