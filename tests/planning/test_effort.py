"""What passes no check at least cost is trimmed in proportion; a missed goal is no reason to do nothing."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Action, Caps, Plan, Sense, Side, Target
from bot.planning import settling
from bot.planning.caps import Allowance
from bot.planning.check import Meter
from bot.planning.drafting import Prices, draw
from bot.planning.effort import ATTEMPTS, Effort, can_be_even
from bot.planning.planner import plan
from bot.planning.recomputation import state_before
from bot.planning.request import PlanRequest, Watch
from bot.planning.settling import Attempt, Fault, _further, settle, settle_with
from tests.planning.build import (
    ACCOUNT,
    CRASH,
    context,
    demand,
    mark,
    position,
    request,
    snapshot,
    stats_for,
    target,
)

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
PAIR = [position(BTC, Side.LONG, "50", "1000"), position(ETH, Side.SHORT, "500", "100")]
CAP = demand("account.leverage", 3.0, value=5.0)
CALM = Watch("calm", "account.stress_loss", Sense.MAX, 0.02, 0.02, Target(ACCOUNT), (CRASH,))
"""A fifth down costs the pair nothing, and each half of it a fifth of itself."""


def pair(**changes: Any) -> PlanRequest:
    """A long that a short offsets; the short is the cheaper one to trim."""
    shot = snapshot(PAIR, 20_000)
    dear = mark(BTC, Decimal(1000), spread="0.004")
    shot = replace(shot, marks={**shot.marks, BTC: dear})
    return request(shot, [CAP], [CALM], about=context(stats=stats_for([BTC, ETH])), **changes)


def contracts(made: Plan) -> dict[str, Decimal]:
    return {step.request.symbol: step.request.contracts for step in made.steps}  # type: ignore[union-attr]


def codes(made: Plan) -> list[str]:
    return [refusal.code for refusal in made.refusals]


def test_a_pair_is_trimmed_in_proportion_where_the_cheaper_half_alone_would_unbalance_it() -> None:
    asked = pair()
    before = state_before(asked)
    allowance = Allowance(asked.caps, asked.usage)
    attempt, refusals = settle(asked, [CAP], before, allowance, Prices(asked), Meter(asked))
    taken = {draft.position.symbol: draft.contracts for draft in attempt.capped.drafts}
    assert float(taken[BTC] / 50) == pytest.approx(float(taken[ETH] / 500), abs=0.001)
    assert Decimal(18) < taken[BTC] < Decimal(25)
    assert refusals == []


def test_the_programme_unbalances_a_pair_as_far_as_its_limit_bears() -> None:
    alone = plan(replace(pair(), watches=()))
    assert contracts(alone).keys() == {ETH}
    made = plan(pair())
    taken = contracts(made)
    assert taken[BTC] / 50 < taken[ETH] / 500 < Decimal("0.45")
    assert made.proofs[0].met
    assert codes(made) == []


def test_a_share_cap_makes_an_even_trim_shorter_and_says_so() -> None:
    made = plan(pair(caps=Caps(max_share=Decimal("0.1"))))
    assert contracts(made) == {BTC: Decimal(5), ETH: Decimal(50)}
    assert codes(made) == ["cap_share"]
    assert not made.proofs[0].met


def test_what_an_earlier_demand_took_counts_in_an_even_trim() -> None:
    first = demand("position.equity_share", 1.0, rule="share", target=target(BTC), episode="share.1")
    asked = pair()
    drawing = draw([first, CAP], [Effort(), Effort(even=True)], Prices(asked))
    taken, even = (outcome.taken for outcome in drawing.outcomes)
    assert taken[f"{BTC}#long"] > 30
    assert even == {f"{ETH}#short": Decimal(200)}


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({"value": 5.0, "goal": 4.0}, 0.2),
        ({"value": 5.0, "goal": -1.0}, 1.0),
        ({"value": 0.0, "goal": 4.0}, 0.0),
        ({"value": 3.0, "goal": 4.0}, 0.0),
        ({"sense": Sense.MIN, "value": 0.1, "goal": 0.2}, 0.5),
        ({"sense": Sense.MIN, "value": -0.1, "goal": 0.2}, 1.0),
    ],
)
def test_the_first_share_is_what_the_limit_exceeds_its_goal_by(changes: dict[str, Any], share: float) -> None:
    assert float(Effort(even=True).share(replace(CAP, **changes))) == pytest.approx(share)


def test_further_tries_take_more_and_never_the_whole_of_what_would_be_left() -> None:
    effort: Effort | None = Effort(even=True)
    shares: list[Decimal] = []
    while effort is not None:
        shares.append(effort.share(CAP))
        effort = effort.again()
    assert len(shares) == ATTEMPTS + 1
    assert shares == sorted(set(shares))
    assert float(shares[-1]) == pytest.approx(0.7)
    assert Effort().tightness == 0.0


def test_what_comes_no_nearer_at_least_cost_is_tried_in_proportion_and_then_no_more() -> None:
    missed = Fault(0, "missed", retry=True)
    spent = Effort(tries=ATTEMPTS)
    assert _further(CAP, spent, missed) == Effort(even=True)
    assert _further(CAP, replace(spent, even=True), missed) is None
    assert _further(CAP, Effort(even=True), missed) is None, "more of what leads away leads further away"
    assert _further(CAP, Effort(even=True), replace(missed, nearer=True)) == Effort(tries=1, even=True)
    assert _further(CAP, spent, replace(missed, nearer=True)) == replace(spent, partial=True)


def test_what_is_dear_only_at_the_worst_price_is_tried_as_expected_last() -> None:
    dear = Fault(0, "not nearer", retry=False, dear=True)
    room = demand("account.joint_distance", 0.1)
    assert _further(room, Effort(), dear) == Effort(even=True, dear=True)
    assert _further(room, Effort(even=True), dear) == Effort(expected=True)
    other = replace(dear, dear=False)
    assert _further(room, Effort(even=True, dear=True), other) == Effort(expected=True)
    assert _further(room, Effort(even=True), other) is None
    assert _further(room, Effort(expected=True), dear) is None
    one = demand("position.liquidation_distance", 0.1, target=target(BTC))
    assert _further(one, Effort(), dear) == Effort(expected=True)


def test_only_trims_of_an_account_can_be_even() -> None:
    assert can_be_even(CAP)
    assert not can_be_even(replace(CAP, target=target(BTC)))
    assert not can_be_even(replace(CAP, permits=(Action.CLOSE_ALL,)))


def test_the_search_for_more_ends_where_no_more_can_be_met(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def never(given: PlanRequest, attempt: Attempt, efforts: Any) -> Fault:
        seen.append(len(efforts))
        return Fault(0, "never", retry=False)

    monkeypatch.setattr(settling, "fault_of", never)
    one = demand("position.equity_share", 0.8, rule="share", target=target(BTC))
    given = pair()
    rest = (given, [one, CAP], state_before(given), Allowance(given.caps, given.usage))
    parts = (*rest, Prices(given), Meter(given))
    assert settle_with({(one.rule, one.target)}, *parts) is None, "what must be met is dropped"
    assert seen == [2]
    assert settle_with({(CAP.rule, CAP.target)}, *parts) is None, "all others are dropped"
    assert seen == [2, 2]
