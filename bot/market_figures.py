"""Keeps the figures of markets that rules name: reads prices, order books and candles, each on its schedule.

A decision takes what stands and never waits. What cannot be read again stays until it is too old, and is
unknown from then on, with what went wrong.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import structlog
from msgspec import Struct

from bot.exchange.errors import GatewayError
from bot.exchange.protocol import MarketReader
from bot.model import Candle, Mark, Number, OrderBook, PriceTerms, Unknown
from bot.risk.ages import age_trouble
from bot.risk.candle_levels import (
    FIVE_MINUTES,
    HOUR,
    TIMEFRAMES,
    Levels,
    five_minute_levels,
    hourly_levels,
    series_trouble,
)
from bot.risk.figures import price_of
from bot.risk.gates import PriceStanding, look
from bot.risk.indicators import MarketView, depth, market_figures

RETRY_AFTER = timedelta(seconds=5)
FORGOTTEN_AFTER = timedelta(minutes=10)
"""A market that no decision has asked for since then is not read any more."""
TRIES = 2
"""Through so many accounts a reading is tried: one may be held back where another is not."""
TRY_SECONDS = 4.0
"""How long each may take: what hangs must not let the rest grow old."""

T = TypeVar("T", Mark, OrderBook)

log = structlog.get_logger(__name__)


class Part(StrEnum):
    """What is read of a market, each by itself."""

    PRICES = "prices"
    BOOK = "levels of the book"
    MINUTES = "five-minute candles"
    HOURS = "hourly candles"


EVERY = {
    Part.PRICES: timedelta(seconds=5),
    Part.BOOK: timedelta(seconds=10),
    Part.MINUTES: timedelta(seconds=30),
    Part.HOURS: timedelta(minutes=5),
}
MAX_AGE = {Part.PRICES: 30.0, Part.BOOK: 60.0}
"""Seconds, by the venue's own time of the answer; the age of candles is that of the newest one."""
STEPS = {Part.MINUTES: FIVE_MINUTES, Part.HOURS: HOUR}


class Series(Struct, frozen=True):
    """What candles told."""

    levels: Levels
    last: datetime | None
    """When the newest began."""


class _Market:
    """What is known of one market."""

    def __init__(self, asked: datetime) -> None:
        self.asked = asked
        self.listed = True
        self.tried: dict[Part, datetime] = {}
        self.trouble: dict[Part, str] = {}
        self.ticker: Mark | None = None
        self.book: OrderBook | None = None
        self.depth: Number = Unknown("not read yet")
        self.series: dict[Part, Series] = {}
        self.standing = PriceStanding("")
        self.price: Number = Unknown("not read yet")
        self.reader: MarketReader | None = None
        """The one that answered last."""


