"""Which contracts of a chain will do. Every other one of the right kind is set aside with its reason."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from bot.model import Chain, Figure, OptionMarket, OptionQuote, OptionTerms, Right, Unknown
from bot.planning.pricing import round_price
from bot.risk import black76
from bot.risk.ages import age_trouble
from bot.risk.figures import as_float

WIDEST = 0.15
"""Widest spread of bid and ask, as a share of their middle."""
DEAREST = 1.0 + WIDEST / 2.0
"""What is paid at most, as a multiple of the worth by Black-76."""
REACH = 0.02
"""How far above the ask an order reaches, as a share: quotes are seconds old, and options gain in a fall."""
MOST_VOLATILE = 10.0
"""A yearly volatility above this is no figure to buy by."""
MAX_AGE_SECONDS = 60.0
"""A quote and its volatility that are older are stale."""


class Wanted(Struct, frozen=True):
    """What is looked for in a chain."""

    right: Right
    base: str
    settle: str
    terms: OptionTerms
    at: datetime
    """A moment of the venue's clock."""


class Fit(Struct, frozen=True):
    """A contract that will do, with its figures as numbers for one coin, in the settle currency."""

    market: OptionMarket
    price: Decimal
    """The limit price, on the market's step: a little above the ask, no higher than what is paid at most."""
    most: Decimal
    """Contracts that are offered there, on the market's step."""
    worth: float
    """By Black-76 at the venue's volatility."""
    half_spread: float
    fee: float
    forward: float
    years: float
    vol: float
    cost: float
    """What buying one coin loses against its worth, fee included; never a gain."""
    premium: float
    """What one coin is paid with, fee included."""
    gains: dict[float, float] = {}
    """What is counted of its gain, by the move of its base, as far as that was asked."""

    @property
    def coins(self) -> float:
        """Coins in one contract."""
        return as_float(self.market.contract_size)

    def value(self, move: float) -> float:
        """Return the worth of one coin of it at once after a move of its base."""
        one = self.market
        forward = self.forward * max(1.0 + move, 0.0)
        return black76.price(one.right, forward, as_float(one.strike), self.years, self.vol)

    def decay(self, days: float) -> float:
        """Return what time takes off one coin of it within so many days while nothing moves."""
        one = self.market
        left = max(self.years - days / black76.DAYS, 0.0)
        return self.worth - black76.price(one.right, self.forward, as_float(one.strike), left, self.vol)


class Screened(Struct, frozen=True):
    """The contracts of one kind, sorted out."""

    fits: tuple[Fit, ...]
    aside: Mapping[str, str]
    """Why each other one will not do, by symbol."""


class Screens:
    """Chains that were screened, each once for all demands that look for the same."""

    def __init__(self) -> None:
        self._found: dict[Wanted, Screened] = {}

    def of(self, chain: Chain, wanted: Wanted) -> Screened:
        """Screen the chain of a base, unless that has been done."""
        found = self._found.get(wanted)
        if found is None:
            found = self._found[wanted] = screen(chain, wanted)
        return found


def screen(chain: Chain, wanted: Wanted) -> Screened:
    """Sort out the contracts of one right, base and settle currency, in the order of their symbols."""
    fits: list[Fit] = []
    aside: dict[str, str] = {}
    for symbol, market in sorted(chain.markets.items()):
        kind = (market.right, market.base, market.settle)
        if kind != (wanted.right, wanted.base, wanted.settle):
            continue
        found = _fit(market, chain.quotes.get(symbol), wanted)
        if isinstance(found, Fit):
            fits.append(found)
        else:
            aside[symbol] = found
    return Screened(tuple(fits), aside)


def _fit(market: OptionMarket, quote: OptionQuote | None, wanted: Wanted) -> Fit | str:
    trouble = contract_trouble(market, wanted.terms, wanted.at)
    if trouble or quote is None:
        return trouble or "it is not quoted"
    trouble = age_trouble("its quotes", quote.at, wanted.at, MAX_AGE_SECONDS)
    if trouble:
        return trouble
    forward, vol = _number(quote.underlying), _number(quote.iv)
    if forward is None or forward <= 0.0:
        return "the price of its underlying is not known"
    if vol is None or not 0.0 < vol <= MOST_VOLATILE:
        return f"its implied volatility is {'not known' if vol is None else f'{vol:g}'}"
    trouble = _strike_trouble(market, forward, wanted.terms)
    return trouble or _priced(market, quote, forward, vol, wanted)


def contract_trouble(market: OptionMarket, terms: OptionTerms, at: datetime) -> str:
    """Say why a contract will not do whatever it is quoted at; '' where it may."""
    if not market.contract_size.is_finite() or market.contract_size <= 0:
        return f"its contract size is unclear: {market.contract_size}"
    if not market.active:
        return "it is not traded"
    left = market.expiry - at
    days = left / timedelta(days=1)
    if days <= 0.0:
        return f"it expired at {market.expiry:%Y-%m-%d %H:%M} UTC"
    if not terms.min_days <= days <= terms.max_days:
        return f"{days:.1f} days are left of it, wanted are {terms.min_days} to {terms.max_days}"
    return ""


def _strike_trouble(market: OptionMarket, forward: float, terms: OptionTerms) -> str:
    strike = as_float(market.strike)
    bound = forward * (1.0 + market.right.sign * terms.protect_below)
    if market.right.sign * (strike - bound) > 1e-9 * forward:
        return f"its strike {strike:g} protects only beyond {bound:g}"
    return ""


def _priced(
    market: OptionMarket, quote: OptionQuote, forward: float, vol: float, wanted: Wanted
) -> Fit | str:
    bid, ask = _number(quote.bid), _number(quote.ask)
    if ask is None or ask <= 0.0 or bid is None or bid <= 0.0:
        return "bid or ask is missing"
    if bid > ask:
        return f"its quotes are crossed: bid {bid:g}, ask {ask:g}"
    if ask - bid > WIDEST * (ask + bid) / 2.0:
        return (
            f"its spread is {(ask - bid) / (ask + bid) * 2:.0%} of the middle, at most {WIDEST:.0%} will do"
        )
    most = round_price(Decimal(repr(_number(quote.ask_size) or 0.0)), market.amount_step, up=False)
    if most < market.amount_min:
        return f"{most.normalize():f} contracts are offered, the smallest order is {market.amount_min:f}"
    years = market.years_left(wanted.at)
    worth = black76.price(market.right, forward, as_float(market.strike), years, vol)
    assert isinstance(quote.ask, Decimal)
    least, most_paid = round_price(quote.ask, market.price_step, up=False), worth * DEAREST
    if not 0.0 < float(least) <= most_paid:
        return f"its ask {ask:g} is above what it is worth by Black-76, {worth:g}"
    reached = Decimal(repr(min(ask * (1.0 + REACH), most_paid)))
    price = max(round_price(reached, market.price_step, up=False), least)
    paid = float(price)
    fee = market.fee(forward, paid)
    cost = max(paid - worth, 0.0) + fee
    return Fit(market, price, most, worth, (ask - bid) / 2.0, fee, forward, years, vol, cost, paid + fee)


def _number(figure: Figure) -> float | None:
    return None if isinstance(figure, Unknown) or not figure.is_finite() else float(figure)
