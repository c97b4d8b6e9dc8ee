"""The linear programme: what it chooses, what it may not touch, and what happens when there is no answer."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bot.model import (
    Action,
    Caps,
    Demand,
    HedgeTerms,
    MarginMode,
    OrderRequest,
    Plan,
    Policy,
    Sense,
    Side,
    Snapshot,
    Stranger,
    Target,
    TrimTerms,
    Unknown,
)
from bot.planning import spread
from bot.planning.book import open_book
from bot.planning.caps import Allowance
from bot.planning.check import Meter
from bot.planning.drafting import Prices, draw
from bot.planning.effort import Effort
from bot.planning.hedged import plan_with_hedges
from bot.planning.hedging import openings as openings_of
from bot.planning.known import known_of
from bot.planning.offers import Desk, Opening
from bot.planning.planner import plan
from bot.planning.programme import loop, proposal
from bot.planning.programme.choice import choose
from bot.planning.programme.proposal import unit_of
from bot.planning.programme.solver import Failed
from bot.planning.request import PlanRequest, Watch, watch_of
from bot.planning.settling import Fault, fault_of, settle
from tests.planning.build import (
    ACCOUNT,
    context,
    demand,
    mark,
    market,
    opened,
    position,
    request,
    snapshot,
    stats_for,
    target,
)
from tests.planning.hedges import account, hedge, shock, short
from tests.planning.hedges import asked as hedgeable

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
HELD = [
    position(BTC, Side.LONG, "1", "50000"),
    position(ETH, Side.LONG, "20", "2500"),
    position(SOL, Side.LONG, "500", "100"),
]
SPREADS = {BTC: "0.0002", ETH: "0.0010", SOL: "0.0030"}


def priced(shot: Snapshot, spreads: dict[str, str]) -> Snapshot:
    """Give markets spreads of their own."""
    found = {}
    for key, one in shot.marks.items():
        assert isinstance(one.mark, Decimal)
        found[key] = mark(key, one.mark, spreads[key])
    return replace(shot, marks=found)


def asked(*demands: Demand, equity: float = 30_000, **changes: Any) -> PlanRequest:
    """Three longs of 50,000 USD; each is dearer to sell than the one before."""
    shot = snapshot(changes.pop("held", HELD), equity)
    watches = changes.pop("watches", tuple(watch_of(one) for one in demands))
    about = context(stats=stats_for(sorted(shot.marks)))
    return request(priced(shot, SPREADS), demands, watches, about=about, **changes)


def taken(made: Plan) -> dict[str, Decimal]:
    return {
        step.request.symbol: step.request.contracts
        for step in made.steps
        if isinstance(step.request, OrderRequest)
    }


def by_closed_forms(given: PlanRequest, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The plan of an account whose solver does not answer."""
    with monkeypatch.context() as broken:
        broken.setattr(proposal, "solve", lambda matrix: Failed("solver_failed", "broken"))
        return plan(given)


CAP = demand("account.leverage", 3.0, rule="cap", episode="cap.1")
STRESS = demand("account.stress_loss", 0.4, rule="stress", episode="stress.1")
SHARE = demand("position.equity_share", 0.8, target=target(SOL), rule="share", episode="share.1")


def test_two_limits_are_met_by_one_set_of_trims(monkeypatch: pytest.MonkeyPatch) -> None:
    given = asked(CAP, SHARE)
    made = plan(given)
    assert all(proof.met for proof in made.proofs)
    assert taken(made).keys() == {BTC, SOL}
    greedy = by_closed_forms(given, monkeypatch)
    assert sum(one.cost for one in made.steps) < sum(one.cost for one in greedy.steps)
    assert made.reasoning is not None
    assert made.reasoning.method == "programme"
    assert greedy.reasoning == replace(
        made.reasoning,
        method="closed_form",
        code="solver_failed",
        why="broken",
        cost=0.0,
        binding=(),
        alternatives=(),
    )


def test_it_says_what_binds_and_what_else_would_have_cost() -> None:
    made = plan(asked(CAP, STRESS))
    reasoning = made.reasoning
    assert reasoning is not None
    assert reasoning.cost == pytest.approx(sum(one.cost for one in made.steps), rel=1e-3)
    assert {one.rule for one in reasoning.binding} <= {"cap", "stress"}
    assert all(one.price > 0 for one in reasoning.binding)
    assert [one.item for one in reasoning.alternatives] == [f"{SOL}#long"]
    sol = reasoning.alternatives[0]
    assert 0 < sol.dearer == pytest.approx(0.0015 - 0.0005, rel=0.1) or sol.dearer > 0
    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made