class MarketKeeper:
    """Figures of the markets of one venue, read through the accounts that Reef has there."""

    def __init__(self, venue: str, prices: PriceTerms) -> None:
        self.venue = venue
        self._prices = prices
        self._readers: list[MarketReader] = []
        self._markets: dict[str, _Market] = {}
        self._turn = asyncio.Lock()

    def join(self, reader: MarketReader) -> None:
        """Read through one more account."""
        self._readers.append(reader)

    def watch(self, bases: Iterable[str], now: datetime) -> None:
        """Read these markets from now on."""
        for base in bases:
            self._markets.setdefault(base, _Market(now)).asked = now

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Bases that were asked for and that the venue does not list, as last read."""
        return tuple(sorted(base for base, market in self._markets.items() if not market.listed))

    def figures(self, bases: Iterable[str], now: datetime) -> dict[str, dict[str, Number]]:
        """Return all figures of these markets as they stand; from now on they are read."""
        wanted = sorted(bases)
        self.watch(wanted, now)
        return {base: market_figures(self._view(base, self._markets[base], now)) for base in wanted}

    async def refresh(self, now: datetime) -> None:
        """Read all that is due, all of it at once. Failures are kept for whoever asks, never raised.

        Whoever comes while it is being read waits for it.
        """
        async with self._turn:
            await self._refresh(now)

    async def _refresh(self, now: datetime) -> None:
        for base, market in list(self._markets.items()):
            if now - market.asked > FORGOTTEN_AFTER:
                del self._markets[base]
        due = [
            (base, market, part)
            for base, market in self._markets.items()
            for part in Part
            if _due(market, part, now)
        ]
        await asyncio.gather(*(self._read(base, market, part, now) for base, market, part in due))

    async def _read(self, base: str, market: _Market, part: Part, now: datetime) -> None:
        market.tried[part] = now
        trouble = ""
        for reader in self._readers[:TRIES]:
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    symbol = await reader.perpetual(base)
                    self._list(base, market, listed=symbol is not None)
                    if symbol is not None:
                        await self._learn(reader, market, symbol, part, now)
            except (GatewayError, TimeoutError) as error:
                trouble = str(error) or f"no answer within {TRY_SECONDS:g} s"
            else:
                market.trouble.pop(part, None)
                return
        if market.trouble.get(part) != trouble:
            log.warning("a market could not be read", market=base, what=part.value, error=trouble)
        market.trouble[part] = trouble

    def _list(self, base: str, market: _Market, *, listed: bool) -> None:
        if market.listed and not listed:
            log.warning("rules name a market that is not listed", market=base, venue=self.venue)
        market.listed = listed

    async def _learn(
        self, reader: MarketReader, market: _Market, symbol: str, part: Part, now: datetime
    ) -> None:
        if part is Part.BOOK:
            market.book = await reader.order_book(symbol)
            market.depth = depth(market.book)
        elif part is Part.PRICES:
            self._take(market, await reader.ticker(symbol))
        else:
            candles = await reader.candles(symbol, *TIMEFRAMES[STEPS[part]])
            at = now + reader.clock_offset
            # Hundreds of candles through several averages take too long for the loop that guards accounts.
            market.series[part] = await asyncio.to_thread(_series, part, candles, at)
        market.reader = reader

    def _take(self, market: _Market, mark: Mark) -> None:
        """Take in new prices; a mark that is apart from the others is not believed at once."""
        market.ticker = mark
        market.price = price_of(mark.mark, "mark price")
        if isinstance(market.price, Unknown):
            return
        before = market.standing if market.standing.symbol == mark.symbol else PriceStanding(mark.symbol)
        market.standing, doubt = look(before, mark, market.price, self._prices)
        if doubt is not None and doubt.held:
            market.price = Unknown(doubt.text)

    def _view(self, base: str, market: _Market, now: datetime) -> MarketView:
        at = now + market.reader.clock_offset if market.reader else now
        if not market.listed:
            none = Unknown(f"{self.venue} lists no perpetual of {base}")
            return MarketView(none, none, none, none, none)
        ticker = _fresh(base, market, Part.PRICES, market.ticker, at)
        book = _fresh(base, market, Part.BOOK, market.book, at)
        return MarketView(
            price=ticker if isinstance(ticker, Unknown) else market.price,
            ticker=ticker,
            depth=book if isinstance(book, Unknown) else market.depth,
            hours=_levels(base, market, Part.HOURS, at),
            minutes=_levels(base, market, Part.MINUTES, at),
        )


def _due(market: _Market, part: Part, now: datetime) -> bool:
    tried = market.tried.get(part)
    if tried is None or now < tried:
        return True
    if part in market.trouble:
        return now - tried >= RETRY_AFTER
    # A new hour is read at once: what is over counts from then on.
    turned = part is Part.HOURS and (now.hour, now.date()) != (tried.hour, tried.date())
    return turned or now - tried >= EVERY[part]


def _series(part: Part, candles: tuple[Candle, ...], at: datetime) -> Series:
    read = hourly_levels if part is Part.HOURS else five_minute_levels
    return Series(read(candles, at), candles[-1].at if candles else None)


def _levels(base: str, market: _Market, part: Part, at: datetime) -> Levels | Unknown:
    series = market.series.get(part)
    if series is None:
        return _unread(base, market, part)
    trouble = series_trouble(series.last, STEPS[part], at)
    return Unknown(_told(market, part, f"{base}: {trouble}")) if trouble else series.levels


def _fresh(base: str, market: _Market, part: Part, read: T | None, at: datetime) -> T | Unknown:
    """Return what was read while it is young enough."""
    if read is None:
        return _unread(base, market, part)
    trouble = age_trouble(f"{part.value} of {base}", read.at, at, MAX_AGE[part])
    return Unknown(_told(market, part, trouble)) if trouble else read


def _unread(base: str, market: _Market, part: Part) -> Unknown:
    return Unknown(_told(market, part, f"{part.value} of {base} not read yet"))


def _told(market: _Market, part: Part, what: str) -> str:
    trouble = market.trouble.get(part)
    return f"{what}; the last reading failed: {trouble}" if trouble else what
