"""The check's verdicts: what is tightened, refused, or let through."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    LimitProof,
    MarginMode,
    OrderRequest,
    Plan,
    Side,
    TrimTerms,
    Unknown,
)
from bot.planning import drafting, settling
from bot.planning.aftermath import Removal
from bot.planning.caps import Allowance
from bot.planning.check import Meter, examine, is_block_nearer, is_met, is_nearer, violations
from bot.planning.drafting import Prices
from bot.planning.planner import plan
from bot.planning.request import Watch, watch_of
from bot.planning.settling import settle
from tests.planning.build import (
    ACCOUNT,
    KEPT,
    demand,
    opened,
    position,
    request,
    snapshot,
    target,
    tiers,
)

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HELD = [position(BTC, Side.LONG, "1", "50000"), position(ETH, Side.LONG, "20", "2500")]
SHOT = snapshot(HELD, 25_000)
ALL = (Action.CLOSE_ALL, Action.HALT)


def contracts(made: Plan) -> dict[str, Decimal]:
    return {
        step.request.symbol: step.request.contracts
        for step in made.steps
        if isinstance(step.request, OrderRequest)
    }


def codes(made: Plan) -> list[str]:
    return [refusal.code for refusal in made.refusals]


def watching(metric: str, limit: float, **changes: Any) -> Watch:
    found = watch_of(demand(metric, limit, rule="watched"))
    return replace(found, **changes)


def test_a_plan_that_makes_another_limit_worse_is_refused() -> None:
    """The short hedges the long: closing it would raise net leverage past its limit."""
    held = [HELD[0], position(ETH, Side.SHORT, "16", "2500")]
    shot = snapshot(held, 25_000)
    share = demand("position.equity_share", 0.5, target=target(ETH, Side.SHORT))
    for permits in ((Action.TRIM,), (Action.CLOSE,)):
        asked = request(shot, [replace(share, permits=permits)], [watching("account.net_leverage", 1.0)])
        made = plan(asked)
        assert made.steps == ()
        assert codes(made) == ["check_failed"]
        assert "watched (account.net_leverage of main)" in made.refusals[0].reason
    everything = request(shot, [replace(share, permits=ALL)], [watching("account.net_leverage", 1.0)])
    assert len(plan(everything).steps) == 2


def test_survival_does_not_yield_to_a_limit_on_exposure() -> None:
    held = [HELD[0], position(ETH, Side.SHORT, "19", "2500")]
    shot = replace(snapshot(held, 900), tiers={BTC: tiers("0.004"), ETH: tiers("0.02")})
    ratio = demand("account.margin_ratio", 0.9)
    made = plan(request(shot, [ratio], [watching("account.net_leverage", 4.0)]))
    assert list(contracts(made)) == [ETH]
    assert made.proofs[0].met


def test_cost_alone_does_not_make_a_limit_worse() -> None:
    past = [watching("position.equity_share", 1.0, target=target(BTC)), watching("account.drawdown", -1.0)]
    only = demand("position.equity_share", 1.0, target=target(ETH))
    made = plan(request(SHOT, [only], past))
    assert made.refusals == ()
    assert made.proofs[0].met


def test_a_watch_that_cannot_be_measured_says_nothing() -> None:
    made = plan(request(SHOT, [demand("account.leverage", 3.0)], [watching("account.concentration", 0.1)]))
    assert made.proofs[0].met


def test_an_account_that_cannot_be_recomputed_is_not_trimmed() -> None:
    apart = replace(HELD[0], margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(6000))
    shot = snapshot([apart, HELD[1]], 25_000)
    blind = replace(shot, tiers={BTC: tiers()})
    share = demand("position.leverage", 5.0, target=target(BTC))
    made = plan(request(blind, [share], terms=KEPT))
    assert made.steps == ()
    assert codes(made) == ["check_failed"]
    assert "cannot be recomputed" in made.refusals[0].reason
    calm = demand("position.leverage", 50.0, target=target(BTC))
    assert plan(request(blind, [calm], terms=KEPT)).refusals == ()


def test_a_goal_that_the_recomputation_denies_is_tightened_then_come_nearer() -> None:
    """Sizing sees the holding, the recomputation the snapshot, whose tiers ask ten times more."""
    shot = snapshot([HELD[0]], 600)
    asked = request(shot, [demand("account.margin_ratio", 0.4)])
    slightly = replace(asked, snapshot=replace(shot, tiers={BTC: tiers("0.00505")}))
    made = plan(slightly)
    assert made.proofs[0].met
    assert made.refusals == ()
    grossly = replace(asked, snapshot=replace(shot, tiers={BTC: tiers("0.05")}))
    made = plan(grossly)
    assert codes(made) == ["goal_missed"]
    assert len(made.steps) == 1
    (proof,) = made.proofs
    assert not proof.met
    assert is_nearer(proof)


def test_a_trim_that_would_not_come_nearer_is_refused() -> None:
    """Sizing sees a maintenance rate above the cost, the recomputation one far below it. No price helps."""
    shot = snapshot([HELD[0]], 20)
    ratio = demand("account.margin_ratio", 0.4, trim=TrimTerms(max_share=0.1))
    asked = request(shot, [ratio])
    made = plan(replace(asked, snapshot=replace(shot, tiers={BTC: tiers("0.0001")})))
    assert made.steps == ()
    assert codes(made) == ["check_failed"]
    assert "would not bring it nearer" in made.refusals[0].reason


def test_what_cannot_be_recomputed_is_not_met_and_harms_nothing() -> None:
    asked, dark = request(SHOT, [demand("account.leverage", 3.0)]), Unknown("a gap")
    assert not is_met(watching("account.leverage", 3.0), Meter(asked), dark)
    allowance = Allowance(asked.caps, asked.usage)
    attempt, _ = settle(asked, asked.demands, dark, allowance, Prices(asked), Meter(asked))
    assert attempt.harms == ()
    assert attempt.met == frozenset()


def test_expected_prices_are_those_of_the_worst_case_where_nobody_asks() -> None:
    asked = request(SHOT)
    gone = {f"{BTC}#long": Removal(Decimal(1), Decimal(49000), Decimal(49900))}
    found = examine(asked, opened(asked), gone)
    assert found.expected is found.worst
    asked_for = examine(asked, opened(asked), gone, expected=True)
    assert asked_for.worst == found.worst
    assert asked_for.expected.cost < found.worst.cost == found.costed.cost


def test_only_limits_of_margin_blocks_are_judged_by_block() -> None:
    asked = request(SHOT)
    found = examine(asked, opened(asked), {f"{BTC}#long": Removal(Decimal(1), Decimal(1), Decimal(1))})
    assert not is_block_nearer(watching("account.leverage", 1.0), Meter(asked), found, {f"{BTC}#long"})


def test_what_is_not_settled_in_time_is_still_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "_ROUNDS", 0)
    assert plan(request(SHOT, [demand("account.leverage", 3.0)])).proofs[0].met


def test_blocks_that_can_be_helped_are_helped_where_the_worst_cannot() -> None:
    apart = replace(HELD[0], margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(400))
    shot = snapshot([apart, HELD[1]], 400 + 500)
    made = plan(request(shot, [demand("account.margin_ratio", 0.3)]))
    assert list(contracts(made)) == [ETH]
    assert not made.proofs[0].met
    assert "goal_out_of_reach" in codes(made) or "trimming_cannot_help" in codes(made)


def test_removals_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(SHOT, [demand("account.leverage", 3.0)])
    price = Decimal(50000)
    found = violations(
        asked,
        {
            "SOL/USDT:USDT#long": Removal(Decimal(1), price, price),
            f"{BTC}#long": Removal(Decimal(2), price, price),
            f"{ETH}#long": Removal(Decimal("0.0005"), price, price),
        },
    )
    assert [text.split()[-1] for text in found] == ["1", "0.001", "unknown"]
    monkeypatch.setattr(settling, "violations", lambda request, removals: ("odd",) if removals else ())
    made = plan(asked)
    assert made.steps == ()
    assert [(refusal.code, refusal.reason) for refusal in made.refusals] == [("check_failed", "odd")]


def test_unknown_figures_are_never_nearer() -> None:
    nothing = Unknown("silent")
    proof = LimitProof("cap", "account.leverage", ACCOUNT, "max", nothing, 1.0, 1.0, 0.5, False)
    assert not is_nearer(proof)
    assert not is_nearer(replace(proof, before=0.5, after=nothing))
    assert is_nearer(replace(proof, after=nothing, met=True))
    assert is_nearer(replace(proof, sense="min", before=0.1, after=0.2))
