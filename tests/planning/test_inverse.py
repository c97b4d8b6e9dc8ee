"""Trims, costs and moves of inverse positions, and of accounts whose coins move with the market."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import (
    Action,
    Caps,
    Figure,
    HedgeTerms,
    Keep,
    LeverageRequest,
    MoveTerms,
    OrderRequest,
    OrderSide,
    SecureTerms,
    Sense,
    Side,
    Snapshot,
    SpotMarket,
    Stable,
    StepKind,
    Unknown,
)
from bot.planning.aftermath import cost_of
from bot.planning.check import is_inside
from bot.planning.depth import cost_at
from bot.planning.hedged import plan_with_hedges
from bot.planning.measures import recomputed
from bot.planning.planner import plan
from bot.planning.request import PlanRequest, watch_of
from bot.planning.securing import converted
from bot.risk.metrics import measure
from tests.examples import examples
from tests.planning.build import (
    context,
    demand,
    mark,
    market,
    measured,
    opened,
    position,
    random_account,
    request,
    snapshot,
    stats_for,
    target,
)
from tests.planning.inverse import (
    ETH,
    INVERSE,
    LINEAR,
    MARK,
    account,
    coin_tiers,
    held,
    with_inverse,
)
from tests.planning.test_random_accounts import (
    ACCOUNT_METRICS,
    FURTHEST,
    POSITION_METRICS,
    REACHED,
    after,
    assert_reduces,
    expected,
    removals,
)

QUICK = settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def asked_of(seed: int, metric: str, tightness: float) -> PlanRequest:
    """A random account with linear and inverse positions whose one limit is passed."""
    plain, stats = random_account(seed, count=1 + seed % 4, isolated=0.2)
    shot = with_inverse(plain, seed)
    about = context(value=0.95, stats=replace(stats, **vars_of(shot, seed)))
    found = demand(metric, 1.0)
    if metric.startswith("position."):
        inverse = sorted((one for one in shot.positions if one.inverse), key=lambda one: one.key)
        one = inverse[seed % len(inverse)]
        found = replace(found, target=target(one.symbol, one.side))
    asked = request(shot, (), about=about)
    value = measured(watch_of(found), asked)
    goal = value * tightness if found.sense is Sense.MAX else value * (2 - tightness) + 1e-6
    if found.sense is Sense.MIN:
        goal = min(goal, 0.9 * FURTHEST.get(metric, 1.0))
    found = replace(found, value=value, limit=goal, goal=goal, drawdown_budget=goal)
    return replace(asked, demands=(found,), watches=(watch_of(found),))


def vars_of(shot: Snapshot, seed: int) -> dict[str, Any]:
    """Statistics in which all symbols of a base move alike."""
    known = stats_for(sorted(shot.marks), Random(seed))
    by_base = {symbol.split("/")[0]: beta for symbol, beta in known.betas.items() if ":USDT" in symbol}
    betas = {symbol: by_base.get(symbol.split("/")[0], beta) for symbol, beta in known.betas.items()}
    return {"betas": betas, "atr": known.atr, "daily_sigma": known.daily_sigma}


@given(seed=st.integers(0, 2**32), metric=st.sampled_from(ACCOUNT_METRICS + POSITION_METRICS))
@QUICK
def test_the_second_opinion_is_the_first(seed: int, metric: str) -> None:
    asked = asked_of(seed, metric, 0.5)
    watch = watch_of(asked.demands[0])
    about = replace(asked.context, scenarios=watch.scenarios)
    ours = measure(metric, asked.portfolio, about, watch.target.position)
    theirs = recomputed(watch, opened(asked), asked.context)
    assert not isinstance(ours, Unknown)
    assume(ours < 1e8)
    assert theirs == pytest.approx(ours, rel=1e-7, abs=1e-9)


@given(
    seed=st.integers(0, 2**32),
    metric=st.sampled_from(ACCOUNT_METRICS + POSITION_METRICS),
    tightness=st.floats(0.05, 0.995),
)
@QUICK
def test_a_trim_meets_its_limit_or_says_why_not(seed: int, metric: str, tightness: float) -> None:
    asked = asked_of(seed, metric, tightness)
    made = plan(asked)
    assert_reduces(asked, made)
    (proof,) = made.proofs
    if not proof.met:
        assert {refusal.code for refusal in made.refusals} & REACHED
        return
    value = after(asked, removals(made))
    wanted = asked.demands[0]
    if proof.expected:
        value = after(asked, expected(asked, made))
    assert isinstance(value, Unknown) or is_inside(value, wanted.goal, wanted.sense)
    assert not made.refusals


def ordered(asked: PlanRequest) -> OrderRequest:
    """The one order of a plan."""
    (step,) = plan(asked).steps
    assert isinstance(step.request, OrderRequest)
    return step.request


def test_a_trim_is_in_whole_dollars() -> None:
    limit = demand("account.leverage", 0.5)
    order = ordered(request(account(), [limit]))
    assert (order.symbol, order.side) == (INVERSE, OrderSide.SELL)
    assert order.contracts == order.contracts.to_integral_value()
    assert 50_000 <= order.contracts <= 50_200
    (step,) = plan(request(account(), [limit])).steps
    assert step.notional == float(order.contracts)


def test_a_rise_is_the_danger_of_a_short_beyond_its_coins() -> None:
    shot = account(one=held(Side.SHORT, "300000"), coins="1")
    limit = demand("position.liquidation_distance", 0.6, target=target(INVERSE, Side.SHORT))
    order = ordered(request(shot, [limit]))
    assert order.side is OrderSide.BUY
    # with c short: 100,000 - (c - 100,000) m = c (0.005 + fee) at m = 0.6
    needed = 300_000 - 160_000 / 0.60555
    assert needed <= float(order.contracts) <= 1.02 * needed


@pytest.mark.parametrize(("side", "worst"), [(Side.LONG, "99000"), (Side.SHORT, "101000")])
def test_what_a_fill_costs_is_settled_in_coins(side: Side, worst: str) -> None:
    one, fee, fill = held(side), Decimal("0.00055"), Decimal(worst)
    coins = 100_000 / fill - 100_000 / MARK
    lost = float((coins * side.sign + 100_000 / fill * fee) * MARK)
    assert cost_of(one, 100_000.0, one.contracts, fill, fee) == pytest.approx(lost)
    assert cost_of(one, 100_000.0, one.contracts, MARK * (100 + side.sign) / 100, fee) == 0.0
    assert cost_at(fill, MARK, float(fee), side, inverse=True) * 100_000 == pytest.approx(lost)


def test_caps_count_dollars_and_the_loss_in_coins() -> None:
    one = held(entry_price=Decimal(125_000))
    limit = demand("account.leverage", 0.5)
    capped = request(account(one=one), [limit], caps=Caps(notional_per_day=Decimal(20_000)))
    assert ordered(capped).contracts == 20_000
    lossy = request(account(one=one), [limit], caps=Caps(loss_per_day=Decimal(1_000)))
    order = ordered(lossy)
    assert order.price is not None
    coins = 1 / order.price - Decimal(1) / 125_000 + Decimal("0.00055") / order.price
    assert order.contracts == int(Decimal(1_000) / (coins * MARK))


def test_a_close_takes_the_whole() -> None:
    limit = demand("account.leverage", 0.1, permits=(Action.CLOSE_ALL,))
    assert ordered(request(account(), [limit])).contracts == 100_000


# Stops


def test_inverse_positions_are_trimmed_and_not_hedged() -> None:
    perp = market(LINEAR)
    shot = account()
    shot = replace(
        shot,
        markets={**shot.markets, LINEAR: perp},
        marks={**shot.marks, LINEAR: mark(LINEAR, MARK)},
        tiers={**shot.tiers, LINEAR: coin_tiers("2000000")},
    )
    terms = HedgeTerms()
    wanted = demand("account.net_leverage", 1.0, permits=(Action.HEDGE,), hedge=terms)
    made = plan_with_hedges(request(shot, [wanted], hedging={"cap": terms}))
    assert made.steps == ()
    assert {one.code for one in made.refusals} == {"inverse_contract"}


def test_nothing_is_hedged_with_an_inverse_contract() -> None:
    shot = account(
        position(ETH, Side.LONG, "100", "3000"), one=held(Side.LONG, "1"), money="100000", coins="0.01"
    )
    terms = HedgeTerms(symbol=INVERSE)
    wanted = demand("account.net_leverage", 1.0, permits=(Action.HEDGE,), hedge=terms)
    made = plan_with_hedges(request(shot, [wanted], hedging={"cap": terms}))
    assert made.steps == ()
    assert "hedges are opened in linear contracts only" in " ".join(one.reason for one in made.refusals)


SECURE = MoveTerms(secure=SecureTerms(keep=Keep(usd=0.0), convert=True, stable=Stable.USDT))
SPOT = SpotMarket(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    amount_step=Decimal("0.000001"),
    amount_min=Decimal("0.0001"),
    amount_max=None,
    price_step=Decimal("0.1"),
    notional_min=Decimal(5),
)


def secured(shot: Snapshot) -> tuple[set[StepKind], set[str]]:
    free = replace(shot, spots={"BTC/USDT": SPOT}, balance=replace(shot.balance, available=Decimal(50_000)))
    wanted = demand("account.available", 1.0, permits=(Action.SECURE,), moves=SECURE)
    ratio = replace(watch_of(demand("position.liquidation_distance", 0.3)), target=target(LINEAR, Side.SHORT))
    made = plan(request(free, [wanted], [ratio]))
    return {one.kind for one in made.steps}, {one.code for one in made.refusals}


def test_no_coin_is_moved_from_behind_an_inverse_position() -> None:
    assert secured(account()) == (set(), {"inverse_contract"})


def test_a_coin_that_hedges_a_short_is_not_sold() -> None:
    short = position(LINEAR, Side.SHORT, "1.2", "100000")
    shot = snapshot((short,), "110000")
    coins: dict[str, Figure] = {"BTC": Decimal(1), "USDT": Decimal(10_000)}
    worths: dict[str, Figure] = {"BTC": Decimal(100_000), "USDT": Decimal(10_000)}
    shot = replace(shot, balance=replace(shot.balance, coins=coins, worth=worths))
    kinds, codes = secured(shot)
    assert StepKind.CONVERT in kinds
    far = replace(shot, positions=(replace(short, contracts=Decimal("4")),))
    kinds, codes = secured(far)
    assert StepKind.CONVERT not in kinds
    assert "check_failed" in codes


def test_sold_coins_move_no_more_and_count_in_full() -> None:
    shot = account(coins="1", money="1000")
    balance = replace(shot.balance, margin_balance=Decimal(96_000))
    state = opened(request(replace(shot, balance=balance)))
    (coin,) = state.coins
    assert coin.margin == pytest.approx(95_000)
    half = converted(state, {"BTC": 50_000.0})
    assert [one.worth for one in half.coins] == [pytest.approx(50_000)]
    assert half.balance == pytest.approx(98_500)
    assert converted(state, {"BTC": 200_000.0}).coins == ()
    assert converted(state, {}).coins == state.coins
    blind = replace(state, balance=Unknown("none"), coins=(replace(coin, worth=-5.0),))
    assert converted(blind, {"BTC": 5.0}).coins == blind.coins


def test_leverage_is_lowered_by_its_notional() -> None:
    one = held(leverage=Decimal(20))
    shot = account(one=one)
    shot = replace(shot, balance=replace(shot.balance, available=Decimal(20_000)))
    wanted = demand(
        "account.leverage", 0.5, permits=(Action.LOWER_LEVERAGE,), moves=MoveTerms(leverage_to=10.0)
    )
    made = plan(request(shot, [wanted]))
    assert [type(step.request) for step in made.steps] == [LeverageRequest]
    poor = replace(shot, balance=replace(shot.balance, available=Decimal(10_000)))
    assert plan(request(poor, [wanted])).steps == ()
