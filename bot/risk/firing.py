"""Where a rule would fire: the nearest price, or move of the market, at which a metric passes its limit.

A position metric is followed while that symbol alone moves, and with it what its liquidation counts along:
the wallet's coins of its base, and positions of that base on its side. An account metric is followed while
every position and coin moves by its beta to the reference, without residual. Nothing is traded or liquidated
on the way, the unit value moves with equity, and statistics stay as they are.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Number, Sense, Unknown
from bot.risk.context import MetricContext, UnitView
from bot.risk.definitions import METRICS, Scope
from bot.risk.margin import moves_along
from bot.risk.metrics import measure
from bot.risk.portfolio import Coin, OptionHolding, Portfolio
from bot.risk.shock import market_moves, revalued

LOWEST_MOVE = -0.95
HIGHEST_MOVE = 2.0
"""Moves outside [LOWEST_MOVE, HIGHEST_MOVE] are not looked at."""

PRECISION = 1e-6
"""Width in move to which a firing point is found."""

_FALLS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95)
_STEPS = (*_FALLS, 1.2, 1.5, 1.75, 2.0)


class FiringPoint(Struct, frozen=True):
    """The nearest move at which a metric is past its limit (by `PRECISION` at most)."""

    move: float
    """Fraction by which the price, or the reference market, moves; negative is a fall."""
    price: float | None
    """Price there: of the position's symbol, or of the reference; None where that has no mark."""
    prices: dict[str, float]
    """Mark price of every held symbol there."""


class AlreadyPast(Struct, frozen=True):
    """The metric is past its limit now."""

    value: float


Firing = FiringPoint | AlreadyPast | Unknown | None
"""None: no move in [LOWEST_MOVE, HIGHEST_MOVE] that the search steps through passes the limit."""

Gauge: TypeAlias = Callable[[Portfolio, MetricContext, str | None], Number]
"""Measures a portfolio; the last argument is the position's key."""


def firing_price(
    metric: str,
    limit: float,
    sense: Sense,
    portfolio: Portfolio,
    context: MetricContext,
    key: str | None = None,
    gauge: Gauge | None = None,
) -> Firing:
    """Find where a metric first passes its limit: strictly above for MAX, strictly below for MIN.

    `key` as in `measure`, whose errors are raised here too; a `gauge` measures in its place. Unknown where
    the metric is. The moves stepped
    through lie 1 % apart near 0 and up to 25 % apart at the end; a limit that is passed only between two of
    them is missed.
    """
    return _Search(metric, limit, sense, portfolio, context, key, gauge or partial(measure, metric)).run()


class _Search:
    """One metric followed along moves of the market or of one symbol."""

    def __init__(
        self,
        metric: str,
        limit: float,
        sense: Sense,
        portfolio: Portfolio,
        context: MetricContext,
        key: str | None,
        gauge: Gauge,
    ) -> None:
        self._gauge = gauge
        self._limit = limit
        self._sense = sense
        self._portfolio = portfolio
        self._context = context
        self._key = key
        alone = None if metric in METRICS and METRICS[metric].scope is Scope.ACCOUNT else key
        self._holding = None if alone is None else portfolio.holding(alone)
        self._liquidations = () if alone is None else (alone,)

    def run(self) -> Firing:
        now = self._gauge(self._portfolio, self._context, self._key)
        if isinstance(now, Unknown):
            return now
        if self._past(now):
            return AlreadyPast(now)
        before = 0.0
        for step in _STEPS:
            found: list[float] = []
            for direction, farthest in ((-1.0, LOWEST_MOVE), (1.0, HIGHEST_MOVE)):
                if step > abs(farthest):
                    continue
                value = self._value(direction * step)
                if isinstance(value, Unknown):
                    return value
                if self._past(value):
                    found.append(self._narrow(direction * before, direction * step))
            if found:
                return self._point(min(found, key=abs))
            before = step
        return None

    def _narrow(self, outside: float, past: float) -> float:
        """Bisect between a move that is not past the limit and one that is; return one that is."""
        while abs(past - outside) > PRECISION:
            middle = (outside + past) / 2.0
            value = self._value(middle)
            if not isinstance(value, Unknown) and self._past(value):
                past = middle
            else:
                outside = middle
        return past

    def _past(self, value: float) -> bool:
        return value > self._limit if self._sense is Sense.MAX else value < self._limit

    def _moves(self, move: float) -> dict[str, float]:
        if self._holding is None:
            return market_moves(self._portfolio, move)
        base = self._holding.base
        moves = {one.key: move for one in self._portfolio.holdings if moves_along(self._holding, one)}
        beside: list[Coin | OptionHolding] = [*self._portfolio.coins, *self._portfolio.options]
        return moves | {one.key: move for one in beside if one.base == base}

    def _value(self, move: float) -> Number:
        moved = revalued(self._portfolio, self._moves(move), self._liquidations)
        context = self._context
        units = _units_after(context.units, self._portfolio.equity, moved.equity)
        if units is not context.units:
            context = replace(context, units=units)
        return self._gauge(moved, context, self._key)

    def _point(self, move: float) -> FiringPoint:
        moved = revalued(self._portfolio, self._moves(move), ())
        prices = {holding.symbol: holding.price for holding in moved.holdings}
        price = moved.reference_price if self._holding is None else prices[self._holding.symbol]
        return FiringPoint(move, price, prices)


def _units_after(units: UnitView, before: Number, after: Number) -> UnitView:
    """Return the unit value after equity changed by trading alone."""
    value, peak = units.value, units.peak
    if isinstance(value, Unknown) or isinstance(before, Unknown) or isinstance(after, Unknown):
        return units
    if before <= 0.0 or after == before:
        return units
    value *= after / before
    return UnitView(value, peak if isinstance(peak, Unknown) else max(peak, value), units.day_open)
