"""What several demands of one plan ask alike is found once, and the programme is asked no question twice."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.model import Action, Demand, HedgeTerms, Refusal, Scenario, Unknown
from bot.planning.caps import Allowance
from bot.planning.choosing import _offered
from bot.planning.hedge_seats import NoHedge
from bot.planning.hedged import plan_with_hedges
from bot.planning.hedging import openings
from bot.planning.known import known_of
from bot.planning.offers import Desk, Offer, Opening
from bot.planning.options.offering import Way, best_option, option_ways
from bot.planning.programme.choice import choose
from bot.planning.request import PlanRequest, watch_of
from tests.planning.build import demand, mark
from tests.planning.hedges import BTC, ETH, account, asked, shock
from tests.planning.options import test_buying as buying


def desk_of(given: PlanRequest) -> Desk:
    """What offers of a request are made from."""
    return Desk(given, known_of(given), Allowance(given.caps, given.usage))


def far(goal: float = 0.5, **changes: Any) -> Demand:
    """A limit of survival that permits a hedge."""
    found = demand("account.joint_distance", goal, rule="far", episode="far.1")
    return replace(found, permits=(Action.HEDGE,), hedge=HedgeTerms(), **changes)


def test_demands_of_equal_terms_share_what_may_be_opened() -> None:
    one, other = shock(0.4), far()
    own = replace(shock(0.4), rule="own", hedge=HedgeTerms(max_slippage=0.01))
    less = replace(shock(0.4), rule="less", hedge=HedgeTerms(max_share=0.1))
    desk = desk_of(asked(account(), one, other, own, less))
    (first,), (second,), (third,), (fourth,) = (
        tuple(openings(each, desk)) for each in (one, other, own, less)
    )
    assert first is second
    assert isinstance(first, Opening)
    assert isinstance(third, Opening)
    assert isinstance(fourth, Opening)
    assert third.priced.quote.slippage == Decimal("0.01")
    assert first.priced.quote.slippage == Decimal("0.005")
    assert first.priced.room > fourth.priced.room
    assert first.seat is third.seat is fourth.seat


def test_a_hedge_for_exposure_waits_where_mark_and_index_part_and_one_for_survival_does_not() -> None:
    shot = account()
    apart = replace(mark(BTC, Decimal(50_000)), index=Decimal(46_000))
    shot = replace(shot, marks={**shot.marks, BTC: apart})
    one, other = shock(0.4), far()
    desk = desk_of(asked(shot, one, other))
    (waits,), (goes,) = tuple(openings(one, desk)), tuple(openings(other, desk))
    assert isinstance(waits, Refusal)
    assert waits.code == "price_band"
    assert isinstance(goes, Opening)


def test_options_are_ranked_for_the_worst_scenario_of_each_demand() -> None:
    near = (Scenario("a tenth", {"BTC": -0.1}),)
    one, same = buying.shock(), replace(buying.shock(), rule="same")
    other = replace(buying.shock(), rule="other", scenarios=near, goal=0.01)
    desk = desk_of(buying.asked(buying.account(), one, same, other))
    (first,), (second,), (third,) = (tuple(option_ways(each, desk)) for each in (one, same, other))
    assert isinstance(first, Way)
    assert isinstance(second, Way)
    assert isinstance(third, Way)
    assert first.candidates is second.candidates
    assert max(one.gain for one in third.candidates) < max(one.gain for one in first.candidates)
    assert {id(one.fit) for one in third.candidates} <= {id(one.fit) for one in first.candidates}


@pytest.mark.parametrize(("terms", "questions"), [(HedgeTerms(), 1), (HedgeTerms(max_share=0.2), 2)])
def test_the_programme_is_asked_again_only_of_other_perpetuals(
    terms: HedgeTerms, questions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hedge does not pass for one demand: where the other offers the same, as wide, nothing changes."""
    answers: list[object] = []
    refused: list[Demand] = []

    def asking(*given: Any) -> Any:
        answers.append(choose(*given))
        return answers[-1]

    def checked(best: Any, one: Any, *given: Any, **more: Any) -> Any:
        if one.demand.rule != "shock":
            return _offered(best, one, *given, **more)
        refused.append(one.demand)
        return NoHedge("check_failed", "not this one")

    monkeypatch.setattr("bot.planning.choosing.choose", asking)
    monkeypatch.setattr("bot.planning.choosing._offered", checked)
    both = (Action.TRIM, Action.HEDGE)
    one, net = shock(0.4, permits=both), demand("account.net_leverage", 2.0, rule="net", episode="net.1")
    shot = account()
    shot = replace(shot, marks={**shot.marks, ETH: mark(ETH, Decimal(2500), "0.0090")})
    plan_with_hedges(asked(shot, one, replace(net, permits=both, hedge=terms)))
    assert refused == [one]
    assert len(answers) == questions


def test_no_option_is_sized_where_any_payment_harms_a_limit_that_is_past_its_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own leverage is past its limit, and leaves no room for a premium: the trims that are permitted
    answer, and options are not even drafted."""
    tried: list[object] = []

    def counted(*given: Any) -> Any:
        tried.append(best_option(*given))
        return tried[-1]

    monkeypatch.setattr("bot.planning.choosing.best_option", counted)
    monkeypatch.setattr("bot.planning.choosing.choose", lambda *given: None)
    one = buying.shock(permits=(Action.TRIM, Action.HEDGE))
    for limit, barred in ((2.0, True), (3.0, False)):
        high = watch_of(demand("account.leverage", limit, rule="high"))
        given = buying.asked(buying.account(), one, watches=(watch_of(one), high))
        desk = desk_of(given)
        ways = [way for way in option_ways(one, desk) if isinstance(way, Way)]
        assert desk.is_barred is barred
        assert isinstance(best_option(ways, desk), Offer) is not barred
        tried.clear()
        plan_with_hedges(given)
        assert bool(tried) is not barred


def test_what_is_not_known_bars_nothing() -> None:
    shot = buying.account()
    blind = replace(shot, balance=replace(shot.balance, equity=Unknown("not told")))
    assert not desk_of(buying.asked(blind, buying.shock())).is_barred
    lost = buying.asked(shot, buying.shock())
    gone = replace(lost, portfolio=replace(lost.portfolio, holdings=()))
    assert not desk_of(gone).is_barred
