"""Where a falling function meets zero."""

from collections.abc import Callable

_MOST_STEPS = 200


def falling_root(
    value: Callable[[float], float],
    low: float,
    at_low: float,
    high: float,
    at_high: float,
    precision: float = 1e-11,
) -> float:
    """Return the last point at which the function is still above 0, to `precision`.

    `at_low` > 0 and `at_high` <= 0 are its values at the ends. False position in the Illinois variant: on
    a straight piece it takes one step.
    """
    for _ in range(_MOST_STEPS):
        if high - low <= precision:
            break
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        if not low < middle < high:
            middle = (low + high) / 2
        found = value(middle)
        if found > 0.0:
            low, at_low, at_high = middle, found, at_high / 2
        else:
            high, at_high, at_low = middle, found, at_low / 2
    return low
