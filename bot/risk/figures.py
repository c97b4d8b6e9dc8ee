"""From the venue's Decimals to floats: what is no finite number, or no price, is unknown."""

from decimal import Decimal
from functools import lru_cache

from bot.model import Figure, Number, Unknown


@lru_cache(maxsize=4096)
def as_float(figure: Decimal) -> float:
    """Turn a figure that comes again and again (a fee, a step, a strike) into a float.

    Decimals become floats by way of text, which takes as long as four sums of them.
    """
    return float(figure)


def number_of(figure: Figure, what: str) -> Number:
    """Turn a figure into a float; one that is no finite number is unknown, `what` saying which."""
    if isinstance(figure, Unknown):
        return figure
    if not figure.is_finite():
        return Unknown(f"{what} came as {figure}")
    return float(figure)


def price_of(figure: Figure, what: str) -> Number:
    """Turn a price into a float; one that is not above 0 is unknown."""
    number = number_of(figure, what)
    if isinstance(number, Unknown) or number > 0.0:
        return number
    return Unknown(f"{what} came as {figure}, which is no price")
