"""Options on the way of a shock: they follow the price of their base and the scenario's volatility.

An option is worth what Black-76 makes of it there. It gains and loses in full, stands behind no margin and is
never liquidated; no time passes in a shock.
"""

from collections.abc import Callable
from copy import copy
from decimal import Decimal

from msgspec import Struct, structs

from bot.model import Chain, Figure, OptionMarket, OptionPosition, OptionQuote, Snapshot, Unknown
from bot.risk import black76
from bot.risk.options import perpetual_of
from bot.risk.portfolio import OptionHolding, Portfolio

_ELSEWHERE = Unknown("the venue has not been asked there")

Mover = Callable[[str, str], float]
"""The factor on the price of a symbol and its base."""


class Paper(Struct):
    """What is held of one option."""

    held: OptionPosition
    """As it was seen, or as it was quoted before the shock."""
    follows: str
    """The perpetual whose market its underlying moves with."""
    contracts: Decimal
    forward: float
    vol: float
    years: float

    @property
    def key(self) -> str:
        """Identity of the position."""
        return self.held.key

    @property
    def market(self) -> OptionMarket:
        """Its contract."""
        return self.held.market

    @property
    def worth(self) -> float:
        """What one coin of it is worth now, in the coin of settlement."""
        one = self.market
        return black76.price(one.right, self.forward, float(one.strike), self.years, self.vol)

    @property
    def value(self) -> float:
        """What all of it is worth now; below 0 where it was sold."""
        return self.held.position.side.sign * self.worth_of(self.contracts)

    def worth_of(self, contracts: Decimal) -> float:
        """Return what so many contracts are worth now."""
        return float(contracts * self.market.contract_size) * self.worth

    def copy(self) -> "Paper":
        """Return one of its own that stands where this one stands."""
        return copy(self)

    def shown(self, spread: float) -> OptionPosition:
        """Return it as the venue would show it now."""
        quote = _moved(self.held.quote, self.market, self.years, self.forward, self.vol, spread)
        position = structs.replace(self.held.position, contracts=self.contracts, mark_price=quote.mark)
        return structs.replace(self.held, position=position, quote=quote)


def open_papers(snapshot: Snapshot, portfolio: Portfolio) -> dict[str, Paper]:
    """Return the options that are held, by key; those of a portfolio without gaps."""
    return {one.key: _paper(snapshot, one) for one in portfolio.options}


def _paper(snapshot: Snapshot, one: OptionHolding) -> Paper:
    held = snapshot.option(one.key)
    if held is None:
        raise KeyError(f"{one.key} is no option of the snapshot that its portfolio was built from")
    follows = perpetual_of(held.market, snapshot)
    return Paper(held, follows, held.position.contracts, one.forward, one.vol, one.years)


def moved_chain(chain: Chain, snapshot: Snapshot, factor: Mover, wilder: float, spread: float) -> Chain:
    """Return the quotes of a chain where prices and volatility have moved; what has no figures keeps none."""
    quotes: dict[str, OptionQuote] = {}
    for symbol, quote in chain.quotes.items():
        market = chain.markets.get(symbol)
        forward, vol = _known(quote.underlying), _known(quote.iv)
        if market is None or forward is None or vol is None:
            quotes[symbol] = structs.replace(quote, iv=_ELSEWHERE)
            continue
        by = factor(perpetual_of(market, snapshot), market.base)
        years = market.years_left(snapshot.times.positions)
        quotes[symbol] = _moved(quote, market, years, forward * by, vol * wilder, spread)
    return structs.replace(chain, quotes=quotes)


def _moved(
    quote: OptionQuote, market: OptionMarket, years: float, forward: float, vol: float, spread: float
) -> OptionQuote:
    """Return a quote at another forward and volatility: bid and ask as far from mark as before, in shares of
    it, times `spread`."""
    before = _known(quote.mark)
    worth = black76.price(market.right, forward, float(market.strike), years, vol)

    def side(figure: Figure) -> Figure:
        price = _known(figure)
        if price is None or before is None or before <= 0.0:
            return _ELSEWHERE
        return _decimal(max(worth * (1.0 + (price / before - 1.0) * spread), 0.0))

    return structs.replace(
        quote,
        mark=_decimal(worth),
        bid=side(quote.bid),
        ask=side(quote.ask),
        iv=_decimal(vol) if vol > 0.0 else _ELSEWHERE,
        underlying=_decimal(forward),
        delta=_ELSEWHERE,
        theta=_ELSEWHERE,
    )


def _known(figure: Figure) -> float | None:
    return float(figure) if isinstance(figure, Decimal) and figure.is_finite() else None


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))
