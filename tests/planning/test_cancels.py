"""Which orders of others are cancelled before a trim."""

import pytest
from msgspec.structs import replace

from bot.model import Action, Order, OrderSide, Side
from bot.planning.cancels import cancel_request, increases_risk, orders_to_cancel
from bot.planning.planner import plan
from tests.planning.build import demand, order, position, request, snapshot, target

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SHOT = snapshot([position(BTC, Side.LONG, "2", "1000"), position(ETH, Side.SHORT, "5", "100")], 10_000)


@pytest.mark.parametrize(
    ("found", "adds"),
    [
        (order(BTC, OrderSide.BUY), True),
        (order(BTC, OrderSide.SELL, "2"), False),
        (order(BTC, OrderSide.SELL, "3"), True),
        (order(ETH, OrderSide.SELL), True),
        (order(ETH, OrderSide.BUY), False),
        (order("SOL/USDT:USDT", OrderSide.SELL), True),
        (order(BTC, OrderSide.BUY, reduce_only=True), False),
        (order(BTC, OrderSide.BUY, attached=True), False),
        (order(BTC, OrderSide.BUY, position_index=1), True),
        (order(BTC, OrderSide.SELL, position_index=1), False),
        (order(BTC, OrderSide.SELL, position_index=2), True),
    ],
)
def test_what_increases_risk(found: Order, adds: bool) -> None:
    assert increases_risk(found, SHOT) is adds


def test_scope_owner_and_order() -> None:
    own = order(BTC, OrderSide.BUY, order_id="mine", client_order_id="reefabc")
    orders = (order(ETH, OrderSide.SELL, order_id="e"), order(BTC, OrderSide.BUY, order_id="b"), own)
    stop = order(BTC, OrderSide.BUY, order_id="a", trigger_price=None)
    shot = replace(SHOT, orders=orders, stops=(stop, stop))
    wide = demand("account.leverage", 1.0)
    assert [one.order_id for one in orders_to_cancel(wide, shot, "reef")] == ["a", "b", "e"]
    narrow = replace(wide, target=target(ETH, Side.SHORT))
    assert [one.order_id for one in orders_to_cancel(narrow, shot, "reef")] == ["e"]
    assert orders_to_cancel(replace(wide, permits=(Action.TRIM,)), shot, "reef") == ()
    assert cancel_request(stop, "id", shot).conditional
    assert not cancel_request(orders[0], "id", shot).conditional


def test_cancels_come_first_once_and_are_numbered() -> None:
    shot = replace(SHOT, orders=(order(BTC, OrderSide.BUY, order_id="b"),))
    both = [demand("account.leverage", 0.1, rule=rule, episode=f"{rule}.1") for rule in ("b", "a")]
    made = plan(request(shot, both, steps_taken={"a.1": 3}))
    assert [step.kind.value for step in made.steps][:1] == ["cancel"]
    assert (made.steps[0].rule, made.steps[0].number) == ("a", 3)
    assert len([step for step in made.steps if step.kind.value == "cancel"]) == 1
    numbers = [step.number for step in made.steps if step.rule == "a"]
    assert numbers == list(range(3, 3 + len(numbers)))
    assert len({step.request.client_order_id for step in made.steps}) == len(made.steps)


def test_cancels_that_may_not_be_sent_are_refused() -> None:
    shot = replace(
        SHOT, orders=(order(BTC, OrderSide.BUY, order_id="b"), order(ETH, OrderSide.SELL, order_id="e"))
    )
    only = [demand("account.leverage", 1.0, permits=(Action.CANCEL_ORDERS,))]
    asked = request(shot, only, blocked_symbols=frozenset((BTC,)))
    made = plan(asked)
    assert [(refusal.item, refusal.code) for refusal in made.refusals] == [
        (f"{BTC} order b", "unknown_outcome")
    ]
    assert len(made.steps) == 1
    assert made.proofs == ()
    spent = plan(replace(asked, usage=replace(asked.usage, actions_last_hour=10_000)))
    assert [refusal.code for refusal in spent.refusals] == ["unknown_outcome", "cap_actions"]
    assert "LIFELINE BLOCKED" in spent.refusals[1].reason
