"""Where a goal is missed more is asked of that demand, as long as that moves something."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import LimitProof, Unknown
from bot.planning.caps import Allowance
from bot.planning.drafting import Prices
from bot.planning.effort import ATTEMPTS, Effort
from bot.planning.planner import plan
from bot.planning.programme import loop
from bot.planning.programme.asking import Asked, asked_again, asked_of, shared_out
from bot.planning.programme.proposal import Programme, Proposal, programme_of
from bot.planning.request import PlanRequest
from bot.planning.settling import Attempt, Fault, _share_missed
from tests.planning.build import demand, target
from tests.planning.test_programme import BTC, CAP, SHARE, asked


def programme(given: PlanRequest, *efforts: Effort) -> Programme:
    allowance = Allowance(given.caps, given.usage)
    made = programme_of(given, given.demands, efforts, Prices(given), frozenset(), allowance)
    assert made is not None
    return made


def cost(made: Programme) -> float:
    found = made.propose()
    assert isinstance(found, Proposal)
    return found.reasoning.cost


def known(given: PlanRequest) -> tuple[Asked, Prices]:
    prices = Prices(given)
    return asked_of(given.demands, [Effort()], prices.book, prices, frozenset())[0], prices


def missed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the first demand miss its goal whatever is tried; what is tried is listed."""
    tried: list[int] = []

    def judge(request: PlanRequest, attempt: Attempt, efforts: Sequence[Effort]) -> Fault:
        tried.append(efforts[0].tries)
        return Fault(0, "never", retry=True)

    monkeypatch.setattr(loop, "fault_of", judge)
    return tried


def test_little_that_is_missed_is_made_good_at_once_and_a_tenth_more() -> None:
    first = Effort().again(0.01)
    assert first is not None
    assert first.tightness == pytest.approx(0.011)
    second = first.again(0.02)
    assert second is not None
    assert second.tightness == pytest.approx(0.011 + 0.022)
    assert second.again() == Effort(tries=3, least=second.least)


def test_a_hair_is_made_good_by_the_first_step_and_a_mile_by_the_last() -> None:
    for missed in (0.0, 1e-6):
        again = Effort().again(missed)
        assert again is not None
        assert again.tightness == pytest.approx(0.002)
    for missed in (0.06, 1e9):
        again = Effort().again(missed)
        assert again == Effort(tries=ATTEMPTS)
        assert again.tightness == pytest.approx(0.1031, abs=0.0001)
        assert again.again(missed) is None


@pytest.mark.parametrize(
    ("after", "goal", "share"),
    [(3.3, 3.0, 0.1), (0.08, 0.1, 0.2), (3.3, 0.0, 0.0), (Unknown("dark"), 3.0, 0.0)],
)
def test_by_which_share_a_goal_is_missed(after: Any, goal: float, share: float) -> None:
    proof = LimitProof("cap", "account.leverage", "main", "max", 5.0, goal, goal, after, met=False)
    assert _share_missed(proof) == pytest.approx(share)


def test_a_ten_thousandth_of_a_lot_is_nothing() -> None:
    """That is what the solver's tolerance leaves."""
    one, prices = known(asked(CAP))
    lot = f"{BTC}#long"
    none, some = (shared_out({lot: usd}, [one], set(), prices.book, 1)[0].amounts for usd in (1e-9, 100.0))
    assert none == {}
    assert some[lot] > 0


def test_a_demand_is_asked_again_at_a_tighter_goal() -> None:
    first, prices = known(asked(CAP))
    again = asked_again(first, Effort(tries=1, least=0.5), prices)
    assert again is not None
    assert again.gaps[0] > first.gaps[0]
    assert again.paid is first.paid


def test_what_is_out_of_reach_or_unknown_is_not_asked_again() -> None:
    own = demand("position.leverage", 1.0, rule="own", target=target(BTC), episode="own.1")
    first, prices = known(asked(own))
    assert asked_again(first, Effort(tries=1, least=1.5), prices) is None
    given = asked(CAP)
    first, _ = known(given)
    dark = replace(given, portfolio=replace(given.portfolio, equity=Unknown("silent")))
    assert asked_again(first, Effort(tries=1), Prices(dark)) is None


def test_a_programme_that_is_tightened_costs_what_it_does_written_anew() -> None:
    given, tight = asked(CAP, SHARE), Effort(tries=1, least=0.1)
    made = programme(given, Effort(), Effort())
    loose = cost(made)
    assert made.tighten(0, tight)
    assert cost(made) == pytest.approx(cost(programme(given, tight, Effort())))
    assert cost(made) > loose * 1.01


def test_what_is_gone_on_with_leaves_what_it_came_from_as_it_was() -> None:
    first = programme(asked(CAP, SHARE), Effort(), Effort())
    before = cost(first)
    again = first.again([1, 0])
    assert cost(again) == pytest.approx(before)
    assert again.tighten(1, Effort(tries=1, least=0.1))
    assert cost(again) > before * 1.01
    assert cost(first) == before
    assert cost(first.again([1, 0])) == pytest.approx(before)


def test_a_programme_says_where_it_cannot_be_tightened() -> None:
    own = demand("position.leverage", 1.0, rule="own", target=target(BTC), episode="own.1")
    made = programme(asked(own, CAP), Effort(), Effort())
    assert not made.tighten(2, Effort(tries=1))
    assert not made.tighten(0, Effort(tries=1, least=1.5))


def test_where_a_tighter_goal_moves_nothing_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as it would be tried, it would be the same."""
    tried = missed(monkeypatch)
    monkeypatch.setattr(Programme, "tighten", lambda *_: True)
    assert plan(asked(CAP, SHARE)).reasoning.code == "check_failed"  # type: ignore[union-attr]
    assert tried == [0]


def test_what_cannot_be_tightened_is_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = missed(monkeypatch)
    monkeypatch.setattr(Programme, "tighten", lambda *_: False)
    assert plan(asked(CAP, SHARE)).reasoning.code == "check_failed"  # type: ignore[union-attr]
    assert tried == list(range(ATTEMPTS))
