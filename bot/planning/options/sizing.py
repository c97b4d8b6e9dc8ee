"""How many coins of an option bring a loss in a scenario back to its goal.

With q coins that gain G in the scenario and cost c, a loss of X E or less is reached by

    q = (Loss - X E) / (0.9 (V(scenario) - V(now)) - c)

and the size is the largest over the scenarios.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from math import isfinite

from msgspec import Struct

from bot.planning.options.screening import Fit
from bot.planning.rounding import round_down
from bot.planning.sizing import CannotHelp


class Bounds(Struct, frozen=True):
    """What bounds the size of an option, beside what is offered."""

    coins: float
    """What of the parent's size no other hedge stands against."""
    premium: float
    """USD that may be paid, fees included."""
    payer: str = "max_premium"
    """What bounds the premium."""


class Size(Struct, frozen=True):
    """How many contracts are bought, and why not more."""

    contracts: Decimal
    bound: str = ""
    """What kept it below what is needed; '' where nothing did."""


def needed(gaps: Iterable[tuple[float, float]], cost: float) -> float | CannotHelp:
    """Return the coins that close every gap; 0 where none is open.

    `gaps` are, for each scenario, what is missing in USD (0 or less is met) and what a coin gains there.
    """
    most = 0.0
    for gap, gain in gaps:
        if not isfinite(gap):
            return CannotHelp("the figures of this limit are not finite numbers", "unknown_figure")
        if gap <= 0.0:
            continue
        if gain <= cost:
            return CannotHelp("an option gains less in a scenario than it costs", "hedge_cannot_help")
        most = max(most, gap / (gain - cost))
    return most


def sized(coins: float, fit: Fit, bounds: Bounds) -> Size | CannotHelp:
    """Turn coins into contracts: rounded up, and toward zero where a bound is met."""
    market = fit.market
    step, size = market.amount_step, market.contract_size
    wanted = (Decimal(repr(coins)) / size / step).to_integral_value(ROUND_CEILING) * step
    wanted = max(wanted, market.amount_min)
    limits = [
        (_contracts(bounds.coins, fit), "what its parent holds"),
        (_contracts(bounds.premium / fit.premium, fit), bounds.payer),
        (fit.most, "what is offered at the ask"),
    ]
    if market.amount_max is not None:
        limits.append((round_down(market.amount_max, step), "the venue's largest order"))
    most, bound = min(limits, key=lambda one: one[0])
    if most >= wanted:
        return Size(wanted)
    if most < market.amount_min:
        words = f"{bound} allows {most.normalize():f} contracts of {market.symbol}"
        return CannotHelp(f"{words}, the smallest order is {market.amount_min:f}", "hedge_too_small")
    return Size(most, bound)


def _contracts(coins: float, fit: Fit) -> Decimal:
    market = fit.market
    return round_down(Decimal(repr(max(coins, 0.0))) / market.contract_size, market.amount_step)
