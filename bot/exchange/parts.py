"""Parts that a venue's profile hands to the gateway, and what the gateway asks of a profile."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from msgspec import Struct

from bot.exchange.budget import Limit
from bot.exchange.failures import AnsweredError
from bot.exchange.gate import Hold
from bot.exchange.reading import Reads
from bot.exchange.scrub import Scrubber
from bot.model import (
    Balance,
    Candle,
    Cause,
    Chain,
    Fill,
    KeyRights,
    MarginMode,
    Mark,
    Market,
    OnMarket,
    OptionMarket,
    OptionPosition,
    Order,
    OrderBook,
    OrderReport,
    PartTimes,
    Position,
    PositionMode,
    PositionMove,
    Sendable,
    SpotMarket,
    Tier,
    Verdict,
    WalletChange,
    WalletMove,
)

SymbolOf = Callable[[str], str]
"""Unified symbol of a venue symbol; the venue's own where it has no market any more."""

CurrencyOf = Callable[[str], str]
"""ccxt's name of a venue's currency."""

UNKNOWN_LEG = -1
"""Leg of a row that does not say it: what is there is shown, and nothing can be sent for it."""


class Aside(Struct, frozen=True):
    """A contract that is listed and cannot be traded here."""

    venue_symbol: str
    symbol: str
    """Unified symbol; the venue's own where the row does not give one."""
    reason: str


class Listing(Struct, frozen=True):
    """The contracts of a venue, and those that were set aside one by one."""

    markets: list[Market]
    aside: list[Aside] = []


class OptionListing(Struct, frozen=True):
    """The options of one base at a venue, by unified symbol, and why others were set aside, by the
    venue's."""

    markets: dict[str, OptionMarket]
    aside: dict[str, str]


ListOf = Callable[[str], Awaitable[OptionListing]]
"""Returns the options of a base, read before or now."""


class Contracts(Protocol):
    """What is known of the contracts that rows name."""

    def symbol_of(self, venue_symbol: str) -> str:
        """Return the unified symbol; the venue's own where it has no market any more."""
        ...

    def contract_size(self, venue_symbol: str) -> Decimal:
        """Return coins in one contract; NaN where the venue states it and it cannot be read."""
        ...


class Wire(Struct, frozen=True):
    """What leaves for one request: ccxt's implicit method and its parameters."""

    method: str
    params: dict[str, object]


class Terms(Struct, frozen=True):
    """What an account's margin mode and fees (taker, maker, by venue symbol) are."""

    margin_mode: MarginMode
    fees: dict[str, tuple[Decimal, Decimal]]


class Parts(Struct, frozen=True):
    """The parts of a snapshot, read."""

    times: PartTimes
    positions: tuple[Position, ...]
    balance: Balance
    orders: tuple[Order, ...]
    stops: tuple[Order, ...]
    marks: dict[str, Mark]
    position_mode: PositionMode | None


class Holdings(Protocol):
    """The raw answers of one snapshot."""

    @property
    def venue_symbols(self) -> frozenset[str]:
        """Every symbol that a position or order names, or that was asked for."""
        ...

    def parts(self, contracts: Contracts, margin_mode: MarginMode) -> Parts:
        """Read the raw answers. Raises MalformedDataError."""
        ...


