"""Whose executions changed a position, and whether they explain all of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.changes import Effect, effects, explaining, harm, missing
from bot.model import Fill, OrderSide, Side, position_key
from tests.execution.fake_gateway import BTC, START

LONG, SHORT = position_key(BTC, Side.LONG), position_key(BTC, Side.SHORT)
D = Decimal


def fill(
    contracts: str,
    *,
    side: OrderSide = OrderSide.SELL,
    closed: str | None = None,
    name: str = "",
    kind: str = "trade",
    after: float = 1.0,
) -> Fill:
    """One execution, so many seconds after the anchor."""
    at = START + timedelta(seconds=after)
    return Fill(
        fill_id=f"{name}{contracts}{at}",
        order_id="o1",
        client_order_id=name,
        symbol=BTC,
        side=side,
        contracts=D(contracts),
        price=D(90000),
        fee=D(0),
        liquidation=False,
        at=at,
        kind=kind,
        closed=None if closed is None else D(closed),
    )


@pytest.mark.parametrize(
    ("fills", "before", "found"),
    [
        ([fill("1", name="reefa")], {LONG: D(3)}, {LONG: Effect(ours=D(-1))}),
        ([fill("1", kind="ADL")], {LONG: D(3)}, {LONG: Effect(others=D(-1), kinds=("ADL",))}),
        (
            [fill("1"), fill("1", kind="ADL"), fill("0.5")],
            {LONG: D(3)},
            {LONG: Effect(others=D("-2.5"), kinds=("trade", "ADL"))},
        ),
        (
            [fill("3")],
            {LONG: D(2)},
            {LONG: Effect(others=D(-2), kinds=("trade",)), SHORT: Effect(others=D(1), kinds=("trade",))},
        ),
        ([fill("1", closed="0", name="reefa")], {LONG: D(3)}, {SHORT: Effect(ours=D(1), opened=D(1))}),
        ([fill("1", side=OrderSide.BUY)], {LONG: D(3)}, {LONG: Effect(others=D(1), kinds=("trade",))}),
        ([fill("1", side=OrderSide.BUY, name="reefa")], {SHORT: D(1)}, {SHORT: Effect(ours=D(-1))}),
    ],
)
def test_what_executions_do(fills: list[Fill], before: dict[str, D], found: dict[str, Effect]) -> None:
    assert effects(fills, before) == found


def test_executions_of_just_before_the_anchor_are_taken_in_where_they_explain() -> None:
    late, early = fill("1", after=1), fill("2", after=0)
    assert explaining([early, late], {LONG: D(5)}, {LONG: D(4)}, START) == {
        LONG: Effect(others=D(-1), kinds=("trade",))
    }
    assert explaining([early, late], {LONG: D(5)}, {LONG: D(2)}, START) == {
        LONG: Effect(others=D(-3), kinds=("trade",))
    }
    assert explaining([early], {LONG: D(5)}, {LONG: D(3)}, START) is not None
    assert explaining([early, late], {LONG: D(5)}, {LONG: D(1)}, START) is None
    assert explaining([], {LONG: D(5)}, {LONG: D(5)}, START) == {}


@pytest.mark.parametrize(
    ("found", "before", "after", "words"),
    [
        ({LONG: Effect(ours=D(-1))}, {LONG: D(3)}, {LONG: D(2)}, ""),
        ({}, {LONG: D(3)}, {LONG: D(3)}, ""),
        ({LONG: Effect(ours=D(-1), others=D(2))}, {LONG: D(3)}, {LONG: D(4)}, ""),
        ({SHORT: Effect(others=D(1))}, {LONG: D(3)}, {SHORT: D(1)}, ""),
        (
            {LONG: Effect(others=D(1))},
            {LONG: D(3)},
            {LONG: D(5)},
            "executions of others explain 1 of that",
        ),
        (
            {},
            {LONG: D(3)},
            {LONG: D(3), SHORT: D("0.50")},
            "BTC/USDT:USDT short went from 0 to 0.5 contracts",
        ),
        (
            {SHORT: Effect(ours=D(1), others=D(5), opened=D(1))},
            {LONG: D(3)},
            {LONG: D(3), SHORT: D(6)},
            "the guard's own orders opened 1 of it",
        ),
        (
            {SHORT: Effect(ours=D(1), opened=D(1))},
            {LONG: D(3)},
            {LONG: D(3)},
            "opened 1 of it",
        ),
    ],
)
def test_what_is_harm(
    found: dict[str, Effect], before: dict[str, D], after: dict[str, D], words: str
) -> None:
    told = harm(found, before, after)
    assert (words in told) if words else told == ""


trades = st.builds(
    fill,
    st.sampled_from(["0.5", "1", "2"]),
    side=st.sampled_from(OrderSide),
    name=st.sampled_from(["", "reefa"]),
    after=st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]),
)


@given(st.lists(trades, max_size=8), st.sampled_from([D(0), D(1), D(5)]))
def test_what_happened_after_the_anchor_is_always_explained(fills: list[Fill], held: D) -> None:
    """One-way mode: long and short never stand beside each other, and the effects add up."""
    ordered = sorted(fills, key=lambda one: one.at)
    before = {LONG: held} if held else {}
    real = [one for one in ordered if one.at > START]
    net = held + sum((one.contracts if one.side is OrderSide.BUY else -one.contracts for one in real), D(0))
    after = {LONG: net} if net > 0 else {SHORT: -net} if net < 0 else {}
    found = explaining(ordered, before, after, START)
    assert found is not None
    for key in {*before, *after, *found}:
        assert missing(found, before, after, key) == 0
