"""Where a falling function meets zero."""

from collections.abc import Callable
from math import inf

_MOST_STEPS = 200


def falling_root(
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
