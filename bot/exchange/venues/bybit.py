"""Bybit v5, unified account, linear and inverse perpetuals: the profile.

Where the truth stands: equity in totalEquity, margin balance in totalMarginBalance and maintenance
margin in totalMaintenanceMargin of the wallet (their quotient is the venue's accountMMRate, 1 is
liquidation); margin mode in the account's info, since positions of a unified account always say
cross; an isolated position's own wallet in positionBalance, which does not hold unrealised PnL; the
leg in positionIdx. One contract is one coin (of the inverse category one USD), unless its row states another
size.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.exchange.errors import GatewayError
from bot.exchange.failures import AnsweredError
from bot.exchange.gate import Hold
from bot.exchange.parts import CurrencyOf, Holdings, Listing, ListOf, OptionListing, Terms, Wire
from bot.exchange.reading import Reads
from bot.exchange.scrub import Scrubber
from bot.exchange.together import together
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues import bybit_codes as codes
from bot.exchange.venues import bybit_history as history
from bot.exchange.venues import bybit_moves as moves
from bot.exchange.venues import bybit_options as options
from bot.exchange.venues import bybit_orders as orders
from bot.exchange.venues import bybit_quotes as quotes
from bot.exchange.venues.bybit_holdings import BybitHoldings, read_holdings
from bot.exchange.venues.bybit_inverse import if_offered
from bot.exchange.venues.bybit_keys import parse_key_rights
from bot.exchange.venues.bybit_markets import (
    OneContract,
    looks_inverse,
    parse_fees,
    parse_markets,
    parse_tiers,
)
from bot.exchange.venues.bybit_parse import parse_margin_mode
from bot.exchange.venues.bybit_positions import parse_positions
from bot.model import (
    Candle,
    Cause,
    Chain,
    Fill,
    KeyRights,
    MarginMode,
    Mark,
    Market,
    Move,
    OnMarket,
    OptionPosition,
    OrderBook,
    OrderReport,
    Position,
    PositionMove,
    Sendable,
    SpotMarket,
    Tier,
    Verdict,
    WalletChange,
    WalletMove,
)


class Bybit:
    """The profile of Bybit."""

    name = "bybit"
    options: Mapping[str, Any] = {
        "clockCode": codes.CLOCK_CODE,
        "clockPath": codes.CLOCK_PATH,
        "limitResetHeader": codes.LIMIT_RESET_HEADER,
        "timeDifference": 0,
        "fetchMarkets": {"types": ["linear", "inverse"]},
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
    }
    demo_trading = False
    ip_limit = codes.IP_LIMIT
    throttled_status = codes.THROTTLED_STATUS
    hints = codes.AUTH_HINTS
    guards_client_ids = True
    settles: tuple[str, ...] = ("USDT", "USDC")

    def check(self, scrub: Scrubber, status: int, decoded: object, body: str) -> None:
        """Refuse an answer that is not the venue's envelope of success."""
        codes.check_envelope(scrub, status, decoded, body)

    def verdict_of(self, code: str, message: str, request: Sendable | None) -> Verdict:
        """Say what a refusal proves."""
        return codes.verdict_of(code, message, request)

    def hold_of(self, error: AnsweredError) -> Hold:
        """Say what an answer that means THROTTLED asks for."""
        return codes.hold_of(error)

    def cause_of(self, code: str, message: str) -> Cause:
        """Say what a refused order did not fit."""
        return codes.cause_of(code, message)

    def wire_of(self, request: OnMarket | PositionMove, market: Market) -> Wire:
        """Write a request about a contract as the venue reads it. Raises NotSentError."""
        if isinstance(request, PositionMove):
            return moves.position_wire(request, market)
        return orders.wire_of(request, market)

    def wallet_wire_of(self, request: WalletMove) -> Wire:
        """Write a request about the wallet as the venue reads it. Raises NotSentError."""
        return moves.wallet_wire(request)

    def order_id_of(self, request: Sendable, result: Mapping[str, object]) -> str | None:
        """Read the order id out of a success; None where it does not prove the request."""
        if isinstance(request, Move):
            return moves.move_id_of(request, result)
        return orders.order_id_of(request, result)

    async def server_time(self, reads: Reads) -> datetime:
        """Read the venue's clock. Raises GatewayError."""
        return (await reads.result(calls.server_time()))[1]

    async def key_rights(self, reads: Reads) -> KeyRights:
        """Read what the key may do. Raises GatewayError."""
        result, _ = await reads.result(calls.key_info())
        with reads.told("key"):
            return parse_key_rights(result)

    async def terms(self, reads: Reads, known: Terms | None) -> Terms:
        """Read margin mode and fees. Fees that cannot be read stay as known, else the venue's list price."""
        (info, _), fees = await together(reads.result(calls.account_info()), self._fees(reads, known))
        with reads.told("account info"):
            return Terms(parse_margin_mode(info), fees)

    async def _fees(self, reads: Reads, known: Terms | None) -> Any:
        try:
            answer = await reads.rows(calls.fee_rates())
        except GatewayError:
            return known.fees if known is not None else {}
        with reads.told("fee rates"):
            return parse_fees(answer.rows)

    async def markets(self, reads: Reads, currency_of: CurrencyOf, venue_symbol: str = "") -> Listing:
        """Read all contracts that trade, or one in whatever state it is. Raises GatewayError."""
        if venue_symbol:
            category = calls.INVERSE if looks_inverse(venue_symbol) else calls.LINEAR
            rows = (await reads.rows(calls.markets(venue_symbol, category))).rows
        else:
            linear, inverse = await together(
                reads.rows(calls.markets()), if_offered(reads, calls.markets(category=calls.INVERSE))
            )
            rows = linear.rows + inverse.rows
        with reads.told("markets"):
            return parse_markets(rows, currency_of, whole_list=not venue_symbol)

    async def tiers(self, reads: Reads, market: Market) -> tuple[Tier, ...]:
        """Read the risk limits of one contract. Raises GatewayError."""
        answer = await reads.rows(calls.tiers(market.venue_symbol, calls.category_of(market)))
        with reads.told("risk limits"):
            return parse_tiers(row for row in answer.rows if row.get("symbol") == market.venue_symbol)

    async def holdings(self, reads: Reads, before: Holdings | None, also: frozenset[str]) -> BybitHoldings:
        """Read everything that changes from one snapshot to the next. Raises GatewayError."""
        return await read_holdings(reads, before, also)

    async def positions(self, reads: Reads, market: Market, margin_mode: MarginMode) -> tuple[Position, ...]:
        """Read the open positions of one contract. Raises GatewayError."""
        answer = await reads.rows(calls.positions_of(market.venue_symbol, calls.category_of(market)))
        with reads.told("positions"):
            rows = [row for row in answer.rows if row.get("symbol") == market.venue_symbol]
            inverse = not market.linear
            return parse_positions(rows, OneContract(market), margin_mode, answer.at, inverse=inverse)

    async def find_order(
        self, reads: Reads, market: Market, client_order_id: str
    ) -> tuple[OrderReport | None, datetime]:
        """Look an order up everywhere. Raises GatewayError."""
        return await history.find_order(reads, market, client_order_id)

    async def find_move(self, reads: Reads, request: WalletMove) -> tuple[OrderReport | None, datetime]:
        """Look a transfer or a conversion up. Raises GatewayError."""
        return await moves.find_move(reads, request)

    async def spot_market(self, reads: Reads, coin: str, stable: str) -> SpotMarket | None:
        """Read where a coin may be sold; None where it trades nowhere. Raises GatewayError."""
        return await moves.read_spot(reads, coin, stable)

    async def fills(self, reads: Reads, market: Market, since: datetime, until: datetime) -> tuple[Fill, ...]:
        """Read executions, oldest first. Raises GatewayError."""
        return await history.read_fills(reads, market, since, until)

    async def wallet_changes(
        self, reads: Reads, since: datetime, until: datetime
    ) -> tuple[WalletChange, ...]:
        """Read what moved the wallet, oldest first. Raises GatewayError."""
        return await history.read_wallet_changes(reads, since, until)

    async def candles(self, reads: Reads, market: Market, timeframe: str, limit: int) -> tuple[Candle, ...]:
        """Read candles, oldest first. Raises GatewayError."""
        return await history.read_candles(reads, market, timeframe, limit)

    async def ticker(self, reads: Reads, market: Market) -> Mark:
        """Read the prices of one contract. Raises GatewayError."""
        return await quotes.read_ticker(reads, market)

    async def order_book(self, reads: Reads, market: Market) -> OrderBook:
        """Read the book of one contract. Raises GatewayError."""
        return await quotes.read_order_book(reads, market)

    async def option_listing(self, reads: Reads, base: str, currency_of: CurrencyOf) -> OptionListing:
        """Read the options of one base. Raises GatewayError."""
        return await options.read_options(reads, base, currency_of)

    async def chain(self, reads: Reads, base: str, listing: OptionListing) -> Chain:
        """Read what they are quoted at. Raises GatewayError."""
        return await options.read_chain(reads, base, listing)

    async def held_options(self, reads: Reads, listed: ListOf) -> tuple[OptionPosition, ...]:
        """Read what is held of options. Raises GatewayError."""
        return await options.read_held_options(reads, listed)
