"""The largest position that every rule permits, and why nothing may be opened."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.model import MarginMode, Market, Side, Unknown
from bot.stress.sizing import FREE_MARGIN, LARGEST_ORDER, Size, size
from tests.planning.build import mark, market, position, snapshot, tiers
from tests.stress.test_properties import BALANCED, BTC, ETH, rules_of, seen

CAP = """
version: 1
rules:
  - {name: leverage cap, metric: account.leverage, max: 3, restore: 2.5, do: [trim]}
"""
CRASH = """
version: 1
rules:
  - {name: survive, metric: account.stress_loss, scenarios: [{BTC: -20%}], max: 30%, restore: 25%, do: [trim]}
"""


def flat(equity: str = "10000", **changes: object) -> DecisionInput:
    shot = snapshot([], equity)
    listed: Market = market(BTC, **changes)
    shot = replace(shot, markets={BTC: listed}, marks={BTC: mark(BTC, Decimal(100))}, tiers={BTC: tiers()})
    return seen(shot)


def holding(side: Side, contracts: str = "100", **changes: object) -> DecisionInput:
    held = position(BTC, side, contracts, "100", entry_price=Decimal(100), **changes)
    return seen(snapshot([held], "10000"))


def test_the_leverage_cap_binds_to_the_step() -> None:
    found = size(flat(), rules_of(CAP), BTC, Side.LONG)
    assert found.refused == ""
    assert (found.binding, found.metric, found.limit) == ("leverage cap", "account.leverage", 3.0)
    assert isinstance(found.leverage_after, float)
    # N = 3 (E - c N), c half spread, fee and impact
    assert found.notional == pytest.approx(30_000 / (1 + 3 * 0.00115), rel=1e-4)
    assert 2.999 < found.leverage_after <= 3.0
    assert found.contracts % Decimal("0.001") == 0
    assert isinstance(found.liquidation_after, float)
    assert 0 < found.liquidation_after < 100
    assert found.cost == pytest.approx(found.notional * 0.00115)
    assert found.value == pytest.approx(found.leverage_after)


def test_scenarios_of_rules_bind_and_a_short_survives_a_fall() -> None:
    long = size(flat(), rules_of(CRASH), BTC, Side.LONG)
    assert long.binding == "survive"
    assert long.notional == pytest.approx(15_000, rel=0.01)
    short = size(flat(), rules_of(CRASH), BTC, Side.SHORT)
    assert short.binding == FREE_MARGIN
    assert short.notional > 5 * long.notional


def test_what_is_held_counts() -> None:
    found = size(holding(Side.LONG), rules_of(CAP), BTC, Side.LONG)
    assert found.notional == pytest.approx(20_000, rel=0.01)
    isolated = holding(Side.LONG, margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(2_000))
    assert size(isolated, rules_of(CAP), BTC, Side.LONG).notional == pytest.approx(20_000, rel=0.01)


def test_the_largest_order_binds() -> None:
    found = size(flat(market_amount_max=Decimal("50.0005")), rules_of(CAP), BTC, Side.LONG)
    assert (found.binding, found.contracts) == (LARGEST_ORDER, Decimal(50))


@pytest.mark.parametrize(
    ("given_", "side", "words"),
    [
        (holding(Side.LONG, "400"), Side.LONG, "the rule leverage cap fires already on main"),
        (holding(Side.LONG), Side.SHORT, "would make it smaller"),
        (flat(active=False), Side.LONG, "is not traded now"),
        (flat(linear=False), Side.LONG, "inverse"),
        (flat(amount_min=Decimal(400)), Side.LONG, "the smallest order would already pass: leverage cap"),
        (flat(notional_min=Decimal(50_000)), Side.LONG, "the smallest order would already pass"),
        (seen(snapshot([], "10000")), Side.LONG, "not among the markets that were read"),
    ],
)
def test_refusals_say_why(given_: DecisionInput, side: Side, words: str) -> None:
    found = size(given_, rules_of(CAP), BTC, side)
    assert words in found.refused
    assert found.contracts == 0
    assert found.binding == ""


def test_an_account_that_is_blind_gets_no_size() -> None:
    given_ = flat()
    balance = replace(given_.snapshot.balance, equity=Unknown("the venue gave none"))
    found = size(
        replace(given_, snapshot=replace(given_.snapshot, balance=balance)), BALANCED, BTC, Side.LONG
    )
    assert "the venue gave none" in found.refused
    blind = replace(given_, snapshot=replace(given_.snapshot, marks={}))
    assert "mark price" in size(blind, BALANCED, BTC, Side.LONG).refused


def test_in_hedge_mode_the_other_leg_may_be_opened() -> None:
    given_ = holding(Side.LONG, position_index=1)
    found = size(given_, rules_of(CAP), BTC, Side.SHORT)
    assert found.notional == pytest.approx(20_000, rel=0.01)
    other = holding(Side.SHORT, position_index=2)
    assert size(other, rules_of(CAP), BTC, Side.LONG).contracts > 0


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.floats(1.0, 8.0), st.integers(1_000, 1_000_000))
def test_one_step_more_would_pass_the_rule(limit: float, equity: int) -> None:
    rules = rules_of(CAP.replace("max: 3", f"max: {limit:.4f}").replace("restore: 2.5", "restore: 0.5"))
    found: Size = size(flat(str(equity)), rules, BTC, Side.LONG)
    assert found.binding == "leverage cap"
    bound = float(f"{limit:.4f}")
    assert isinstance(found.leverage_after, float)
    assert found.leverage_after <= bound
    more = (float(found.contracts) + 0.001) * 100
    assert more / (equity - more * 0.00115) > bound


def test_eth_is_another_market() -> None:
    assert "not among" in size(flat(), rules_of(CAP), ETH, Side.LONG).refused
