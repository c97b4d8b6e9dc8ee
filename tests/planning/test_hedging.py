"""Hedges of single accounts: sized in closed form, bounded, checked, chosen by cost, or refused with the
reason."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    Beta,
    Caps,
    HedgeTerms,
    MarginMode,
    OrderSide,
    Scenario,
    Sense,
    Side,
    Snapshot,
    StepKind,
    Style,
    Target,
    Unknown,
    Usage,
)
from bot.planning.costs import DEAREST_FUNDING
from bot.planning.hedged import plan_with_hedges
from bot.planning.identity import OPENING
from bot.planning.planner import plan
from bot.planning.request import Watch, watch_of
from tests.planning.build import ACCOUNT, demand, later, mark, market, order, position, snapshot
from tests.planning.hedges import (
    BETAS,
    BTC,
    ETH,
    LONG,
    SOL,
    account,
    asked,
    codes,
    hedge,
    of_kind,
    shock,
    short,
    shown,
)

TRIMS = (Action.TRIM, Action.HEDGE)


def test_the_size_is_the_closed_form() -> None:
    """A fifth down costs 0.2 x 1.4 x 100,000 = 28,000 of 50,000. 25,000 are allowed."""
    made = plan_with_hedges(asked(account(), shock(0.5)))
    ((step, sent),) = of_kind(made, StepKind.HEDGE)
    worst = Decimal("49750")
    assert (sent.side.value, sent.position_side, sent.position_index) == ("sell", Side.SHORT, 0)
    assert (sent.style, sent.price, sent.opens) == (Style.IOC, worst, True)
    assert sent.client_order_id.startswith(OPENING)
    assert step.hedge is not None
    assert (step.hedge.parent, step.hedge.parent_contracts, step.hedge.held) == (LONG, 40, 0)
    cost = float(1 - worst / 50_000 + Decimal("0.00055") * worst / 50_000)
    usd = 3000 / (0.2 - cost)
    assert 0 <= float(sent.contracts) * 50_000 - usd < 50.0
    (proof,) = made.proofs
    assert proof.met
    assert made.refusals == ()


def test_a_goal_that_a_lot_misses_by_its_cost_takes_one_more() -> None:
    """3 lots bring 28,000 to 25,000, and cost 83: more than the 25,075 that are allowed."""
    shot = shown(account(), amount_step=Decimal("0.1"), amount_min=Decimal("0.1"))
    made = plan_with_hedges(asked(shot, shock(0.5015)))
    ((_, sent),) = of_kind(made, StepKind.HEDGE)
    assert sent.contracts == Decimal("0.4")
    (proof,) = made.proofs
    assert proof.met
    assert made.refusals == ()


def test_where_no_size_reaches_the_goal_a_hedge_comes_nearer() -> None:
    """The closed form holds a fall of 90 %, in which ETH is worth nothing. At 71 % it is that already, and
    the hedge has gained less."""
    found = demand("account.joint_distance", 0.9, rule="shock", episode="s.1", permits=(Action.HEDGE,))
    found = replace(found, hedge=HedgeTerms(max_share=1.0))
    made = plan_with_hedges(asked(account(), found))
    ((_, sent),) = of_kind(made, StepKind.HEDGE)
    assert sent.contracts < 2, "its room"
    (proof,) = made.proofs
    assert isinstance(proof.before, float)
    assert isinstance(proof.after, float)
    assert proof.before < proof.after < 1 / 1.4
    assert not proof.met


def test_it_costs_both_ways_and_its_funding() -> None:
    free = of_kind(plan_with_hedges(asked(account(), shock())), StepKind.HEDGE)[0][0]
    shot = account()
    paid = replace(
        shot, marks={**shot.marks, BTC: mark(BTC, Decimal(50_000), funding_rate=Decimal("-0.001"))}
    )
    dear = of_kind(plan_with_hedges(asked(paid, shock())), StepKind.HEDGE)[0][0]
    assert free.cost == pytest.approx(free.notional * 2 * (0.0001 + 0.00055 + 0.0002))
    assert dear.cost == pytest.approx(free.cost + dear.notional * 0.003)
    earned = replace(
        shot, marks={**shot.marks, BTC: mark(BTC, Decimal(50_000), funding_rate=Decimal("0.001"))}
    )
    assert of_kind(plan_with_hedges(asked(earned, shock())), StepKind.HEDGE)[0][0].cost == free.cost


def unlit(shot: Snapshot) -> Snapshot:
    """Nobody knows what a short of BTC pays."""
    return replace(shot, marks={**shot.marks, BTC: mark(BTC, Decimal(50_000), funding_rate=Unknown("none"))})


def test_where_its_funding_is_not_known_it_is_opened_and_counted_as_the_dearest() -> None:
    free = of_kind(plan_with_hedges(asked(account(), shock())), StepKind.HEDGE)[0][0]
    dark = of_kind(plan_with_hedges(asked(unlit(account()), shock())), StepKind.HEDGE)[0][0]
    assert dark.cost == pytest.approx(free.cost + dark.notional * 3 * DEAREST_FUNDING)


def dear_parent() -> Snapshot:
    """Selling ETH costs 3 %."""
    shot = account()
    return replace(shot, marks={**shot.marks, ETH: mark(ETH, Decimal(2500), "0.06")})


def test_the_cheaper_of_trim_and_hedge_is_done() -> None:
    both = shock(permits=TRIMS, trim=replace(shock().trim, max_slippage=0.05))
    caps = Caps(max_slippage=Decimal("0.1"))
    cheap = plan_with_hedges(asked(account(), both, caps=caps))
    assert of_kind(cheap, StepKind.TRIM)
    assert not of_kind(cheap, StepKind.HEDGE)
    dear = plan_with_hedges(asked(dear_parent(), both, caps=caps))
    assert of_kind(dear, StepKind.HEDGE)
    assert not of_kind(dear, StepKind.TRIM)


def test_it_is_not_chosen_before_a_trim_for_funding_that_nobody_knows() -> None:
    """Selling ETH costs 1 %: more than a hedge that pays nothing, less than one that may pay the most."""
    shot = account()
    dear = replace(shot, marks={**shot.marks, ETH: mark(ETH, Decimal(2500), "0.02")})
    both = shock(permits=TRIMS, trim=replace(shock().trim, max_slippage=0.05))
    caps = Caps(max_slippage=Decimal("0.1"))
    known, unknown = (plan_with_hedges(asked(one, both, caps=caps)) for one in (dear, unlit(dear)))
    assert {step.kind for step in known.steps} == {StepKind.HEDGE}
    assert {step.kind for step in unknown.steps} == {StepKind.TRIM}


def test_where_trims_cannot_be_ordered_it_hedges_and_where_hedges_cannot_it_trims() -> None:
    both = shock(permits=TRIMS)
    stuck = asked(account(), both, blocked_symbols=frozenset((ETH,)))
    assert of_kind(plan_with_hedges(stuck), StepKind.HEDGE)
    other = asked(account(), both, blocked_symbols=frozenset((BTC,)))
    made = plan_with_hedges(other)
    assert of_kind(made, StepKind.TRIM)
    assert made.refusals == ()


def test_what_reaches_the_goal_goes_before_what_does_not() -> None:
    """A hedge of a hundredth of the parent is not enough: a trim is."""
    small = shock(0.4, permits=TRIMS, hedge=HedgeTerms(max_share=0.02))
    assert of_kind(plan_with_hedges(asked(account(), small)), StepKind.TRIM)
    alone = replace(small, permits=(Action.HEDGE,))
    made = plan_with_hedges(asked(account(), alone))
    ((_, sent),) = of_kind(made, StepKind.HEDGE)
    assert sent.contracts == Decimal("0.04"), "rounded toward zero at its bound"
    assert not made.proofs[0].met


@pytest.mark.parametrize(("kept", "done"), [((), StepKind.TRIM), (("ETH*",), StepKind.HEDGE)])
def test_what_its_owner_would_rather_keep_is_hedged(kept: tuple[str, ...], done: StepKind) -> None:
    both = shock(permits=TRIMS)
    made = plan_with_hedges(asked(account(), replace(both, trim=replace(both.trim, keep=kept))))
    assert {step.kind for step in made.steps} == {done}


@pytest.mark.parametrize("free", ["300", "0"])
def test_a_hedge_is_no_more_than_the_free_margin_carries(free: str) -> None:
    """The account's leverage for BTC is 10; a tenth of the free margin stays."""
    shot = account(short("0.1", leverage=Decimal(10)))
    poor = replace(shot, balance=replace(shot.balance, available=Decimal(free)))
    lots = (hedge("0.1"),)
    made = plan_with_hedges(asked(poor, shock(0.4), hedges=lots))
    opened = sum((sent.contracts for _, sent in of_kind(made, StepKind.HEDGE)), Decimal(0))
    assert opened == round(Decimal(free) * 9 / 50_000, 3)
    rich = plan_with_hedges(asked(shot, shock(0.4), hedges=lots))
    assert of_kind(rich, StepKind.HEDGE)[0][1].contracts > opened
    both = plan_with_hedges(asked(poor, shock(0.4, permits=TRIMS), hedges=lots))
    assert of_kind(both, StepKind.TRIM)


