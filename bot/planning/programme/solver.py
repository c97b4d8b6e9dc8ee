"""The one place that calls HiGHS. It is imported when first needed: that takes a tenth of a second.

One thread, the simplex method, fixed options: the same matrix gives the same answer, bit for bit. What
bounds a solve is its iterations; the time is bounded as well, far beyond what they take, for the case that
HiGHS hangs.
"""

from math import isfinite
from operator import sub
from threading import local
from typing import Any

from msgspec import Struct

from bot.planning.programme.matrix import Matrix

ITERATIONS = 5_000
SECONDS = 1.0
TOLERANCE = 1e-9
NONSENSE = 1e-6
"""An answer that is further than this outside its bounds, in units of the matrix, is none."""


class Solution(Struct, frozen=True):
    """The cheapest values, and what a unit of each row and column would change."""

    values: list[float]
    row_duals: list[float]
    column_duals: list[float]
    objective: float


class Failed(Struct, frozen=True):
    """Why there is no answer."""

    code: str
    reason: str


class _Kept(local):
    """HiGHS with its options set, one a thread: to make one takes a quarter of a solve."""

    def __init__(self) -> None:
        self.highs: Any = None


_KEPT = _Kept()


def _opened() -> Any:
    """Return HiGHS, with no programme in it that matters."""
    if _KEPT.highs is None:
        from highspy._core import _Highs

        highs: Any = _Highs()  # the public class prints a banner on standard output
        options: dict[str, Any] = {
            "output_flag": False,
            "threads": 1,
            "parallel": "off",
            "solver": "simplex",
            "simplex_dual_edge_weight_strategy": 1,
            "presolve": "off",
            "simplex_scale_strategy": 0,  # units of equity are scale enough
            "dual_simplex_cost_perturbation_multiplier": 0.0,
            "random_seed": 0,
            "primal_feasibility_tolerance": TOLERANCE,
            "dual_feasibility_tolerance": TOLERANCE,
        }
        for name, value in options.items():
            highs.setOptionValue(name, value)
        _KEPT.highs = highs
    return _KEPT.highs


def solve(matrix: Matrix, iterations: int = ITERATIONS, seconds: float = SECONDS) -> Solution | Failed:
    """Solve a programme. Failed where HiGHS finds no optimum within its bounds, or what it gives is none, and
    where it is not installed whole: an account must be guarded all the same."""
    try:
        import highspy
        import numpy as np

        highs = _opened()
    except ImportError as error:
        return Failed("solver_missing", f"HiGHS cannot be imported: {error}; install Reef again")

    found = _solved(highs, matrix, iterations, seconds, highspy, np)
    if isinstance(found, Failed):
        _KEPT.highs = None
        return found
    return judged(found, matrix)


def _solved(
    highs: Any, matrix: Matrix, iterations: int, seconds: float, highspy: Any, np: Any
) -> Solution | Failed:
    highs.setOptionValue("simplex_iteration_limit", iterations)
    highs.setOptionValue("time_limit", highs.getRunTime() + seconds)  # its clock counts all runs
    if pass_model(highs, matrix, np) == highspy.HighsStatus.kError:
        return Failed("solver_failed", "HiGHS does not take the programme")
    highs.run()
    status = highs.getModelStatus()
    if status in (highspy.HighsModelStatus.kIterationLimit, highspy.HighsModelStatus.kTimeLimit):
        return Failed("solver_timeout", f"HiGHS found no optimum in {iterations} iterations, {seconds:g} s")
    if status != highspy.HighsModelStatus.kOptimal:
        return Failed("solver_failed", f"HiGHS ended with: {highs.modelStatusToString(status)}")
    found = highs.getSolution()
    objective = highs.getObjectiveValue()
    return Solution(found.col_value, found.row_dual, found.col_dual, objective)


def pass_model(highs: Any, matrix: Matrix, np: Any) -> Any:
    """Hand the whole matrix over at once, by rows; numpy (`np`) sees the arrays as they are."""
    columns = matrix.columns
    given = (
        matrix.costs,
        matrix.lowers,
        matrix.uppers,
        matrix.lows,
        matrix.highs,
        matrix.starts,
        matrix.indices,
        matrix.values,
    )
    return highs.passModel(
        columns,
        matrix.rows,
        len(matrix.indices),
        2,  # by rows
        1,  # to be minimised
        0.0,
        *map(np.asarray, given),
        np.zeros(columns, np.int32),
    )


def judged(found: Solution, matrix: Matrix) -> Solution | Failed:
    """Believe an answer only where every number is finite and inside its bounds."""
    values = found.values
    finite = isfinite(sum(values) + sum(found.row_duals) + sum(found.column_duals) + found.objective)
    if finite and max(map(sub, matrix.lowers, values)) <= NONSENSE >= max(map(sub, values, matrix.uppers)):
        return found
    return Failed("solver_nonsense", "HiGHS gave numbers that are not finite or outside their bounds")
