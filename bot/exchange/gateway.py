"""The gateway over ccxt: one account at one venue."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.clock import Clock
from bot.exchange.answers import NO_PROOF, NOT_SENT, failed, judge
from bot.exchange.catalog import Catalog
from bot.exchange.errors import GatewayError
from bot.exchange.failures import (
    VENUE_FAILURES,
    AnsweredError,
    MalformedDataError,
    NotSentError,
    VenueRefusalError,
)
from bot.exchange.freshness import Freshness
from bot.exchange.gate import Gate
from bot.exchange.options import Held, OptionDesk
from bot.exchange.parts import Holdings, Profile, Terms, Wire
from bot.exchange.reading import Reads
from bot.exchange.scrub import Scrubber
from bot.exchange.spots import Spots
from bot.exchange.together import together
from bot.exchange.values import moment
from bot.exchange.venue_clock import VenueClock
from bot.model import (
    Answer,
    Candle,
    Chain,
    Fill,
    KeyRights,
    Mark,
    Market,
    NotFound,
    OrderBook,
    OrderReport,
    Position,
    Sendable,
    Snapshot,
    Verdict,
    WalletChange,
    WalletMove,
)

TERMS_MAX_AGE = timedelta(minutes=5)
TERMS_RETRY = timedelta(seconds=30)
TERMS_KEPT = timedelta(hours=1)
"""For so long margin mode and fees serve on while they cannot be read."""


class CcxtGateway:
    """Implements `Gateway`.

    Polls, look-ups and orders go through a client each, so that no order and no look-up waits behind polls.
    """

    def __init__(
        self,
        *,
        account: str,
        network: str,
        venue: Profile,
        reader: Any,
        looker: Any,
        trader: Any,
        gate: Gate,
        clock: Clock,
        scrub: Scrubber,
        catalog: Catalog,
    ) -> None:
        self._account = account
        self._network = network
        self._venue = venue
        self._reader = reader
        self._looker = looker
        self._trader = trader
        self._gate = gate
        self._clock = clock
        self._scrub = scrub
        self._catalog = catalog
        freshness = Freshness(clock)
        common = (account, scrub, self._judge_read, freshness, venue.hints)
        self._reads = Reads(reader, *common)
        self._looks = Reads(looker, *common)
        self._venue_clock = VenueClock(venue, self._reads, clock)
        self._terms: Terms | None = None
        self._terms_at = self._terms_due = clock.now()
        self._before: Holdings | None = None
        self._wanted: frozenset[str] = frozenset()
        self._spots = Spots(venue)
        self._options = OptionDesk(venue, catalog.currency_of, clock)

    @property
    def account(self) -> str:
        """Name of the account, as the config gives it."""
        return self._account

    @property
    def venue(self) -> str:
        """Name of the venue, as ccxt spells it."""
        return self._venue.name

    @property
    def catalog(self) -> Catalog:
        """Markets and tiers, for other accounts of the same venue and network to share."""
        return self._catalog

    @property
    def guards_client_ids(self) -> bool:
        """Whether a client order id that is in use is refused."""
        return self._venue.guards_client_ids

    def forget_market(self, symbol: str) -> None:
        """Read the market of a symbol anew with the next snapshot; until then the old one serves."""
        self._catalog.forget(symbol)

    def show(self, symbols: Iterable[str]) -> None:
        """Let snapshots hold market, tiers and prices of these symbols too, although nothing names them."""
        self._wanted = frozenset(symbols)

    def show_options(self, wanted: bool) -> None:
        """Let snapshots hold what the account has of options, or not."""
        self._options.wanted = wanted

    def market_symbols(self) -> frozenset[str]:
        """Return the symbols of the venue's markets; empty before the first snapshot."""
        return self._catalog.symbols

    async def snapshot(self) -> Snapshot:
        """Read everything at once. Raises GatewayError; an incomplete snapshot does not exist.

        A position of a symbol that the venue lists no more keeps the venue's own symbol and has no
        market and no tiers: it is there, and cannot be traded.
        """
        with self._reads.told("snapshot"):
            self._gate.check_poll()
        await self._catalog.ensure_markets(self._reads, self._clock.now())
        holdings, terms, held = await self._holdings_and_terms()
        with self._reads.told("positions and orders"):
            shown = holdings.venue_symbols
        await self._catalog.ensure(self._reads, self._clock.now(), shown)
        with self._reads.told("snapshot"):
            parts = holdings.parts(self._catalog, terms.margin_mode)
        self._before = holdings
        self._gate.welcome()
        await self._venue_clock.check(parts.times.oldest, parts.times.newest)
        markets = {
            market.symbol: _with_fees(market, terms)
            for symbol in sorted(map(self._catalog.symbol_of, shown))
            if (market := self._catalog.market(symbol)) is not None
        }
        return Snapshot(
            account=self._account,
            venue=self._venue.name,
            network=self._network,
            taken_at=self._clock.now(),
            times=parts.times,
            positions=parts.positions,
            balance=parts.balance,
            orders=parts.orders,
            stops=parts.stops,
            marks=parts.marks,
            markets=markets,
            tiers={symbol: self._catalog.tiers(symbol) for symbol in markets},
            position_mode=parts.position_mode,
            clock_offset_seconds=self._venue_clock.offset.total_seconds(),
            spots=await self._spots.of(self._reads, parts.balance, self._clock.now()),
            options=held.options,
            options_read=held.read,
            options_unread=held.unread,
        )

    async def _holdings_and_terms(self) -> tuple[Any, Terms, Held]:
        reading: Any = self._venue.holdings(self._reads, self._before, self._also())
        beside: Any = self._options.held(self._reads)
        holdings, terms, _, held = await together(
            reading, self._current_terms(), self._venue_clock.keep(), beside
        )
        return holdings, terms, held

    def _also(self) -> frozenset[str]:
        """Return the venue's symbols of what is shown although nothing names it: linear contracts alone."""
        markets = (self._catalog.market(symbol) for symbol in self._wanted)
        return frozenset(one.venue_symbol for one in markets if one is not None and one.linear)

    async def _current_terms(self) -> Terms:
        """Read margin mode and fees where it is due; those that are known serve on while they cannot be read.

        An answer that cannot be understood is another matter: it may tell of a new margin mode.
        """
        now = self._clock.now()
        if self._terms is not None and now < self._terms_due:
            return self._terms
        try:
            self._terms = await self._venue.terms(self._reads, self._terms)
        except GatewayError as error:
            unclear = error.code == MalformedDataError.__name__
            if self._terms is None or unclear or now - self._terms_at >= TERMS_KEPT:
                raise
            self._terms_due = now + TERMS_RETRY
            return self._terms
        self._terms_at, self._terms_due = now, now + TERMS_MAX_AGE
        return self._terms

    async def positions(self, symbol: str) -> tuple[Position, ...]:
        """Read the positions of one symbol again. Raises GatewayError."""
        market = await self._market(symbol)
        terms = self._terms or await self._current_terms()
        return await self._venue.positions(self._looks, market, terms.margin_mode)

    async def submit(self, request: Sendable) -> Answer:
        """Send one request, once. Failures of venue and network come back as an answer."""
        try:
            wire = await self._wire_of(request)
        except (GatewayError, NotSentError) as error:
            return failed(error, Verdict.REJECTED, NOT_SENT, self._scrub, self._clock.now())
        try:
            envelope = await getattr(self._trader, wire.method)(dict(wire.params))
            return self._proven(request, envelope)
        except VENUE_FAILURES as error:
            verdict, code = self._judge(error, request)
            answer = failed(error, verdict, code, self._scrub, self._clock.now())
            if isinstance(error, VenueRefusalError):
                answer = replace(answer, cause=self._venue.cause_of(error.code, error.message))
            return answer

    async def _wire_of(self, request: Sendable) -> Wire:
        if isinstance(request, WalletMove):
            return self._venue.wallet_wire_of(request)
        return self._venue.wire_of(request, await self._market(request.symbol))

    def _proven(self, request: Sendable, envelope: Mapping[str, Any]) -> Answer:
        at = moment(envelope, "time")
        order_id = self._venue.order_id_of(request, envelope["result"])
        if order_id is None:
            return Answer(Verdict.UNKNOWN, "", NO_PROOF, "the venue's success does not name the order", at)
        return Answer(Verdict.ACCEPTED, order_id, "", "", at)

    async def find_order(self, symbol: str, client_order_id: str) -> OrderReport | NotFound:
        """Look an order up. NotFound only when every list answered and holds nothing. Raises GatewayError."""
        market = await self._market(symbol)
        report, at = await self._venue.find_order(self._looks, market, client_order_id)
        return NotFound(client_order_id, at) if report is None else report

    async def find_move(self, request: WalletMove) -> OrderReport | NotFound:
        """Look a transfer or a conversion up. NotFound only when every list answered. Raises GatewayError."""
        report, at = await self._venue.find_move(self._looks, request)
        return NotFound(request.client_order_id, at) if report is None else report

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        """Read this account's executions of one symbol since a moment, oldest first. Raises GatewayError."""
        market = await self._market(symbol)
        return await self._venue.fills(self._looks, market, since, self._until())

    async def wallet_changes(self, since: datetime) -> tuple[WalletChange, ...]:
        """Read what moved the wallet since a moment, oldest first. Raises GatewayError."""
        return await self._venue.wallet_changes(self._reads, since, self._until())

    async def candles(self, symbol: str, timeframe: str, limit: int) -> tuple[Candle, ...]:
        """Read candles, oldest first; the last may still be open. Raises GatewayError."""
        with self._reads.told("candles"):
            self._gate.check_poll()
        return await self._venue.candles(self._reads, await self._market(symbol), timeframe, limit)

    @property
    def clock_offset(self) -> timedelta:
        """The venue's time less the guard's, as last measured."""
        return self._venue_clock.offset

    async def perpetual(self, base: str) -> str | None:
        """Return the symbol of a base currency's perpetual, None where there is none. Raises GatewayError."""
        with self._reads.told("markets"):
            self._gate.check_poll()
        await self._catalog.ensure_markets(self._reads, self._clock.now())
        return self._catalog.perpetual(base, self._venue.settles)

    async def ticker(self, symbol: str) -> Mark:
        """Read the prices of one symbol, held or not. Raises GatewayError."""
        with self._reads.told("ticker"):
            self._gate.check_poll()
        return await self._venue.ticker(self._reads, await self._market(symbol))

    async def order_book(self, symbol: str) -> OrderBook:
        """Read as many levels of an order book as the venue tells at once. Raises GatewayError."""
        with self._reads.told("order book"):
            self._gate.check_poll()
        return await self._venue.order_book(self._reads, await self._market(symbol))

    async def chain(self, base: str) -> Chain:
        """Read the options of a base currency with their quotes. Raises GatewayError."""
        with self._reads.told("options"):
            self._gate.check_poll()
        return await self._options.chain(self._reads, base)

    async def market(self, symbol: str) -> Market:
        """Return what may be traded under a symbol, held or not. Raises GatewayError."""
        return await self._market(symbol)

    async def key_rights(self) -> KeyRights:
        """Read what the key may do. Raises GatewayError."""
        return await self._venue.key_rights(self._reads)

    async def close(self) -> None:
        """Close connections."""
        await together(*(client.close() for client in (self._reader, self._looker, self._trader)))

    def _until(self) -> datetime:
        """Return a moment just after the venue's own now."""
        return self._venue_clock.now() + timedelta(minutes=1)

    async def _market(self, symbol: str) -> Market:
        market = self._catalog.market(symbol)
        if market is None:  # only then: no order waits while a list is renewed
            await self._catalog.ensure_markets(self._looks, self._clock.now())
            market = self._catalog.market(symbol) or await self._options.market(self._looks, symbol)
        if market is None:
            with self._reads.told("markets"):
                raise NotSentError(f"{self._venue.name} has {self._catalog.why_not(symbol)}")
        return market

    def _judge_read(self, error: Exception) -> tuple[Verdict, str]:
        return self._judge(error, None)

    def _judge(self, error: Exception, request: Sendable | None) -> tuple[Verdict, str]:
        verdict, code = judge(error, self._venue.verdict_of, self._venue.throttled_status, request)
        if verdict is Verdict.THROTTLED and isinstance(error, AnsweredError):
            self._gate.turned_away(error, self._venue.hold_of(error), poll=request is None)
        return verdict, code


def _with_fees(market: Market, terms: Terms) -> Market:
    fees: tuple[Decimal, Decimal] | None = terms.fees.get(market.venue_symbol)
    return market if fees is None else replace(market, taker_fee=fees[0], maker_fee=fees[1])
