"""Passive orders: at which price they rest, who waits for them, and when they go."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    Approval,
    CancelRequest,
    Demand,
    Order,
    OrderPolicy,
    OrderRequest,
    OrderSide,
    Plan,
    Side,
    StepKind,
    Style,
    TrimTerms,
    Unknown,
)
from bot.planning.approving import plan_with
from bot.planning.nature import Nature
from bot.planning.pricing import is_last_resort, taking_seconds
from bot.planning.request import PlanRequest
from tests.planning.books import book
from tests.planning.build import demand, later, mark, order, position, request, snapshot, target

D = Decimal
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
PRICE = D(100_000)
HELD = [position(BTC, Side.LONG, "10", PRICE), position(ETH, Side.SHORT, "40", D(2_500))]
SHOT = snapshot(HELD[:1], 200_000)
PASSIVE = TrimTerms(order=OrderPolicy.PASSIVE, escalate_after_seconds=20)


def leverage(seconds: float = 0.0, **changes: Any) -> Demand:
    since = later(-seconds)
    found = demand("account.leverage", 3.0, limit=4.7, value=5.0, trim=PASSIVE, acting_since=since)
    return replace(found, **changes)


def own(order_id: str = "o1", symbol: str = BTC, side: OrderSide = OrderSide.SELL, **changes: Any) -> Order:
    """A reduce-only order of the guard's that rests."""
    name = f"reef{order_id}"
    return order(symbol, side, "1", order_id, client_order_id=name, reduce_only=True, **changes)


def asked(*demands: Demand, orders: Sequence[Order] = (), **changes: Any) -> PlanRequest:
    shot = replace(changes.pop("shot", SHOT), orders=tuple(orders))
    return replace(request(shot, demands), **changes)


def made(*demands: Demand, **changes: Any) -> Plan:
    return plan_with(asked(*demands, **changes), None)[0]


def sent(found: Plan) -> OrderRequest:
    (only,) = [one.request for one in found.steps if isinstance(one.request, OrderRequest)]
    return only


def cancelled(found: Plan) -> list[str]:
    return [one.request.order_id for one in found.steps if isinstance(one.request, CancelRequest)]


def codes(found: Plan) -> list[str]:
    return [refusal.code for refusal in found.refusals]


@pytest.mark.parametrize(
    ("seconds", "style", "price"),
    [
        (0, Style.PASSIVE, D(100_010)),
        (19.9, Style.PASSIVE, D(100_010)),
        (20, Style.IOC, D(99_500)),
        (40, Style.IOC, D(99_000)),
        (60, Style.MARKET, None),
    ],
)
def test_it_rests_then_takes_then_takes_more(seconds: float, style: Style, price: Decimal | None) -> None:
    found = sent(made(leverage(seconds)))
    assert (found.style, found.price) == (style, price)


def test_a_short_rests_among_the_bids() -> None:
    shot = snapshot([position(BTC, Side.SHORT, "10", PRICE)], 200_000)
    found = sent(made(leverage(), shot=shot))
    assert (found.side, found.style, found.price) == (OrderSide.BUY, Style.PASSIVE, D(99_990))


def test_it_costs_the_makers_fee_and_takes_nothing_from_a_thin_book() -> None:
    plain = made(leverage())
    thin = made(leverage(), depths={BTC: book(BTC, PRICE, "0.0001")})
    assert thin == plain
    (step,) = plain.steps
    assert step.cost == pytest.approx(step.notional * (0.0002 * 1.0001 - 0.0001))
    assert "it only rests there, as the best of its side" in step.reason


def test_it_rests_no_lower_than_the_cap() -> None:
    low = mark(BTC, PRICE, bid=Unknown("none"), ask=D(99_000))
    found = sent(made(leverage(), shot=replace(SHOT, marks={BTC: low})))
    assert (found.style, found.price) == (Style.PASSIVE, D(99_500))
    bought = snapshot([position(BTC, Side.SHORT, "10", PRICE)], 200_000)
    high = mark(BTC, PRICE, ask=Unknown("none"), bid=D(101_000))
    found = sent(made(leverage(), shot=replace(bought, marks={BTC: high})))
    assert (found.style, found.price) == (Style.PASSIVE, D(100_500))


