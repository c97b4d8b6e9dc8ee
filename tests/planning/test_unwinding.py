"""Hedges on their way out: with their parent, with their rule, when they are needed no more; and trims beside
them."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Action, Caps, OrderRequest, OrderSide, Side, Snapshot, StepKind, Style, Usage
from bot.planning.hedged import plan_with_hedges
from bot.planning.linked import going, must_stay
from bot.planning.request import watch_of
from tests.planning.build import demand, later, market, measured, order, position, target
from tests.planning.hedges import (
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

HEDGED = account(short())
QUIET = shock(0.6)
"""A limit that is met with the hedge, and not without: 28,000 of 50,000 are lost in the crash, 0.56."""
WATCH = (watch_of(shock(0.445)),)
"""With the hedge 22,000 are lost, 0.44."""


def made_of(shot: Snapshot, *demands: Any, **more: Any) -> Any:
    more.setdefault("hedges", (hedge(),))
    more.setdefault("watches", WATCH)
    return plan_with_hedges(asked(shot, *demands, **more))


def unwound(made: Any) -> Decimal:
    found = of_kind(made, StepKind.UNWIND)
    assert len(found) <= 1
    return found[0][1].contracts if found else Decimal(0)


def test_while_it_is_needed_it_stays() -> None:
    made = made_of(HEDGED)
    assert (made.steps, made.refusals) == ((), ())


@pytest.mark.parametrize(
    ("goal", "contracts"), [(0.57, "0.6"), (0.53, "0.300"), (0.48, "0.150"), (0.45, "0"), (0.445, "0")]
)
def test_what_is_needed_no_more_goes_in_quarters(goal: float, contracts: str) -> None:
    made = made_of(HEDGED, watches=(watch_of(shock(goal)),))
    assert unwound(made) == Decimal(contracts)


def test_the_order_that_unwinds_reduces_and_belongs_to_its_parent() -> None:
    ((step, sent),) = of_kind(
        made_of(HEDGED, watches=(watch_of(QUIET),), steps_taken={"shock.0": 4}), StepKind.UNWIND
    )
    assert (sent.side, sent.position_side, sent.opens) == (OrderSide.BUY, Side.SHORT, False)
    assert (sent.style, sent.price, sent.whole) == (Style.IOC, Decimal(50250), True)
    assert (step.rule, step.episode, step.number) == ("shock", "shock.0", 4)
    assert step.hedge is not None
    assert (step.hedge.parent, step.hedge.parent_contracts, step.hedge.held) == (LONG, 40, Decimal("0.6"))


@pytest.mark.parametrize(
    "more",
    [
        {"doubted": True},
        {"hedges": (hedge(), hedge("0", episode="shock.9", pending=Decimal(1), ratio=Decimal(0)))[1:]},
        {"watches": ()},
        {"blocked_symbols": frozenset((BTC,))},
    ],
)
def test_in_doubt_nothing_is_taken_off_for_being_idle(more: dict[str, Any]) -> None:
    assert unwound(made_of(HEDGED, **{"watches": (watch_of(QUIET),), **more})) == 0


def test_a_condition_that_is_false_takes_it_off_whatever_the_limit_says() -> None:
    lifted = frozenset({"shock"})
    made = made_of(HEDGED, watches=(), lifted=lifted)
    assert unwound(made) == Decimal("0.6")
    assert "the condition of 'shock' is false" in made.steps[0].reason
    net = watch_of(demand("account.net_leverage", 2.3, rule="net"))
    assert unwound(made_of(HEDGED, watches=(net,), lifted=lifted)) == 0
    assert unwound(made_of(HEDGED, watches=(), lifted=frozenset({"other"}))) == 0
    assert unwound(made_of(HEDGED, watches=(), lifted=lifted, doubted=True)) == 0


@pytest.mark.parametrize(("goal", "contracts"), [(0.57, "0.6"), (0.445, "0")])
def test_outside_the_hours_of_its_rule_its_limit_counts_for_it_alone(goal: float, contracts: str) -> None:
    made = made_of(HEDGED, watches=(), asleep=(watch_of(shock(goal)),))
    assert unwound(made) == Decimal(contracts)


def test_it_stays_while_another_limit_would_be_made_worse() -> None:
    net = watch_of(demand("account.net_leverage", 2.3, rule="net"))
    assert unwound(made_of(HEDGED, watches=(watch_of(QUIET), net))) == 0


def test_it_stays_while_its_rule_acts() -> None:
    acting = replace(QUIET, permits=(Action.NOTIFY,), hedge=None)
    assert unwound(made_of(HEDGED, acting, watches=(watch_of(QUIET),))) == 0


def test_without_its_parent_it_goes_at_market() -> None:
    alone = shown(replace(HEDGED, positions=HEDGED.positions[1:]))
    ((step, sent),) = of_kind(made_of(alone), StepKind.UNWIND)
    assert (sent.contracts, sent.style, sent.price) == (Decimal("0.6"), Style.MARKET, None)
    assert "is gone" in step.reason


def test_without_its_rule_it_goes() -> None:
    made = made_of(HEDGED, hedging={})
    assert unwound(made) == Decimal("0.6")
    assert "the rule 'shock' is gone" in made.steps[0].reason


@pytest.mark.parametrize(
    ("size", "left"), [("20", "0.3"), ("30", "0.45"), ("39.999", "0.599"), ("50", "0.6")]
)
def test_it_shrinks_with_its_parent(size: str, left: str) -> None:
    made = made_of(account(short(), size=size, equity=20_000))
    assert Decimal("0.6") - unwound(made) == Decimal(left)


def test_it_never_comes_to_more_than_its_parent() -> None:
    """1.4 x 100,000 are hedged by 2.8 contracts; 3 are too many."""
    whole = hedge("3", ratio=Decimal("0.1"))
    assert unwound(made_of(account(short("3")), hedges=(whole,))) == Decimal("0.200")


def test_only_what_the_guard_opened_is_taken_off() -> None:
    made = made_of(account(short("1.0")), hedging={})
    ((_, sent),) = of_kind(made, StepKind.UNWIND)
    assert (sent.contracts, sent.whole) == (Decimal("0.6"), False)


def test_of_two_hedges_in_one_position_one_goes_in_a_cycle() -> None:
    other = hedge("0.4", rule="gone", episode="gone.1", ratio=Decimal("0.01"))
    made = made_of(account(short("1.0")), hedges=(hedge(), other))
    assert unwound(made) == Decimal("0.4")
    orphan = hedge("0.3", parent=f"{SOL}#long", episode="shock.7")
    assert unwound(made_of(account(short("1.3")), hedges=(other, orphan, hedge()))) == Decimal("0.3")


@pytest.mark.parametrize(
    ("shot", "code", "more"),
    [
        (HEDGED, "unknown_outcome", {"blocked_symbols": frozenset((BTC,))}),
        (account(), "position_gone", {}),
        (HEDGED, "cap_actions", {"usage": Usage(300, Decimal(0), Decimal(0))}),
        (replace(HEDGED, taken_at=later(-20)), "", {}),
        (
            replace(HEDGED, stops=(order(BTC, OrderSide.BUY, "0.6", reduce_only=True, order_id="owner"),)),
            "reduce_only_blocked",
            {"crowded_symbols": frozenset((BTC,))},
        ),
    ],
)
def test_what_cannot_go_now_is_told(shot: Snapshot, code: str, more: dict[str, Any]) -> None:
    made = made_of(shot, hedging={}, **more)
    assert unwound(made) == 0
    assert codes(made) == ({code} if code else set())


def test_an_account_that_cannot_be_recomputed_unwinds_nothing_for_being_idle() -> None:
    shot = account(short(), position(SOL, Side.LONG, "1", "100"))
    blind = replace(shot, tiers={key: value for key, value in shot.tiers.items() if key != SOL})
    assert unwound(made_of(blind, watches=(watch_of(QUIET),))) == 0


def test_a_parent_whose_size_is_no_number_tells_nothing() -> None:
    odd = replace(
        HEDGED, positions=(replace(HEDGED.positions[0], contracts=Decimal("NaN")), HEDGED.positions[1])
    )
    assert unwound(made_of(odd)) == 0


# Trims beside hedges


LEVERAGE = demand("account.leverage", 2.0, value=2.6, rule="cap", episode="cap.1")


def test_a_trim_takes_its_part_of_the_hedge_along_and_before_it() -> None:
    """Both together: each USD of ETH takes 0.3 USD of the hedge with it, so 130,000 become 100,000 at
    once."""
    made = made_of(HEDGED, LEVERAGE)
    assert [step.kind for step in made.steps] == [StepKind.UNWIND, StepKind.TRIM]
    ((step, off), (_, trim)) = of_kind(made, StepKind.UNWIND) + of_kind(made, StepKind.TRIM)
    assert trim.symbol == ETH
    assert made.proofs[0].met
    share = trim.contracts / 40
    assert 0 <= off.contracts - Decimal("0.6") * share < Decimal("0.002")
    left = float(40 - trim.contracts) * 2500 + float(Decimal("0.6") - off.contracts) * 50_000
    assert 99_000 < left < 100_000
    assert step.hedge is not None
    assert (step.hedge.parent_contracts, step.hedge.parent_left) == (40, 40 - trim.contracts)


@pytest.mark.parametrize("metric", ["account.margin_ratio", "account.joint_distance", "account.stress_loss"])
def test_every_limit_is_met_with_what_goes_beside(metric: str) -> None:
    free = asked(HEDGED, hedges=(hedge(),), watches=())
    found = demand(metric, 1.0, rule="cap", episode="cap.1", scenarios=shock().scenarios)
    value = measured(watch_of(found), free)
    goal = value * (1.3 if metric.endswith("distance") else 0.7)
    made = made_of(HEDGED, replace(found, value=value, limit=goal, goal=goal))
    assert made.proofs[0].met
    assert of_kind(made, StepKind.TRIM)


def test_the_hedge_itself_is_never_trimmed() -> None:
    own = demand("position.equity_share", 0.3, value=0.6, rule="cap", target=target(BTC, Side.SHORT))
    made = made_of(HEDGED, own)
    assert made.steps == ()
    assert "is_hedge" in codes(made)


def test_a_parent_is_not_trimmed_below_its_hedges() -> None:
    """0.6 BTC are 30,000 USD, 21,429 USD of ETH by beta: 8.572 contracts."""
    close = demand("account.drawdown", 0.1, rule="stop", permits=(Action.CLOSE_ALL,))
    made = made_of(HEDGED, close)
    taken = {
        step.request.symbol: step.request.contracts
        for step in made.steps
        if isinstance(step.request, OrderRequest)
    }
    assert taken == {BTC: Decimal("0.6"), ETH: Decimal("31.428")}, "the hedge goes for the whole of it"
    assert must_stay(HEDGED.positions[0], asked(HEDGED, hedges=(hedge(),))) == Decimal("8.572")
    nothing = replace(HEDGED, markets={**HEDGED.markets, ETH: market(ETH, amount_step=Decimal(0))})
    assert must_stay(HEDGED.positions[0], asked(nothing, hedges=(hedge(),))) == pytest.approx(
        Decimal("8.5714"), rel=Decimal("1e-4")
    )


def test_what_may_have_been_opened_counts_as_open() -> None:
    close = demand("account.drawdown", 0.1, rule="stop", permits=(Action.CLOSE_ALL,))
    pending = hedge("0", pending=Decimal("1.2"), ratio=Decimal(0))
    made = made_of(account(), close, hedges=(pending,))
    assert [step.request.contracts for step in made.steps if isinstance(step.request, OrderRequest)] == [
        Decimal("22.857")
    ]


def test_where_the_instrument_cannot_be_priced_survival_goes_first() -> None:
    blind = replace(account(), marks={ETH: account().marks[ETH]})
    close = demand("account.drawdown", 0.1, rule="stop", permits=(Action.CLOSE_ALL,))
    made = made_of(blind, close, hedges=(hedge("0", pending=Decimal(1), ratio=Decimal(0)), hedge()))
    assert made.steps[0].request.contracts == 40
    assert "position_gone" not in codes(made)


def test_of_two_that_must_go_the_first_goes_first() -> None:
    other = hedge("0.4", rule="other", episode="other.1", ratio=Decimal("0.01"))
    made = made_of(account(short("1.0")), hedges=(hedge(), other), hedging={})
    assert unwound(made) == Decimal("0.6")


def test_where_the_market_takes_no_order_it_says_so() -> None:
    shut = replace(HEDGED, markets={**HEDGED.markets, BTC: market(BTC, amount_max=Decimal(0))})
    assert codes(made_of(shut, hedging={})) == {"reduce_only_blocked"}


def test_a_trim_too_small_to_matter_takes_nothing_along() -> None:
    assert going(LONG, Decimal("1e-12"), asked(HEDGED, hedges=(hedge(),))) == {}


def test_a_limit_that_does_not_count_the_hedge_is_sized_as_ever() -> None:
    share = demand("position.equity_share", 1.5, value=2.0, rule="cap", target=target(ETH))
    made = made_of(HEDGED, share)
    assert [step.kind for step in made.steps] == [StepKind.UNWIND, StepKind.TRIM]
    assert made.proofs[0].met


def test_caps_hold_for_what_is_unwound() -> None:
    made = made_of(HEDGED, hedging={}, caps=Caps(notional_per_day=Decimal(10_000)))
    assert unwound(made) == Decimal("0.200")
    assert codes(made) == {"cap_notional"}


def test_a_hedge_without_its_parent_weighs_as_it_is_until_it_is_gone() -> None:
    orphan = hedge(parent=f"{SOL}#long")
    made = made_of(HEDGED, LEVERAGE, hedges=(orphan,))
    assert [step.kind for step in made.steps] == [StepKind.UNWIND, StepKind.TRIM]
    assert made.proofs[0].met


def test_a_hedge_that_cannot_be_weighed_holds_no_close_up() -> None:
    close = demand("account.drawdown", 0.1, rule="stop", permits=(Action.CLOSE_ALL,))
    blind = replace(HEDGED, tiers={ETH: HEDGED.tiers[ETH]})
    kinds = [step.kind for step in made_of(blind, close).steps]
    assert kinds == [StepKind.UNWIND, StepKind.CLOSE]
