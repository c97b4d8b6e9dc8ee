"""Planning 20 and 200 positions, rounding and check included, against a bare solve of the same matrix.

The accounts are those of the planner's own tests: order books of unequal depth, tiers, limits of the account
and of positions that are passed, and hedges beside trims. Of the 200 every position has limits that are
watched. Bare is HiGHS through highspy with its arrays ready: hand over, run, read back.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from benchmarks.figures import Missed
from bot.model import HedgeTerms
from bot.planning.hedged import plan_with_hedges
from bot.planning.measures import recomputed
from bot.planning.programme import proposal
from bot.planning.programme.matrix import Matrix
from bot.planning.programme.solver import Failed, Solution, solve
from bot.planning.recomputation import State, state_before
from bot.planning.request import PlanRequest, Watch, watch_of
from bot.risk.definitions import HEDGEABLE
from tests.planning.build import demand, target
from tests.planning.portfolios import ACCOUNT_METRICS, KINDS, SEED, Kind, portfolio

SOME, MANY = 20, 200
ACCOUNTS, TURNS = 60, 5
P50, P99, MOST_MANY, MOST_BARE = 5.0, 15.0, 30.0, 3.0
POSITION_METRICS = ("position.liquidation_distance", "position.equity_share", "position.leverage")


def accounts(count: int, number: int, kinds: Sequence[Kind] = KINDS) -> list[PlanRequest]:
    """Accounts of so many positions, of each kind in turn."""
    return [portfolio(SEED + seed, kinds[seed % len(kinds)], count) for seed in range(number)]


def watched(asked: PlanRequest) -> PlanRequest:
    """Every limit there is: the account's are passed by a tenth, every position's watched a little beyond."""
    state = state_before(asked)
    assert isinstance(state, State)
    demands, watches = [], []
    for metric in ACCOUNT_METRICS:
        one = demand(metric, 1.0, rule=metric, episode=f"{metric}.1")
        value = recomputed(watch_of(one), state, asked.context)
        assert isinstance(value, float)
        goal = min(value * 1.1, 0.9) if metric.endswith("distance") else value * 0.9
        hedge = HedgeTerms() if metric in HEDGEABLE else None
        demands.append(replace(one, value=value, limit=goal, goal=goal, drawdown_budget=goal, hedge=hedge))
    for position in asked.snapshot.positions:
        for metric in POSITION_METRICS:
            one = demand(metric, 1.0, rule=metric, target=target(position.symbol, position.side))
            value = recomputed(watch_of(one), state, asked.context)
            assert isinstance(value, float)
            level = value * 0.95 if metric.endswith("distance") else value * 1.05
            watches.append(replace(watch_of(one), limit=level, goal=level))
    known: list[Watch] = [watch_of(one) for one in demands]
    return replace(asked, demands=tuple(demands), watches=(*known, *watches))


class Caught:
    """Keeps the matrices that a plan hands to the solver."""

    def __init__(self) -> None:
        self.matrices: list[Matrix] = []

    def __call__(self, matrix: Matrix) -> Solution | Failed:
        """Solve, and keep."""
        self.matrices.append(matrix)
        return solve(matrix)


def bare(matrix: Matrix) -> Callable[[], Solution]:
    """Return a solve whose arrays are ready."""
    import highspy
    import numpy as np
    from highspy._core import _Highs

    whole, real = np.int32, np.float64
    sums = [
        np.array(one, real) for one in (matrix.costs, matrix.lowers, matrix.uppers, matrix.lows, matrix.highs)
    ]
    at = [np.array(one, whole) for one in (matrix.starts, matrix.indices)]
    values, integral = np.array(matrix.values, real), np.zeros(matrix.columns, whole)
    counts = (matrix.columns, matrix.rows, len(matrix.indices), 2, 1, 0.0)

    def work() -> Solution:
        highs: Any = _Highs()
        for name, value in (
            ("output_flag", False),
            ("threads", 1),
            ("solver", "simplex"),
            ("presolve", "off"),
        ):
            highs.setOptionValue(name, value)
        highs.passModel(*counts, *sums, *at, values, integral)
        highs.run()
        found = highs.getSolution()
        assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return Solution(list(found.col_value), list(found.row_dual), list(found.col_dual), 0.0)

    return work


def best(work: Callable[[], object]) -> float:
    """The best of a few turns, in milliseconds: what disturbs only adds."""
    least = float("inf")
    for _ in range(TURNS):
        begun = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - begun)
    return least * 1000


def against(asked: PlanRequest) -> tuple[float, float, float]:
    """Milliseconds of the plan, of its programme (matrix, solve, reading back), and of the bare solves."""
    caught = Caught()
    with patch.object(proposal, "solve", caught):
        plan_with_hedges(asked)
    programmes = sum(best(partial(solve, matrix)) for matrix in caught.matrices)
    solves = sum(best(bare(matrix)) for matrix in caught.matrices)
    return best(partial(plan_with_hedges, asked)), programmes, solves


def percentile(numbers: Sequence[float], share: float) -> float:
    """A percentile, the next one up."""
    return sorted(numbers)[min(int(len(numbers) * share), len(numbers) - 1)]


def run() -> list[str]:
    """Plan all accounts; fail where a figure is past what was wanted."""
    some = accounts(SOME, ACCOUNTS)
    for asked in some[:3]:
        plan_with_hedges(asked)
    rows = [against(asked) for asked in some]
    plans = [plan for plan, _, _ in rows]
    p50, p99 = statistics.median(plans), percentile(plans, 0.99)
    solved = [(plan, ours, theirs) for plan, ours, theirs in rows if theirs > 0.0]
    whole = statistics.median(plan / theirs for plan, _, theirs in solved)
    ratio = statistics.median(ours / theirs for _, ours, theirs in solved)
    many = [against(watched(asked)) for asked in accounts(MANY, 5, KINDS[:2])]
    large = statistics.median(plan for plan, _, _ in many)
    beside = statistics.median(plan / theirs for plan, _, theirs in many if theirs > 0.0)
    lines = [
        f"{SOME} positions: p50 {p50:.1f} ms, p99 {p99:.1f} ms (at most {P50:g} and {P99:g})",
        f"{SOME} positions: the solve with its safeguards {ratio:.2f}x a bare one (at most {MOST_BARE:g}x)",
        f"{SOME} positions: the whole plan {whole:.1f}x a bare solve",
        f"{MANY} positions under every rule: {large:.1f} ms (at most {MOST_MANY:g}), {beside:.1f}x bare",
    ]
    if p50 > P50 or p99 > P99 or large > MOST_MANY or ratio > MOST_BARE:
        raise Missed(lines, f"{P50:g} / {P99:g} ms, {MOST_MANY:g} ms, {MOST_BARE:g}x")
    return lines