@pytest.mark.parametrize("ask", [Unknown("empty"), D(0)])
def test_without_a_best_price_of_its_side_it_takes(ask: Decimal | Unknown) -> None:
    found = sent(made(leverage(), shot=replace(SHOT, marks={BTC: mark(BTC, PRICE, ask=ask)})))
    assert (found.style, found.price) == (Style.IOC, D(99_500))


def test_who_does_not_wait() -> None:
    survive = demand("account.margin_ratio", 0.01, trim=PASSIVE)
    (step,) = made(survive).steps
    assert sent(made(survive)).style is Style.IOC
    assert "a limit of survival does not wait: no passive order" in step.reason
    assert sent(made(leverage(value=5.2))).style is Style.IOC
    assert sent(made(leverage(permits=(Action.CLOSE_ALL,)))).style is Style.IOC


def test_seconds_of_taking() -> None:
    def seconds(terms: TrimTerms, nature: Nature, *, whole: bool = False, pressing: bool = False) -> float:
        return taking_seconds(terms, 5.0, nature, whole=whole, pressing=pressing)

    assert seconds(PASSIVE, Nature.EXPOSURE) == seconds(PASSIVE, Nature.OTHER) == -15.0
    assert seconds(PASSIVE, Nature.SURVIVAL) == seconds(TrimTerms(), Nature.EXPOSURE) == 5.0
    assert seconds(PASSIVE, Nature.OTHER, whole=True) == seconds(PASSIVE, Nature.OTHER, pressing=True) == 5.0
    assert not is_last_resort(PASSIVE, seconds(PASSIVE, Nature.EXPOSURE))


def test_while_it_rests_its_limit_waits_with_all_its_positions() -> None:
    both = snapshot(HELD, 200_000)
    found = made(leverage(8), shot=both, orders=[own()], blocked_symbols=frozenset({BTC}))
    assert found.steps == ()
    assert codes(found) == ["passive_waits"]
    assert (
        found.refusals[0].reason
        == "a passive order has not ended; it is cancelled in 12 s, and the rest taken"
    )


@pytest.mark.parametrize("symbols", [{BTC}, {ETH}])
def test_an_order_that_is_not_shown_yet_is_waited_for_too(symbols: set[str]) -> None:
    both = snapshot(HELD, 200_000)
    found = made(leverage(), shot=both, blocked_symbols=frozenset(symbols))
    assert (found.steps, codes(found)) == ((), ["passive_waits"])
    own_leg = leverage(target=target(BTC), metric="position.equity_share")
    alone = made(own_leg, shot=both, blocked_symbols=frozenset(symbols))
    assert bool(alone.steps) == (symbols == {ETH})


def test_what_it_may_cancel_is_cancelled_meanwhile() -> None:
    adds = order(ETH, OrderSide.SELL, "5", "adds", price=D(2_501))
    both = snapshot(HELD, 200_000)
    found = made(leverage(), shot=both, orders=[own(), adds], blocked_symbols=frozenset({BTC}))
    assert cancelled(found) == ["adds"]
    told = made(leverage(permits=(Action.TRIM,)), shot=both, orders=[own(), adds])
    assert cancelled(told) == []


def test_at_its_time_it_is_cancelled_and_nothing_else_is_sent_on_its_symbol() -> None:
    found = made(leverage(20), orders=[own()], blocked_symbols=frozenset({BTC}))
    assert cancelled(found) == ["o1"]
    (step,) = found.steps
    assert codes(found) == ["passive_waits"]
    assert found.refusals[0].reason.startswith("its passive order is cancelled first")
    assert (step.kind, step.rule, step.episode, step.number) == (StepKind.CANCEL, "cap", "cap.1", 0)
    assert step.reason == "the guard's own order of 1 contracts rests: what it is for does not wait longer"


@pytest.mark.parametrize(
    ("found", "waits"),
    [
        (leverage(20), True),
        (leverage(39), True),
        (leverage(40), False),  # a cancel that is not taken must not hold the rest back for good
        (leverage(20, value=5.2), False),
        (leverage(20, permits=(Action.CLOSE_ALL,)), False),
        (leverage(20, trim=TrimTerms()), False),
    ],
)
def test_meanwhile_nothing_else_is_sold_in_its_place(found: Demand, waits: bool) -> None:
    both = snapshot(HELD, 200_000)
    plan = made(found, shot=both, orders=[own()], blocked_symbols=frozenset({BTC}))
    assert cancelled(plan) == ["o1"]
    assert ("passive_waits" in codes(plan)) == waits
    assert (len(plan.steps) == 1) == waits


