"""Markets and risk limits of one venue, kept for an hour. Accounts of one venue may share a catalog."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from bot.exchange.errors import GatewayError
from bot.exchange.failures import MalformedDataError
from bot.exchange.parts import Aside, CurrencyOf, Listing, Profile
from bot.exchange.reading import Reads
from bot.model import Market, Tier, Verdict

MAX_AGE = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=1)
"""How soon risk limits that could not be understood are asked for again."""

_ONE = Decimal(1)
_NO_SIZE = Decimal("NaN")

log = structlog.get_logger(__name__)


class Catalog:
    """What may be traded and what it costs to hold it.

    Something never seen is fetched at once. Old risk limits are renewed one symbol per look, so that no
    snapshot waits long; while renewing fails the old list stays in use.
    """

    def __init__(self, venue: Profile, currency_of: CurrencyOf) -> None:
        self._venue = venue
        self.currency_of = currency_of
        self._lock = asyncio.Lock()
        self._markets: dict[str, Market] = {}
        self._venue_symbols: dict[str, str] = {}
        self._absent: set[str] = set()
        self._aside: dict[str, Aside] = {}
        self._sizes: dict[str, Decimal] = {}
        self._tiers: dict[str, tuple[Tier, ...]] = {}
        self._read_at: dict[str, datetime] = {}
        self._told: set[Aside] = set()
        self._doubted: set[str] = set()

    def symbol_of(self, venue_symbol: str) -> str:
        """Return the unified symbol; the venue's own where it has no market any more."""
        known = self._markets.get(venue_symbol) or self._aside.get(venue_symbol)
        return venue_symbol if known is None else known.symbol

    def contract_size(self, venue_symbol: str) -> Decimal:
        """Return coins in one contract; NaN where the venue states it and it cannot be read.

        A contract that is listed no more keeps the size it had.
        """
        if venue_symbol in self._aside:
            return _NO_SIZE
        return self._sizes.get(venue_symbol, _ONE)

    def why_not(self, symbol: str) -> str:
        """Say that a unified symbol has no market, and why where the venue lists it all the same."""
        reasons = [f": {one.reason}" for one in self._aside.values() if one.symbol == symbol]
        return f"no market {symbol!r} now{reasons[0] if reasons else ''}"

    @property
    def symbols(self) -> frozenset[str]:
        """Unified symbols of all markets that are loaded."""
        return frozenset(self._venue_symbols)

    def market(self, symbol: str) -> Market | None:
        """Return the market of a unified symbol, None where there is none."""
        return self._markets.get(self._venue_symbols.get(symbol, ""))

    def perpetual(self, base: str, settles: Iterable[str]) -> str | None:
        """Return the symbol of a base's perpetual: of the first settle coin in which there is one."""
        for settle in settles:
            symbol = f"{base}/{settle}:{settle}"
            if symbol in self._venue_symbols:
                return symbol
        return None

    def tiers(self, symbol: str) -> tuple[Tier, ...]:
        """Return the risk limits of a unified symbol that was ensured. Raises KeyError."""
        return self._tiers[symbol]

    def forget(self, symbol: str) -> None:
        """Read the market of a unified symbol anew when it is ensured next."""
        market = self.market(symbol)
        if market is not None:
            self._doubted.add(market.venue_symbol)

    async def ensure_markets(self, reads: Reads, now: datetime) -> None:
        """Load the list of markets where there is none, or renew it. Raises GatewayError."""
        async with self._lock:
            await self._load_markets(reads, now)

    async def ensure(self, reads: Reads, now: datetime, venue_symbols: Iterable[str]) -> None:
        """Have markets and risk limits of these symbols ready, after `ensure_markets`. Raises GatewayError.

        A symbol that the venue does not know any more gets no market, and is asked for again with the
        next list. One whose risk limits cannot be understood has none, and stops no other.
        """
        async with self._lock:
            renewed = False
            for venue_symbol in sorted(venue_symbols):
                if not self._seen(venue_symbol):
                    await self._load_one(reads, venue_symbol)
                elif venue_symbol in self._doubted:
                    await self._read_anew(reads, venue_symbol)
                market = self._markets.get(venue_symbol)
                if market is None:
                    continue
                if market.symbol not in self._tiers:
                    await self._load_tiers(reads, now, market)
                elif not renewed and self._old(market.symbol, now):
                    renewed = True
                    await self._renew_tiers(reads, now, market)

    async def _load_markets(self, reads: Reads, now: datetime) -> None:
        if self._markets and not self._old("", now):
            return
        try:
            listing = await self._venue.markets(reads, self.currency_of)
        except GatewayError:
            if not self._markets:
                raise
            return  # the next look tries again
        self._absent.clear()
        self._doubted.clear()
        self._aside.clear()
        self._markets, self._venue_symbols = {}, {}
        self._learn(listing)
        self._read_at[""] = now

    def _learn(self, listing: Listing) -> None:
        for market in listing.markets:
            self._markets[market.venue_symbol] = market
            self._venue_symbols[market.symbol] = market.venue_symbol
            self._sizes[market.venue_symbol] = market.contract_size
        for one in listing.aside:
            self._aside[one.venue_symbol] = one
            if one not in self._told:
                self._told.add(one)
                log.warning("market set aside", symbol=one.symbol, reason=one.reason)

    async def _load_one(self, reads: Reads, venue_symbol: str) -> None:
        try:
            found = await self._venue.markets(reads, self.currency_of, venue_symbol)
        except GatewayError as error:
            if error.verdict is not Verdict.REJECTED:
                raise
            found = Listing([])
        self._learn(found)
        if not self._seen(venue_symbol):
            self._absent.add(venue_symbol)

    async def _read_anew(self, reads: Reads, venue_symbol: str) -> None:
        """Renew one market that did not fit. The old one stays while that fails, and is doubted still."""
        try:
            found = await self._venue.markets(reads, self.currency_of, venue_symbol)
        except GatewayError:
            return  # the next look tries again
        self._learn(found)
        self._doubted.discard(venue_symbol)

    async def _load_tiers(self, reads: Reads, now: datetime, market: Market) -> None:
        try:
            self._tiers[market.symbol] = await self._venue.tiers(reads, market)
        except GatewayError as error:
            if error.verdict is not Verdict.REJECTED and error.code != MalformedDataError.__name__:
                raise
            self._tiers.setdefault(market.symbol, ())
            log.warning("risk limits set aside", symbol=market.symbol, reason=str(error))
        self._read_at[market.symbol] = now

    async def _renew_tiers(self, reads: Reads, now: datetime, market: Market) -> None:
        try:
            await self._load_tiers(reads, now, market)
        except GatewayError:
            return  # the next look tries again

    def _old(self, what: str, now: datetime) -> bool:
        read_at = self._read_at.get(what)
        empty = what in self._tiers and not self._tiers[what]
        return read_at is None or now - read_at >= (RETRY_AFTER if empty else MAX_AGE)

    def _seen(self, venue_symbol: str) -> bool:
        return any(venue_symbol in known for known in (self._markets, self._absent, self._aside))
