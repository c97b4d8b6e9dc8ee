"""Black-76 without interest: what an option on a forward is worth, and how that changes.

Prices are in the forward's currency, `years` is the time left, `volatility` a yearly standard deviation.
"""

import math

import msgspec

DAYS_A_YEAR = 365.0
LARGEST_VOLATILITY = 10.0
_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_STEPS = 100
_CLOSE = 1e-9
"""How near to a price is near enough, as a share of the forward."""


class Greeks(msgspec.Struct, frozen=True):
    """How the price changes: `delta` with the forward, `vega` with one point (1 %) of volatility, `theta` in
    a day; `gamma` is how delta changes with the forward.
    """

    delta: float
    gamma: float
    vega: float
    theta: float


NO_GREEKS = Greeks(0.0, 0.0, 0.0, 0.0)


def price(forward: float, strike: float, years: float, volatility: float, *, is_call: bool) -> float:
    """What the option is worth; its inner value where no time or no volatility is left."""
    deviation = volatility * math.sqrt(max(0.0, years))
    if deviation <= 0.0:
        return inner(forward, strike, is_call=is_call)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    if is_call:
        return forward * _below(d1) - strike * _below(d2)
    return strike * _below(-d2) - forward * _below(-d1)


def inner(forward: float, strike: float, *, is_call: bool) -> float:
    """What exercise at this price pays."""
    return max(0.0, forward - strike if is_call else strike - forward)


def greeks(forward: float, strike: float, years: float, volatility: float, *, is_call: bool) -> Greeks:
    """The greeks; all but delta are 0 where no time or no volatility is left."""
    deviation = volatility * math.sqrt(max(0.0, years))
    if deviation <= 0.0:
        pays = inner(forward, strike, is_call=is_call) > 0
        return Greeks((1.0 if is_call else -1.0) * pays, 0.0, 0.0, 0.0)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    density = math.exp(-d1 * d1 / 2) / _ROOT_TWO_PI
    return Greeks(
        delta=_below(d1) - (0.0 if is_call else 1.0),
        gamma=density / (forward * deviation),
        vega=forward * density * math.sqrt(years) / 100,
        theta=-forward * density * volatility / (2 * math.sqrt(years)) / DAYS_A_YEAR,
    )


def implied(
    paid: float, forward: float, strike: float, years: float, *, is_call: bool, guess: float = 0.6
) -> float:
    """The volatility at which the option is worth what is paid; 0 where no volatility up to 1000 % is."""
    if years <= 0.0 or paid <= inner(forward, strike, is_call=is_call):
        return 0.0
    low, high = 0.0, LARGEST_VOLATILITY
    if paid > price(forward, strike, years, high, is_call=is_call):
        return 0.0
    for _ in range(_STEPS):
        miss = price(forward, strike, years, guess, is_call=is_call) - paid
        if abs(miss) < _CLOSE * forward:
            break
        low, high = (low, guess) if miss > 0 else (guess, high)
        slope = _slope(forward, strike, years, guess)
        step = guess - miss / slope if slope > 0.0 else low
        # Newton's step where it stays inside what is known, else the middle
        guess = step if low < step < high else (low + high) / 2
    return guess


def _slope(forward: float, strike: float, years: float, volatility: float) -> float:
    """How the price changes with 1 (not a point) of volatility."""
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    return forward * math.exp(-d1 * d1 / 2) / _ROOT_TWO_PI * math.sqrt(years)


def _below(x: float) -> float:
    """The normal distribution: how likely a value below x is."""
    return math.erfc(-x / _ROOT_TWO) / 2
