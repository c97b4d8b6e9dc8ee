"""Options of the account: what they are worth, how they move, and what a shock makes of them.

An option is worth what Black-76 makes of it at the venue's volatility, which a shock does not change. Of what
it gains nine tenths are counted; what it loses counts in full. It stands behind no margin: what is bought
carries none, and on a unified account its worth is no margin either. So options move equity, stress loss and
net exposure, and nothing else.
"""

from bot.model import (
    MarketStats,
    OptionMarket,
    OptionPosition,
    Side,
    Snapshot,
    Unknown,
)
from bot.risk import black76
from bot.risk.betas import fallback_beta
from bot.risk.figures import number_of, price_of
from bot.risk.portfolio import OptionHolding

COUNTED = 0.9
"""Share of an option's gain that is counted on."""


def options_of(snapshot: Snapshot, stats: MarketStats) -> tuple[OptionHolding, ...] | Unknown:
    """Return the options as numbers, by key; unknown where one cannot be valued.

    What was bought and has no volatility at the moment is taken at what exercise would bring: its gain is
    then never overstated. What was sold must be valued.
    """
    if snapshot.options_unread:
        return Unknown(f"options could not be read: {snapshot.options_unread}")
    found: list[OptionHolding] = []
    for one in sorted(snapshot.options, key=lambda one: one.key):
        made = _holding(one, snapshot, stats)
        if isinstance(made, Unknown):
            return made
        found.append(made)
    return tuple(found)


def _holding(one: OptionPosition, snapshot: Snapshot, stats: MarketStats) -> OptionHolding | Unknown:
    position, market, quote = one.position, one.market, one.quote
    coins = position.contracts * market.contract_size
    if not coins.is_finite() or coins <= 0:
        return Unknown(f"the size of {one.key} came as {position.contracts} of {market.contract_size}")
    forward = price_of(quote.underlying, f"the underlying of {market.symbol}")
    if isinstance(forward, Unknown):
        return forward
    vol = price_of(quote.iv, f"the volatility of {market.symbol}")
    years = market.years_left(snapshot.times.positions)
    worth = number_of(quote.mark, f"the mark price of {market.symbol}")
    if not isinstance(vol, Unknown):
        worth = black76.price(market.right, forward, float(market.strike), years, vol)
    elif position.side is Side.SHORT:
        return vol
    if isinstance(worth, Unknown):
        return worth
    beta = stats.betas.get(perpetual_of(market, snapshot)) or fallback_beta(market.base, stats.reference)
    return OptionHolding(
        symbol=market.symbol,
        base=market.base,
        side=position.side,
        right=market.right,
        coins=float(coins),
        strike=float(market.strike),
        years=years,
        vol=0.0 if isinstance(vol, Unknown) else vol,
        forward=forward,
        worth=worth,
        beta=beta.beta,
        residual=beta.residual,
    )


def perpetual_of(market: OptionMarket, snapshot: Snapshot) -> str:
    """Return the symbol of the market that an option's underlying moves with."""
    held = sorted(one.symbol for one in snapshot.markets.values() if one.base == market.base)
    return held[0] if held else f"{market.base}/USDT:USDT"


def exposure_of(option: OptionHolding) -> float:
    """Return the USD of its base that it moves like now, below 0 where it gains as the price falls."""
    one = option
    delta = black76.delta(one.right, one.forward, one.strike, one.years, one.vol)
    return one.side.sign * one.coins * one.forward * delta


def option_gain(option: OptionHolding, move: float) -> float:
    """Return what is counted of its profit in USD when its base moves by the fraction `move` at once."""
    gain = option.side.sign * option.coins * (worth_after(option, move) - option.worth)
    return COUNTED * gain if gain > 0.0 else gain


def worth_after(option: OptionHolding, move: float) -> float:
    """Return the worth of one coin of it after a move of its base."""
    one = option
    forward = one.forward * (1.0 + max(move, -1.0))
    return black76.price(one.right, forward, one.strike, one.years, one.vol)
