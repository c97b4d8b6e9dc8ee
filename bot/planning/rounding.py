"""From USD to contracts that the market takes: up to the lot step, never past the position."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache

from bot.model import Market, Style
from bot.planning.request import OrderTerms


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
    least = max(market.amount_min, market.amount_step)
    if market.notional_min > 0 and not terms.exempt_from_notional_min:
        least = max(least, market.notional_min / market.notional(Decimal(1), price))
    return round_up(least, market.amount_step)


def largest(market: Market, style: Style) -> Decimal | None:
    """Return the largest order in contracts, None where the market has no bound."""
    bounds = [market.amount_max]
    if style is Style.MARKET:
        bounds.append(market.market_amount_max)
    known = [bound for bound in bounds if bound is not None]
    return round_down(min(known), market.amount_step) if known else None


def fit(wanted: Decimal, position: Decimal, market: Market, price: Decimal, terms: OrderTerms) -> Decimal:
    """Return the order in contracts that removes at least `wanted` of a position of `position` contracts.

    Rounded up to the lot step and to the smallest order, never past the position. Where less than the
    smallest order would stay and the venue's terms say so, the whole position.
    """
    if wanted <= 0:
        return Decimal(0)
    least = smallest(market, price, terms)
    amount = max(round_up(wanted, market.amount_step), least)
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
