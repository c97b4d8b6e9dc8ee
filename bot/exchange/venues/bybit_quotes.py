"""Bybit v5: prices and order book of one contract, held or not.

Field meanings: docs/v5/market/tickers, docs/v5/market/orderbook.
"""

from operator import attrgetter

from bot.exchange.failures import MalformedDataError
from bot.exchange.reading import Reads
from bot.exchange.values import figure_of
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues.bybit_parse import parse_mark
from bot.model import BookLevel, Mark, Market, OrderBook, Unknown

_BY_PRICE = attrgetter("price")


async def read_ticker(reads: Reads, market: Market) -> Mark:
    """Read the prices of one contract. Raises GatewayError."""
    call = calls.tickers(market.venue_symbol, calls.category_of(market))
    answer = await reads.rows(call)
    with reads.told(call.method):
        for row in answer.rows:
            if row.get("symbol") == market.venue_symbol:
                return parse_mark(row, market.symbol, answer.at)
        raise MalformedDataError(f"no prices of {market.venue_symbol} in the answer")


async def read_order_book(reads: Reads, market: Market) -> OrderBook:
    """Read the best levels of one contract's book. Raises GatewayError."""
    call = calls.order_book(market.venue_symbol, calls.category_of(market))
    result, at = await reads.result(call)
    with reads.told(call.method):
        if result.get("s") != market.venue_symbol:
            raise MalformedDataError(f"not the book of {market.venue_symbol}: {repr(result)[:60]}")
        bids, asks = (_levels(result.get(key), market) for key in ("b", "a"))
    best_bids, best_asks = sorted(bids, key=_BY_PRICE, reverse=True), sorted(asks, key=_BY_PRICE)
    return OrderBook(market.symbol, tuple(best_bids), tuple(best_asks), at)


def _levels(rows: object, market: Market) -> list[BookLevel]:
    if not isinstance(rows, list):
        raise MalformedDataError(f"a book without its sides: {repr(rows)[:60]}")
    return [_level(row, market) for row in rows]


def _level(row: object, market: Market) -> BookLevel:
    if not isinstance(row, list) or len(row) != 2:
        raise MalformedDataError(f"no level of a book: {repr(row)[:60]}")
    price, contracts = figure_of(row[0], "price"), figure_of(row[1], "size")
    if isinstance(price, Unknown) or isinstance(contracts, Unknown) or price <= 0 or contracts <= 0:
        raise MalformedDataError(f"no level of a book: {repr(row)[:60]}")
    return BookLevel(price, market.coins(contracts, price))
