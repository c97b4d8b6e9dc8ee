"""What would be done at other prices: the account there, and the plan of one rule."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.foresight import moved, plan_then
from bot.model import OrderRequest, Unknown
from bot.rules import Rule
from tests.guard.test_conditions import given as given
from tests.guard.test_conditions import rules

BTC = "BTC/USDT:USDT"


def rule(text: str) -> Rule:
    return rules(text).rules[0]


CAP = rule(
    "name: cap, metric: account.leverage, max: 12, restore: 5, for: 1h, do: [trim], active: {days: [sun]}"
)


def test_the_account_is_worth_there_what_its_positions_make_of_it(given: DecisionInput) -> None:
    snapshot = given.snapshot
    (position,) = snapshot.positions
    mark = snapshot.marks[BTC].mark
    assert isinstance(mark, Decimal)
    price = float(mark) * 0.95
    there = moved(snapshot, {BTC: price})
    equity, before = there.balance.equity, snapshot.balance.equity
    assert isinstance(equity, Decimal)
    assert isinstance(before, Decimal)
    assert float(equity - before) == pytest.approx(-0.05 * float(position.size * mark))
    assert there.marks[BTC].mark == pytest.approx(Decimal(repr(price)))
    assert there.positions[0].mark_price == Decimal(repr(price))
    assert isinstance(there.positions[0].maintenance_margin, Unknown)
    assert moved(snapshot, {}) is snapshot


def test_what_is_unknown_stays_so(given: DecisionInput) -> None:
    unknown = Unknown("not said")
    (position,) = given.snapshot.positions
    bare = replace(
        given.snapshot,
        balance=replace(given.snapshot.balance, equity=unknown),
        positions=(replace(position, mark_price=unknown, unrealised_pnl=unknown),),
        marks={BTC: replace(given.snapshot.marks[BTC], mark=unknown)},
    )
    there = moved(bare, {BTC: 50_000.0})
    assert there.balance.equity == unknown
    assert there.marks == bare.marks
    assert there.balance.margin_balance == bare.balance.margin_balance
    elsewhere = moved(given.snapshot, {"ETH/USDT:USDT": 1.0})
    assert elsewhere.positions == given.snapshot.positions
    by_position = replace(given.snapshot, marks={})
    assert (
        moved(by_position, {BTC: 50_000.0}).balance.equity
        == moved(given.snapshot, {BTC: 50_000.0}).balance.equity
    )
    bid = replace(given.snapshot.marks[BTC], bid=unknown)
    assert moved(replace(given.snapshot, marks={BTC: bid}), {BTC: 1.0}).marks[BTC].bid == unknown


def test_one_rule_fires_there_at_once(given: DecisionInput) -> None:
    mark = given.snapshot.marks[BTC].mark
    assert isinstance(mark, Decimal)
    assert not plan_then(given, CAP, {}).steps
    (step,) = plan_then(given, CAP, {BTC: float(mark) * 0.93}).steps
    assert isinstance(step.request, OrderRequest)
    assert step.rule == "cap"