def test_a_plan_that_was_written_before_there_was_a_programme_is_still_read() -> None:
    made = plan(asked(CAP))
    old = msgspec.json.decode(msgspec.json.encode(made))
    del old["reasoning"]
    assert msgspec.convert(old, Plan).reasoning is None


def test_the_same_request_gives_the_same_bytes() -> None:
    given = asked(CAP, STRESS, SHARE)
    assert msgspec.json.encode(plan(given)) == msgspec.json.encode(plan(given))


def test_one_position_is_left_to_the_closed_form() -> None:
    made = plan(asked(CAP, held=HELD[:1], equity=10_000))
    assert made.reasoning is None
    assert made.proofs[0].met


def test_the_first_of_two_that_cost_the_same_is_taken() -> None:
    same = [HELD[1], position(BTC, Side.LONG, "1", "50000")]
    shot = snapshot(same, 25_000)
    assert taken(plan(request(shot, [CAP]))).keys() == {BTC}


def test_what_may_not_be_touched_is_not_and_the_refusal_says_what_would_mend_it() -> None:
    apart = (Stranger(Policy.WATCH, symbol=(BTC.upper(), ETH.upper(), "DOGE", "XRP")),)
    made = plan(asked(CAP, equity=20_000, strangers=apart))
    assert taken(made).keys() == {SOL}
    (refusal,) = [one for one in made.refusals if one.code == "goal_out_of_reach"]
    assert f"trims of {BTC}#long, {ETH}#long, which `strangers` leaves alone" in refusal.reason


def test_it_names_what_else_could_be_permitted() -> None:
    few = replace(STRESS, goal=0.05, limit=0.05, trim=TrimTerms(max_share=0.2))
    (refusal,) = plan(asked(few)).refusals
    assert refusal.code == "cap_share"
    assert "a larger `max_share`, `hedge`" in refusal.reason
    many = [position(f"C{index}/USDT:USDT", Side.LONG, "100", "100") for index in range(6)]
    apart = (Stranger(Policy.WATCH, symbol=("C[0-3]/*",)),)
    made = plan(request(snapshot(many, 5_000), [replace(CAP, goal=1.0)], strangers=apart))
    assert "C2/USDT:USDT#long and 1 more, which" in made.refusals[-1].reason
    alone = replace(HELD[0], margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(3000))
    ratio = demand("account.margin_ratio", 0.01)
    found = plan(asked(ratio, held=[alone, *HELD[1:]]))
    assert any("`add_margin`" in one.reason for one in found.refusals)


def test_the_caps_of_a_day_are_part_of_it() -> None:
    caps = Caps(notional_per_day=Decimal(20_000), loss_per_day=Decimal(10_000))
    made = plan(asked(CAP, SHARE, caps=caps))
    assert sum(one.notional for one in made.steps) <= 20_000
    assert made.reasoning is not None
    assert "notional_per_day" in {one.metric for one in made.reasoning.binding}
    poor = plan(asked(CAP, SHARE, caps=Caps(loss_per_day=Decimal(50))))
    assert poor.reasoning is not None
    assert "loss_per_day" in {one.metric for one in poor.reasoning.binding}
    held = [replace(HELD[0], entry_price=Unknown("silent")), *HELD[1:]]
    blind = plan(asked(CAP, SHARE, held=held, caps=Caps(loss_per_day=Decimal(5000))))
    assert BTC not in taken(blind)


def test_what_its_owner_would_rather_keep_goes_last() -> None:
    near = replace(CAP, goal=4.2, limit=4.2)
    assert taken(plan(asked(near))).keys() == {BTC}
    kept = replace(near, trim=TrimTerms(keep=("BTC/*", "ETH/USDT:*")))
    assert taken(plan(asked(kept))).keys() == {SOL}
    assert taken(plan(asked(replace(kept, goal=2.5, limit=2.5)))).keys() == {BTC, SOL}


def test_the_closed_forms_keep_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    near = replace(CAP, goal=4.2, limit=4.2)
    assert taken(by_closed_forms(asked(near), monkeypatch)).keys() == {BTC}
    kept = replace(near, trim=TrimTerms(keep=("BTC/*", "ETH/USDT:*")))
    assert taken(by_closed_forms(asked(kept), monkeypatch)).keys() == {SOL}


def test_a_rules_share_bounds_its_own_trims() -> None:
    tight = replace(CAP, trim=TrimTerms(max_share=0.1))
    wide = replace(SHARE, trim=TrimTerms(max_share=0.9))
    found = taken(plan(asked(tight, wide)))
    assert found[BTC] <= Decimal("0.1")
    assert found[SOL] > 150


