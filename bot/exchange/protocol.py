"""What the guard asks of an exchange. Everything that reads or trades goes through this."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from bot.model import (
    Answer,
    Candle,
    Chain,
    Fill,
    Mark,
    NotFound,
    OrderBook,
    OrderReport,
    Position,
    Request,
    Snapshot,
    WalletChange,
    WalletMove,
)


class Gateway(Protocol):
    """One account at one venue.

    Reading methods raise `GatewayError` when the venue does not answer, or answers with something that
    is not its own envelope; they never return an empty result for a failure.
    """

    @property
    def account(self) -> str:
        """Name of the account, as the config gives it."""
        ...

    @property
    def venue(self) -> str:
        """Name of the venue, as ccxt spells it."""
        ...

    @property
    def guards_client_ids(self) -> bool:
        """Whether a client order id that is in use is refused: an order that never arrived may be sent again
        under its own.
        """
        ...

    def forget_market(self, symbol: str) -> None:
        """Read the market of a symbol anew with the next snapshot: its steps or bounds are not what they
        were.
        """
        ...

    def show(self, symbols: Iterable[str]) -> None:
        """Let snapshots hold market, tiers and prices of these symbols too, although nothing names them.

        Replaces what was asked for before. A symbol that the venue does not have is left out.
        """
        ...

    def show_options(self, wanted: bool) -> None:
        """Let snapshots hold what the account has of options, or not."""
        ...

    def market_symbols(self) -> frozenset[str]:
        """Return the symbols of the venue's markets; empty before the first snapshot."""
        ...

    async def snapshot(self) -> Snapshot:
        """Read positions (all pages), balance, orders, conditional orders and marks at once."""
        ...

    async def positions(self, symbol: str) -> tuple[Position, ...]:
        """Read the positions of one symbol again, for use just before an order is sent."""
        ...

    async def submit(self, request: Request) -> Answer:
        """Send one request, once. Whatever happens comes back as a classified answer, never as an error."""
        ...

    async def find_order(self, symbol: str, client_order_id: str) -> OrderReport | NotFound:
        """Look an order up by client order id among open, past and executed orders."""
        ...

    async def find_move(self, request: WalletMove) -> OrderReport | NotFound:
        """Look up what became of a transfer or a conversion."""
        ...

    async def fills(self, symbol: str, since: datetime) -> tuple[Fill, ...]:
        """Read this account's executions of one symbol since a moment, oldest first."""
        ...

    async def wallet_changes(self, since: datetime) -> tuple[WalletChange, ...]:
        """Read what moved the wallet since a moment, oldest first: trades, fees, funding, transfers."""
        ...

    async def order_book(self, symbol: str) -> OrderBook:
        """Read as many levels of one symbol's order book as the venue tells at once."""
        ...

    async def candles(self, symbol: str, timeframe: str, limit: int) -> tuple[Candle, ...]:
        """Read candles, oldest first."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class MarketReader(Protocol):
    """What may be asked of a venue about any market, held or not. Every method may raise `GatewayError`."""

    @property
    def venue(self) -> str:
        """Name of the venue, as ccxt spells it."""
        ...

    @property
    def clock_offset(self) -> timedelta:
        """The venue's time less the guard's, as last measured."""
        ...

    async def perpetual(self, base: str) -> str | None:
        """Return the symbol of a base currency's perpetual; None where the venue lists none."""
        ...

    async def ticker(self, symbol: str) -> Mark:
        """Read the prices of one symbol."""
        ...

    async def order_book(self, symbol: str) -> OrderBook:
        """Read as many levels of one symbol's order book as the venue tells at once."""
        ...

    async def candles(self, symbol: str, timeframe: str, limit: int) -> tuple[Candle, ...]:
        """Read candles, oldest first; the last may still be open."""
        ...


class ChainReader(Protocol):
    """Who reads the options of a venue. May raise `GatewayError`."""

    async def chain(self, base: str) -> Chain:
        """Read the options of a base currency with their quotes."""
        ...
