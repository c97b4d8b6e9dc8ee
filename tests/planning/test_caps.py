"""Caps make steps smaller or refuse them, loudly where survival is at stake."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.model import Action, Caps, OrderRequest, Plan, Side, TrimTerms, Unknown, Usage
from bot.planning.planner import plan
from bot.planning.request import PlanRequest
from tests.planning.build import demand, position, request, snapshot

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HELD = [
    position(BTC, Side.LONG, "1", "50000", entry_price=Decimal(60000)),
    position(ETH, Side.SHORT, "20", "2500"),
]
SHOT = snapshot(HELD, 25_000)
CLOSE_ALL = demand("account.drawdown", 0.25, permits=(Action.CLOSE_ALL,))
TRIM = demand("account.leverage", 3.0)


def capped(*demands: Any, usage: Usage | None = None, **caps: Any) -> PlanRequest:
    asked = request(SHOT, demands, caps=Caps(**caps))
    return asked if usage is None else replace(asked, usage=usage)


def amounts(made: Plan) -> list[Decimal]:
    return [step.request.contracts for step in made.steps if isinstance(step.request, OrderRequest)]


def test_actions_an_hour() -> None:
    made = plan(capped(CLOSE_ALL, actions_per_hour=1))
    assert len(made.steps) == 1
    assert [refusal.code for refusal in made.refusals] == ["cap_actions"]
    assert made.refusals[0].reason.startswith("LIFELINE BLOCKED")
    spent = Usage(5, Decimal(0), Decimal(0))
    assert plan(capped(CLOSE_ALL, usage=spent, actions_per_hour=3)).steps == ()


def test_notional_a_day_shrinks_then_refuses() -> None:
    made = plan(capped(CLOSE_ALL, notional_per_day=Decimal(60_000)))
    assert amounts(made) == [Decimal(1), Decimal("4.000")]
    assert [refusal.code for refusal in made.refusals] == ["cap_notional"]
    used = Usage(0, Decimal(70_000), Decimal(0))
    made = plan(capped(CLOSE_ALL, usage=used, notional_per_day=Decimal(60_000)))
    assert made.steps == ()
    assert [refusal.code for refusal in made.refusals] == ["cap_notional", "cap_notional"]
    assert "0.00 USD are left" in made.refusals[0].reason


def test_loss_a_day_counts_realised_loss_and_cost() -> None:
    """Closing BTC at worst at 49,750 loses 10,250 a coin against entry, and the fee."""
    made = plan(capped(CLOSE_ALL, loss_per_day=Decimal(5_000)))
    per_coin = Decimal(10_250) + Decimal(49_750) * Decimal("0.00055")
    assert amounts(made)[0] == (Decimal(5_000) / per_coin).quantize(Decimal("0.001"), "ROUND_DOWN")
    assert {refusal.code for refusal in made.refusals} == {"cap_loss"}
    plenty = plan(capped(CLOSE_ALL, loss_per_day=Decimal(50_000)))
    assert amounts(plenty) == [Decimal(1), Decimal(20)]


def test_the_losses_of_one_plan_add_up() -> None:
    """Each of the two loses against entry; together they may lose no more than the cap."""
    both = (HELD[0], replace(HELD[1], entry_price=Decimal(2000)))
    asked = capped(CLOSE_ALL, loss_per_day=Decimal(18_000))
    first, second = amounts(plan(replace(asked, snapshot=replace(SHOT, positions=both))))
    lost = first * (Decimal(10_250) + Decimal(49_750) * Decimal("0.00055"))
    each = Decimal("512.5") + Decimal("2512.5") * Decimal("0.00055")
    assert first == 1
    assert Decimal(0) < second < 20
    assert lost + second * each <= 18_000 < lost + (second + Decimal("0.01")) * each


def test_a_loss_that_cannot_be_known_is_refused() -> None:
    blind = (replace(HELD[0], entry_price=Unknown("silent")), HELD[1])
    asked = capped(CLOSE_ALL, loss_per_day=Decimal(50_000))
    made = plan(replace(asked, snapshot=replace(SHOT, positions=blind)))
    assert amounts(made) == [Decimal(20)]
    assert "silent" in made.refusals[0].reason
    free = capped(CLOSE_ALL)
    assert len(plan(replace(free, snapshot=replace(SHOT, positions=blind))).steps) == 2


def test_a_trim_under_a_cap_comes_nearer_and_says_so() -> None:
    whole = plan(capped(TRIM))
    made = plan(capped(TRIM, notional_per_day=Decimal(5_000)))
    assert sum(amounts(made)) < sum(amounts(whole))
    (proof,) = made.proofs
    assert not proof.met
    assert isinstance(proof.before, float)
    assert isinstance(proof.after, float)
    assert proof.goal < proof.after < proof.before
    assert not made.refusals[0].reason.startswith("LIFELINE")


def test_share_caps_of_the_rule_and_of_the_account() -> None:
    tight = replace(TRIM, goal=0.5, trim=TrimTerms(max_share=0.5))
    assert amounts(plan(capped(tight))) == [Decimal("0.500"), Decimal("10.000")]
    assert amounts(plan(capped(tight, max_share=Decimal("0.1")))) == [Decimal("0.100"), Decimal("2.000")]


def test_a_gain_uses_no_loss_budget() -> None:
    won = (replace(HELD[0], entry_price=Decimal(40_000)),)
    asked = capped(CLOSE_ALL, loss_per_day=Decimal(0))
    made = plan(replace(asked, snapshot=replace(SHOT, positions=won)))
    assert amounts(made) == [Decimal(1)]


def test_a_trim_that_the_caps_leave_nothing_of_is_refused_by_the_cap_alone() -> None:
    made = plan(capped(TRIM, notional_per_day=Decimal(0)))
    assert made.steps == ()
    assert {refusal.code for refusal in made.refusals} == {"cap_notional"}
    assert not made.proofs[0].met