def test_a_watched_limit_becomes_a_row_where_the_cheapest_trims_would_break_it() -> None:
    short = position(ETH, Side.SHORT, "20", "2500")
    held = [position(BTC, Side.LONG, "1", "50000"), short]
    calm = Watch("calm", "account.net_leverage", Sense.MAX, 0.1, 0.1, Target(ACCOUNT))
    dear = {BTC: "0.0030", ETH: "0.0002"}
    shot = snapshot(held, 25_000)
    shot = priced(shot, dear)
    free = plan(request(shot, [CAP]))
    assert taken(free).keys() == {ETH}
    made = plan(request(shot, [CAP], [calm]))
    assert taken(made).keys() == {BTC, ETH}
    assert made.proofs[0].met
    assert made.reasoning is not None
    assert ("calm", "account.net_leverage") in {(one.rule, one.metric) for one in made.reasoning.binding}


def test_a_limit_that_is_past_already_may_not_get_worse_but_by_the_cost() -> None:
    past = Watch("past", "account.net_leverage", Sense.MAX, 1.0, 1.0, Target(ACCOUNT))
    made = plan(asked(SHARE, CAP, watches=(past,)))
    assert all(proof.met for proof in made.proofs)
    given = asked(CAP)
    kept = proposal.kept_of(past, Meter(given), opened(given))
    assert kept.bears_cost
    assert kept.watch.goal == pytest.approx(5.0)


def test_where_lots_are_too_coarse_for_a_limit_what_harms_it_is_left_out() -> None:
    """The short is the cheap one; a lot of it is half of it, so any trim of it breaks the net limit."""
    held = [
        position(BTC, Side.LONG, "1", "50000"),
        position(ETH, Side.SHORT, "8", "2500"),
        position(SOL, Side.LONG, "300", "100"),
    ]
    wide = {BTC: "0.0030", ETH: "0.0002", SOL: "0.0030"}
    shot = priced(snapshot(held, 25_000), wide)
    coarse = market(ETH, amount_step=Decimal(4), amount_min=Decimal(4))
    shot = replace(shot, markets={**shot.markets, ETH: coarse})
    calm = Watch("calm", "account.net_leverage", Sense.MAX, 2.4, 2.4, Target(ACCOUNT))
    goal = replace(CAP, goal=3.9, limit=3.9)
    made = plan(request(shot, [goal], [calm], about=context(stats=stats_for(sorted(wide)))))
    assert made.proofs[0].met
    assert ETH not in taken(made)
    assert made.reasoning is not None
    assert made.reasoning.method == "programme"


def test_a_limit_that_faces_do_not_know_harms_nothing() -> None:
    given = asked(CAP)
    odd = Watch("odd", "account.drawdown", Sense.MAX, 0.1, 0.1, Target(ACCOUNT))
    kept = proposal.Kept(odd, bears_cost=True)
    drawing = draw([], [], Prices(given))
    assert proposal.harming(kept, drawing) == set()
    allowance = Allowance(given.caps, given.usage)
    programme = proposal.programme_of(given, [CAP], [Effort()], Prices(given), frozenset(), allowance)
    assert programme is not None
    programme.keep([kept])
    assert isinstance(programme.propose(), proposal.Proposal)


def test_a_plan_that_no_attempt_gets_through_is_left_to_the_closed_forms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "ATTEMPTS", 0)
    made = plan(asked(CAP, SHARE))
    assert all(proof.met for proof in made.proofs)
    assert made.reasoning is not None
    assert (made.reasoning.method, made.reasoning.code) == ("closed_form", "check_failed")


def test_a_goal_that_rounding_misses_is_tightened_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    real, tried = fault_of, []

    def missed(given: PlanRequest, attempt: Any, efforts: Any) -> Any:
        tried.append(efforts[0].tries)
        return Fault(0, "by a hair", retry=True) if len(tried) < 3 else real(given, attempt, efforts)

    monkeypatch.setattr(loop, "fault_of", missed)
    made = plan(asked(CAP, SHARE))
    assert tried == [0, 1, 2]
    assert made.reasoning is not None
    assert made.reasoning.method == "programme"
    monkeypatch.setattr(loop, "fault_of", lambda *_: Fault(0, "never", retry=True))
    assert plan(asked(CAP, SHARE)).reasoning.code == "check_failed"  # type: ignore[union-attr]
    monkeypatch.setattr(loop, "fault_of", lambda *_: Fault(0, "at once", retry=False))
    assert "at once" in plan(asked(CAP, SHARE)).reasoning.why  # type: ignore[union-attr]


