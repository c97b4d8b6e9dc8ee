"""What it is expected to cost to trade the first so many USD of a position, and what holding it pays.

Out of the order book where there is one to believe, by chords: the more is traded the more a USD costs. Else
one price for all of it. Costs are measured from mark.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase

from bot.model import Demand, Number, OrderRequest, Step, Unknown
from bot.planning.book import Leg, Priced
from bot.planning.request import PlanRequest
from bot.risk.figures import as_float, number_of

KNOTS = tuple((Decimal(share), float(share)) for share in ("0.05", "0.2", "0.5", "1"))
"""Shares of what may go at which the chords of its cost meet."""
SAME = 1e-6
"""Costs of one USD that are no further apart are taken for one: a hundredth of a basis point."""
FUNDING_SECONDS = 8 * 3600.0
"""Funding is taken to be paid this often."""
DEAREST_FUNDING = 0.00375
"""What a hedge is taken to pay at each payment where the rate is not known, far above the usual 0.0001."""
HORIZON_SECONDS = 24 * 3600.0
"""How far ahead the funding of a position counts that is trimmed, or kept."""
LEAST = 0.1
"""Whatever funding a trim saves, this share of its cost stays: funding alone is no reason to trade."""

KEPT = 0.01
"""By how much a USD counts as dearer that the owner would rather keep."""


def is_kept(symbol: str, patterns: Iterable[str]) -> bool:
    """Whether some pattern, in capitals, names a symbol."""
    return any(fnmatchcase(symbol.upper(), pattern) for pattern in patterns)


def dearer(step: Step, demand: Demand) -> float:
    """USD by which a step counts as dearer, because its owner would rather keep what it trades."""
    asked = step.request
    kept = isinstance(asked, OrderRequest) and is_kept(asked.symbol, demand.trim.keep)
    return KEPT * step.notional if kept else 0.0


def chords(leg: Leg, priced: Priced) -> Sequence[tuple[float, float]]:
    """Return widths in USD and expected cost of one USD on them, cheapest first, up to all that may go."""
    market, ladder, room = leg.market, priced.ladder, priced.usd_of(leg)
    assert market is not None
    if ladder is None or priced.room <= ladder.first:
        return ((room, priced.expected),)
    fee = as_float(market.taker_fee)
    first = priced.expected_of(priced.room * KNOTS[0][0], fee)
    if priced.expected - first <= SAME:
        return ((room, priced.expected),)
    rates = [first]
    for part, _ in KNOTS[1:-1]:
        contracts = priced.room * part
        rates.append(first if contracts <= ladder.first else priced.expected_of(contracts, fee))
    rates.append(priced.expected)
    found: list[tuple[float, float]] = []
    begun = cost = slope = 0.0
    for (_, share), rate in zip(KNOTS, rates, strict=True):
        width, then = room * share - begun, room * share * rate
        slope = max((then - cost) / width, slope)
        if found and slope - found[-1][1] <= SAME:
            before, at = found.pop()
            slope = (before * at + width * slope) / (before + width)
            width += before
        found.append((width, slope))
        begun, cost = room * share, then
    return found


def funding_of(symbol: str, sign: int, horizon_seconds: float, request: PlanRequest) -> Number:
    """Return the funding that a USD of a position pays over a horizon at today's rate; below 0 it earns."""
    prices = request.snapshot.marks.get(symbol)
    if prices is None:
        return Unknown(f"prices of {symbol} are not known")
    rate = prices.funding_rate
    if isinstance(rate, Decimal) and rate.is_finite():
        return sign * as_float(rate) * horizon_seconds / FUNDING_SECONDS
    return number_of(rate, f"the funding rate of {symbol}")


def saved_of(symbol: str, sign: int, request: PlanRequest) -> float:
    """Return the funding that a USD of a trim saves, and below 0 forgoes; a rate that is not known is no
    reason to trim one position rather than another."""
    paid = funding_of(symbol, sign, HORIZON_SECONDS, request)
    return 0.0 if isinstance(paid, Unknown) else paid
