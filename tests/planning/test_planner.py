"""Plans: closes, merging, refusals, the check's verdicts, determinism."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import (
    Action,
    Demand,
    MarginMode,
    OrderRequest,
    OrderSide,
    Plan,
    PositionMode,
    Scenario,
    Sense,
    Severity,
    Side,
    StepKind,
    Style,
    Target,
    TrimTerms,
    Unknown,
)
from bot.planning.planner import plan
from bot.planning.request import PlanRequest, watch_of
from tests.examples import examples
from tests.planning.build import (
    ACCOUNT,
    context,
    demand,
    later,
    mark,
    market,
    measured,
    order,
    position,
    random_account,
    request,
    snapshot,
    stats_for,
    target,
    tiers,
)

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HELD = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
SHOT = snapshot(HELD, 25_000)
ALL = (Action.CLOSE_ALL, Action.HALT)


def contracts(made: Plan) -> dict[str, Decimal]:
    return {
        step.request.symbol: step.request.contracts
        for step in made.steps
        if isinstance(step.request, OrderRequest)
    }


def codes(made: Plan) -> list[str]:
    return [refusal.code for refusal in made.refusals]


def drawdown(**changes: Any) -> Demand:
    return demand("account.drawdown", 0.25, rule="stop", episode="stop.1", permits=ALL, **changes)


def test_close_all_closes_everything_and_halts() -> None:
    asked = request(replace(SHOT, orders=(order(BTC, OrderSide.BUY),)), [drawdown()])
    made = plan(replace(asked, context=replace(asked.context, units=context(0.7, 1.0).units)))
    assert [step.kind for step in made.steps] == [StepKind.CLOSE, StepKind.CLOSE]
    assert contracts(made) == {BTC: Decimal(1), ETH: Decimal(20)}
    assert "stop: account.drawdown of main" in made.halt
    assert made.refusals == ()
    (proof,) = made.proofs
    assert not proof.met
    assert isinstance(proof.after, float)
    assert isinstance(proof.before, float)
    assert proof.after > proof.before == pytest.approx(0.3)


def test_close_all_goes_on_where_one_market_is_shut_and_trades_the_rest() -> None:
    shut = replace(SHOT.markets[BTC], active=False)
    made = plan(request(replace(SHOT, markets={**SHOT.markets, BTC: shut}), [drawdown()]))
    assert contracts(made) == {ETH: Decimal(20)}
    assert codes(made) == ["market_closed"]


def test_close_all_closes_what_cannot_be_measured() -> None:
    made = plan(request(replace(SHOT, tiers={}), [drawdown()]))
    assert contracts(made) == {BTC: Decimal(1), ETH: Decimal(20)}
    assert isinstance(made.proofs[0].after, Unknown)
    assert not made.proofs[0].met


def test_close_of_a_position() -> None:
    only = demand("position.equity_share", 1.0, target=target(BTC), permits=(Action.CLOSE,))
    made = plan(request(SHOT, [only]))
    assert contracts(made) == {BTC: Decimal(1)}
    assert made.proofs[0].met
    assert made.proofs[0].after == Unknown("the position is closed")


def test_close_ignores_share_caps() -> None:
    terms = TrimTerms(max_share=0.1)
    only = demand("position.equity_share", 1.0, target=target(BTC), permits=(Action.CLOSE,), trim=terms)
    assert contracts(plan(request(SHOT, [only]))) == {BTC: Decimal(1)}


def test_close_of_an_accounts_limit_closes_as_few_as_it_needs() -> None:
    wide = demand("account.leverage", 3.0, permits=(Action.CLOSE,))
    made = plan(request(SHOT, [wide]))
    assert list(contracts(made).values()) in ([Decimal(1)], [Decimal(20)])
    assert made.proofs[0].met
    hopeless = demand("account.drawdown", 0.1, permits=(Action.CLOSE,))
    about = replace(request(SHOT).context, units=context(0.5, 1.0).units)
    assert codes(plan(request(SHOT, [hopeless], about=about))) == ["trimming_cannot_help"]


def test_where_a_trim_cannot_help_the_permitted_close_does() -> None:
    apart = replace(HELD[0], margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(6000))
    tight = demand(
        "position.liquidation_distance", 0.3, target=target(BTC), permits=(Action.TRIM, Action.CLOSE)
    )
    made = plan(request(snapshot([apart], 8000), [tight]))
    assert contracts(made) == {BTC: Decimal(1)}
    assert codes(made) == ["trimming_cannot_help"]
    enough = replace(tight, metric="position.equity_share", goal=5.0, sense=Sense.MAX)
    assert 0 < contracts(plan(request(snapshot([apart], 8000), [enough])))[BTC] < 1


def test_notify_gives_nothing() -> None:
    made = plan(request(SHOT, [demand("account.leverage", 1.0, permits=(Action.NOTIFY,))]))
    assert (made.steps, made.refusals, made.proofs, made.halt) == ((), (), (), "")


def test_one_order_a_position_carries_the_rule_that_asked_most() -> None:
    small = demand("account.leverage", 3.9, rule="wide", episode="wide.1")
    big = demand("position.equity_share", 1.0, rule="share", episode="share.1", target=target(BTC))
    for demands in ([small, big], [big, small]):
        made = plan(request(SHOT, demands))
        keys = [step.request.symbol for step in made.steps]
        assert len(keys) == len(set(keys))
        by_symbol = {step.request.symbol: step for step in made.steps}
        assert by_symbol[BTC].rule == "share"
        assert all(proof.met for proof in made.proofs)


def test_each_demand_builds_on_what_the_others_took() -> None:
    first = demand("account.leverage", 3.0, rule="a", episode="a.1")
    again = demand("account.leverage", 3.0, rule="b", episode="b.1")
    alone, both = plan(request(SHOT, [first])), plan(request(SHOT, [first, again]))
    assert contracts(alone) == contracts(both)


def test_the_same_request_gives_the_same_bytes() -> None:
    shot, stats = random_account(7, count=12)
    demands = [
        demand("account.leverage", 1.0, rule="a", episode="a.1"),
        demand("account.joint_distance", 0.5, rule="b", episode="b.1"),
    ]
    asked = request(shot, demands, about=context(stats=stats))
    turned = replace(
        request(replace(shot, positions=shot.positions[::-1]), demands[::-1], about=context(stats=stats))
    )
    encode = msgspec.json.Encoder(order="sorted").encode
    assert encode(plan(asked)) == encode(plan(asked))
    assert encode(plan(asked).steps) == encode(plan(turned).steps)


@pytest.mark.parametrize("part", ["positions", "balance", "orders", "stops", "marks", "taken_at"])
def test_stale_parts_allow_no_step(part: str) -> None:
    old = later(-11)
    if part == "taken_at":
        shot = replace(SHOT, taken_at=old)
    else:
        shot = replace(SHOT, times=replace(SHOT.times, **{part: old}))
    quiet = demand("account.leverage", 1.0, rule="quiet", permits=(Action.NOTIFY,))
    made = plan(request(shot, [demand("account.leverage", 1.0), quiet, drawdown()]))
    assert made.steps == ()
    assert [(refusal.rule, refusal.code) for refusal in made.refusals] == [
        ("cap", "stale_data"),
        ("stop", "stale_data"),
    ]
    assert made.halt == ""


@pytest.mark.parametrize("offset", [-60, 60])
def test_ages_are_counted_by_the_clock_that_stamped_the_part(offset: int) -> None:
    """A part keeps the venue's time; the guard's clock may be far from it."""
    asked = [demand("account.leverage", 1.0)]
    marks = {name: replace(one, at=later(offset)) for name, one in SHOT.marks.items()}
    times = {name: later(offset) for name in ("positions", "balance", "orders", "stops", "marks")}
    shot = replace(SHOT, times=replace(SHOT.times, **times), marks=marks, clock_offset_seconds=float(offset))
    assert plan(request(shot, asked)).steps
    for late in (-11, 3):
        shifted = replace(shot, times=replace(shot.times, positions=later(offset + late)))
        made = plan(request(shifted, asked))
        assert made.steps == ()
        assert {refusal.code for refusal in made.refusals} == {"stale_data"}


def test_an_unknown_outcome_blocks_its_symbol_only() -> None:
    made = plan(request(SHOT, [drawdown()], blocked_symbols=frozenset((BTC,))))
    assert contracts(made) == {ETH: Decimal(20)}
    assert [(refusal.item, refusal.code) for refusal in made.refusals] == [(f"{BTC}#long", "unknown_outcome")]


def test_escalation_reaches_the_order() -> None:
    slow = demand("account.leverage", 3.0, acting_since=later(-40))
    (step,) = plan(request(SHOT, [slow])).steps
    assert isinstance(step.request, OrderRequest)
    assert (step.request.style, step.request.price) == (Style.MARKET, None)


def test_the_largest_order_of_the_market_bounds_a_step() -> None:
    small = {symbol: market(symbol, amount_max=Decimal("0.1")) for symbol in (BTC, ETH)}
    made = plan(request(replace(SHOT, markets=small), [drawdown()]))
    assert contracts(made) == {BTC: Decimal("0.1"), ETH: Decimal("0.1")}


def test_the_order_of_the_rule_that_asked_most_bounds_what_others_added() -> None:
    bounds = {symbol: market(symbol, market_amount_max=Decimal("0.3")) for symbol in (BTC, ETH)}
    slow = demand("position.leverage", 1.2, rule="mkt", target=target(BTC), acting_since=later(-50))
    quick = demand("position.equity_share", 1.2, rule="ioc", episode="i.1", target=target(BTC))
    made = plan(request(replace(SHOT, markets=bounds), [quick, slow]))
    assert contracts(made) == {BTC: Decimal("0.3")}
    assert {step.rule for step in made.steps} == {"mkt"}
    assert not any(proof.met for proof in made.proofs)


def test_two_rules_that_close_everything_close_it_once() -> None:
    made = plan(request(SHOT, [drawdown(), replace(drawdown(), rule="other", episode="other.1")]))
    assert contracts(made) == {BTC: Decimal(1), ETH: Decimal(20)}
    assert {step.rule for step in made.steps} == {"other"}


def test_a_book_beyond_the_slippage_cap_is_said_loudly() -> None:
    thin = {**SHOT.marks, BTC: mark(BTC, Decimal(50000), bid=Decimal(49000))}
    made = plan(request(replace(SHOT, marks=thin), [drawdown()]))
    assert contracts(made) == {ETH: Decimal(20)}
    assert codes(made) == ["cap_slippage"]
    assert made.refusals[0].reason.startswith("LIFELINE BLOCKED")


@pytest.mark.parametrize("equity", [1600, 1700])
def test_a_bracket_that_a_sale_would_break_is_sized_at_expected_prices(equity: int) -> None:
    """The higher bracket would be helped at the worst price; the lower one is, or comes to be, in the way."""
    held = position(BTC, Side.LONG, "1", "100000")
    shot = replace(snapshot([held], equity), tiers={BTC: tiers("0.005", "60000")})
    ratio = demand("account.margin_ratio", 0.33, trim=TrimTerms(max_slippage=0.02))
    made = plan(request(shot, [ratio]))
    assert made.proofs[0].met
    assert 0 < contracts(made)[BTC] < Decimal("0.5")


def test_odd_sizes_and_steps_are_refused() -> None:
    odd = replace(HELD[0], contracts=Decimal("NaN"))
    made = plan(request(replace(SHOT, positions=(odd, HELD[1])), [drawdown()]))
    assert contracts(made) == {ETH: Decimal(20)}
    assert codes(made) == ["unknown_figure"]
    broken = {**SHOT.markets, BTC: market(BTC, price_step=Decimal(0))}
    made = plan(request(replace(SHOT, markets=broken), [drawdown()]))
    assert contracts(made) == {ETH: Decimal(20)}
    assert codes(made) == ["unknown_figure"]


SALES = {"account.leverage": 0.8, "account.margin_ratio": 0.8, "account.joint_distance": 1.25}


@given(
    seed=st.integers(0, 2**32),
    metric=st.sampled_from([*SALES, "position.liquidation_distance"]),
    fall=st.floats(0.0005, 0.05),
    leverage=st.sampled_from([4.0, 10.0, 25.0, 50.0]),
    slippage=st.sampled_from([0.002, 0.005, 0.02]),
    share=st.sampled_from([0.25, 1.0]),
)
@settings(max_examples=examples(200), deadline=None)
def test_a_worse_mark_never_gives_a_smaller_trim(
    seed: int, metric: str, fall: float, leverage: float, slippage: float, share: float
) -> None:
    """One long; the contracts that go must not shrink as its price falls, unless other prices are expected.

    Where the worst permitted price helps no more, expected prices ask for less; but never for nothing.
    """
    before, fallen = fall_of(seed, fall, leverage)
    (held,) = before.snapshot.positions
    own = target(held.symbol) if metric.startswith("position.") else Target(ACCOUNT)
    terms = TrimTerms(max_slippage=slippage, max_share=share)
    asked = demand(metric, 1.0, target=own, trim=terms)
    goal = measured(watch_of(asked), before) * SALES.get(metric, 1.25)
    asked = replace(asked, goal=goal, limit=goal)
    first, second = (
        plan(replace(one, demands=(replace(asked, value=measured(watch_of(asked), one)),)))
        for one in (before, fallen)
    )
    taken, later = (sum(contracts(made).values()) for made in (first, second))
    if second.proofs[0].expected and not first.proofs[0].expected:
        assert later > 0 or taken == 0
    else:
        assert later >= taken


def fall_of(seed: int, fall: float, leverage: float) -> tuple[PlanRequest, PlanRequest]:
    """A long, and the same after a fall that leaves at least a thousandth of it to the account."""
    shot, stats = random_account(seed, count=1, isolated=0.0, leverage=(leverage, 1.5 * leverage))
    (held,) = shot.positions
    held = replace(held, side=Side.LONG)
    price, equity = held.mark_price, shot.balance.equity
    assert isinstance(price, Decimal)
    assert isinstance(equity, Decimal)
    lower = (price * Decimal(1 - fall)).quantize(Decimal("0.0001"))
    lost = (price - lower) * held.size
    assume(equity - lost > lower * held.size / 1000)
    money = replace(
        shot.balance,
        equity=_less(equity, lost),
        margin_balance=_less(shot.balance.margin_balance, lost),
    )
    fallen = replace(
        shot,
        positions=(replace(held, mark_price=lower),),
        marks={held.symbol: mark(held.symbol, lower)},
        balance=money,
    )
    about = context(stats=stats)
    return request(replace(shot, positions=(held,)), about=about), request(fallen, about=about)


def _less(figure: Decimal | Unknown, amount: Decimal) -> Decimal:
    assert isinstance(figure, Decimal)
    return figure - amount


def test_severity_and_rank_decide_the_order_of_demands() -> None:
    rules = [
        demand("account.leverage", 3.0, rule="z", severity=Severity.WARNING),
        demand("account.leverage", 3.0, rule="y"),
        demand("account.cushion", 0.9, rule="x"),
        demand("account.margin_ratio", 0.9, rule="w"),
    ]
    made = plan(request(SHOT, rules))
    assert [proof.rule for proof in made.proofs] == ["w", "x", "y", "z"]


def test_hedge_mode_names_the_leg() -> None:
    legs = [
        position(BTC, Side.LONG, "1", "50000", position_index=1),
        position(BTC, Side.SHORT, "0.5", "50000", position_index=2),
    ]
    shot = replace(snapshot(legs, 10_000), position_mode=PositionMode.HEDGE)
    only = demand("position.equity_share", 1.0, target=Target(ACCOUNT, BTC, "short"))
    made = plan(request(shot, [only], about=context(stats=stats_for([BTC]))))
    (step,) = made.steps
    assert isinstance(step.request, OrderRequest)
    assert (step.request.side, step.request.position_index) == (OrderSide.BUY, 2)
    assert step.request.position_side is Side.SHORT


def test_both_ways_of_a_market_are_looked_at() -> None:
    held = [HELD[0], position(ETH, Side.SHORT, "40", "2500")]
    ways = (Scenario("down", {"BTC": -0.3, "ETH": -0.1}), Scenario("up", {"BTC": 0.1, "ETH": 0.3}))
    made = plan(request(snapshot(held, 25_000), [demand("account.stress_loss", 0.3, scenarios=ways)]))
    assert made.proofs[0].met


def test_steps_tell_their_arithmetic() -> None:
    asked: PlanRequest = request(SHOT, [demand("account.leverage", 3.0)])
    (step,) = plan(asked).steps
    assert "account.leverage is 4.5, limit 3, goal 3" in step.reason
    assert step.cost == pytest.approx(step.notional * asked.portfolio.holdings[0].trade_cost)


def test_a_torn_market_holds_back_exposure_and_not_survival() -> None:
    """The index fell by 8 % on one market: leverage waits there, the margin ratio does not."""
    torn = replace(SHOT, marks={**SHOT.marks, BTC: mark(BTC, Decimal(50_000), index=Decimal(46_000))})
    wide = demand("account.leverage", 3.0)
    made = plan(request(torn, [wide]))
    assert set(contracts(made)) == {ETH}
    assert codes(made) == ["price_band"]
    alive = demand("account.margin_ratio", 0.01, rule="alive", episode="a.1", acting_since=later(-50))
    made = plan(request(torn, [wide, alive]))
    by_symbol = {step.request.symbol: step for step in made.steps}
    assert by_symbol[BTC].rule == "alive"
    assert "mark alone" in by_symbol[BTC].reason
