"""Positions and orders of strangers: counted, named, and left alone."""

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    OrderSide,
    Policy,
    ProtectionTerms,
    Side,
    Stranger,
    guarded,
    of_account,
    policies,
    policy_of,
)
from bot.planning.planner import plan
from bot.planning.protection import protective_stops
from bot.planning.strangers import STRANGER
from tests.planning.build import NOW, demand, order, position, request, snapshot, target

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HELD = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
SHOT = snapshot(HELD, 20_000)
WATCH = (Stranger(Policy.WATCH, symbol=("ETH*",)),)
ALL = (Stranger(Policy.IGNORE),)
CAP = demand("account.leverage", 4.0, rule="cap", episode="c.1")


def test_the_first_policy_that_matches_decides() -> None:
    entries = (
        Stranger(Policy.ADOPT, symbol=("ETH/USDT:USDT",), side=("long",)),
        Stranger(Policy.WATCH, ("fund-*",), ("ETH*",)),
        Stranger(Policy.IGNORE, symbol=("doge*".upper(),)),
    )
    assert of_account(entries, "main") == (entries[0], entries[2])
    assert policy_of(entries, ETH, Side.LONG) is Policy.ADOPT
    assert policy_of(entries, ETH, Side.SHORT) is Policy.WATCH
    assert policy_of(entries, "doge/USDT:USDT", Side.LONG) is Policy.IGNORE
    assert policy_of(entries, BTC, Side.LONG) is Policy.ADOPT
    assert policies(WATCH, SHOT) == {f"{ETH}#long": Policy.WATCH}
    assert guarded(WATCH, SHOT.positions) == (SHOT.positions[0],)


def test_an_account_limit_takes_from_the_others_and_names_the_stranger() -> None:
    asked = replace(request(SHOT, [CAP]), strangers=WATCH)
    made = plan(asked)
    assert {step.request.symbol for step in made.steps} == {BTC}
    (said,) = [refusal for refusal in made.refusals if refusal.code == STRANGER]
    assert said.item == f"{ETH}#long"
    assert "`strangers` in the settings says watch" in said.reason


@pytest.mark.parametrize("action", [Action.TRIM, Action.CLOSE])
def test_a_limit_of_a_position_that_is_watched_trades_nothing_and_halts_nothing(action: Action) -> None:
    own = demand(
        "position.leverage", 1.0, rule="own", episode="o.1", target=target(ETH), permits=(action, Action.HALT)
    )
    made = plan(replace(request(SHOT, [own]), strangers=WATCH))
    assert (made.steps, made.halt) == ((), "")
    assert STRANGER in [refusal.code for refusal in made.refusals]


def test_close_all_closes_what_it_may_and_halts_then() -> None:
    stop = demand(
        "account.drawdown", 0.25, rule="stop", episode="s.1", permits=(Action.CLOSE_ALL, Action.HALT)
    )
    made = plan(replace(request(SHOT, [stop]), strangers=WATCH))
    assert [step.request.symbol for step in made.steps] == [BTC]
    assert made.halt
    none = plan(replace(request(SHOT, [stop]), strangers=ALL))
    assert none.steps == ()
    assert none.halt


def test_orders_that_would_add_to_a_stranger_stay() -> None:
    shot = replace(SHOT, orders=(order(BTC, OrderSide.BUY), order(ETH, OrderSide.BUY, order_id="o2")))
    naming = demand(
        "account.drawdown", 0.25, rule="stop", episode="s.1", permits=(Action.CANCEL_ORDERS, Action.HALT)
    )
    made = plan(replace(request(shot, [naming]), strangers=WATCH))
    assert [step.request.symbol for step in made.steps] == [BTC]
    assert [(one.item, one.code) for one in made.refusals] == [(f"orders of {ETH}", STRANGER)]
    assert made.halt


def test_a_stranger_gets_no_stop_and_moves_nobody_elses() -> None:
    asked = request(SHOT, [])
    terms = ProtectionTerms()
    usual, _ = protective_stops(asked.portfolio, SHOT, terms, NOW, 10.0)
    some, refusals = protective_stops(asked.portfolio, SHOT, terms, NOW, 10.0, strangers=WATCH)
    assert {step.request.symbol for step in usual} == {BTC, ETH}
    assert some == tuple(step for step in usual if step.request.symbol == BTC)
    assert refusals == ()