def test_trims_of_other_rules_go_first() -> None:
    leverage = demand("account.leverage", 1.8, value=2.0, rule="cap", episode="cap.1")
    made = plan_with_hedges(asked(account(), shock(), leverage, watches=(watch_of(shock()),)))
    assert of_kind(made, StepKind.TRIM)
    assert not of_kind(made, StepKind.HEDGE)
    assert "hedge_waits" in codes(made)


def test_one_hedge_is_opened_in_a_cycle() -> None:
    other = shock(0.52, rule="second", episode="second.1")
    made = plan_with_hedges(asked(account(), shock(0.54), other))
    assert len(of_kind(made, StepKind.HEDGE)) == 1
    assert "hedge_waits" in codes(made)


def test_orders_that_add_risk_are_cancelled_beside_it() -> None:
    shot = replace(account(), orders=(order(ETH, OrderSide.BUY),))
    made = plan_with_hedges(asked(shot, shock(permits=(Action.CANCEL_ORDERS, Action.HEDGE))))
    assert [step.kind for step in made.steps] == [StepKind.CANCEL, StepKind.HEDGE]


@pytest.mark.parametrize(
    ("metric", "goal"),
    [("account.net_leverage", 2.5), ("account.joint_distance", 0.45), ("account.cushion", 0.5)],
)
def test_each_limit_that_a_hedge_helps_is_brought_home(metric: str, goal: float) -> None:
    found = demand(metric, goal, rule="shock", episode="s.1", permits=(Action.HEDGE,))
    found = replace(found, hedge=HedgeTerms(max_share=1.0))
    made = plan_with_hedges(asked(account(), found))
    assert of_kind(made, StepKind.HEDGE), made.refusals
    assert made.proofs[0].met


