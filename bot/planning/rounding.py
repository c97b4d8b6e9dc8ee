"""From USD to contracts that the market takes: up to the lot step, never past the position."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache

from bot.model import Market, Style
from bot.planning.request import OrderTerms

ZERO, ONE = Decimal(0), Decimal(1)


@lru_cache(1024)
def exact(number: float) -> Decimal:
    """Return a number of a rule as it is written there."""
    return Decimal(str(number))


def round_up(amount: Decimal, step: Decimal) -> Decimal:
    """Round an amount up to the lot step."""
    return (amount / step).to_integral_value(ROUND_CEILING) * step


def round_down(amount: Decimal, step: Decimal) -> Decimal:
    """Round an amount down to the lot step."""
    return (amount / step).to_integral_value(ROUND_FLOOR) * step


def smallest(market: Market, price: Decimal, terms: OrderTerms) -> Decimal:
    """Return the smallest order in contracts, from the market's minimum amount and minimum value."""
    step = market.amount_step
    least = max(market.amount_min, step)
    if market.notional_min > ZERO and not terms.exempt_from_notional_min:
        least = max(least, market.notional_min / market.notional(ONE, price))
    return round_up(least, step)


def largest(market: Market, style: Style) -> Decimal | None:
    """Return the largest order in contracts, None where the market has no bound."""
    most = market.amount_max
    if style is Style.MARKET and market.market_amount_max is not None:
        most = market.market_amount_max if most is None else min(most, market.market_amount_max)
    return None if most is None else round_down(most, market.amount_step)


def fit(wanted: Decimal, position: Decimal, market: Market, price: Decimal, terms: OrderTerms) -> Decimal:
    """Return the order in contracts that removes at least `wanted` of a position of `position` contracts.

    Rounded up to the lot step and to the smallest order, never past the position. Where less than the
    smallest order would stay and the venue's terms say so, the whole position.
    """
    if wanted <= 0:
        return ZERO
    return fit_to(wanted, position, market.amount_step, smallest(market, price, terms), terms)


def fit_to(wanted: Decimal, position: Decimal, step: Decimal, least: Decimal, terms: OrderTerms) -> Decimal:
    """Return the same for contracts above 0, where the smallest order is known."""
    if wanted >= position:
        return position
    amount = max(round_up(wanted, step), least)
    if amount >= position or (terms.close_dust and position - amount < least):
        return position
    return amount


def room(position: Decimal, share: Decimal, market: Market, least: Decimal) -> Decimal:
    """Return how many contracts a share cap lets go in one cycle; `least` is the smallest order.

    Rounded down to the lot step, but never less than the smallest order: a cap on the share would otherwise
    forbid every trim of a small position.
    """
    if share >= 1:
        return position
    allowed = round_down(position * max(share, Decimal(0)), market.amount_step)
    return min(max(allowed, least), position)
