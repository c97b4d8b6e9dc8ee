"""Options: contracts, what they are quoted at, and what an account holds of them."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.model.markets import Market
from bot.model.unknown import Figure

YEAR = timedelta(days=365)
_SYMBOL = re.compile(r"([^/]+)/[^/:]+:[^/:-]+-\d{6}-[\d.]+-[PC]")


def option_base(symbol: str) -> str | None:
    """Return the base currency of an option's unified symbol; None for any other symbol."""
    found = _SYMBOL.fullmatch(symbol)
    return None if found is None else found[1]


class Right(StrEnum):
    """What the holder of an option may do at its strike."""

    PUT = "put"
    CALL = "call"

    @property
    def sign(self) -> int:
        """Which way its worth moves with the price: +1 for a call, -1 for a put."""
        return 1 if self is Right.CALL else -1


class OptionMarket(Struct, frozen=True):
    """An option contract. Amounts are in contracts; prices in the settle currency, for one coin."""

    symbol: str
    """Unified symbol, for example BTC/USDT:USDT-261225-80000-P."""
    venue_symbol: str
    base: str
    quote: str
    settle: str
    right: Right
    strike: Decimal
    expiry: datetime
    contract_size: Decimal
    """Coins in one contract."""
    amount_step: Decimal
    amount_min: Decimal
    amount_max: Decimal | None
    price_step: Decimal
    taker_fee: Decimal
    """As a fraction of what the coins are worth, not of the premium."""
    fee_cap: Decimal
    """A fee is never more than this share of the premium."""
    active: bool

    @property
    def market(self) -> Market:
        """What an order needs to know of it, as of any other contract."""
        return Market(
            symbol=self.symbol,
            venue_symbol=self.venue_symbol,
            base=self.base,
            quote=self.quote,
            settle=self.settle,
            linear=True,
            contract_size=self.contract_size,
            amount_step=self.amount_step,
            amount_min=self.amount_min,
            amount_max=self.amount_max,
            market_amount_max=self.amount_max,
            price_step=self.price_step,
            notional_min=Decimal(0),
            taker_fee=self.taker_fee,
            maker_fee=self.taker_fee,
            active=self.active,
        )

    def fee(self, underlying: float, price: float) -> float:
        """Return the fee of one coin that is traded at a price."""
        return min(float(self.taker_fee) * underlying, float(self.fee_cap) * price)

    def years_left(self, at: datetime) -> float:
        """Years to expiry, 0 where it has passed."""
        return max((self.expiry - at) / YEAR, 0.0)


class OptionQuote(Struct, frozen=True):
    """What an option is quoted at. Prices in the settle currency for one coin, sizes in contracts."""

    symbol: str
    mark: Figure
    bid: Figure
    ask: Figure
    bid_size: Figure
    ask_size: Figure
    iv: Figure
    """The venue's implied volatility at mark, a fraction a year."""
    underlying: Figure
    """Price of the forward that expires with it."""
    delta: Figure
    theta: Figure
    """What a day takes off it, below 0."""
    at: datetime


class Chain(Struct, frozen=True):
    """The options of one base currency at one venue."""

    base: str
    markets: Mapping[str, OptionMarket]
    """By unified symbol."""
    quotes: Mapping[str, OptionQuote]
    """By unified symbol; a contract that is not quoted has none."""
    aside: Mapping[str, str]
    """Contracts that could not be read, by the venue's symbol: why."""
    at: datetime
    """The venue's time of the oldest part."""