class Profile(Protocol):
    """One venue: its calls, the meaning of its answers, and the form of its orders."""

    name: str
    options: Mapping[str, Any]
    """Options of the ccxt client."""
    demo_trading: bool
    """Whether the testnet is reached by ccxt's demo trading, not by its sandbox mode."""
    ip_limit: Limit
    """What the venue allows one address."""
    throttled_status: frozenset[int]
    hints: Mapping[str, str]
    """What the owner can do about a refusal, by its code."""
    settles: tuple[str, ...]
    """Coins in which perpetuals are settled; of several of one base the first counts as its market."""
    guards_client_ids: bool
    """Whether a client order id that is in use is refused, so that an order may be sent again under its own.
    A venue may take the id once more after its order has ended: an id alone proves nothing."""

    def check(self, scrub: Scrubber, status: int, decoded: object, body: str) -> None:
        """Refuse an answer that is not the venue's envelope of success."""
        ...

    def verdict_of(self, code: str, message: str, request: Sendable | None) -> Verdict:
        """Say what a refusal proves."""
        ...

    def hold_of(self, error: AnsweredError) -> Hold:
        """Say what an answer that means THROTTLED asks for."""
        ...

    def cause_of(self, code: str, message: str) -> Cause:
        """Say what a refused order did not fit."""
        ...

    def wire_of(self, request: OnMarket | PositionMove, market: Market) -> Wire:
        """Write a request about a contract as the venue reads it. Raises NotSentError."""
        ...

    def wallet_wire_of(self, request: WalletMove) -> Wire:
        """Write a request about the wallet as the venue reads it. Raises NotSentError."""
        ...

    def order_id_of(self, request: Sendable, result: Mapping[str, object]) -> str | None:
        """Read the order id out of a success; None where it does not prove the request."""
        ...

    async def server_time(self, reads: Reads) -> datetime:
        """Read the venue's clock."""
        ...

    async def key_rights(self, reads: Reads) -> KeyRights:
        """Read what the key may do."""
        ...

    async def terms(self, reads: Reads, known: Terms | None) -> Terms:
        """Read margin mode and fees."""
        ...

    async def markets(self, reads: Reads, currency_of: CurrencyOf, venue_symbol: str = "") -> Listing:
        """Read all contracts that trade, or one in whatever state it is."""
        ...

    async def tiers(self, reads: Reads, market: Market) -> tuple[Tier, ...]:
        """Read the risk limits of one contract."""
        ...

    async def holdings(self, reads: Reads, before: Holdings | None, also: frozenset[str]) -> Holdings:
        """Read everything that changes between snapshots; `before` is what the last one showed.

        Prices are read of the venue's symbols `also` too, although nothing may name them.
        """
        ...

    async def positions(self, reads: Reads, market: Market, margin_mode: MarginMode) -> tuple[Position, ...]:
        """Read the open positions of one contract."""
        ...

    async def find_order(
        self, reads: Reads, market: Market, client_order_id: str
    ) -> tuple[OrderReport | None, datetime]:
        """Look an order up everywhere; return it, or None, with the venue's time."""
        ...

    async def find_move(self, reads: Reads, request: WalletMove) -> tuple[OrderReport | None, datetime]:
        """Look a transfer or a conversion up; return it, or None, with the venue's time."""
        ...

    async def spot_market(self, reads: Reads, coin: str, stable: str) -> SpotMarket | None:
        """Read where a coin may be sold for a stablecoin; None where it trades nowhere."""
        ...

    async def fills(self, reads: Reads, market: Market, since: datetime, until: datetime) -> tuple[Fill, ...]:
        """Read executions, oldest first."""
        ...

    async def wallet_changes(
        self, reads: Reads, since: datetime, until: datetime
    ) -> tuple[WalletChange, ...]:
        """Read what moved the wallet, oldest first."""
        ...

    async def candles(self, reads: Reads, market: Market, timeframe: str, limit: int) -> tuple[Candle, ...]:
        """Read candles, oldest first."""
        ...

    async def ticker(self, reads: Reads, market: Market) -> Mark:
        """Read the prices of one contract."""
        ...

    async def order_book(self, reads: Reads, market: Market) -> OrderBook:
        """Read as many levels of one contract's book as the venue tells at once."""
        ...

    async def option_listing(self, reads: Reads, base: str, currency_of: CurrencyOf) -> OptionListing:
        """Read the options of one base currency that trade."""
        ...

    async def chain(self, reads: Reads, base: str, listing: OptionListing) -> Chain:
        """Read the quotes of one base's options."""
        ...

    async def held_options(self, reads: Reads, listed: ListOf) -> tuple[OptionPosition, ...]:
        """Read the open positions in options, with what they are quoted at."""
        ...
