"""Planning 20 and 200 positions, rounding and check included, beside a bare solve of the same matrices.

The accounts are those of the planner's own tests: order books of unequal depth, tiers, limits of the account
and of positions that are passed. Those of 20 positions permit hedges, with ten options on offer; of the 200
every position has limits that are watched. Told beside: without hedges, and with ten options of each right
on offer for every base, four hundred contracts in all.

Times are of the processor, so that what else the machine does counts little: the middle one of a few turns,
with the garbage collector as the daemon has it. What the benchmark itself keeps is frozen out of its sight.

Bare is what somebody does who has only the matrix: HiGHS through highspy as it comes, columns and rows added
one by one, run, read back. Beside it stand the same with the options that make small programmes quick (one
thread, simplex, no presolve), and a solve whose arrays are ready as well, which is the least that can be.
Ours is told twice: the programme (from limits to rows, the solve, its judgement, and the amounts and reasons
read back), and the whole plan with everything around it.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.chains import CANDIDATES, with_candidates, with_chains
from benchmarks.figures import Missed
from bot.daemon import collector
from bot.model import HedgeTerms
from bot.planning.hedged import plan_with_hedges
from bot.planning.measures import recomputed
from bot.planning.programme import loop, proposal
from bot.planning.programme.matrix import Matrix
from bot.planning.programme.solver import Failed, Solution, solve
from bot.planning.recomputation import State, state_before
from bot.planning.request import PlanRequest, Watch, watch_of
from bot.risk.definitions import HEDGEABLE
from tests.planning.build import demand, target
from tests.planning.portfolios import ACCOUNT_METRICS, KINDS, SEED, Kind, portfolio

SOME, MANY = 20, 200
ACCOUNTS, OTHERS, LARGE, TURNS = 300, 100, 10, 3
BESIDE = 60
"""Accounts of which the bare solves are timed as well."""
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
    """Keeps what a plan hands to the solver, and what the programme is asked."""

    def __init__(self) -> None:
        self.matrices: list[Matrix] = []
        self.programmes: list[Callable[[], object]] = []

    def solve(self, matrix: Matrix) -> Solution | Failed:
        """Solve, and keep."""
        self.matrices.append(matrix)
        return solve(matrix)

    def programme_of(self, *given: Any) -> Any:
        """Write a programme, and keep what it was asked."""
        request, demands, efforts, prices, left_out, allowance = given
        asked = (request, demands, list(efforts), prices, set(left_out), allowance)
        made = _PROGRAMME_OF(*asked)
        if made is not None:
            self.programmes.append(partial(_proposed, *asked))
        return made


_PROGRAMME_OF = proposal.programme_of


def _proposed(*asked: Any) -> object:
    programme = _PROGRAMME_OF(*asked)
    assert programme is not None
    return programme.propose()


@contextmanager
def catching() -> Iterator[Caught]:
    """Keep what plans ask inside: of the solver, wherever it is called from, and of the programme."""
    caught = Caught()
    rooms = [room for name, room in sys.modules.items() if name.startswith("bot.planning.programme.")]
    with ExitStack() as stack:
        for room in rooms:
            if getattr(room, "solve", None) is solve and not room.__name__.endswith(".solver"):
                stack.enter_context(patch.object(room, "solve", caught.solve))
        stack.enter_context(patch.object(loop, "programme_of", caught.programme_of))
        yield caught


QUICK = (("threads", 1), ("solver", "simplex"), ("presolve", "off"))
"""Options that make small programmes quick."""


def opened(*options: tuple[str, object]) -> Any:
    """HiGHS with options, else as it comes, but silent."""
    from highspy._core import _Highs

    highs: Any = _Highs()  # the public class prints a banner on standard output
    for name, value in (("output_flag", False), *options):
        highs.setOptionValue(name, value)
    return highs


def read_back(highs: Any) -> tuple[list[float], list[float], list[float]]:
    """Run, and read the answer."""
    import highspy

    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    found = highs.getSolution()
    return list(found.col_value), list(found.row_dual), list(found.col_dual)


def built(matrix: Matrix, *options: tuple[str, object]) -> Callable[[], object]:
    """Return a solve that adds columns and rows one by one, as a user of highspy would."""
    import numpy as np

    columns = list(zip(matrix.costs, matrix.lowers, matrix.uppers, strict=True))
    ends = [*matrix.starts[1:], len(matrix.indices)]
    rows = [
        (low, high, matrix.indices[start:end], matrix.values[start:end])
        for low, high, start, end in zip(matrix.lows, matrix.highs, matrix.starts, ends, strict=True)
    ]

    def work() -> object:
        highs = opened(*options)
        for number, (cost, lower, upper) in enumerate(columns):
            highs.addVar(lower, upper)
            highs.changeColCost(number, cost)
        for low, high, indices, values in rows:
            highs.addRow(low, high, len(indices), np.array(indices, np.int32), np.array(values, np.float64))
        return read_back(highs)

    return work


def ready(matrix: Matrix) -> Callable[[], object]:
    """Return a solve whose arrays are ready."""
    import numpy as np

    whole, real = np.int32, np.float64
    sums = [
        np.array(one, real) for one in (matrix.costs, matrix.lowers, matrix.uppers, matrix.lows, matrix.highs)
    ]
    at = [np.array(one, whole) for one in (matrix.starts, matrix.indices)]
    values, integral = np.array(matrix.values, real), np.zeros(matrix.columns, whole)
    counts = (matrix.columns, matrix.rows, len(matrix.indices), 2, 1, 0.0)

    def work() -> object:
        highs = opened(*QUICK)
        highs.passModel(*counts, *sums, *at, values, integral)
        return read_back(highs)

    return work


def middle(work: Callable[[], object]) -> float:
    """The middle one of a few turns, in milliseconds of processor time."""
    turns = []
    for _ in range(TURNS):
        begun = time.process_time()
        work()
        turns.append(time.process_time() - begun)
    return statistics.median(turns) * 1000


class Beside(Struct, frozen=True):
    """One plan beside bare solves of the matrices that it hands over, in milliseconds."""

    plan: float
    built: float
    quick: float
    """Built with the options that make it quick."""
    ready: float
    programme: float
    """Its programme as a multiple of bare solves of what that hands over."""


def beside(asked: PlanRequest) -> Beside | None:
    """Time a plan, its programmes and bare solves; None for a plan that solves nothing."""
    with catching() as caught:
        plan_with_hedges(asked)
    if not caught.programmes:
        return None
    with catching() as once:
        for work in caught.programmes:
            work()
    return Beside(
        plan=middle(partial(plan_with_hedges, asked)),
        built=sum(middle(built(one)) for one in caught.matrices),
        quick=sum(middle(built(one, *QUICK)) for one in caught.matrices),
        ready=sum(middle(ready(one)) for one in caught.matrices),
        programme=sum(map(middle, caught.programmes)) / sum(middle(built(one)) for one in once.matrices),
    )


def percentile(numbers: Sequence[float], share: float) -> float:
    """A percentile, the next one up."""
    return sorted(numbers)[min(int(len(numbers) * share), len(numbers) - 1)]


def told(name: str, plans: Sequence[float], wanted: str = "") -> str:
    """Say how long plans take."""
    p50, p99 = statistics.median(plans), percentile(plans, 0.99)
    more = f"slowest {max(plans):.1f} ms of {len(plans)}{wanted}"
    return f"{name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {more}"


def ratios(name: str, found: Sequence[Beside], wanted: str = "") -> tuple[float, str]:
    """Say how many times a bare solve plans and programmes take, each the middle one; the plan's first."""
    whole = statistics.median(one.plan / one.built for one in found)
    part = statistics.median(one.programme for one in found)
    quick = statistics.median(one.plan / one.quick for one in found)
    least = statistics.median(one.plan / one.ready for one in found)
    words = f"the plan {whole:.1f}x, its programme {part:.1f}x a bare solve{wanted}"
    more = f"the plan {quick:.1f}x one with quick options, {least:.1f}x one whose arrays are ready as well"
    return whole, f"{name}: {words}; {more}"


