"""Which resting order covers a position, and what becomes of a stop that its owner placed."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Order, OrderKind, OrderSide, Position, Refusal, Snapshot, Step, attached_stop, cover
from bot.planning.request import PlanRequest
from tests.planning.build import order
from tests.planning.test_protection import BTC, ETH, only, protect, single

MARK = Decimal(1000)
KEY = f"{BTC}#long"


def resting_stop(position: Position, shot: Snapshot, mark: Decimal) -> Decimal | None:
    """The trigger at which a position is closed by mark price."""
    return cover(position, shot, mark=mark, by_mark=True).trigger


def stop(**changes: Any) -> Order:
    """A reduce-only market stop by mark price for the whole of a long of 10."""
    found = order(
        BTC,
        OrderSide.SELL,
        "10",
        kind=OrderKind.STOP,
        price=None,
        trigger_price=Decimal(820),
        trigger_by="mark",
        reduce_only=True,
    )
    return replace(found, **changes)


def attached(**changes: Any) -> Order:
    """The position's own stop loss, as the list shows it."""
    return stop(attached=True, stop_loss=True, contracts=Decimal(0), **changes)


TAKE_PROFIT = replace(attached(trigger_price=Decimal(1200)), stop_loss=False)


@pytest.mark.parametrize(
    ("found", "covers"),
    [
        (stop(), True),
        (attached(), True),
        (TAKE_PROFIT, False),
        (replace(TAKE_PROFIT, trigger_price=Decimal(820)), False),
        (stop(price=Decimal(810)), False),
        (attached(price=Decimal(810)), False),
        (stop(trigger_price=Decimal(1000)), False),
        (attached(trigger_price=Decimal(1200)), False),
        (stop(contracts=Decimal(9)), False),
        (stop(filled=Decimal(1)), False),
        (stop(reduce_only=False), False),
        (stop(trigger_by="last"), False),
        (stop(trigger_price=None), False),
        (stop(side=OrderSide.BUY), False),
        (stop(symbol=ETH), False),
        (stop(position_index=1), False),
    ],
)
def test_which_order_covers_a_position(found: Order, covers: bool) -> None:
    asked = single()
    shot = replace(asked.snapshot, stops=(found,))
    assert resting_stop(asked.snapshot.positions[0], shot, MARK) == (Decimal(820) if covers else None)


def test_a_list_that_tells_another_trigger_goes_before_the_field() -> None:
    asked = single(stop_price=Decimal(820))
    held = asked.snapshot.positions[0]
    assert resting_stop(held, asked.snapshot, MARK) == Decimal(820)
    by_last = replace(asked.snapshot, stops=(attached(trigger_by="last"),))
    assert resting_stop(held, by_last, MARK) is None
    nearer = replace(asked.snapshot, stops=(stop(), stop(trigger_price=Decimal(850))))
    assert resting_stop(held, nearer, MARK) == Decimal(850)


def test_a_take_profit_hides_no_stop_and_is_none() -> None:
    asked = single(stop_price=Decimal(820))
    held, shot = asked.snapshot.positions[0], replace(asked.snapshot, stops=(TAKE_PROFIT,))
    assert resting_stop(held, shot, MARK) == Decimal(820)
    assert attached_stop(held, shot) is None


def beside(*stops: Order, equity: float = 3000, **more: Any) -> tuple[list[Step], list[Refusal]]:
    asked: PlanRequest = single(equity=equity)
    return protect(replace(asked, snapshot=replace(asked.snapshot, stops=stops)), **more)


def test_a_take_profit_needs_no_stop_again_and_again() -> None:
    place = only(beside(TAKE_PROFIT)[0])
    assert beside(TAKE_PROFIT, attached(trigger_price=place)) == ([], [])


@pytest.mark.parametrize("by", ["last", "index"])
@pytest.mark.parametrize("near", [Decimal(970), Decimal(1000), Decimal(1010)])
def test_the_owners_nearer_stop_is_left_whatever_triggers_it(by: str, near: Decimal) -> None:
    owners = attached(trigger_price=near, trigger_by=by)
    steps, refusals = beside(owners, own_stops={KEY: Decimal(700)})
    assert steps == []
    assert [(refusal.item, refusal.code) for refusal in refusals] == [(KEY, "owners_stop")]
    assert f"by {by} price at {near} is left" in refusals[0].reason


def test_the_owners_stop_that_is_too_far_is_moved_nearer() -> None:
    place = only(beside()[0])
    for by in ("last", "mark"):
        assert only(beside(attached(trigger_price=place - 50, trigger_by=by))[0]) == place
    almost = attached(trigger_price=place - 5, trigger_by="last")
    assert [refusal.code for refusal in beside(almost)[1]] == ["owners_stop"]


def test_the_guards_own_stop_may_be_moved_away_and_an_owners_order_hides_none() -> None:
    ours = attached(trigger_price=Decimal(950))
    assert only(beside(ours, own_stops={KEY: Decimal(950)})[0]) < Decimal(950)
    assert beside(ours) == ([], [])
    limit = stop(price=Decimal(940), trigger_price=Decimal(950))
    assert only(beside(limit)[0]) == only(beside()[0])
