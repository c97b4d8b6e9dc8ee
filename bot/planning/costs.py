"""What it costs to trade the first so many USD of a market: half spread, depth and taker fee.

Out of the order book where one was read and is fresh, else the constant of the position: half spread, fee and
the impact that the owner allows for. Costs are measured from mark, and the more is traded the more a USD
costs.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from bot.model import OrderBook, Side
from bot.planning.request import PlanRequest
from bot.risk.ages import age_trouble
from bot.risk.portfolio import Holding

KNOTS = (0.05, 0.2, 0.5, 1.0)
"""Shares of a position at which the chords of its cost meet."""
BEYOND = 2.0
"""What lies deeper than the book shows costs this many times what its last level does."""
FUNDING_SECONDS = 8 * 3600.0
"""Funding is taken to be paid this often."""
HORIZON_SECONDS = 24 * 3600.0
"""How far ahead the funding of a position counts that is trimmed, or kept."""
LEAST = 0.1
"""Whatever funding a trim saves, this share of its cost stays: funding alone is no reason to trade."""


class Curve(Struct, frozen=True):
    """Cost of trading: USD traded up to each level, and what a USD costs on it."""

    ends: tuple[float, ...]
    rates: tuple[float, ...]
    beyond: float

    def total(self, usd: float) -> float:
        """Cost of the first `usd` USD."""
        cost = begun = 0.0
        for end, rate in zip(self.ends, self.rates, strict=True):
            if usd <= end:
                return cost + (usd - begun) * rate
            cost, begun = cost + (end - begun) * rate, end
        return cost + (usd - begun) * self.beyond


def curve_of(holding: Holding, side: Side, fee: float, request: PlanRequest) -> Curve | None:
    """Return the cost of selling a position on `side`; None where no fresh book of its market is there."""
    book = request.depths.get(holding.symbol)
    if book is None or holding.inverse or holding.price <= 0.0:
        return None
    now = request.snapshot.venue_time(request.at)
    if age_trouble("order book", book.at, now, request.max_age_seconds):
        return None
    return _curve(book, side, holding.price, fee)


def _curve(book: OrderBook, side: Side, price: float, fee: float) -> Curve | None:
    ends: list[float] = []
    rates: list[float] = []
    traded, dearest = 0.0, 0.0
    for level in book.bids if side is Side.LONG else book.asks:
        coins, at = float(level.coins), float(level.price)
        if not (coins > 0.0 and at > 0.0):
            continue
        traded += coins * price
        dearest = max(dearest, side.sign * (price - at) / price, 0.0)
        ends.append(traded)
        rates.append(dearest + fee)
    return Curve(tuple(ends), tuple(rates), BEYOND * dearest + fee) if ends else None


def average(holding: Holding, side: Side, fee: float, usd: float, request: PlanRequest) -> float:
    """Return the expected cost of one USD where `usd` USD of a position are traded."""
    if holding.symbol not in request.depths:
        return holding.trade_cost
    curve = curve_of(holding, side, fee, request) if usd > 0.0 else None
    return holding.trade_cost if curve is None else curve.total(usd) / usd


def chords(
    holding: Holding, side: Side, fee: float, room: float, request: PlanRequest
) -> Sequence[tuple[float, float]]:
    """Return the widths and slopes of a position's cost up to `room` USD, cheapest first."""
    curve = curve_of(holding, side, fee, request)
    if curve is None:
        return ((room, holding.trade_cost),)
    found: list[tuple[float, float]] = []
    begun = cost = 0.0
    for share in KNOTS:
        end = min(share * holding.notional, room)
        if end <= begun:
            break
        then = curve.total(end)
        found.append((end - begun, (then - cost) / (end - begun)))
        begun, cost = end, then
    return found


def funding_of(symbol: str, sign: int, horizon_seconds: float, request: PlanRequest) -> float:
    """Return the funding that a USD of a position pays over a horizon at today's rate; below 0 it earns."""
    prices = request.snapshot.marks.get(symbol)
    rate = prices.funding_rate if prices else None
    if not isinstance(rate, Decimal) or not rate.is_finite():
        return 0.0
    return sign * float(rate) * horizon_seconds / FUNDING_SECONDS