def run() -> list[str]:
    """Plan all accounts; fail where a figure is past what was wanted."""
    hedged = accounts(SOME, ACCOUNTS, KINDS[4:])
    some = list(map(with_candidates, hedged))
    offered = list(map(with_chains, hedged[:OTHERS]))
    others = accounts(SOME, OTHERS, KINDS[:4])
    many = [watched(asked) for asked in accounts(MANY, LARGE, KINDS[:2])]
    for asked in some[:3]:
        plan_with_hedges(asked)
    collector.spare()
    plans, without, wide, large = (
        [middle(partial(plan_with_hedges, asked)) for asked in each] for each in (some, others, offered, many)
    )
    compared = [one for one in map(beside, some[:BESIDE]) if one is not None]
    larger = [one for one in map(beside, many[:5]) if one is not None]
    gc.unfreeze()
    ratio, line = ratios(f"{SOME} positions", compared, f" (at most {MOST_BARE:g}x)")
    lines = [
        told(
            f"{SOME} positions, hedges and {CANDIDATES} options",
            plans,
            f" (at most {P50:g} and {P99:g})",
        ),
        told(f"{SOME} positions without", without),
        told(f"{SOME} positions, hedges and {2 * CANDIDATES} options a base", wide),
        told(f"{MANY} positions under every rule", large, f" (at most {MOST_MANY:g})"),
        line,
        ratios(f"{MANY} positions", larger)[1],
    ]
    fast = statistics.median(plans) <= P50 and percentile(plans, 0.99) <= P99
    if not (fast and statistics.median(large) <= MOST_MANY and ratio <= MOST_BARE):
        raise Missed(lines, f"{P50:g} / {P99:g} ms, {MOST_MANY:g} ms, {MOST_BARE:g}x")
    return lines
