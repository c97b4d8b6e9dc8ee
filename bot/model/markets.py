"""Markets: what may be traded, in which steps, and what the venue asks to hold it."""

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from bot.model.unknown import Figure


class Tier(Struct, frozen=True):
    """One bracket of a venue's risk limits; notionals in the settle currency, which may be a coin."""

    floor: Decimal
    cap: Decimal | None
    maintenance_rate: Decimal
    deduction: Decimal
    """MM(v) = v * maintenance_rate - deduction inside the bracket."""


class Market(Struct, frozen=True):
    """A perpetual contract. Amounts are in contracts, prices in the quote currency."""

    symbol: str
    """Unified symbol, for example BTC/USDT:USDT."""
    venue_symbol: str
    base: str
    quote: str
    settle: str
    linear: bool
    contract_size: Decimal
    """Coins in one contract; USD in one of an inverse contract."""
    amount_step: Decimal
    amount_min: Decimal
    amount_max: Decimal | None
    """Largest limit order."""
    market_amount_max: Decimal | None
    price_step: Decimal
    notional_min: Decimal
    """Smallest order value in the quote currency; 0 where the venue has none."""
    taker_fee: Decimal
    maker_fee: Decimal
    active: bool

    def coins(self, contracts: Decimal, price: Decimal) -> Decimal:
        """How many coins contracts are at a price."""
        return coins_of(contracts, self.contract_size, price, inverse=not self.linear)

    def notional(self, contracts: Decimal, price: Decimal) -> Decimal:
        """What contracts are worth in the quote currency at a price."""
        return contracts * self.contract_size * (price if self.linear else 1)


def coins_of(contracts: Decimal, contract_size: Decimal, price: Decimal, *, inverse: bool) -> Decimal:
    """Turn contracts into coins; NaN where an inverse contract's price is none."""
    if not inverse:
        return contracts * contract_size
    return contracts * contract_size / price if price.is_finite() and price > 0 else Decimal("NaN")


class SpotMarket(Struct, frozen=True):
    """Where a coin of the wallet may be sold."""

    symbol: str
    """Unified symbol, for example BTC/USDT."""
    base: str
    quote: str
    amount_step: Decimal
    amount_min: Decimal
    amount_max: Decimal | None
    price_step: Decimal
    notional_min: Decimal


class Mark(Struct, frozen=True):
    """Prices of one symbol at one moment of the venue's clock."""

    symbol: str
    mark: Figure
    index: Figure
    last: Figure
    bid: Figure
    ask: Figure
    funding_rate: Figure
    at: datetime


class BookLevel(Struct, frozen=True):
    """What rests at one price of an order book."""

    price: Decimal
    coins: Decimal


class OrderBook(Struct, frozen=True):
    """The best levels of an order book, as many as the venue tells."""

    symbol: str
    bids: tuple[BookLevel, ...]
    """Best first."""
    asks: tuple[BookLevel, ...]
    """Best first."""
    at: datetime


class Candle(Struct, frozen=True):
    """One bar; `at` is its opening time."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Beta(Struct, frozen=True):
    """How a symbol moves with the reference market.

    `residual` is the adverse part of a move that the reference does not explain, as a share of
    the reference's move. `source` says whether it was measured from candles or is a fallback.
    """

    beta: float
    residual: float
    source: str


class MarketStats(Struct, frozen=True):
    """Slow statistics of markets, refreshed from candles.

    `atr` is ATR(14) on hourly candles and `daily_sigma` the standard deviation of daily moves,
    both as fractions of price, keyed by unified symbol.
    """

    reference: str
    betas: dict[str, Beta]
    atr: dict[str, float]
    daily_sigma: dict[str, float]
    at: datetime
