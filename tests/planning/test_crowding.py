"""Resting reduce-only orders that hold a position: a trim takes what they leave, and says so."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    CancelRequest,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    Plan,
    RefusedBefore,
    Side,
    StepKind,
    Usage,
)
from bot.planning.crowding import holding
from bot.planning.planner import plan
from bot.planning.request import PlanRequest
from tests.planning.build import demand, later, order, position, request, snapshot
from tests.planning.test_protection import protect, single

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HELD = position(BTC, Side.LONG, "10", "1000")
CLOSE = demand("account.leverage", 1.0, permits=(Action.CLOSE_ALL,))
TRIM = demand("account.leverage", 1.0)


def resting(contracts: str = "3", order_id: str = "o1", **changes: Any) -> Order:
    """A reduce-only limit order of somebody else against the long."""
    return order(BTC, OrderSide.SELL, contracts, order_id, reduce_only=True, **changes)


def crowded(
    *orders: Order, wanted: Any = CLOSE, symbols: tuple[str, ...] = (BTC,), **more: Any
) -> PlanRequest:
    """A request of an account whose venue refused a trim because of orders that rest."""
    shot = snapshot([HELD], 2000, orders=orders)
    return request(shot, [wanted], crowded_symbols=frozenset(symbols), **more)


def taken(made: Plan) -> list[Decimal]:
    return [step.request.contracts for step in made.steps if isinstance(step.request, OrderRequest)]


def test_a_close_takes_what_orders_of_others_leave_and_says_so() -> None:
    made = plan(crowded(resting("3"), resting("0.5", "o2")))
    assert taken(made) == [Decimal("6.500")]
    assert made.steps[-1].kind is StepKind.TRIM
    assert "resting reduce-only orders hold 3.5 of 10: o1 (3), o2 (0.5)" in made.steps[-1].reason
    assert plan(crowded(resting("3"), symbols=())).steps[0].kind is StepKind.CLOSE


def test_a_trim_is_bounded_by_it_too() -> None:
    assert taken(plan(crowded(resting("9"), wanted=TRIM))) == [Decimal("1.000")]


@pytest.mark.parametrize("held", ["10", "12", "9.9999"])
def test_where_nothing_is_left_it_is_refused_and_the_orders_named(held: str) -> None:
    made = plan(crowded(*(resting(held if not n else "0.1", f"o{n}") for n in range(7))))
    assert made.steps == ()
    (refusal,) = [one for one in made.refusals if one.code == "reduce_only_blocked"]
    assert refusal.item == f"{BTC}#long"
    assert "o0 (" in refusal.reason
    assert "and 2 more. Cancel or shrink them" in refusal.reason


@pytest.mark.parametrize(
    "other",
    [
        resting(attached=True, stop_loss=True),
        replace(resting(), reduce_only=False),
        replace(resting(), side=OrderSide.BUY),
        replace(resting(), symbol=ETH),
        replace(resting(), position_index=1),
        replace(resting(), filled=Decimal(3)),
    ],
)
def test_what_holds_nothing(other: Order) -> None:
    made = plan(crowded(other))
    assert taken(made) == [Decimal(10)]
    assert "hold" not in made.steps[-1].reason


def test_conditional_orders_hold_as_well_and_a_short_is_held_by_purchases() -> None:
    waiting = resting("4", kind=OrderKind.STOP, trigger_price=Decimal(900), trigger_by="last")
    shot = snapshot([HELD], 2000, stops=(waiting,))
    assert holding(HELD, shot) == (waiting,)
    assert taken(plan(replace(crowded(), snapshot=shot))) == [Decimal("6.000")]
    short = replace(HELD, side=Side.SHORT)
    buying = replace(resting(), side=OrderSide.BUY)
    assert holding(short, snapshot([short], 2000, orders=(buying, resting()))) == (buying,)


def test_the_guards_own_orders_are_cancelled_first_and_hold_nothing() -> None:
    own = resting("8", "mine", client_order_id="reefold")
    made = plan(crowded(own, resting("3")))
    first, second = made.steps
    assert (first.kind, second.kind) == (StepKind.CANCEL, StepKind.TRIM)
    assert isinstance(first.request, CancelRequest)
    assert first.request.order_id == "mine"
    assert first.request.client_order_id != second.request.client_order_id
    assert (first.number, second.number) == (0, 1)
    assert "the guard's own order of 8 contracts holds" in first.reason
    assert taken(made) == [Decimal("7.000")]
    spent = Usage(160, Decimal(0), Decimal(0))
    assert [step.kind for step in plan(crowded(own, usage=spent)).steps] == [StepKind.CLOSE]


def test_what_was_refused_before_waits_and_tells_how_often() -> None:
    waits = RefusedBefore(BTC, "110007", "ab not enough", 3, later(8))
    made = plan(crowded(symbols=(), refused=(waits,)))
    assert made.steps == ()
    (refusal,) = made.refusals
    assert refusal.code == "refused_before"
    assert "refused it 3 times in a row (110007: ab not enough)" in refusal.reason
    other = replace(waits, item=ETH)
    over = replace(waits, until=later(0))
    assert taken(plan(crowded(symbols=(), refused=(other, over)))) == [Decimal(10)]


def test_a_stop_that_was_refused_before_waits_alone() -> None:
    waits = RefusedBefore(f"{BTC}#long", "10001", "no", 2, later(4))
    steps, refusals = protect(single(), refused=(waits,))
    assert steps == []
    assert [one.code for one in refusals] == ["refused_before"]
    assert len(protect(single(), refused=(replace(waits, item=BTC),))[0]) == 1
    assert len(protect(single(), refused=(replace(waits, until=later(0)),))[0]) == 1
