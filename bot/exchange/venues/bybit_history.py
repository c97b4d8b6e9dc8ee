"""Bybit v5: what happened: orders looked up, executions, transfers, candles."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from bot.exchange.failures import MalformedDataError, NotSentError
from bot.exchange.reading import Reads
from bot.exchange.values import Row, figure, moment, name, required
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues.bybit_orders import parse_fills, parse_report, report_from_fills
from bot.exchange.venues.bybit_parse import parse_candles
from bot.model import Candle, Fill, Market, OrderReport, Unknown, WalletChange

WINDOW = timedelta(days=7)
"""The longest range that the venue answers at once."""

DOLLARS = frozenset({"USDT", "USDC", "USD"})
"""Coins counted as one USD."""

TRANSFER_KINDS = frozenset({"TRANSFER_IN", "TRANSFER_OUT"})


async def find_order(
    reads: Reads, market: Market, client_order_id: str
) -> tuple[OrderReport | None, datetime]:
    """Look among open, lately closed and past orders, then among executions.

    None only when every list answered and holds nothing. Raises GatewayError.
    """
    category = calls.category_of(market)
    for call in calls.order_lists(market.venue_symbol, client_order_id, category):
        answer = await reads.rows(call)
        with reads.told(call.method):
            for row in answer.rows:
                if row.get("orderLinkId") == client_order_id:
                    return parse_report(row, market.symbol, inverse=not market.linear), answer.at
    call = calls.executions_of(market.venue_symbol, client_order_id, category)
    answer = await reads.rows(call)
    with reads.told(call.method):
        rows = [row for row in answer.rows if row.get("orderLinkId") == client_order_id]
        fills = parse_fills(rows, market.symbol, inverse=not market.linear)
        return (report_from_fills(fills, rows, inverse=not market.linear) if fills else None), answer.at


async def read_fills(reads: Reads, market: Market, since: datetime, until: datetime) -> tuple[Fill, ...]:
    """Read executions of one contract, oldest first. Raises GatewayError."""
    rows: list[Row] = []
    for start, end in _windows(since, until):
        call = calls.executions(market.venue_symbol, start, end, calls.category_of(market))
        rows += (await reads.rows(call)).rows
    with reads.told("executions"):
        return parse_fills(rows, market.symbol, inverse=not market.linear)


async def read_wallet_changes(reads: Reads, since: datetime, until: datetime) -> tuple[WalletChange, ...]:
    """Read what moved the wallet since `since`, oldest first, transfers with their worth in USD.

    Raises GatewayError.
    """
    found: dict[str, WalletChange] = {}
    for start, end in _windows(since, until):
        call = calls.wallet_log(start, end)
        for row in (await reads.rows(call)).rows:
            with reads.told(call.method):
                at, coin, amount = moment(row, "transactionTime"), name(row, "currency"), _change(row)
                kept = WalletChange(name(row, "id"), at, coin, amount, None)
            if row.get("type") in TRANSFER_KINDS:
                worth = amount if coin in DOLLARS else amount * await _index_price(reads, coin, at)
                kept = replace(kept, transfer=worth)
            found[kept.change_id] = kept
    return tuple(sorted(found.values(), key=lambda change: (change.at, change.change_id)))


def _change(row: Row) -> Decimal:
    change = figure(row, "change")
    return required(row, "cashFlow") if isinstance(change, Unknown) else change


async def _index_price(reads: Reads, coin: str, at: datetime) -> Decimal:
    call = calls.index_candle(f"{coin}USDT", at)
    result, _ = await reads.result(call)
    with reads.told(call.method):
        candles = parse_candles(result.get("list"))
        if not candles:
            raise MalformedDataError(f"no price of {coin} at {at}, so a transfer of it has no value in USD")
        return candles[-1].close


async def read_candles(reads: Reads, market: Market, timeframe: str, limit: int) -> tuple[Candle, ...]:
    """Read the newest `limit` candles, oldest first; the last may still be open. Raises GatewayError."""
    found: dict[datetime, Candle] = {}
    end: datetime | None = None
    with reads.told("candles"):
        if timeframe not in calls.TIMEFRAMES or limit < 1:
            raise NotSentError(f"{limit} candles of {timeframe!r}: use one of {', '.join(calls.TIMEFRAMES)}")
    while len(found) < limit:
        wanted = min(limit - len(found), calls.MAX_CANDLES)
        interval, category = calls.TIMEFRAMES[timeframe], calls.category_of(market)
        call = calls.candles(market.venue_symbol, interval, wanted, end, category)
        result, _ = await reads.result(call)
        with reads.told(call.method):
            page = parse_candles(result.get("list"))
        new = [candle for candle in page if candle.at not in found]
        if not new:
            break
        found.update((candle.at, candle) for candle in new)
        end = new[0].at - timedelta(milliseconds=1)
    return tuple(sorted(found.values(), key=lambda candle: candle.at))[-limit:]


def _windows(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    start = since
    while start < until:
        end = min(start + WINDOW, until)
        yield start, end
        start = end
