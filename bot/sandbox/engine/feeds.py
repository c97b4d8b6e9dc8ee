"""Price feeds: what the market would be without anybody trading on it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Tick(msgspec.Struct, frozen=True):
    """One symbol's market at one moment. Prices are floats here and are rounded to the tick by the market.

    `mark` None means that the market smooths its own from index and last; `half_spread` (share of price) and
    `depth_usd` (notional a side within 1 %) None mean the instrument's.
    """

    last: float
    index: float
    mark: float | None = None
    funding_rate: float = 0.0001
    half_spread: float | None = None
    depth_usd: float | None = None


class FeedError(ValueError):
    """A price source that cannot be used; the message names the source, the place and the reason."""


class Bar(msgspec.Struct, frozen=True):
    """A candle of the past, as floats; `length_ms` is its duration."""

    start_ms: int
    length_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Feed(Protocol):
    """A deterministic path of prices. The same feed asked twice for the same time answers the same."""

    @property
    def symbols(self) -> Sequence[str]:
        """Symbols whose price the feed gives."""
        ...

    @property
    def start_ms(self) -> int:
        """First market time of the path."""
        ...

    @property
    def end_ms(self) -> int | None:
        """End of the path (afterwards the last price holds); None where it has no end."""
        ...

    def tick(self, symbol: str, time_ms: int) -> Tick:
        """The market of a symbol at a time at or after `start_ms`."""
        ...

    def next_breakpoint(self, after_ms: int) -> int | None:
        """The first instant after `after_ms` that the market must not skip; None where there is none."""
        ...

    def beta(self, symbol: str) -> float | None:
        """How strongly the symbol follows the market in invented history; None leaves it to the engine."""
        ...

    def bars(self, symbol: str) -> Sequence[Bar]:
        """Candles from before `start_ms`, oldest first; empty where the feed knows none."""
        ...


class ManualFeed:
    """Fixed prices, for markets that only `Engine.set_price` moves."""

    def __init__(
        self, start_ms: int, prices: dict[str, float] | None = None, funding_rate: float = 0.0001
    ) -> None:
        self._start_ms = start_ms
        self._ticks = {
            symbol: Tick(last=price, index=price, mark=price, funding_rate=funding_rate)
            for symbol, price in (prices or {}).items()
        }

    @property
    def symbols(self) -> Sequence[str]:
        """The symbols that were given a price."""
        return tuple(self._ticks)

    @property
    def start_ms(self) -> int:
        """The time given."""
        return self._start_ms

    @property
    def end_ms(self) -> int | None:
        """None: it has no end."""
        return None

    def tick(self, symbol: str, time_ms: int) -> Tick:
        """The fixed price."""
        return self._ticks[symbol]

    def next_breakpoint(self, after_ms: int) -> int | None:
        """None: nothing happens."""
        return None

    def beta(self, symbol: str) -> float | None:
        """None: it knows nothing of it."""
        return None

    def bars(self, symbol: str) -> Sequence[Bar]:
        """None are known."""
        return ()
