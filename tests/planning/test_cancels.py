"""Which orders of others are cancelled, how many in a cycle, and that no trim waits behind them."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import Action, Caps, Order, OrderSide, Plan, Side, StepKind, Unknown, Usage
from bot.planning.cancels import FIRST, MOST, cancel_request, risk_increasing, wanted_cancels
from bot.planning.planner import plan
from tests.planning.build import demand, mark, order, position, request, snapshot, target

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
SHOT = snapshot([position(BTC, Side.LONG, "2", "1000"), position(ETH, Side.SHORT, "5", "100")], 10_000)
ONLY_CANCEL = demand("account.leverage", 1.0, permits=(Action.CANCEL_ORDERS,))


def risky(*orders: Order) -> list[str]:
    return [one.order_id for one in risk_increasing(replace(SHOT, orders=orders), "reef")]


@pytest.mark.parametrize(
    ("found", "adds"),
    [
        (order(BTC, OrderSide.BUY), True),
        (order(BTC, OrderSide.SELL, "2"), False),
        (order(BTC, OrderSide.SELL, "3"), True),
        (order(ETH, OrderSide.SELL), True),
        (order(ETH, OrderSide.BUY), False),
        (order(SOL, OrderSide.SELL), True),
        (order(BTC, OrderSide.BUY, reduce_only=True), False),
        (order(BTC, OrderSide.BUY, attached=True), False),
        (order(BTC, OrderSide.BUY, position_index=1), True),
        (order(BTC, OrderSide.SELL, "3", position_index=1), False),
        (order(BTC, OrderSide.SELL, position_index=2), True),
        (order(BTC, OrderSide.BUY, client_order_id="reefabc"), False),
    ],
)
def test_what_increases_risk(found: Order, adds: bool) -> None:
    assert risky(found) == (["o1"] if adds else [])


def sell(order_id: str, size: str, price: int, **changes: Decimal) -> Order:
    return order(BTC, OrderSide.SELL, size, order_id=order_id, price=Decimal(price), **changes)


def test_orders_that_would_flip_a_position_together_are_judged_together() -> None:
    """Of a long of 2, two orders of 1.5 would make a short of 1; the further one is the one too many."""
    assert risky(sell("far", "1.5", 1300), sell("near", "1.5", 1200)) == ["far"]
    assert risky(sell("far", "0.5", 1300), sell("near", "1.5", 1200)) == []
    assert risky(sell("a", "1.5", 1100), sell("b", "1", 1200), sell("c", "0.5", 1300)) == ["b"]
    assert risky(sell("a", "1.5", 1100), sell("b", "1", 1200), sell("c", "1", 1300)) == ["b", "c"]


def test_a_take_profit_does_not_make_a_stop_risky() -> None:
    stop = sell("stop", "2", 890, trigger_price=Decimal(900))
    assert risky(sell("profit", "2", 1100), stop) == []


def test_a_position_whose_size_is_no_number_is_reduced_by_nothing() -> None:
    odd = replace(SHOT.positions[0], contracts=Decimal("NaN"))
    shot = replace(SHOT, positions=(odd,), orders=(sell("s", "1", 1200),))
    assert len(risk_increasing(shot, "reef")) == 1


def test_the_nearest_to_the_market_come_first_and_the_unknown_counts_as_near() -> None:
    orders = [
        order(BTC, OrderSide.BUY, order_id=f"b{price}", price=Decimal(price)) for price in (500, 990, 900)
    ]
    silent = order(SOL, OrderSide.BUY, order_id="sol", price=Decimal(5))
    at_market = order(BTC, OrderSide.BUY, order_id="m", price=None)
    assert risky(*orders, silent, at_market) == ["m", "sol", "b990", "b900", "b500"]
    for odd in (Unknown("silent"), Decimal("NaN"), Decimal(0)):
        shot = replace(SHOT, marks={BTC: mark(BTC, Decimal(1000), mark=odd)}, orders=tuple(orders))
        assert [one.order_id for one in risk_increasing(shot, "reef")] == ["b500", "b900", "b990"]


def test_scope_owner_and_order() -> None:
    own = order(BTC, OrderSide.BUY, order_id="mine", client_order_id="reefabc")
    orders = (order(ETH, OrderSide.SELL, order_id="e"), order(BTC, OrderSide.BUY, order_id="b"), own)
    stop = order(BTC, OrderSide.BUY, order_id="a", trigger_price=None)
    shot = replace(SHOT, orders=orders, stops=(stop, stop))
    wide = demand("account.leverage", 1.0)

    def wanted(*demands: object) -> list[str]:
        return [one.order.order_id for one in wanted_cancels(demands, shot, "reef")]  # type: ignore[arg-type]

    assert wanted(wide) == ["e", "a", "b"]
    narrow = replace(wide, target=target(ETH, Side.SHORT))
    assert wanted(narrow) == ["e"]
    assert wanted(replace(wide, permits=(Action.TRIM,))) == []
    assert cancel_request(stop, "id", shot).conditional
    asked = cancel_request(orders[0], "id", shot)
    assert (asked.order_id, asked.symbol, asked.client_order_id, asked.conditional) == ("e", ETH, "id", False)


def test_cancels_come_first_once_and_are_numbered() -> None:
    shot = replace(SHOT, orders=(order(BTC, OrderSide.BUY, order_id="b"),))
    both = [demand("account.leverage", 0.1, rule=rule, episode=f"{rule}.1") for rule in ("b", "a")]
    made = plan(request(shot, both, steps_taken={"a.1": 3}))
    assert [step.kind.value for step in made.steps][:1] == ["cancel"]
    assert (made.steps[0].rule, made.steps[0].episode, made.steps[0].number) == ("a", "a.1", 3)
    assert len([step for step in made.steps if step.kind.value == "cancel"]) == 1
    numbers = [step.number for step in made.steps if step.rule == "a"]
    assert numbers == list(range(3, 3 + len(numbers)))
    assert len({step.request.client_order_id for step in made.steps}) == len(made.steps)


def grid(symbol: str, count: int) -> tuple[Order, ...]:
    return tuple(
        order(symbol, OrderSide.BUY, order_id=f"{symbol}{number}", price=Decimal(900 - number))
        for number in range(count)
    )


def kinds(made: Plan) -> list[StepKind]:
    return [step.kind for step in made.steps]


def codes(made: Plan) -> list[str]:
    return [refusal.code for refusal in made.refusals]


def test_no_trim_waits_behind_a_long_tail_of_cancels() -> None:
    shot = replace(SHOT, orders=grid(SOL, 310) + grid(BTC, 310))
    share = demand("position.equity_share", 0.1, target=target(BTC))
    wide = demand("account.leverage", 9.0, rule="wide", permits=(Action.CANCEL_ORDERS,))
    made = plan(request(shot, [share, wide], caps=Caps(actions_per_hour=30)))
    assert kinds(made) == [StepKind.CANCEL] * FIRST + [StepKind.TRIM] + [StepKind.CANCEL] * (14 - FIRST)
    assert {step.request.symbol for step in made.steps[: FIRST + 1]} == {BTC}
    assert codes(made) == ["cancels_wait", "cancels_wait", "cap_actions"]


def test_without_trims_the_nearest_go_and_the_rest_waits() -> None:
    shot = replace(SHOT, orders=grid(SOL, 5) + grid(BTC, 30))
    made = plan(request(shot, [ONLY_CANCEL]))
    assert kinds(made) == [StepKind.CANCEL] * MOST
    assert codes(made) == ["cancels_wait"]


def test_half_of_the_hour_is_kept_for_trims() -> None:
    shot = replace(SHOT, orders=grid(BTC, 3))
    share = demand("position.equity_share", 0.1, target=target(BTC))
    made = plan(
        request(shot, [share], caps=Caps(actions_per_hour=30), usage=Usage(15, Decimal(0), Decimal(0)))
    )
    assert kinds(made) == [StepKind.TRIM]
    assert codes(made) == ["cap_actions"]


def test_cancels_that_may_not_be_sent_are_refused() -> None:
    shot = replace(
        SHOT, orders=(order(BTC, OrderSide.BUY, order_id="b"), order(ETH, OrderSide.SELL, order_id="e"))
    )
    asked = request(shot, [ONLY_CANCEL], blocked_symbols=frozenset((BTC,)))
    made = plan(asked)
    assert [(refusal.item, refusal.code) for refusal in made.refusals] == [
        (f"orders of {BTC}", "unknown_outcome")
    ]
    assert len(made.steps) == 1
    assert made.proofs == ()
    spent = plan(replace(asked, usage=replace(asked.usage, actions_last_hour=10_000)))
    assert codes(spent) == ["unknown_outcome", "cap_actions"]
    assert "LIFELINE BLOCKED" in spent.refusals[1].reason
