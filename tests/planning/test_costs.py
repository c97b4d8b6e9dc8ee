"""What trading costs: order books by hand, and the constant where there is none."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import BookLevel, OrderBook, OrderRequest, Side, Unknown
from bot.planning.costs import average, chords, curve_of, funding_of
from bot.planning.planner import plan
from bot.planning.request import PlanRequest
from bot.risk.portfolio import Holding
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


def holding(given: PlanRequest) -> Holding:
    found = given.portfolio.holding(f"{BTC}#long")
    assert found is not None
    return found


def test_a_book_is_eaten_level_by_level_and_deeper_costs_twice_as_much() -> None:
    given = asked(b=book())
    curve = curve_of(holding(given), Side.LONG, FEE, given)
    assert curve is not None
    assert curve.total(10_000) == pytest.approx(10_000 * (0.001 + FEE))
    assert curve.total(20_000) == pytest.approx(10_000 * 0.001 + 10_000 * 0.003 + 20_000 * FEE)
    assert curve.total(30_000) - curve.total(20_000) == pytest.approx(10_000 * (0.006 + FEE))
    assert average(holding(given), Side.LONG, FEE, 10_000, given) == pytest.approx(0.001 + FEE)
    assert average(holding(given), Side.LONG, FEE, 0.0, given) == holding(given).trade_cost


def test_buying_back_meets_the_asks() -> None:
    given = asked(b=book(asks=(level("100500", "5"),)))
    curve = curve_of(holding(given), Side.SHORT, FEE, given)
    assert curve is not None
    assert curve.rates == (pytest.approx(0.005 + FEE),)


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
    given = asked(b=useless)
    one = holding(given)
    assert curve_of(one, Side.LONG, FEE, given) is None
    assert average(one, Side.LONG, FEE, 10_000, given) == one.trade_cost
    assert chords(one, Side.LONG, FEE, 50_000, given) == ((50_000, one.trade_cost),)


def test_prices_better_than_mark_cost_the_fee_alone() -> None:
    given = asked(b=book(bids=(level("100200", "9"),)))
    assert average(holding(given), Side.LONG, FEE, 10_000, given) == pytest.approx(FEE)


def test_chords_meet_the_curve_at_their_knots_and_grow_dearer() -> None:
    given = asked(b=book())
    one = holding(given)
    curve = curve_of(one, Side.LONG, FEE, given)
    assert curve is not None
    found = chords(one, Side.LONG, FEE, 30_000, given)
    assert [width for width, _ in found] == pytest.approx([5_000, 15_000, 10_000])
    assert sum(width * slope for width, slope in found) == pytest.approx(curve.total(30_000))
    assert [slope for _, slope in found] == sorted(slope for _, slope in found)


def test_funding_is_paid_by_the_side_that_pays_it() -> None:
    given = asked()
    shot = given.snapshot
    dear = mark(BTC, Decimal(1), funding_rate=Decimal("0.001"))
    paid = replace(given, snapshot=replace(shot, marks={BTC: dear}))
    assert funding_of(BTC, 1, 86_400.0, paid) == pytest.approx(0.003)
    assert funding_of(BTC, -1, 28_800.0, paid) == pytest.approx(-0.001)
    assert funding_of(ETH, 1, 86_400.0, paid) == 0.0
    dark = replace(shot, marks={BTC: mark(BTC, Decimal(1), funding_rate=Unknown("silent"))})
    assert funding_of(BTC, 1, 86_400.0, replace(given, snapshot=dark)) == 0.0


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
    assert costs[ETH] == pytest.approx(0.0004 + FEE)


def test_what_pays_funding_goes_first_where_all_else_is_the_same() -> None:
    given = asked()
    assert list(taken(given)) == [BTC]
    marks = {**given.snapshot.marks, ETH: replace(given.snapshot.marks[ETH], funding_rate=Decimal("0.0001"))}
    assert list(taken(replace(given, snapshot=replace(given.snapshot, marks=marks)))) == [ETH]