def test_a_short_is_hedged_with_a_long() -> None:
    held = position(ETH, Side.SHORT, "40", "2500")
    up = shock(scenarios=(replace(shock().scenarios[0], shocks={"BTC": 0.2}),))
    made = plan_with_hedges(asked(shown(snapshot((held,), 50_000)), up))
    ((_, sent),) = of_kind(made, StepKind.HEDGE)
    assert (sent.side.value, sent.position_side) == ("buy", Side.LONG)


def test_in_hedge_mode_the_other_leg_hedges() -> None:
    made = plan_with_hedges(asked(account(index=1), shock()))
    ((_, sent),) = of_kind(made, StepKind.HEDGE)
    assert (sent.symbol, sent.position_side, sent.position_index) == (ETH, Side.SHORT, 2)


def test_a_rule_may_name_its_instrument() -> None:
    shot = account()
    shot = replace(
        shot,
        marks={**shot.marks, SOL: mark(SOL, Decimal(100))},
        markets={**shot.markets, SOL: market(SOL)},
        tiers={**shot.tiers, SOL: shot.tiers[BTC]},
    )
    made = plan_with_hedges(asked(shot, shock(hedge=HedgeTerms(symbol=SOL))))
    assert of_kind(made, StepKind.HEDGE)[0][1].symbol == SOL


def isolated() -> Snapshot:
    held = position(
        ETH, Side.LONG, "40", "2500", margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(40_000)
    )
    return shown(snapshot((held,), 50_000))


NEGATIVE = replace(BETAS, betas={**BETAS.betas, BTC: Beta(-1.0, 0.0, "test")})
LEVERAGE = Watch("cap", "account.leverage", Sense.MAX, 2.5, 2.01, Target(ACCOUNT))


@pytest.mark.parametrize(
    ("shot", "code", "more"),
    [
        (account(short("0.1")), "hedge_taken", {}),
        (account(position(BTC, Side.LONG, "0.01", "50000")), "hedge_taken", {}),
        (account(short("0.7")), "hedge_taken", {"hedges": (hedge(),)}),
        (isolated(), "no_parent", {}),
        (replace(account(), markets={ETH: market(ETH)}), "unknown_figure", {}),
        (replace(account(), tiers={ETH: account().tiers[ETH]}), "unknown_figure", {}),
        (shown(account(), active=False), "market_closed", {}),
        (shown(account(), notional_min=Decimal(100_000)), "hedge_too_small", {}),
        (account(), "unknown_outcome", {"blocked_symbols": frozenset((BTC,))}),
        (account(), "unknown_outcome", {"hedges": (hedge("0", pending=Decimal(1), ratio=Decimal(0)),)}),
        (account(), "hedge_lost", {"hedges": (hedge("0", lost_at=later(-60), ratio=Decimal(0)),)}),
        (account(), "cap_actions", {"usage": Usage(300, Decimal(0), Decimal(0))}),
        (account(), "cap_notional", {"caps": Caps(notional_per_day=Decimal(10))}),
        (account(), "hedge_cannot_help", {"stats": NEGATIVE}),
        (account(), "check_failed", {"watches": (LEVERAGE, watch_of(shock()))}),
        (account(index=-1), "unknown_mode", {}),
        (replace(account(), taken_at=later(-11)), "stale_data", {}),
    ],
)
def test_what_cannot_be_hedged_is_refused_with_its_reason(
    shot: Snapshot, code: str, more: dict[str, Any]
) -> None:
    made = plan_with_hedges(asked(shot, shock(), **more))
    assert not of_kind(made, StepKind.HEDGE)
    assert code in codes(made)


