"""What must hold of every stress, whatever the account."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.decision import DecisionInput
from bot.model import (
    BookLevel,
    Caps,
    MarginMode,
    MarketStats,
    OrderBook,
    ProtectionTerms,
    Side,
    Snapshot,
    Unknown,
    Usage,
)
from bot.risk.flows import Flows
from bot.rules import RuleSet, RulesMemory, load_rules, load_rules_text, profile_path
from bot.scenarios.values import Funding, StressScenario
from bot.stress.results import Outcome
from bot.stress.run import stress
from tests.planning.build import NOW, position, random_account, snapshot, stats_for

BALANCED = load_rules(profile_path("balanced"))
OBSERVE = load_rules(profile_path("observe"))
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
CAP = """
version: 1
rules:
  - {name: leverage cap, metric: account.leverage, max: 5, restore: 4, do: [trim], trim: {max_slippage: 5%}}
"""
HALT = """
version: 1
rules:
  - {name: stop it, metric: account.drawdown, max: 10%, do: [close_all, halt]}
"""


def seen(shot: Snapshot, stats: MarketStats | None = None, **changes: object) -> DecisionInput:
    made = DecisionInput(
        at=NOW,
        snapshot=shot,
        stats=stats or stats_for(sorted(shot.marks)),
        ledger=None,
        flows=Flows(),
        memory=RulesMemory(),
        usage=Usage(0, Decimal(0), Decimal(0)),
        caps=Caps(),
        protection=ProtectionTerms(),
        max_age_seconds=10.0,
        impact=0.0005,
        steps_taken={},
    )
    return replace(made, **changes)


def rules_of(text: str) -> RuleSet:
    return load_rules_text(text, "rules.yaml")


def one_long(equity: str = "10000", contracts: str = "400", **changes: object) -> DecisionInput:
    held = position(BTC, Side.LONG, contracts, "100", entry_price=Decimal(100))
    return seen(snapshot([replace(held, **changes)], equity))


def outcome(given_: DecisionInput, rules: RuleSet, scenario: StressScenario) -> Outcome:
    return stress(given_, rules, [scenario]).outcomes[0]


def fall(share: float, **more: object) -> StressScenario:
    return StressScenario("fall", {"BTC": -share}, **more)  # type: ignore[arg-type]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000), st.sampled_from([-0.6, -0.3, -0.1, 0.1, 0.4]))
def test_nothing_is_made_out_of_nothing(seed: int, move: float) -> None:
    shot, stats = random_account(seed, count=5)
    result = stress(seen(shot, stats), BALANCED, [StressScenario("shock", {"BTC": move})])
    assert result.error == ""
    (one,) = result.outcomes
    for ending in (one.unguarded, one.guarded.ending):
        assert all(-1e-9 <= share <= 1.0 + 1e-9 for share in ending.left.values())
        for taken in ending.liquidated:
            assert 0.0 < taken.share <= 1.0
            assert 0.0 <= taken.at <= 1.0
            assert taken.gone is (ending.left[taken.position] == 0.0)
        assert len(ending.curve) == 21
        assert ending.curve[-1] == pytest.approx(ending.equity, abs=1e-6)
    assert one.unguarded.curve[0] == pytest.approx(result.equity)
    kept = [share for key, share in one.guarded.ending.left.items() if share > 1.0]
    assert not kept
    assert stress(seen(shot, stats), BALANCED, [one.scenario]) == result


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 0.5), st.floats(0.01, 0.4))
def test_a_deeper_fall_never_leaves_more_to_a_long(share: float, more: float) -> None:
    given_ = one_long()
    mild = outcome(given_, OBSERVE, fall(share)).unguarded
    deep = outcome(given_, OBSERVE, fall(share + more)).unguarded
    assert deep.equity <= mild.equity + 1.0
    assert len(deep.liquidated) >= len(mild.liquidated)


def test_the_moment_of_liquidation_is_the_closed_form() -> None:
    held = one_long("10000", "400")
    (taken,) = outcome(held, OBSERVE, fall(0.5)).unguarded.liquidated
    # M + q (x - p) = (r + fee) q x: 10000 + 400 (x - 100) = 0.00555 * 400 x
    assert taken.price == pytest.approx(30_000 / (400 * (1 - 0.00555)), rel=1e-4)


def test_rules_keep_what_nobody_would_have_kept() -> None:
    one = outcome(one_long("10000", "300"), rules_of(CAP), fall(0.4))
    assert one.unguarded.liquidated
    assert not one.guarded.ending.liquidated
    assert one.guarded.kept > one.unguarded.equity
    (fired,) = one.guarded.fired
    assert fired.rule == "leverage cap"
    # leverage 5: 300 x = 5 (10000 + 300 (x - 100))
    assert fired.price == pytest.approx(100_000 / 1200, rel=0.01)
    assert 0.0 < fired.at < 1.0
    assert {act.kind for act in one.guarded.acts} == {"trim"}
    assert one.guarded.ending.cost >= sum(act.cost for act in one.guarded.acts) > 0.0


def test_a_stop_closes_at_its_trigger_where_no_rule_acts() -> None:
    given_ = one_long("10000", "300", stop_price=Decimal(80))
    given_ = replace(given_, protection=ProtectionTerms(enabled=False))
    one = outcome(given_, OBSERVE, fall(0.4))
    assert one.guarded.stops == (f"{BTC}#long",)
    assert one.guarded.ending.gross == 0.0
    assert one.guarded.ending.equity == pytest.approx(4_000, rel=0.01)


def test_a_stop_sells_into_the_book_that_was_read() -> None:
    thin = OrderBook(
        BTC,
        (BookLevel(Decimal("99.9"), Decimal(100)),),
        (BookLevel(Decimal("100.1"), Decimal(100)),),
        NOW,
    )
    given_ = one_long("10000", "300", stop_price=Decimal(80))
    given_ = replace(given_, protection=ProtectionTerms(enabled=False), depths={BTC: thin})
    told = outcome(given_, OBSERVE, fall(0.4)).guarded
    assert any("does not hold all" in one for one in told.refused)


def test_a_halted_guard_acts_no_more() -> None:
    one = outcome(one_long("10000", "200"), rules_of(HALT), fall(0.3))
    assert one.guarded.halted
    assert one.guarded.ending.gross == 0.0
    assert one.guarded.kept == pytest.approx(9_000, rel=0.01)


def test_funding_is_paid_by_the_side_that_pays() -> None:
    day = Funding(0.005, 24.0)
    paid = outcome(one_long(), OBSERVE, StressScenario("funding", {}, funding=day)).unguarded
    assert paid.equity == pytest.approx(10_000 - 0.015 * 40_000)
    assert paid.cost == pytest.approx(600.0)


def test_collateral_that_is_worth_less_is_lost_as_equity_and_as_margin() -> None:
    given_ = one_long()
    balance = replace(given_.snapshot.balance, coins={"USDT": Decimal(10_000)})
    given_ = replace(given_, snapshot=replace(given_.snapshot, balance=balance))
    depeg = StressScenario("depeg", {}, haircuts={"USDT": 0.1})
    assert outcome(given_, OBSERVE, depeg).unguarded.equity == pytest.approx(9_000)
    ruin = StressScenario("ruin", {}, haircuts={"USDT": 1.0})
    assert outcome(given_, OBSERVE, ruin).unguarded.liquidated


def test_wider_spreads_cost_more() -> None:
    rules = rules_of(CAP)
    calm = outcome(one_long("10000", "300"), rules, fall(0.3)).guarded
    wild = outcome(one_long("10000", "300"), rules, fall(0.3, spread=10.0)).guarded
    assert wild.ending.cost > 2 * calm.ending.cost


def test_plans_there_trade_in_the_books_that_moved_along() -> None:
    steps = [Decimal(step) for step in range(1, 30)]
    thin = OrderBook(
        BTC,
        tuple(BookLevel(100 - step / 100, Decimal(3)) for step in steps),
        tuple(BookLevel(100 + step / 100, Decimal(3)) for step in steps),
        NOW,
    )
    given_ = replace(one_long("10000", "300"), depths={BTC: thin})
    calm = outcome(given_, rules_of(CAP), fall(0.3)).guarded
    wild = outcome(given_, rules_of(CAP), fall(0.3, spread=10.0)).guarded
    told = [any("the book takes no more at once" in one for one in found.refused) for found in (calm, wild)]
    assert told == [False, True]


def test_what_is_not_named_moves_by_beta_and_against_what_is_held() -> None:
    held = [position(ETH, Side.LONG, "10", "100", entry_price=Decimal(100))]
    bare = replace(stats_for([ETH]), betas={})
    given_ = seen(snapshot(held, "10000"), bare)
    losses = [
        10_000 - outcome(given_, OBSERVE, one).unguarded.equity
        for one in (fall(0.1), fall(0.1, residual=0.0), fall(0.1, others=False))
    ]
    assert losses == pytest.approx([170.0, 140.0, 0.0])
    named = StressScenario("named", {"BTC": -0.1, "ETH": -0.2, ETH: -0.3})
    assert 10_000 - outcome(given_, OBSERVE, named).unguarded.equity == pytest.approx(300.0)


def test_an_isolated_position_loses_its_own_margin_and_no_more() -> None:
    given_ = one_long("10000", "400", margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(4_000))
    ending = outcome(given_, OBSERVE, fall(0.5)).unguarded
    assert [one.position for one in ending.liquidated] == [f"{BTC}#long"]
    assert ending.equity >= 6_000 - 1e-6


def test_volatility_reaches_rules_that_are_written_in_it() -> None:
    rules = rules_of(
        "version: 1\nrules:\n"
        "  - {name: sigmas, metric: position.liquidation_distance_sigma, min: 5, do: [notify]}\n"
    )
    given_ = one_long("10000", "300")
    assert not outcome(given_, rules, fall(0.01)).guarded.fired
    (fired,) = outcome(given_, rules, fall(0.01, volatility=10.0)).guarded.fired
    assert fired.market == BTC


@pytest.mark.parametrize("part", ["equity", "margin_balance"])
def test_an_account_that_cannot_be_seen_says_why(part: str) -> None:
    given_ = one_long()
    hidden = replace(given_.snapshot.balance, **{part: Unknown("the venue gave none")})
    result = stress(replace(given_, snapshot=replace(given_.snapshot, balance=hidden)), BALANCED, [fall(0.1)])
    assert "the venue gave none" in result.error
    assert result.outcomes == ()
    assert not result.survives


def test_a_gap_says_why() -> None:
    given_ = one_long()
    result = stress(replace(given_, snapshot=replace(given_.snapshot, tiers={})), BALANCED, [fall(0.1)])
    assert "tiers" in result.error


def test_an_empty_account_stays_as_it_is() -> None:
    one = outcome(seen(snapshot([], "1000")), BALANCED, fall(0.5))
    assert one.unguarded.equity == one.guarded.kept == 1_000.0
    assert one.guarded.fired == ()


def test_a_fall_to_nothing_is_walked_to_its_end() -> None:
    one = outcome(one_long("1000000", "400"), BALANCED, fall(1.0))
    assert one.unguarded.equity == pytest.approx(960_000, rel=0.001)
