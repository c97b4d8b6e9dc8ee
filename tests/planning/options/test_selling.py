"""The life of an option that was bought: sold with its parent, when it is old or needed no more."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    Caps,
    Hedge,
    OptionMarket,
    OrderRequest,
    OrderSide,
    Plan,
    Side,
    Snapshot,
    StepKind,
    Unknown,
)
from bot.planning.aftermath import state_after
from bot.planning.hedge_stops import own_stops_of
from bot.planning.hedged import plan_with_hedges
from bot.planning.linked import exposure, hedged, must_stay
from bot.planning.options.held import fit_option, is_old
from bot.planning.removing import removal_of
from bot.planning.request import watch_of
from bot.planning.unwinding import Off, drafted
from bot.risk.options import exposure_of
from tests.planning.build import demand, opened, position, snapshot
from tests.planning.options.build import chain, contract, quote, worth
from tests.planning.options.held import option, with_options
from tests.planning.options.test_buying import ATM, BTC, LONG, TERMS, account, asked, lot, shock

KEY = f"{ATM.symbol}#long"


def sold(made: Plan) -> dict[str, OrderRequest]:
    """What is sold, by symbol."""
    return {
        step.request.symbol: step.request
        for step in made.steps
        if step.kind is StepKind.UNWIND and isinstance(step.request, OrderRequest)
    }


def alone(*held: Any) -> Snapshot:
    """Options whose parent is gone."""
    return replace(
        with_options(snapshot([position("ETH/USDT:USDT", Side.LONG, "1", "2500")], 40_000), *held),
        options_read=True,
    )


def protected(contracts: str = "1", size: str = "2", **changes: Any) -> Snapshot:
    """A long in BTC of so many coins, protected."""
    shot = snapshot([position(BTC, Side.LONG, size, "50000")], 40_000)
    return replace(with_options(shot, option(ATM, contracts, **changes)), options_read=True)


def protected_by(market: OptionMarket) -> Snapshot:
    """A long of two coins in BTC, protected by one option."""
    shot = snapshot([position(BTC, Side.LONG, "2", "50000")], 40_000)
    return replace(with_options(shot, option(market)), options_read=True)


def plan_of(shot: Snapshot, *lots: Hedge, **changes: Any) -> Plan:
    """Plan where a loss of half the equity is allowed, and restored at 49 %."""
    watch = watch_of(shock(changes.pop("goal", 0.02)))
    return plan_with_hedges(asked(shot, hedges=lots, watches=(watch,), **changes))


def test_it_is_sold_reduce_only_at_the_bid_when_its_parent_is_gone() -> None:
    made = plan_of(alone(option(ATM, "1")), lot("1"))
    order = sold(made)[ATM.symbol]
    bid = quote(ATM).bid
    assert isinstance(bid, Decimal)
    assert order.price is not None
    assert (order.side, order.position_side, order.opens) == (OrderSide.SELL, Side.LONG, False)
    assert (order.contracts, order.whole) == (1, True)
    assert order.price <= bid < order.price + 5
    assert "its parent" in made.steps[0].reason


def test_it_shrinks_with_its_parent() -> None:
    assert sold(plan_of(protected("1", "2"), lot("1"))) == {}
    order = sold(plan_of(protected("1", "1.5"), lot("1")))[ATM.symbol]
    assert order.contracts == Decimal("0.25")


def test_it_goes_with_the_trim_of_its_parent() -> None:
    leverage = replace(demand("account.leverage", 2.0), permits=(Action.TRIM,))
    made = plan_with_hedges(asked(protected("1"), leverage, hedges=(lot("1"),)))
    trim = next(step for step in made.steps if step.kind is StepKind.TRIM)
    assert isinstance(trim.request, OrderRequest)
    left = (2 - trim.request.contracts) / 2
    assert sold(made)[ATM.symbol].contracts >= 1 - left
    assert made.proofs[0].met


def test_a_trim_goes_on_where_nobody_bids_for_its_option() -> None:
    leverage = replace(demand("account.leverage", 2.0), permits=(Action.TRIM,))
    shot = protected("1", bid=Unknown("none"))
    made = plan_with_hedges(asked(shot, leverage, hedges=(lot("1"),)))
    assert sold(made) == {}
    assert [step.kind for step in made.steps] == [StepKind.TRIM]
    assert "no_bid" in {refusal.code for refusal in made.refusals}


def test_a_rule_that_is_gone_sells_it() -> None:
    assert sold(plan_of(protected(), lot("1"), hedging={}))[ATM.symbol].contracts == 1


def test_an_old_one_is_needed_like_any_other() -> None:
    """Its age alone sells nothing: what replaces it is bought first."""
    old = contract(50_000, 6.9)
    request = asked(account(option(old, "1")), hedges=(lot("1", old),))
    assert is_old(lot("1", old), request)
    young = contract(50_000, 7.1)
    assert not is_old(lot("1", young), asked(account(option(young, "1")), hedges=(lot("1", young),)))
    assert sold(plan_of(protected_by(old), lot("1", old))) == {}


def test_the_old_one_goes_first_and_what_replaces_it_not_before() -> None:
    old = contract(50_000, 6.9)
    both = replace(
        with_options(snapshot([position(BTC, Side.LONG, "2", "50000")], 40_000), option(ATM), option(old)),
        options_read=True,
    )
    lots = (lot("1"), lot("1", old))
    assert set(sold(plan_of(both, *lots, goal=0.334))) == {old.symbol}
    unsaleable = replace(
        both,
        options=tuple(option(old, bid=Unknown("none")) if one.market == old else one for one in both.options),
    )
    assert sold(plan_of(unsaleable, *lots, goal=0.334)) == {}


def test_it_is_sold_as_far_as_it_is_needed_no_more() -> None:
    whole = sold(plan_of(protected(), lot("1"), goal=0.9))[ATM.symbol]
    assert whole.contracts == 1
    assert sold(plan_of(protected(), lot("1"), goal=0.334)) == {}
    some = sold(plan_of(protected("2"), lot("2"), goal=0.4))[ATM.symbol]
    assert some.contracts in (Decimal("0.5"), Decimal(1))


@pytest.mark.parametrize(
    ("changes", "request_changes", "code"),
    [
        ({"bid": Unknown("none")}, {}, "no_bid"),
        ({"bid": Decimal("0.5")}, {}, "no_bid"),
        ({"bid": Decimal(500)}, {}, "no_bid"),
        ({}, {"blocked_symbols": frozenset({ATM.symbol})}, "unknown_outcome"),
    ],
)
def test_why_it_is_not_sold_now(changes: dict[str, Any], request_changes: dict[str, Any], code: str) -> None:
    made = plan_of(protected(**changes), lot("1"), hedging={}, **request_changes)
    assert sold(made) == {}
    assert code in {refusal.code for refusal in made.refusals}


def test_an_option_without_parent_is_sold_for_what_is_bid() -> None:
    made = plan_of(
        alone(option(ATM, "1", bid=Decimal(500))), lot("1"), caps=Caps(max_slippage=Decimal("0.02"))
    )
    assert sold(made)[ATM.symbol].price == 500


def test_what_is_not_shown_is_not_sold() -> None:
    bare = account()
    found = drafted(Off(lot("1"), Decimal(1), "why"), asked(bare))
    assert getattr(found, "code", "") == "position_gone"
    assert fit_option(lot("1"), Decimal(1), asked(bare)) == 0
    assert not is_old(lot("1"), asked(bare))
    assert not is_old(lot("1"), asked(protected(), hedging={}))


def test_an_option_without_a_volatility_is_sold_at_the_bid() -> None:
    shot = protected(iv=Unknown("none"), mark=Unknown("none"), bid=Decimal(100))
    found = drafted(Off(lot("1"), Decimal(1), "why"), asked(shot))
    assert not hasattr(found, "code")


def test_amounts_fit_the_steps_of_the_option() -> None:
    request = asked(protected("1"))
    assert fit_option(lot("1"), Decimal("0.251"), request) == Decimal("0.26")
    assert fit_option(lot("1"), Decimal("0.995"), request) == 1
    assert fit_option(lot("1"), Decimal("0.00001"), request) == Decimal("0.01")


def test_it_counts_by_delta_now_and_whole_for_what_may_be_opened() -> None:
    request = asked(protected("1"), hedges=(lot("1"),))
    (numbers,) = request.portfolio.options
    assert exposure(lot("1"), Decimal(1), request) == pytest.approx(-exposure_of(numbers))
    assert hedged(LONG, request, full=True) == pytest.approx(50_000)
    (parent,) = request.snapshot.positions
    assert 0 < must_stay(parent, request) < 1
    assert exposure(lot("1"), Decimal(0), request) == 0.0


def test_an_order_whose_end_is_not_known_counts_whole() -> None:
    pending = lot("0", pending=Decimal(1))
    request = asked(account(), options=(ATM,), hedges=(pending,))
    assert hedged(LONG, request) == pytest.approx(50_000)
    assert hedged(LONG, asked(account(), chains={}, hedges=(pending,))) == 0.0
    gone = asked(alone(), chains={"BTC": chain(ATM)}, hedges=(pending,))
    assert hedged(LONG, gone) == 0.0


def test_its_sale_costs_the_spread_and_brings_its_price_into_the_wallet() -> None:
    request = asked(protected("1"))
    draft = drafted(Off(lot("1"), Decimal("0.5"), "why"), request)
    assert not hasattr(draft, "code")
    before = opened(request)
    after = state_after(before, request, {KEY: removal_of(draft)})
    price = 5 * int(worth(ATM) * 0.98 / 5)
    assert after.papers[0].coins == pytest.approx(0.5)
    assert after.cost == pytest.approx(0.5 * (worth(ATM) - price + 15))
    assert after.cross_cost == pytest.approx(-0.5 * (price - 15))
    whole = drafted(Off(lot("1"), Decimal(1), "why"), request)
    assert state_after(before, request, {KEY: removal_of(whole)}).papers == ()  # type: ignore[arg-type]


def test_it_has_no_stop_at_the_venue() -> None:
    assert own_stops_of((lot("1"),), protected()) == {}


def test_time_is_the_venues() -> None:
    shot = replace(account(option(contract(50_000, 7.1), "1")), clock_offset_seconds=0.2 * 86_400)
    held = lot("1", contract(50_000, 7.1))
    assert is_old(held, asked(shot))
    assert timedelta(days=TERMS.put.min_days if TERMS.put else 0) / 2 == timedelta(days=7)
