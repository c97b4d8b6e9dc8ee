"""From the venue's Decimals to floats: what is no finite number, or no price, is unknown."""

from bot.model import Figure, Number, Unknown


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