def test_an_account_that_cannot_be_recomputed_is_left_to_the_closed_forms() -> None:
    given = asked(CAP, SHARE)
    known = replace(known_of(given), before=Unknown("a gap"))
    settled = loop.settle_cheapest(given, [CAP], known, Allowance(given.caps, given.usage))
    assert settled.reasoning is None
    attempt, refusals = settle(
        given, [CAP], Unknown("a gap"), Allowance(given.caps, given.usage), Prices(given), Meter(given)
    )
    assert settled.attempt.capped == attempt.capped
    assert settled.refusals == refusals


def test_no_equity_measures_in_what_is_held() -> None:
    given = asked(CAP)
    dark = replace(given, portfolio=replace(given.portfolio, equity=Unknown("silent")))
    legs = [leg for leg in open_book(dark).legs if leg.holding is not None]
    assert unit_of(dark, legs) == 150_000.0
    assert unit_of(given, legs) == 30_000.0


def test_hedges_that_stand_go_with_their_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    shot = account(short("0.6"), position(SOL, Side.LONG, "300", "100"))
    given = hedgeable(shot, replace(CAP, goal=2.0, limit=2.0), hedges=(hedge(),), unbound=True)
    made = plan(given)
    assert made.reasoning is not None
    assert made.reasoning.method == "programme"
    assert f"{BTC}#short" not in {one.item for one in made.reasoning.alternatives}
    assert BTC not in taken(made)
    assert made.proofs[0].met


def test_a_limit_is_gone_through_a_few_times_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "_ROUNDS", 1)
    assert by_closed_forms(asked(CAP, SHARE), monkeypatch).proofs[0].met


# Hedges

BOTH = {"shock": HedgeTerms(), "net": HedgeTerms()}


def test_a_hedge_is_weighed_against_all_limits_at_once() -> None:
    """Alone the hedge would be cheaper for the shock; the cap needs the trims anyway, and they do both."""
    wide = replace(CAP, goal=1.2, limit=1.2)
    one = shock(0.4, permits=(Action.TRIM, Action.HEDGE))
    dear = {ETH: mark(ETH, Decimal(2500), "0.0090")}
    shot = account(position(SOL, Side.LONG, "10", "100"))
    shot = replace(shot, marks={**shot.marks, **dear})
    lone = plan_with_hedges(hedgeable(shot, one))
    assert [step.kind.value for step in lone.steps] == ["hedge"]
    both = plan_with_hedges(hedgeable(shot, one, wide, watches=(watch_of(one),)))
    assert {step.kind.value for step in both.steps} <= {"trim", "close"}


def test_a_hedge_that_the_cheapest_plan_opens_is_opened() -> None:
    one = shock(0.4, permits=(Action.TRIM, Action.HEDGE))
    net = demand("account.net_leverage", 2.0, rule="net", episode="net.1")
    net = replace(net, permits=(Action.TRIM, Action.HEDGE), hedge=HedgeTerms())
    dear = {ETH: mark(ETH, Decimal(2500), "0.0090")}
    shot = account()
    shot = replace(shot, marks={**shot.marks, **dear})
    made = plan_with_hedges(hedgeable(shot, one, net, hedging=BOTH))
    assert "hedge" in {step.kind.value for step in made.steps}
    blind = replace(net, permits=(Action.HEDGE,))
    again = plan_with_hedges(hedgeable(shot, one, blind, hedging=BOTH))
    assert "hedge" in {step.kind.value for step in again.steps}


def test_where_the_programme_cannot_tell_each_demand_is_asked_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = shock(0.4, permits=(Action.TRIM, Action.HEDGE))
    given = hedgeable(account(), one)
    known = known_of(given)
    desk, quotes = Desk(given, known, Allowance(given.caps, given.usage)), known.quotes
    (opening,) = openings_of(one, desk)
    assert isinstance(opening, Opening)
    openings = {f"{BTC}#short": opening}
    assert choose(given, desk.allowance, quotes, openings) is not None
    assert choose(given, desk.allowance, quotes) is None
    assert choose(replace(given, hedges=(hedge(),)), desk.allowance, quotes, openings) is None
    broken = Failed("solver_failed", "broken")
    told = plan_with_hedges(given)
    monkeypatch.setattr("bot.planning.programme.choice.solve", lambda matrix: broken)
    assert choose(given, desk.allowance, quotes, openings) is None
    assert [step.kind for step in plan_with_hedges(given).steps] == [step.kind for step in told.steps]
