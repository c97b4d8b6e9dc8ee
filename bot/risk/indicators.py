"""The figures of one market: candles, prices and order book in, every market metric out.

Each figure is a number, or unknown with its reason; one that cannot be told takes no other with it.
"""

from collections.abc import Callable
from math import isfinite

from msgspec import Struct

from bot.model import BookLevel, Mark, Number, OrderBook, Unknown
from bot.risk.candle_levels import Levels
from bot.risk.figures import number_of, price_of

DEPTH_BAND = 0.01
"""How far from the middle of the book its depth is counted."""


class MarketView(Struct, frozen=True):
    """What is known of one market now."""

    price: Number
    """Mark price, unknown while it is too old or not believed."""
    ticker: Mark | Unknown
    depth: Number
    """Of `depth`, unknown while the book is too old."""
    hours: Levels | Unknown
    """Of `hourly_levels`."""
    minutes: Levels | Unknown
    """Of `five_minute_levels`."""

    def hourly(self, name: str) -> Number:
        """Return one level of hourly candles."""
        return self.hours if isinstance(self.hours, Unknown) else self.hours[name]

    def short(self, name: str) -> Number:
        """Return one level of five-minute candles."""
        return self.minutes if isinstance(self.minutes, Unknown) else self.minutes[name]


def market_figures(view: MarketView) -> dict[str, Number]:
    """Return every figure of MARKET_METRICS by its name without `market.`."""
    price, hourly, short = view.price, view.hourly, view.short
    figures: dict[str, Number] = {
        "price": price,
        "change_1h": _both(price, short("close_1h"), _change),
        "change_24h": _both(price, short("close_24h"), _change),
        "fall_1h": _both(price, short("high_1h"), _fall),
        "fall_24h": _both(price, short("high_24h"), _fall),
        "fall_7d": _both(price, _both(hourly("high_7d"), short("high_24h"), max), _fall),
        "realized_vol_24h": hourly("realized_vol_24h"),
        "realized_vol_7d": hourly("realized_vol_7d"),
        "atr_14h": _both(price, hourly("atr"), _share),
        "rsi_14h": hourly("rsi_14h"),
        "macd_1h": _both(price, hourly("macd"), _share),
        "ema_24h": hourly("ema_24h"),
        "sma_24h": hourly("sma_24h"),
        "sma_7d": hourly("sma_7d"),
        "sma_30d": hourly("sma_30d"),
        "over_sma_30d": _both(price, hourly("sma_30d"), _change),
        "basis": _basis(view),
        "funding": _ticker(view, lambda mark: number_of(mark.funding_rate, "funding rate")),
        "spread": _ticker(view, _spread),
        "depth": view.depth,
    }
    return {name: _finite(name, value) for name, value in figures.items()}


def depth(book: OrderBook) -> Number:
    """Return the value that rests within DEPTH_BAND of the middle, on the thinner side.

    Of a book that the venue tells only in part it is the value that was told: at least so much rests there.
    Unknown where a side is empty or the sides cross, since there is no middle then.
    """
    for side, levels in (("bids", book.bids), ("asks", book.asks)):
        if not levels:
            return Unknown(f"the order book of {book.symbol} has no {side}, so it has no middle")
    bid, ask = float(book.bids[0].price), float(book.asks[0].price)
    if bid > ask:
        return Unknown(f"the order book of {book.symbol} crosses: bid {bid:g} above ask {ask:g}")
    middle = (bid + ask) / 2.0
    return min(
        _value(book.bids, lambda price: price >= middle * (1.0 - DEPTH_BAND)),
        _value(book.asks, lambda price: price <= middle * (1.0 + DEPTH_BAND)),
    )


def _value(levels: tuple[BookLevel, ...], within: Callable[[float], bool]) -> float:
    return sum(float(one.price) * float(one.coins) for one in levels if within(float(one.price)))


def _both(first: Number, second: Number, combine: Callable[[float, float], float]) -> Number:
    if isinstance(first, Unknown):
        return first
    return second if isinstance(second, Unknown) else combine(first, second)


def _change(price: float, before: float) -> float:
    return price / before - 1.0


def _fall(price: float, high: float) -> float:
    """A price above the high of the candles is the high itself."""
    return 1.0 - price / max(price, high)


def _share(price: float, amount: float) -> float:
    return amount / price


def _ticker(view: MarketView, read: Callable[[Mark], Number]) -> Number:
    return view.ticker if isinstance(view.ticker, Unknown) else read(view.ticker)


def _basis(view: MarketView) -> Number:
    return _both(view.price, _ticker(view, lambda mark: price_of(mark.index, "index")), _change)


def _spread(mark: Mark) -> Number:
    bid, ask = price_of(mark.bid, "bid"), price_of(mark.ask, "ask")
    if isinstance(bid, Unknown) or isinstance(ask, Unknown):
        return bid if isinstance(bid, Unknown) else ask
    if bid > ask:
        return Unknown(f"the prices of {mark.symbol} cross: bid {bid:g} above ask {ask:g}")
    return (ask - bid) / ((ask + bid) / 2.0)


def _finite(name: str, value: Number) -> Number:
    """No figure may be NaN or without end: it would compare as nothing at all."""
    if isinstance(value, Unknown) or isfinite(value):
        return value
    return Unknown(f"{name} came out as {value}, which is no number")
