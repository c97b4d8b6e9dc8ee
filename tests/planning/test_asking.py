"""What of a plan waits for its owner, and what an approval lets through."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import Action, Approval, CancelRequest, Item, OrderSide, Side, Step, StepKind, StopRequest
from bot.planning.approving import plan_with
from bot.planning.asking import WAITS, Asked, beyond, covers, item_of, items_of, less, with_room
from bot.planning.planner import plan
from tests.planning.build import demand, order, position, request, snapshot, target

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
LONG = f"{BTC}#long"
HELD = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
SHOT = snapshot(HELD, 20_000)
CAP = demand("account.leverage", 4.0, rule="cap", episode="c.1")
OWN = demand("position.leverage", 1.5, rule="own", episode="o.1", target=target(BTC))
EVERY = Approval(every=True)
NOBODY = Approval()


def trims(steps: tuple[Step, ...]) -> dict[str, float]:
    return {one.item: one.amount for one in items_of(steps)}


def test_nobody_is_asked_where_nothing_is_sent_or_no_rule_asks() -> None:
    asked = request(SHOT, [CAP])
    for approval in (None, NOBODY):
        assert plan_with(asked, approval) == (plan(asked), None)
    only = request(SHOT, [replace(CAP, permits=(Action.NOTIFY,), approve=True)])
    assert plan_with(only, EVERY)[1] is None


def test_what_a_rule_wants_is_asked_for_and_not_planned() -> None:
    whole = plan(request(SHOT, [CAP]))
    made, asked = plan_with(request(SHOT, [CAP]), EVERY)
    assert asked is not None
    assert made.steps == ()
    assert [refusal.code for refusal in made.refusals] == [WAITS]
    assert asked.steps == whole.steps
    assert asked.items == items_of(whole.steps)
    assert asked.episodes == ("c.1",)


def test_a_rule_that_asks_holds_back_no_other_one() -> None:
    """What both want of one position goes out for the one that asks nobody."""
    free, waits = replace(OWN, approve=False), replace(CAP, approve=True)
    alone = plan(request(SHOT, [free]))
    made, asked = plan_with(request(SHOT, [free, waits]), NOBODY)
    assert asked is not None
    assert made.steps == alone.steps
    both = plan(request(SHOT, [free, waits]))
    left = {key: amount - trims(alone.steps).get(key, 0.0) for key, amount in trims(both.steps).items()}
    assert {one.item: one.amount for one in asked.items} == pytest.approx(
        {key: amount for key, amount in left.items() if amount > 0}
    )


def test_an_approval_lets_through_no_more_than_it_names() -> None:
    asked = request(SHOT, [CAP])
    whole = plan(asked)
    items = items_of(whole.steps)
    assert plan_with(asked, Approval(every=True, left=items)) == (whole, None)
    smaller = with_room(items, -0.1)
    made, again = plan_with(asked, Approval(every=True, left=smaller))
    assert made.steps == ()
    assert again is not None


def test_a_rule_that_closes_and_halts_waits_with_its_halt() -> None:
    stop = demand(
        "account.drawdown", 0.25, rule="stop", episode="s.1", permits=(Action.CLOSE_ALL, Action.HALT)
    )
    asked = request(SHOT, [stop])
    made, waits = plan_with(asked, EVERY)
    assert (made.halt, made.steps) == ("", ())
    assert waits is not None
    approved = with_room(waits.items, 0.0)
    made, waits = plan_with(asked, Approval(every=True, left=approved))
    assert made.halt
    assert waits is None
    alone = request(SHOT, [replace(stop, permits=(Action.HALT,))])
    assert plan_with(alone, EVERY)[0].halt


def test_cancels_go_with_what_is_approved_on_their_symbol() -> None:
    shot = replace(SHOT, orders=(order(BTC, OrderSide.BUY), order(ETH, OrderSide.BUY, order_id="o2")))
    asked = request(shot, [replace(CAP, permits=(Action.CANCEL_ORDERS,))])
    made, waits = plan_with(asked, EVERY)
    assert made.steps == ()
    assert waits is not None
    assert waits.items == (Item("cancel", BTC, BTC, 1.0), Item("cancel", ETH, ETH, 1.0))
    assert covers((Item("trim", BTC, LONG, 0.0),), waits.items[:1])
    assert not covers((Item("trim", BTC, LONG, 0.0),), waits.items)


def test_what_a_step_is_in_the_words_of_an_approval() -> None:
    step = plan(request(SHOT, [CAP])).steps[0]
    assert item_of(step).kind == "trim"
    move = replace(
        step, kind=StepKind.PROTECT, request=StopRequest("s", BTC, Side.LONG, 0, Decimal(1)), notional=500.0
    )
    assert item_of(move) == Item("protect", BTC, BTC, 500.0)
    cancel = replace(step, kind=StepKind.CANCEL, request=CancelRequest("c", BTC, "o1", False))
    assert items_of([cancel, cancel]) == (Item("cancel", BTC, BTC, 2.0),)


@pytest.mark.parametrize(
    ("left", "wanted", "fits"),
    [
        (Item("trim", BTC, LONG, 2.0), Item("trim", BTC, LONG, 2.0), True),
        (Item("trim", BTC, LONG, 2.0), Item("trim", BTC, LONG, 2.1), False),
        (Item("trim", BTC, LONG, 2.0), Item("close", BTC, LONG, 2.0), False),
        (Item("close", BTC, LONG, 2.0), Item("trim", BTC, LONG, 1.0), True),
        (Item("trim", BTC, LONG, 2.0), Item("trim", BTC, f"{BTC}#short", 1.0), False),
        (Item("trim", BTC, LONG, 2.0), Item("add_margin", BTC, LONG, 1.0), False),
        (Item("add_margin", BTC, BTC, 100.0), Item("add_margin", BTC, BTC, 99.0), True),
    ],
)
def test_an_approval_covers_the_same_kind_and_no_more(left: Item, wanted: Item, fits: bool) -> None:
    assert covers((left,), (wanted,)) is fits


def test_a_trim_and_a_close_of_one_position_are_one_cut() -> None:
    step = plan(request(SHOT, [CAP])).steps[0]
    key = item_of(step).item
    both = items_of([step, replace(step, kind=StepKind.CLOSE)])
    assert [(one.kind, one.item) for one in both] == [("close", key)]
    assert beyond(both, items_of([step]))[0].amount == pytest.approx(item_of(step).amount)
    assert beyond(items_of([step]), both) == ()


def test_what_was_done_is_taken_off() -> None:
    step = plan(request(SHOT, [CAP])).steps[0]
    one = item_of(step)
    (left,) = less([one], [(step, 0.25)])
    assert left.amount == pytest.approx(one.amount * 0.75)
    assert less([one], [(step, 1.0), (step, 1.0)])[0].amount == 0.0
    other = Item("trim", "X", "X#long", 1.0)
    assert less([other], [(step, 1.0)]) == (other,)


def test_episodes_are_named_once() -> None:
    assert Asked((), (), (CAP, CAP, OWN)).episodes == ("c.1", "o.1")