def test_cancels_are_numbered_after_the_other_steps_and_come_before_them() -> None:
    both = snapshot(HELD, 200_000)
    found = made(
        leverage(40),
        shot=both,
        orders=[own()],
        blocked_symbols=frozenset({BTC}),
        steps_taken={"cap.1": 4},
    )
    assert [(step.kind, step.number) for step in found.steps] == [(StepKind.CANCEL, 5), (StepKind.CLOSE, 4)]
    assert len({step.request.client_order_id for step in found.steps}) == 2


def test_a_limit_that_does_not_wait_takes_its_place() -> None:
    survive = demand("account.margin_ratio", 0.01, rule="alive", episode="alive.1")
    found = made(leverage(), survive, orders=[own()], blocked_symbols=frozenset({BTC}))
    assert cancelled(found) == ["o1"]
    assert found.steps[0].rule == "alive"
    assert "passive_waits" in codes(found)


def test_nothing_rests_while_another_limit_acts_on_the_same_position() -> None:
    """One order goes for both: it must not rest for the one that does not wait."""
    room = demand("position.liquidation_distance", 0.2, rule="room", target=target(BTC), value=0.19)
    found = made(leverage(5), room)
    assert sent(found).style is Style.IOC
    assert [(one.rule, one.code) for one in found.refusals] == [("cap", "passive_waits")]
    assert found.refusals[0].reason.startswith("room acts on its positions and does not wait")
    assert found.refusals[0].reason.endswith("15 s at most")
    elsewhere = replace(room, target=target(ETH, Side.SHORT))
    share = leverage(metric="position.equity_share", target=target(BTC))
    apart = made(share, elsewhere, shot=snapshot(HELD, 200_000))
    requests = [one.request for one in apart.steps]
    assert Style.PASSIVE in {one.style for one in requests if isinstance(one, OrderRequest)}


def test_one_that_nothing_asks_for_is_cancelled_under_a_new_name_each_time() -> None:
    found = made(orders=[own()])
    (step,) = found.steps
    assert (step.rule, step.episode) == ("", "")
    assert step.reason.endswith("nothing asks for it any more")
    soon = plan_with(replace(asked(orders=[own()]), at=later(2)), None)[0]
    assert step.request.client_order_id != soon.steps[0].request.client_order_id
    elsewhere = leverage(target=target(ETH, Side.SHORT), metric="position.equity_share")
    assert cancelled(made(elsewhere, shot=snapshot(HELD, 200_000), orders=[own()])) == ["o1"]


def test_nothing_is_cancelled_on_stale_data() -> None:
    found = made(orders=[own()], at=later(11))
    assert found.steps == ()


def test_only_the_guards_own_that_reduce_are_cancelled() -> None:
    others = [
        order(BTC, OrderSide.SELL, order_id="theirs", reduce_only=True),
        replace(own("opens"), reduce_only=False),
        own("0hedge"),
    ]
    assert made(orders=others).steps == ()
    found = made(orders=[own("buys", side=OrderSide.BUY)], shot=snapshot(HELD[:1], 200_000))
    assert cancelled(found) == ["buys"]


def test_a_crowded_position_is_cleared_once() -> None:
    found = made(leverage(40), orders=[own()], crowded_symbols=frozenset({BTC}))
    assert cancelled(found) == ["o1"]
    assert sent(found).style is Style.IOC


def test_what_was_approved_goes_on_resting_while_its_rule_asks_again() -> None:
    nobody = Approval(every=False, left=(), protect=False)
    asks = leverage(approve=True)
    found, asked_for = plan_with(asked(asks, orders=[own()], blocked_symbols=frozenset({BTC})), nobody)
    assert (found.steps, asked_for) == ((), None)
    due = replace(asks, acting_since=later(-20))
    found, asked_for = plan_with(asked(due, orders=[own()]), nobody)
    assert cancelled(found) == ["o1"]
