"""Closed forms by hand, and every way in which trimming cannot help."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.model import (
    Demand,
    MarginMode,
    OrderRequest,
    Plan,
    Scenario,
    Sense,
    Side,
    TrimTerms,
    Unknown,
)
from bot.planning.check import is_nearer
from bot.planning.planner import plan
from bot.planning.request import PlanRequest
from bot.risk.context import MetricContext
from tests.planning.build import (
    CRASH,
    KEPT,
    RELEASED,
    context,
    demand,
    mark,
    market,
    position,
    request,
    snapshot,
    target,
    tiers,
)

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SLIP, FEE, RATE = 0.005, 0.00055, 0.005 + 0.00055
COST = SLIP + FEE * (1 - SLIP)


def one(asked: Demand, equity: float = 25_000, **changes: object) -> PlanRequest:
    """One long of 100,000 USD in cross margin."""
    held = position(BTC, Side.LONG, "1", "100000", **changes)
    fine = market(BTC, amount_step=Decimal("0.000001"), amount_min=Decimal("0.000001"))
    return request(snapshot([held], equity, markets={BTC: fine}), [asked])


def trimmed(made: Plan) -> float:
    """USD taken off the first position."""
    (step,) = made.steps
    assert isinstance(step.request, OrderRequest)
    return float(step.request.contracts) * 100_000


def test_leverage() -> None:
    made = plan(one(demand("account.leverage", 3.0)))
    assert trimmed(made) == pytest.approx((100_000 - 3 * 25_000) / (1 - 3 * COST), abs=0.2)


def test_net_leverage_and_equity_share_of_one_position_are_its_leverage() -> None:
    wanted = (100_000 - 3 * 25_000) / (1 - 3 * COST)
    assert trimmed(plan(one(demand("account.net_leverage", 3.0)))) == pytest.approx(wanted, abs=0.2)
    for metric in ("position.leverage", "position.equity_share"):
        made = plan(one(demand(metric, 3.0, target=target(BTC))))
        assert trimmed(made) == pytest.approx(wanted, abs=0.2)


def test_cross_distance() -> None:
    d = 0.3
    u = d + RATE * (1 - d)
    made = plan(one(demand("position.liquidation_distance", d, target=target(BTC))))
    assert trimmed(made) == pytest.approx((100_000 * u - 25_000) / (u - COST), abs=0.2)
    for metric, unit in (("atr", 0.01), ("sigma", 0.03)):
        same = plan(one(demand(f"position.liquidation_distance_{metric}", d / unit, target=target(BTC))))
        assert trimmed(same) == pytest.approx(trimmed(made), abs=0.2)


def test_joint_distance_of_one_position_with_a_beta_of_one_is_its_distance() -> None:
    own = plan(one(demand("position.liquidation_distance", 0.3, target=target(BTC))))
    assert trimmed(plan(one(demand("account.joint_distance", 0.3)))) == pytest.approx(trimmed(own), abs=0.2)


def test_margin_ratio() -> None:
    goal, equity = 0.25, 1500.0
    made = plan(one(demand("account.margin_ratio", goal), equity))
    assert trimmed(made) == pytest.approx((RATE * 100_000 - goal * equity) / (RATE - goal * COST), abs=0.2)


def test_stress_loss_and_cushion() -> None:
    equity = 25_000.0
    made = plan(one(demand("account.stress_loss", 0.4)))
    assert trimmed(made) == pytest.approx((20_000 - 0.4 * equity) / (0.2 - COST), abs=0.2)
    asked = one(demand("account.cushion", 0.4))
    made = plan(replace(asked, context=replace(asked.context, units=context(0.9, 1.0).units)))
    budget = 1 - 0.6 / 0.9
    assert trimmed(made) == pytest.approx((20_000 - budget * equity) / (0.2 - COST), abs=0.2)


def test_isolated_margin_that_is_kept() -> None:
    d, equity = 0.3, 25_000
    apart = {"margin_mode": MarginMode.ISOLATED, "isolated_margin": Decimal(equity)}
    asked = one(demand("position.liquidation_distance", d, target=target(BTC)), 30_000, **apart)
    kept = request(asked.snapshot, asked.demands, terms=KEPT)
    u = d + RATE * (1 - d)
    assert trimmed(plan(kept)) == pytest.approx((100_000 * u - equity) / (u - COST), abs=0.2)
    leverage = replace(kept, demands=(demand("position.leverage", 3.0, target=target(BTC)),))
    assert trimmed(plan(leverage)) == pytest.approx((100_000 - 3 * equity) / (1 - 3 * COST), abs=0.2)
    ratio = replace(kept, demands=(demand("account.margin_ratio", 0.02),))
    assert trimmed(plan(ratio)) == pytest.approx((RATE * 1e5 - 0.02 * equity) / (RATE - 0.02 * COST), abs=0.2)


def test_the_joint_distance_of_isolated_positions_is_their_own() -> None:
    apart = {"margin_mode": MarginMode.ISOLATED, "isolated_margin": Decimal(25_000)}
    asked = one(demand("account.joint_distance", 0.3), 30_000, **apart)
    own = one(demand("position.liquidation_distance", 0.3, target=target(BTC)), 30_000, **apart)
    found = [plan(request(each.snapshot, each.demands, terms=KEPT)) for each in (asked, own)]
    assert trimmed(found[0]) == pytest.approx(trimmed(found[1]), abs=0.2)


def test_tiers_take_the_largest_over_brackets() -> None:
    goal, equity = 0.35, 1800.0
    asked = one(demand("account.margin_ratio", goal), equity)
    shot = replace(asked.snapshot, tiers={BTC: tiers("0.005", "60000")})
    made = plan(request(shot, asked.demands))
    upper = (0.0075 + FEE, 60_000 * 0.0025)
    amounts = [
        (r * 100_000 - deduction - goal * equity) / (r - goal * COST) for r, deduction in ((RATE, 0.0), upper)
    ]
    assert trimmed(made) == pytest.approx(max(amounts), abs=0.2)


def test_the_cheapest_relief_comes_first() -> None:
    held = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
    shot = snapshot(held, 25_000)
    dear = replace(
        shot, marks={BTC: mark(BTC, Decimal(50000), "0.003"), ETH: mark(ETH, Decimal(2500), "0.0001")}
    )
    made = plan(request(dear, [demand("account.leverage", 3.0)]))
    assert [step.request.symbol for step in made.steps] == [ETH]
    capped = demand("account.leverage", 3.0, trim=TrimTerms(max_share=0.25))
    made = plan(request(dear, [capped]))
    assert [step.request.symbol for step in made.steps] == [BTC, ETH]
    amounts = [getattr(step.request, "contracts", None) for step in made.steps]
    assert amounts == [Decimal("0.250"), Decimal("5.000")]
    assert [refusal.code for refusal in made.refusals] == ["cap_share"]
    assert not made.proofs[0].met


def reason(made: Plan, code: str = "trimming_cannot_help") -> str:
    assert made.steps == ()
    assert [refusal.code for refusal in made.refusals] == [code]
    return made.refusals[0].reason


@pytest.mark.parametrize("metric", ["account.drawdown", "account.daily_loss"])
def test_trading_cannot_undo_a_drawdown(metric: str) -> None:
    asked = one(demand(metric, 0.1))
    asked = replace(asked, context=replace(asked.context, units=context(0.5, 1.0).units))
    assert "trading cannot undo a" in reason(plan(asked))


def test_isolated_margin_that_leaves_with_the_position() -> None:
    apart = {"margin_mode": MarginMode.ISOLATED, "isolated_margin": Decimal(25_000)}
    for metric, goal in (("liquidation_distance", 0.3), ("leverage", 3.0)):
        asked = one(demand(f"position.{metric}", goal, target=target(BTC)), 30_000, **apart)
        assert "add about" in reason(plan(asked))
    # a + e = N d + MM(N (1 - s d)), so a is what the closed form for added margin asks
    asked = one(demand("position.liquidation_distance", 0.3, target=target(BTC)), 30_000, **apart)
    add = 30_000 + RATE * 70_000 - 25_000
    assert f"{add:.2f} USD" in reason(plan(asked))


def test_isolated_margin_that_leaves_still_helps_through_lower_brackets() -> None:
    apart = {"margin_mode": MarginMode.ISOLATED, "isolated_margin": Decimal(2_500)}
    cheap = TrimTerms(max_slippage=0.0005)
    asked = one(demand("account.margin_ratio", 0.34, trim=cheap), 30_000, **apart)
    shot = replace(asked.snapshot, tiers={BTC: tiers("0.005", "20000")})
    made = plan(request(shot, asked.demands, terms=RELEASED))
    assert made.proofs[0].met
    assert 0 < trimmed(made) < 100_000


def test_selling_an_illiquid_position_at_a_high_ratio_target() -> None:
    asked = one(demand("account.margin_ratio", 0.8, trim=TrimTerms(max_slippage=0.02)), 600)
    dear = replace(asked, portfolio=request(asked.snapshot, impact=0.02).portfolio)
    assert "costs more" in reason(plan(dear))


def test_near_liquidation_a_ratio_is_sized_at_expected_prices() -> None:
    wide = demand("account.margin_ratio", 0.8, trim=TrimTerms(max_slippage=0.02))
    made = plan(one(wide, 600))
    assert made.proofs[0].met
    expected = 0.0001 + FEE + 0.0002
    assert trimmed(made) == pytest.approx((RATE * 1e5 - 0.8 * 600) / (RATE - 0.8 * expected), rel=1e-3)


def test_near_liquidation_a_distance_is_sized_at_expected_prices() -> None:
    """Selling all at the worst permitted price would cost more than the account is worth."""
    made = plan(one(demand("position.liquidation_distance", 0.3, target=target(BTC)), 400))
    assert trimmed(made) == pytest.approx(99_000, rel=0.01)
    assert made.proofs[0].met


@pytest.mark.parametrize("equity", [1_900, 1_500, 1_000])
def test_a_trim_that_leads_away_only_at_the_worst_price_is_sized_at_the_expected_one(equity: int) -> None:
    """At a share cap the limit comes no nearer where slippage takes a larger share than is left of equity."""
    wide = TrimTerms(max_slippage=0.02, max_share=0.25)
    made = plan(one(demand("account.joint_distance", 0.12, trim=wide), equity))
    assert trimmed(made) == 25_000
    assert [refusal.code for refusal in made.refusals] == ["cap_share"]
    assert is_nearer(made.proofs[0])


def test_beyond_liquidation_a_trim_that_lowers_the_ratio_comes_nearer() -> None:
    """No distance is left, before the trim or after it: the margin ratio tells that it helps."""
    made = plan(one(demand("account.joint_distance", 0.1, trim=TrimTerms(max_share=0.25)), 410))
    assert trimmed(made) == 25_000
    (proof,) = made.proofs
    assert (proof.before, proof.after, proof.met) == (0.0, 0.0, False)


@pytest.mark.parametrize(("equity", "expected"), [(50_000, False), (1_000, True)])
def test_a_proof_says_at_which_prices_it_is(equity: int, expected: bool) -> None:
    wide = TrimTerms(max_slippage=0.02, max_share=0.25)
    made = plan(one(demand("account.joint_distance", 0.9, trim=wide), equity))
    assert [proof.expected for proof in made.proofs] == [expected]


def test_an_isolated_position_is_not_sized_at_expected_prices() -> None:
    apart = {"margin_mode": MarginMode.ISOLATED, "isolated_margin": Decimal(600)}
    wide = demand("account.margin_ratio", 0.8, trim=TrimTerms(max_slippage=0.02))
    asked = one(wide, 5_000, **apart)
    assert reason(plan(request(asked.snapshot, asked.demands, terms=KEPT)))


def test_a_position_that_hedges_the_scenario_is_not_sold() -> None:
    held = [position(BTC, Side.SHORT, "1", "50000"), position(ETH, Side.LONG, "40", "2500")]
    asked = request(snapshot(held, 30_000), [demand("account.stress_loss", 0.2)])
    made = plan(asked)
    assert [step.request.symbol for step in made.steps] == [ETH]
    only = request(snapshot(held[:1], 30_000), [demand("account.stress_loss", -0.5)])
    assert "no position can give" in reason(plan(only))


def test_a_budget_that_is_gone_takes_what_helps_and_says_so() -> None:
    asked = one(demand("account.cushion", 0.2))
    asked = replace(asked, context=replace(asked.context, units=context(0.7, 1.0).units))
    made = plan(asked)
    assert trimmed(made) == 100_000
    assert [refusal.code for refusal in made.refusals] == ["goal_out_of_reach"]
    assert not made.proofs[0].met


def test_a_position_that_is_too_dear_to_trim_at_all() -> None:
    asked = one(demand("position.liquidation_distance", 0.3, target=target(BTC)), 50)
    assert "even without" in reason(plan(asked))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (demand("account.leverage", float("nan")), "unknown_figure"),
        (demand("account.leverage", 3.0, sense=Sense.MIN), "trimming_cannot_help"),
        (demand("account.concentration", 0.3), "trimming_cannot_help"),
        (demand("account.equity", 1e6), "trimming_cannot_help"),
        (demand("account.stress_loss", 0.1, scenarios=()), "unknown_figure"),
        (demand("position.leverage", 1.0, target=target(ETH)), "position_gone"),
        (demand("position.equity_share", 1.0, target=target(ETH)), "position_gone"),
        (demand("position.liquidation_distance", 0.9, target=target(ETH)), "position_gone"),
        (demand("position.liquidation_distance_atr", 80.0, target=target(BTC)), "unknown_figure"),
    ],
)
def test_what_cannot_be_sized(asked: Demand, code: str) -> None:
    bare = replace(one(asked), context=context())
    reason(plan(bare), code)


SILENT = Unknown("the venue was silent")


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        (demand("account.leverage", 1.0), None),
        (demand("account.net_leverage", 1.0), None),
        (demand("account.margin_ratio", 0.1), None),
        (demand("account.joint_distance", 0.5), None),
        (demand("account.stress_loss", 0.1), None),
        (demand("account.cushion", 0.1), None),
        (demand("account.cushion", 0.1), context(SILENT, 1.0)),
        (demand("account.cushion", 0.1), context(1.0, SILENT)),
        (demand("position.liquidation_distance", 0.9, target=target(BTC)), None),
    ],
)
def test_unknown_figures_are_refused(asked: Demand, about: MetricContext | None) -> None:
    found = one(asked)
    if about is None:
        found = replace(found, portfolio=replace(found.portfolio, equity=SILENT, margin_balance=SILENT))
    else:
        found = replace(found, context=about)
    assert "silent" in reason(plan(found), "unknown_figure")


def test_nothing_is_left_of_the_unit_value() -> None:
    asked = replace(one(demand("account.cushion", 0.1)), context=context(0.0, 1.0))
    assert "nothing is left" in reason(plan(asked))


def test_figures_that_are_not_finite_are_refused() -> None:
    asked = one(demand("account.leverage", 1.0))
    odd = replace(asked, portfolio=replace(asked.portfolio, equity=float("inf")))
    assert "not finite" in reason(plan(odd), "unknown_figure")


def test_a_position_without_figures_is_not_sized() -> None:
    asked = one(demand("position.leverage", 1.0, target=target(BTC)))
    blind = request(replace(asked.snapshot, tiers={}), asked.demands)
    assert "tiers" in reason(plan(blind), "unknown_figure")


def test_a_ratio_without_positions_is_met() -> None:
    flat = request(snapshot([], 1000), [demand("account.margin_ratio", 0.5)], about=context())
    made = plan(flat)
    assert made.steps == ()
    assert made.refusals == ()
    assert made.proofs[0].met


def test_scenarios_by_name_and_by_beta() -> None:
    held = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
    both = (CRASH, Scenario("named", {"ETH": -0.5}), Scenario("other", {"SOL": -0.9}))
    made = plan(request(snapshot(held, 25_000), [demand("account.stress_loss", 0.9, scenarios=both)]))
    assert [step.request.symbol for step in made.steps] == [ETH]
    assert made.proofs[0].met
