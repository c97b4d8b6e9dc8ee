"""A plan asks for a halt only where nothing is left that a halted account could not do any more."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Action, Caps, Demand, OrderSide, Side, Snapshot
from bot.planning.planner import plan
from tests.planning.build import demand, later, market, order, position, request, snapshot, target

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HELD = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
SHOT = snapshot(HELD, 25_000)
ORDERS = replace(SHOT, orders=(order(BTC, OrderSide.BUY),))


def stop(*permits: Action, **changes: Any) -> Demand:
    return demand(
        "account.drawdown", 0.25, rule="stop", episode="s.1", permits=(*permits, Action.HALT), **changes
    )


CLOSE = stop(Action.CLOSE_ALL)


def test_it_halts_with_the_steps_that_leave_nothing_and_when_nothing_is_left() -> None:
    made = plan(request(SHOT, [CLOSE]))
    assert (len(made.steps), made.refusals) == (2, ())
    assert "stop: account.drawdown of main" in made.halt
    assert made.halt_episodes == ("s.1",)
    assert plan(request(replace(SHOT, positions=()), [CLOSE])).halt
    assert plan(request(ORDERS, [stop(Action.CANCEL_ORDERS)])).halt
    assert not plan(request(SHOT, [demand("account.leverage", 3.0)])).halt


def test_a_condition_closes_and_halts_in_its_own_words() -> None:
    why = "account.leverage > 2 is true: account.leverage 3"
    found = demand(
        "when", 0.0, value=1.0, why=why, permits=(Action.CLOSE_ALL, Action.HALT), rule="fear", episode="f.1"
    )
    made = plan(request(SHOT, [found]))
    assert [step.kind.value for step in made.steps] == ["close", "close"]
    assert all(step.reason.startswith(f"{why}: take 100.0% off ") for step in made.steps)
    assert made.halt == f"fear: {why}"
    assert (made.proofs, made.refusals) == ((), ())
    one = replace(found, permits=(Action.CLOSE,), target=target(BTC))
    assert [step.request.symbol for step in plan(request(SHOT, [one])).steps] == [BTC]


SHUT = replace(SHOT, markets={**SHOT.markets, BTC: market(BTC, active=False)})
SMALL = replace(
    SHOT,
    markets={**SHOT.markets, BTC: market(BTC, market_amount_max=Decimal("0.1"), amount_max=Decimal("0.1"))},
)
ODD = replace(SHOT, positions=(replace(HELD[0], contracts=Decimal("NaN")), HELD[1]))


@pytest.mark.parametrize(
    ("shot", "found", "more"),
    [
        (SHUT, CLOSE, {}),
        (SMALL, CLOSE, {}),
        (ODD, CLOSE, {}),
        (SHOT, CLOSE, {"blocked_symbols": frozenset((BTC,))}),
        (SHOT, CLOSE, {"caps": Caps(actions_per_hour=1)}),
        (SHOT, CLOSE, {"caps": Caps(notional_per_day=Decimal(60_000))}),
        (replace(SHOT, taken_at=later(-11)), CLOSE, {}),
        (ORDERS, stop(Action.CANCEL_ORDERS), {"blocked_symbols": frozenset((BTC,))}),
    ],
)
def test_it_does_not_halt_while_something_is_left(
    shot: Snapshot, found: Demand, more: dict[str, Any]
) -> None:
    assert plan(request(shot, [found], **more)).halt == ""


def test_what_another_rule_could_not_do_counts_where_it_is_the_same_thing() -> None:
    """Both rules close; the order that a cap refuses carries the name of the first."""
    other = replace(stop(Action.CLOSE_ALL), rule="also", episode="a.1", permits=(Action.CLOSE_ALL,))
    assert plan(request(SHOT, [CLOSE, other], caps=Caps(actions_per_hour=1))).halt == ""
    cancels = demand("account.leverage", 9.0, permits=(Action.CANCEL_ORDERS,))
    both = stop(Action.CANCEL_ORDERS, Action.CLOSE_ALL)
    blocked = replace(ORDERS, orders=(order("SOL/USDT:USDT", OrderSide.BUY),))
    found = plan(request(blocked, [cancels, both], blocked_symbols=frozenset(("SOL/USDT:USDT",))))
    assert (found.halt, [refusal.rule for refusal in found.refusals]) == ("", ["cap"])


def test_a_rule_of_one_position_looks_at_that_one_only() -> None:
    own = demand(
        "position.equity_share", 1.0, rule="own", target=target(ETH), permits=(Action.CLOSE, Action.HALT)
    )
    wide = demand("position.equity_share", 0.1, rule="cut", episode="c.1", target=target(BTC))
    assert plan(request(SMALL, [wide, own])).halt


def test_a_trim_that_does_not_reach_its_goal_does_not_halt() -> None:
    far = demand("account.leverage", 1.0, permits=(Action.TRIM, Action.HALT))
    assert plan(request(SHOT, [far])).halt
    assert plan(request(SHOT, [far], caps=Caps(max_share=Decimal("0.1")))).halt == ""


def test_a_rule_that_permits_nothing_else_halts_at_once() -> None:
    for shot in (SHOT, SHUT, replace(SHOT, taken_at=later(-11))):
        assert plan(request(shot, [stop(Action.NOTIFY)])).halt