ALONE = Watch(
    "the coin alone",
    "account.stress_loss",
    Sense.MAX,
    0.72,
    0.6,
    Target(ACCOUNT),
    (Scenario("the coin", {"ETH": -0.35}),),
)
"""At 0.7: inside its limit, beyond its target."""


@pytest.mark.parametrize(("limit", "hedged"), [(0.72, True), (0.701, False)])
def test_another_limit_on_exposure_bears_the_cost_while_it_stays_inside(limit: float, hedged: bool) -> None:
    watches = (watch_of(shock()), replace(ALONE, limit=limit))
    made = plan_with_hedges(asked(account(), shock(), watches=watches))
    assert bool(of_kind(made, StepKind.HEDGE)) is hedged
    assert codes(made) == (set() if hedged else {"check_failed"})


@pytest.mark.parametrize(("held", "opened"), [("0.97", True), ("0.985", False)])
def test_where_its_share_leaves_a_trifle_nothing_is_opened(held: str, opened: bool) -> None:
    """Half of 100,000 USD is 1 BTC; 1 % of the parent are 0.02."""
    made = plan_with_hedges(asked(account(short(held)), shock(0.01), hedges=(hedge(held),)))
    assert bool(of_kind(made, StepKind.HEDGE)) is opened
    assert codes(made) == (set() if opened else {"hedge_too_small"})


def test_a_hedge_with_itself_is_a_trim_in_one_way_mode() -> None:
    shot = snapshot((position(BTC, Side.LONG, "2", "50000"),), 50_000)
    made = plan_with_hedges(asked(shot, shock(0.3)))
    assert codes(made) == {"hedge_is_trim"}


def test_a_scenario_that_it_does_not_move_in_cannot_be_hedged() -> None:
    alone = shock(scenarios=(replace(shock().scenarios[0], shocks={"ETH": -0.5}),))
    assert codes(plan_with_hedges(asked(account(), alone))) == {"hedge_cannot_help"}


def test_a_limit_that_hedges_do_not_help_is_left_to_trims() -> None:
    leverage = demand("account.leverage", 1.8, value=2.0, permits=TRIMS, hedge=HedgeTerms())
    assert of_kind(plan_with_hedges(asked(account(), leverage)), StepKind.TRIM)


def test_an_account_that_cannot_be_read_is_not_hedged() -> None:
    shot = replace(account(position(SOL, Side.LONG, "10", "100")), tiers={ETH: account().tiers[ETH]})
    assert "unknown_figure" in codes(plan_with_hedges(asked(shot, shock())))


def test_without_hedges_the_plan_is_the_plan() -> None:
    leverage = demand("account.leverage", 1.8, value=2.0)
    request = asked(account(), leverage)
    assert plan_with_hedges(request) == plan(request)


def test_what_would_only_move_the_loss_to_another_scenario_is_not_done() -> None:
    down = replace(shock().scenarios[0], shocks={"BTC": -0.2, "ETH": -0.2})
    up = replace(down, shocks={"BTC": 0.6, "ETH": 0.0})
    made = plan_with_hedges(asked(account(), shock(0.1, scenarios=(down, up))))
    assert codes(made) == {"check_failed"}


def test_hedges_of_other_parents_take_nothing_of_its_room() -> None:
    far = hedge("0.1", parent=f"{SOL}#long", ratio=Decimal("0.01"))
    made = plan_with_hedges(asked(account(short("0.1")), shock(0.45), hedges=(far,)))
    assert not of_kind(made, StepKind.HEDGE)
    assert "hedge_waits" in codes(made), "its parent is gone, so it is unwound first"
    own = hedge("0.1", ratio=Decimal("0.0025"))
    more = plan_with_hedges(asked(account(short("0.1")), shock(0.4), hedges=(own,)))
    ((step, sent),) = of_kind(more, StepKind.HEDGE)
    assert step.hedge is not None
    assert step.hedge.held == Decimal("0.1")
    assert sent.contracts < Decimal("0.9")


@pytest.mark.parametrize("equity", [Unknown("the venue gave none"), Decimal("NaN")])
def test_an_unknown_equity_sizes_nothing(equity: Any) -> None:
    shot = account()
    blind = replace(shot, balance=replace(shot.balance, equity=equity))
    assert codes(plan_with_hedges(asked(blind, shock()))) == {"unknown_figure"}


def test_figures_that_are_no_numbers_size_nothing() -> None:
    given = asked(account(), shock())
    odd = replace(given, portfolio=replace(given.portfolio, equity=float("inf")))
    assert codes(plan_with_hedges(odd)) == {"unknown_figure"}
