"""Where a falling function meets zero."""

from collections.abc import Callable
from math import inf

_MOST_STEPS = 200


def falling_root(
    value: Callable[[float], float],
    low: float,
    at_low: float,
    high: float,
    at_high: float,
    precision: float = 1e-13,
) -> float:
    """Return the last point at which the function is still above 0, to `precision`.

    `at_low` > 0 and `at_high` <= 0 are its values at the ends. False position in the Illinois variant: an
    end that stays twice counts half. On a straight piece it takes one step, and one beside the root to see
    that it is one.
    """
    least, moved = 0.9 * precision, 0
    for _ in range(_MOST_STEPS):
        if high - low <= precision:
            break
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        middle = min(max(middle, low + least), high - least)
        if not low < middle < high:
            middle = (low + high) / 2
        found = value(middle)
        if found > 0.0:
            low, at_low = middle, found
            at_high = at_high / 2 if moved > 0 else at_high
            moved = 1
        else:
            high, at_high = middle, found
            at_low = at_low / 2 if moved < 0 else at_low
            moved = -1
    return low


def concave_root(
    value: Callable[[float], tuple[float, float]],
    low: float,
    high: float,
    at_high: tuple[float, float],
    precision: float = 1e-13,
) -> float:
    """Return where a function meets zero, to `precision`.

    `value` gives the function and its slope. It is above 0 at `low`; `at_high` is what it gives at `high`,
    where it is not. These are Newton's steps: where a function falls ever faster they come from above, one
    for each straight piece at the most. A step that would leave the interval is half of it instead.
    """
    at, (found, slope) = high, at_high
    for _ in range(_MOST_STEPS):
        if found > 0.0:
            low = at
        else:
            high = at
        nearer = at - found / slope if slope < 0.0 else inf
        if abs(nearer - at) <= precision or high - low <= precision:
            break
        at = nearer if low < nearer < high else (low + high) / 2
        found, slope = value(at)
    return at
