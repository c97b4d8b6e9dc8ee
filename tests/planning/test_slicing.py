"""Trims cut to the book: patient limits wait for it, those of survival do not."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Action, Caps, OrderPolicy, OrderRequest, Plan, Sense, Side, Style, TrimTerms
from bot.planning.book import open_book
from bot.planning.drafting import Prices, draw
from bot.planning.effort import Effort
from bot.planning.planner import plan
from bot.planning.request import PlanRequest
from bot.planning.slicing import is_pressing
from tests.planning.books import book
from tests.planning.build import (
    context,
    demand,
    later,
    mark,
    position,
    random_account,
    request,
    snapshot,
    target,
)

D = Decimal
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
PRICE = D(100_000)
SHOT = snapshot([position(BTC, Side.LONG, "10", PRICE)], 200_000)
"""Leverage 5."""
LEVERAGE = demand("account.leverage", 3.0, limit=4.7, value=5.0)
SURVIVE = demand("account.margin_ratio", 0.01)


def asked(found: Any = LEVERAGE, coins: str | None = "0.1", levels: int = 300, **changes: Any) -> PlanRequest:
    depths = {} if coins is None else {BTC: book(BTC, PRICE, coins, levels)}
    return replace(request(SHOT, [found]), depths=depths, **changes)


def acting(seconds: float, found: Any = LEVERAGE, **trim: Any) -> Any:
    return replace(found, acting_since=later(-seconds), trim=TrimTerms(**trim))


def sold(made: Plan) -> dict[str, Decimal]:
    return {
        step.request.symbol: step.request.contracts
        for step in made.steps
        if isinstance(step.request, OrderRequest)
    }


def codes(made: Plan) -> list[str]:
    return [refusal.code for refusal in made.refusals]


def test_without_a_book_and_with_a_deep_one_all_goes_at_once() -> None:
    without, deep = plan(asked(coins=None)), plan(asked(coins="1"))
    assert sold(without) == sold(deep)
    assert sold(without)[BTC] > 4
    assert codes(deep) == []
    assert deep.proofs[0].met


def test_a_patient_trim_takes_what_rests_within_half_of_its_slippage() -> None:
    made = plan(asked())
    assert sold(made) == {BTC: D("2.5")}  # 25 of the 50 levels, 0.1 each
    assert codes(made) == ["thin_book"]
    assert "the book takes no more at once" in made.refusals[0].reason
    (step,) = made.steps
    assert "the book takes 2.5 of 10 contracts at once, the rest follows" in step.reason
    assert made.proofs[0].before > made.proofs[0].after > 3  # type: ignore[operator]


def test_a_step_costs_what_the_book_says() -> None:
    (step,) = plan(asked()).steps
    assert step.cost == pytest.approx(step.notional * (0.0013 + 0.00055 * 0.9987))
    (whole,) = plan(asked(coins="0.5")).steps
    levels = 4 / 0.5
    assert whole.cost / whole.notional == pytest.approx(0.0001 * (levels + 1) / 2 + 0.00055, rel=0.02)


def test_where_the_index_allows_less_than_half_it_is_all_that_is_allowed() -> None:
    high = replace(SHOT, marks={BTC: mark(BTC, PRICE, index=PRICE * D("1.004"))})
    made = plan(replace(asked(), snapshot=high))
    assert sold(made) == {BTC: D("1")}  # down to 99,898: ten levels


@pytest.mark.parametrize(("seconds", "levels"), [(0, 25), (10, 37), (20, 50), (30, 75), (39, 97), (40, 200)])
def test_the_longer_it_acts_the_deeper_it_goes(seconds: float, levels: int) -> None:
    made = plan(asked(acting(seconds), coins="0.02"))
    assert sold(made) == {BTC: levels * D("0.02")}
    style = made.steps[0].request.style  # type: ignore[union-attr]
    assert style is (Style.MARKET if seconds == 40 else Style.IOC)


def test_a_patient_trim_waits_for_more_than_a_sliver_and_its_last_resort_does_not() -> None:
    made = plan(asked(coins="0.001"))
    assert sold(made) == {}
    assert codes(made)[0] == "thin_book"
    assert "the book takes 0.025 of 10 contracts of" in made.refusals[0].reason
    assert "at 99750.0" in made.refusals[0].reason
    assert "at most 40 s" in made.refusals[0].reason
    assert sold(plan(asked(acting(20), coins="0.001"))) == {BTC: D("0.05")}
    assert sold(plan(asked(acting(40), coins="0.001"))) == {BTC: D("0.2")}
    assert sold(plan(asked(acting(40), coins="0.0000001"))) == {BTC: D("0.001")}


def test_no_deadline_is_the_last_resort_at_once() -> None:
    made = plan(asked(acting(0, escalate_after_seconds=0), coins="0.02"))
    assert sold(made) == {BTC: D("4")}


def test_the_accounts_cap_bounds_the_depth_too() -> None:
    made = plan(asked(acting(30), coins="0.02", caps=Caps(max_slippage=D("0.006"))))
    assert sold(made) == {BTC: 60 * D("0.02")}


@pytest.mark.parametrize(
    ("value", "limit", "sense", "levels"),
    [(5.17, 4.7, Sense.MAX, 25), (5.18, 4.7, Sense.MAX, 50), (0.85, 1.0, Sense.MIN, 50)],
)
def test_a_limit_that_is_far_past_is_not_patient(
    value: float, limit: float, sense: Sense, levels: int
) -> None:
    found = replace(LEVERAGE, value=value, limit=limit)
    assert is_pressing(replace(found, sense=sense)) == (levels == 50)
    if sense is Sense.MAX:
        assert sold(plan(asked(found, coins="0.02"))) == {BTC: levels * D("0.02")}


def test_a_short_is_bought_back_from_the_asks() -> None:
    shot = snapshot([position(BTC, Side.SHORT, "10", PRICE)], 200_000)
    asks_only = book(BTC, PRICE, "0.1", 300, bids=book(BTC, PRICE, "9").bids)
    made = plan(replace(request(shot, [LEVERAGE]), depths={BTC: asks_only}))
    assert sold(made) == {BTC: D("2.5")}


def test_a_market_order_is_cut_to_the_cap_that_the_venue_does_not_know() -> None:
    made = plan(asked(acting(0, order=OrderPolicy.MARKET)))
    assert sold(made) == {BTC: D("2.5")}
    assert made.steps[0].request.style is Style.MARKET  # type: ignore[union-attr]


def test_survival_takes_all_within_the_cap() -> None:
    whole = sold(plan(asked(SURVIVE, coins=None)))[BTC]
    assert whole > 5
    assert sold(plan(asked(SURVIVE))) == {BTC: D("5")}


@pytest.mark.parametrize(
    ("found", "coins", "levels"),
    [
        (SURVIVE, "0.1", 20),  # nobody knows what rests behind the twentieth level
        (SURVIVE, "0.00001", 300),  # less than the smallest order
        (acting(40, SURVIVE), "0.01", 300),  # the last resort
    ],
)
def test_a_thin_book_never_holds_survival_back(found: Any, coins: str, levels: int) -> None:
    without = plan(asked(found, coins=None))
    assert sold(plan(asked(found, coins, levels))) == sold(without) != {}


def test_a_position_that_is_closed_goes_whole() -> None:
    made = plan(asked(replace(LEVERAGE, permits=(Action.CLOSE_ALL,))))
    assert sold(made) == {BTC: D(10)}


def test_survival_goes_on_with_the_deeper_market_in_the_same_plan() -> None:
    shot = snapshot(
        [position(BTC, Side.LONG, "10", PRICE), position(ETH, Side.LONG, "400", D(2_500))], 200_000
    )
    plain = request(shot, [SURVIVE])
    thin = replace(plain, depths={BTC: book(BTC, PRICE, "0.01", 300)})
    assert sold(plan(thin))[BTC] == D("0.5")
    assert sold(plan(thin))[ETH] > sold(plan(plain)).get(ETH, D(0))


def test_an_old_book_changes_nothing() -> None:
    old = {BTC: book(BTC, PRICE, "0.1", 300, at=later(-11))}
    assert plan(replace(asked(), depths=old)) == plan(asked(coins=None))


def test_trims_in_proportion_tell_a_thin_book_too() -> None:
    """The check asks for the same share of both; one of them is thin."""
    one = asked(replace(LEVERAGE, value=5.0))
    drawing = draw([one.demands[0]], [Effort(even=True)], Prices(one))
    (outcome,) = drawing.outcomes
    assert [refusal.code for refusal in outcome.shortfall] == ["thin_book"]
    assert open_book(one).by_key.keys() == outcome.taken.keys()


def test_a_position_target_is_cut_alike() -> None:
    found = demand("position.equity_share", 2.0, target=target(BTC), value=2.1)
    assert sold(plan(asked(found))) == {BTC: D("2.5")}


def test_a_book_bounds_less_than_a_share_cap_says_nothing() -> None:
    made = plan(asked(acting(0, max_share=0.1)))
    assert sold(made) == {BTC: D(1)}
    assert codes(made) == ["cap_share"]
    assert "the book" not in made.steps[0].reason


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("metric", ["account.leverage", "account.margin_ratio"])
def test_no_order_is_larger_than_its_book_or_than_without_it(seed: int, metric: str) -> None:
    """On random accounts with thin books; one of survival is sent wherever it is without them."""
    shot, stats = random_account(seed, count=8, isolated=0.0, leverage=(6.0, 12.0))
    goal = 3.0 if metric == "account.leverage" else 0.02
    plain = request(shot, [demand(metric, goal, limit=goal * 3)], about=context(stats=stats))
    thin = {
        symbol: book(symbol, one.mark, str(D(5_000) / one.mark), 300)
        for symbol, one in shot.marks.items()
        if isinstance(one.mark, D)
    }
    made, without = plan(replace(plain, depths=thin)), plan(plain)
    sizes = {one.symbol: one.contracts for one in shot.positions}
    for symbol, contracts in sold(made).items():
        market = shot.markets[symbol]
        most = (51 if metric == "account.leverage" else 101) * thin[symbol].bids[0].coins
        least = market.amount_step * market.contract_size
        assert contracts <= sizes[symbol]
        assert contracts * market.contract_size <= most or least > most / 2
    if metric == "account.margin_ratio":
        assert bool(sold(made)) == bool(sold(without))
