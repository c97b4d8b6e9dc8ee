"""Where a falling function meets zero."""

from collections.abc import Callable

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
