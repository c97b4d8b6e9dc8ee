"""Bybit v5: the raw answers of one snapshot, and the snapshot's parts out of them."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from bot.exchange.errors import GatewayError
from bot.exchange.failures import MalformedDataError
from bot.exchange.parts import Parts, SymbolOf
from bot.exchange.reading import Reads, Rows
from bot.exchange.together import together
from bot.exchange.values import Row, name
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues.bybit_orders import is_conditional, parse_order
from bot.exchange.venues.bybit_parse import (
    coins_in_use,
    contradiction,
    parse_balance,
    parse_mark,
    parse_position_mode,
    parse_positions,
    unified_row,
)
from bot.model import MarginMode, Order, PartTimes, Verdict

FIRST_SETTLE = "USDT"
OTHER_SETTLES = frozenset({"USDC"})
READ_SETTLES = OTHER_SETTLES | {FIRST_SETTLE}
MAX_SINGLE_TICKERS = 2
"""With more symbols than this one call for all prices is cheaper."""


class BybitHoldings(Struct, frozen=True):
    """Wallet, positions, orders, conditional orders and prices as they came."""

    wallet: Row
    wallet_at: datetime
    positions: Rows
    orders: Rows
    stops: Rows
    tickers: Rows

    @property
    def venue_symbols(self) -> frozenset[str]:
        """Every symbol that a position or order names."""
        lists = (self.positions, self.orders, self.stops)
        return frozenset(name(row, "symbol") for part in lists for row in part.rows)

    def parts(self, symbol_of: SymbolOf, margin_mode: MarginMode) -> Parts:
        """Read the rows. Raises MalformedDataError, also where wallet and positions contradict each other."""
        positions = parse_positions(self.positions.rows, symbol_of, margin_mode, self.positions.at)
        if wrong := contradiction(self.wallet, positions, READ_SETTLES):
            raise MalformedDataError(wrong)
        orders = _parse_orders([*self.orders.rows, *self.stops.rows], symbol_of)
        shown = self.venue_symbols
        return Parts(
            times=PartTimes(
                positions=self.positions.at,
                balance=self.wallet_at,
                orders=self.orders.at,
                stops=self.stops.at,
                marks=self.tickers.at,
            ),
            positions=positions,
            balance=parse_balance(self.wallet),
            orders=tuple(order for order, waits in orders if not waits),
            stops=tuple(order for order, waits in orders if waits),
            marks={
                symbol_of(venue_symbol): parse_mark(row, symbol_of(venue_symbol), self.tickers.at)
                for row in self.tickers.rows
                if (venue_symbol := row.get("symbol")) in shown and isinstance(venue_symbol, str)
            },
            position_mode=parse_position_mode(self.positions.rows),
        )


def _parse_orders(rows: Iterable[Row], symbol_of: SymbolOf) -> list[tuple[Order, bool]]:
    """Read orders, each once: one that was triggered between the two lists may stand in both."""
    by_id = {name(row, "orderId"): row for row in rows}
    return [(parse_order(row, symbol_of(name(row, "symbol"))), is_conditional(row)) for row in by_id.values()]


async def read_holdings(reads: Reads, watched: frozenset[str]) -> BybitHoldings:
    """Read all parts at once; `watched` are the venue symbols of the snapshot before.

    The wallet names the coins in which margin is held, so that another settle coin's positions are
    never missed. Raises GatewayError.
    """
    wallet, positions, orders, stops, tickers = await together(
        reads.rows(calls.balance()),
        reads.rows(calls.positions(FIRST_SETTLE)),
        reads.rows(calls.orders(FIRST_SETTLE)),
        reads.rows(calls.stops(FIRST_SETTLE)),
        _tickers(reads, watched),
    )
    with reads.told("wallet balance"):
        account = unified_row(wallet.rows)
        used = coins_in_use(account)
    with reads.told("positions"):
        if strange := used - OTHER_SETTLES - {FIRST_SETTLE}:
            raise MalformedDataError(
                f"margin is held in {', '.join(sorted(strange))}: inverse contracts are not read, so the"
                " account would be seen only in part; hold them in another sub-account"
            )
    for coin in sorted(used & OTHER_SETTLES):
        more = await together(
            reads.rows(calls.positions(coin)), reads.rows(calls.orders(coin)), reads.rows(calls.stops(coin))
        )
        positions, orders, stops = (
            _joined(part, extra) for part, extra in zip((positions, orders, stops), more, strict=True)
        )
    holdings = BybitHoldings(account, wallet.at, positions, orders, stops, tickers)
    with reads.told("positions"):
        missing = holdings.venue_symbols - {row.get("symbol") for row in tickers.rows}
    if missing and 0 < len(watched) <= MAX_SINGLE_TICKERS:
        tickers = await reads.rows(calls.tickers())
        holdings = BybitHoldings(account, wallet.at, positions, orders, stops, tickers)
    return holdings


async def _tickers(reads: Reads, watched: frozenset[str]) -> Rows:
    if 0 < len(watched) <= MAX_SINGLE_TICKERS:
        try:
            first, *more = await together(*(reads.rows(calls.tickers(symbol)) for symbol in sorted(watched)))
        except GatewayError as error:
            if error.verdict is not Verdict.REJECTED:
                raise
        else:
            for extra in more:
                first = _joined(first, extra)
            return first
    return await reads.rows(calls.tickers())


def _joined(first: Rows, second: Rows) -> Rows:
    return Rows(first.rows + second.rows, min(first.at, second.at))
