"""Black-76: what an option on a forward is worth, and how that moves. No interest is reckoned.

Prices are in the forward's currency, for one coin. `years` is the time to expiry and `vol` the yearly
volatility as a fraction; where either is 0 or less, an option is worth what exercise would bring at once.
"""

from math import erfc, exp, log, pi, sqrt

from bot.model import Right

DAYS = 365.0
"""Days in a year, as venues quote volatility."""


def price(right: Right, forward: float, strike: float, years: float, vol: float) -> float:
    """Return the worth of an option on one coin. `forward` may be 0, `strike` is above 0."""
    sign = right.sign
    inner = max(sign * (forward - strike), 0.0)
    spread = _spread(forward, years, vol)
    if spread == 0.0:
        return inner
    d1 = log(forward / strike) / spread + spread / 2.0
    worth = sign * (forward * _normal(sign * d1) - strike * _normal(sign * (d1 - spread)))
    return max(worth, 0.0)


def delta(right: Right, forward: float, strike: float, years: float, vol: float) -> float:
    """Return what it gains for a rise of the forward by one: 0 to 1 for a call, -1 to 0 for a put."""
    sign = right.sign
    spread = _spread(forward, years, vol)
    if spread == 0.0:
        return float(sign) if sign * (forward - strike) > 0.0 else 0.0
    return sign * _normal(sign * (log(forward / strike) / spread + spread / 2.0))


def theta(right: Right, forward: float, strike: float, years: float, vol: float) -> float:
    """Return what a day takes off it while nothing moves: 0 or less. The same for puts and calls."""
    spread = _spread(forward, years, vol)
    if spread == 0.0:
        return 0.0
    d1 = log(forward / strike) / spread + spread / 2.0
    return -forward * exp(-d1 * d1 / 2.0) / sqrt(2.0 * pi) * vol / (2.0 * sqrt(years)) / DAYS


_ROOT = sqrt(2.0)


def _spread(forward: float, years: float, vol: float) -> float:
    return vol * sqrt(years) if forward > 0.0 and years > 0.0 and vol > 0.0 else 0.0


def _normal(x: float) -> float:
    return erfc(-x / _ROOT) / 2.0
