"""The leverage setting: down only, and only where what it asks for is free."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    WALLET,
    Action,
    Caps,
    Demand,
    Keep,
    LeverageRequest,
    MarginMode,
    MarginTerms,
    MoveTerms,
    OrderSide,
    Plan,
    Position,
    PositionMode,
    RefusedBefore,
    Side,
    Snapshot,
    StepKind,
    Unknown,
    Usage,
)
from bot.planning.planner import plan
from bot.planning.request import watch_of
from tests.planning.build import demand, later, order, position, request, snapshot, target

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
TERMS = MoveTerms(margin=MarginTerms(max_share=1.0, keep=Keep()), leverage_to=5.0)


def held(symbol: str = BTC, leverage: str = "10", **changes: Any) -> Position:
    """A long worth 100,000."""
    return position(symbol, Side.LONG, "1", "100000", leverage=Decimal(leverage), **changes)


def alone(**changes: Any) -> Position:
    """The same with margin of its own."""
    return held(margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(10_000), **changes)


def account(*positions: Position, free: str = "50000", **changes: Any) -> Snapshot:
    """An account with free margin."""
    shot = snapshot(positions or (held(),), "60000")
    return replace(shot, balance=replace(shot.balance, available=Decimal(free)), **changes)


def lower(**changes: Any) -> Demand:
    """A demand that permits it."""
    found = demand("account.leverage", 1.0, permits=(Action.LOWER_LEVERAGE,), moves=TERMS)
    return replace(found, **changes)


def made_of(shot: Snapshot, *demands: Demand, **changes: Any) -> Plan:
    return plan(request(shot, demands or (lower(),), **changes))


def set_down(made: Plan) -> dict[str, Decimal]:
    """Leverages that a plan sets, by symbol."""
    requests = [step.request for step in made.steps]
    return {one.symbol: one.leverage for one in requests if isinstance(one, LeverageRequest)}


def codes(made: Plan) -> list[str]:
    return [one.code for one in made.refusals]


def test_every_held_symbol_goes_down_and_none_up() -> None:
    made = made_of(account(held(), held(ETH, "3")))
    assert set_down(made) == {BTC: Decimal(5)}
    (step,) = made.steps
    assert (step.kind, step.notional, step.cost) == (StepKind.LOWER_LEVERAGE, 0.0, 0.0)
    assert isinstance(step.notional, float), "an int is written otherwise than it is read again"
    assert "frees nothing" in step.reason
    assert codes(made) == []


def test_a_rule_on_a_position_concerns_its_symbol_alone() -> None:
    one = lower(metric="position.leverage", target=target(ETH))
    assert set_down(made_of(account(held(), held(ETH)), one)) == {ETH: Decimal(5)}


def test_two_rules_set_a_symbol_once() -> None:
    made = made_of(account(), lower(), lower(rule="other", episode="other.1"))
    assert len(made.steps) == 1


@pytest.mark.parametrize(("free", "done"), [("10000.01", True), ("9999.99", False)])
def test_more_initial_margin_must_be_free(free: str, done: bool) -> None:
    made = made_of(account(free=free))
    assert bool(set_down(made)) is done
    assert codes(made) == ([] if done else ["margin_kept"])


def test_resting_orders_need_more_margin_too() -> None:
    waiting = order(BTC, OrderSide.BUY, "1", price=Decimal(90_000))
    market_order = order(BTC, OrderSide.BUY, "1", "o2", price=None)
    closing = order(BTC, OrderSide.SELL, "1", "o3", price=Decimal(110_000), reduce_only=True)
    shot = account(free="15000", orders=(waiting, market_order, closing))
    assert "needs 19000.00 USD" in made_of(shot).refusals[0].reason
    bare = replace(shot, markets={})
    assert codes(made_of(bare))


def test_an_isolated_position_takes_the_difference() -> None:
    made = made_of(account(alone()))
    (step,) = made.steps
    assert step.notional == pytest.approx(10_000)
    assert "10000.00 USD of margin go into the position" in step.reason
    capped = made_of(account(alone()), caps=Caps(margin_per_day=Decimal(9000)))
    assert codes(capped) == ["cap_margin"]


def test_a_limit_that_the_moved_margin_would_break_holds_it() -> None:
    cross = position(ETH, Side.LONG, "10", "10000")
    shot = replace(
        account(alone(), cross), balance=replace(account().balance, margin_balance=Decimal(32_000))
    )
    other = demand("position.liquidation_distance", 0.2, rule="cross", target=target(ETH))
    watched = (watch_of(demand("account.leverage", 9.0)), watch_of(other))
    assert codes(made_of(shot, watches=watched)) == ["check_failed"]
    gap = replace(shot, tiers={BTC: shot.tiers[BTC]})
    assert codes(made_of(gap, lower(target=target(BTC)))) == ["check_failed"]


def test_a_leg_that_stands_lower_is_not_raised() -> None:
    short = position(BTC, Side.SHORT, "1", "100000", leverage=Decimal(3))
    shot = account(held(), short, position_mode=PositionMode.HEDGE)
    assert codes(made_of(shot)) == ["other_leg_lower"]


@pytest.mark.parametrize("changes", [{"leverage": Unknown("none")}, {"entry_price": Unknown("none")}])
def test_unknown_figures_hold_it(changes: dict[str, Any]) -> None:
    assert codes(made_of(account(replace(held(), **changes)))) == ["unknown_figure"]


def test_unknown_free_margin_holds_it() -> None:
    shot = account()
    blind = replace(shot, balance=replace(shot.balance, available=Unknown("none")))
    assert codes(made_of(blind)) == ["unknown_figure"]


def test_what_is_open_or_was_refused_is_waited_for() -> None:
    for blocked in (BTC, WALLET):
        assert codes(made_of(account(), blocked_symbols=frozenset({blocked}))) == ["unknown_outcome"]
    refused = RefusedBefore(f"leverage of {BTC}", "110044", "no margin", 1, later(2))
    assert codes(made_of(account(), refused=(refused,))) == ["refused_before"]
    assert codes(made_of(account(), usage=Usage(150, Decimal(0), Decimal(0)))) == ["cap_actions"]


def test_a_mark_that_is_no_price_counts_at_entry() -> None:
    shot = account()
    odd = replace(shot, positions=(replace(held(), mark_price=Unknown("none")),))
    assert set_down(made_of(odd)) == {BTC: Decimal(5)}


def test_nothing_without_the_action() -> None:
    assert made_of(account(), lower(permits=(Action.NOTIFY,))).steps == ()
