"""Plans on random portfolios: verified, or infeasible and said so; none wrong, none dearer than naive."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import OrderRequest, Sense, StepKind, Unknown
from bot.planning.aftermath import charged, state_after
from bot.planning.check import is_inside
from bot.planning.hedged import plan_with_hedges
from bot.planning.measures import recomputed
from bot.planning.nature import EXPOSURE, SURVIVAL
from bot.planning.planner import plan
from bot.planning.recomputation import State, state_before
from bot.planning.request import PlanRequest, Watch, watch_of
from bot.risk.assemble import build_portfolio
from tests.examples import examples
from tests.planning.build import dec, demand, measured
from tests.planning.portfolios import KINDS, SEED, Kind, Tally, portfolio, removals, run, table

FEW, MANY = 12, 400
SEEDS = st.integers(0, 2**31)
QUICK = settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_plans_pass_or_say_why_not(kind: Kind) -> None:
    found = run(kind, FEW, SEED, compare=True)
    assert found.wrong == []
    assert sum(found.verdicts.values()) == FEW
    for pairs in found.theirs.values():
        assert all(paid >= ours * 0.98 - 1.0 - lots for paid, ours, lots in pairs), (
            "a naive policy is cheaper"
        )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_two_thousand_plans_pass_or_say_why_not(kind: Kind) -> None:
    found = run(kind, MANY, SEED)
    assert found.wrong == []
    assert sum(found.verdicts.values()) == MANY
    closed = sum(count for method, count in found.methods.items() if method.startswith("closed"))
    assert closed <= MANY * 0.08, "the programme is the planner, and the closed forms stand in for it"


def test_the_table_tells_every_kind_and_policy() -> None:
    tallies = [run(kind, 2, SEED, compare=True) for kind in KINDS[:2]]
    lines = table([*tallies, Tally(KINDS[2], {}, {}, [], [], {name: [] for name in tallies[0].theirs})])
    assert len([line for line in lines if line.startswith("| ")]) >= 5


@QUICK
@given(SEEDS, st.sampled_from(KINDS))
def test_only_a_hedge_that_a_rule_permits_adds_to_what_is_at_stake(seed: int, kind: Kind) -> None:
    asked = portfolio(seed, kind, 8)
    for step in plan_with_hedges(asked).steps:
        sent = step.request
        if isinstance(sent, OrderRequest) and sent.opens:
            assert step.kind is StepKind.HEDGE
            assert any(one.rule == step.rule and one.hedge is not None for one in asked.demands)
        elif isinstance(sent, OrderRequest):
            held = asked.snapshot.position(f"{sent.symbol}#{sent.position_side.value}")
            assert held is not None
            assert sent.contracts <= held.contracts


def poorer(asked: PlanRequest, share: float) -> PlanRequest:
    """The same positions and limits, with less behind them, as after a fall of everything that is beside."""
    balance = asked.snapshot.balance
    assert not isinstance(asked.portfolio.equity, Unknown)
    less = dec(asked.portfolio.equity * share)
    shot = replace(asked.snapshot, balance=replace(balance, equity=less, margin_balance=less, available=less))
    found = build_portfolio(shot, asked.context.stats, asked.terms, asked.impact)
    return replace(asked, snapshot=shot, portfolio=found)


@QUICK
@given(SEEDS, st.floats(0.7, 0.98))
def test_a_worse_account_never_costs_less_to_bring_back(seed: int, share: float) -> None:
    asked = portfolio(seed, KINDS[0], 6)
    limit = demand("account.leverage", 1.0)
    value = measured(watch_of(limit), asked)
    limit = replace(limit, value=value, limit=value * 0.8, goal=value * 0.8)
    asked = replace(asked, demands=(limit,), watches=())
    near, far = plan(asked), plan(poorer(asked, share))
    if all(proof.met for proof in (*near.proofs, *far.proofs)):
        lots = max(
            float(market.amount_step) * float(asked.snapshot.marks[symbol].mark)  # type: ignore[arg-type]
            for symbol, market in asked.snapshot.markets.items()
        )
        slack = 0.01 * lots * len(asked.snapshot.positions)
        assert sum(step.cost for step in far.steps) >= sum(step.cost for step in near.steps) * 0.999 - slack


@QUICK
@given(SEEDS, st.sampled_from(KINDS[:2]), st.floats(1.0, 1.05))
def test_a_limit_that_was_not_asked_for_stays_inside_or_where_it_is(
    seed: int, kind: Kind, room: float
) -> None:
    """What a rule watches and nobody asks to mend: trims may not carry it past its level."""
    asked = portfolio(seed, kind, 8)
    before = state_before(asked)
    assert isinstance(before, State)
    watched: list[Watch] = []
    for metric in sorted(SURVIVAL | EXPOSURE):
        if metric.startswith("account.") and metric not in {one.metric for one in asked.demands}:
            one = watch_of(demand(metric, 1.0, rule=f"quiet {metric}"))
            value = recomputed(one, before, asked.context)
            if not isinstance(value, Unknown):
                level = value * room if one.sense is Sense.MAX else value / room
                watched.append(replace(one, limit=level, goal=level))
    made = plan(replace(asked, watches=(*asked.watches, *watched)))
    after = state_after(before, asked, removals(asked, made))
    costed = charged(before, after.cost, after.cross_cost)
    for one in watched:
        now, was = (recomputed(one, state, asked.context) for state in (after, costed))
        assert not isinstance(now, Unknown)
        assert not isinstance(was, Unknown)
        lesser = one.metric not in SURVIVAL and any(two.metric in SURVIVAL for two in asked.demands)
        assert lesser or is_inside(now, one.limit, one.sense) or is_inside(now, was, one.sense), one.metric


@QUICK
@given(SEEDS, st.sampled_from(KINDS))
def test_the_same_portfolio_gives_the_same_bytes(seed: int, kind: Kind) -> None:
    asked = portfolio(seed, kind, 6)
    assert msgspec.json.encode(plan_with_hedges(asked)) == msgspec.json.encode(plan_with_hedges(asked))


def test_closed_forms_that_bring_more_back_are_taken() -> None:
    """One seed at which a closed form answers what the programme leaves out."""
    codes = set()
    for seed in range(SEED, SEED + 60):
        reasoning = plan_with_hedges(portfolio(seed, KINDS[1])).reasoning
        codes.add("" if reasoning is None else reasoning.code)
    assert "meets_less" in codes
