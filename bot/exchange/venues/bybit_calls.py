"""Bybit v5: the reading calls, as ccxt's implicit methods.

Each list call names category and settle coin: without a settle coin the venue refuses the linear list, and
one coin is only a slice of the account. Of the inverse category it answers all coins at once.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from bot.exchange.reading import Call
from bot.exchange.values import to_milliseconds
from bot.model import Market

LINEAR = {"category": "linear"}
INVERSE = {"category": "inverse"}
SPOT = {"category": "spot"}
OPTION = {"category": "option"}

Category: TypeAlias = Mapping[str, str]
"""The parameter by which a call names its category."""

TIMEFRAMES = {
    "1m": "1",
    "3m": "3",
    "5m": "5",
    "15m": "15",
    "30m": "30",
    "1h": "60",
    "2h": "120",
    "4h": "240",
    "6h": "360",
    "12h": "720",
    "1d": "D",
    "1w": "W",
}
MAX_CANDLES = 1000
MAX_LEVELS = 500
_OPTION = re.compile(r"-[PC](-[A-Z]+)?$")


def category_of(market: Market) -> Category:
    """Return the category that a contract belongs to."""
    if looks_like_option(market.venue_symbol):
        return OPTION
    return LINEAR if market.linear else INVERSE


def looks_like_option(venue_symbol: str) -> bool:
    """Whether a symbol is named like an option: BTC-25DEC26-80000-P, with its settle coin or without."""
    return _OPTION.search(venue_symbol) is not None


def server_time() -> Call:
    """Ask for the venue's clock."""
    return Call("publicGetV5MarketTime", {})


def balance() -> Call:
    """Ask for the unified account's margin figures."""
    return Call("privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"})


def key_info() -> Call:
    """Ask what the key may do."""
    return Call("privateGetV5UserQueryApi", {})


def account_info() -> Call:
    """Ask for the margin mode."""
    return Call("privateGetV5AccountInfo", {})


def fee_rates() -> Call:
    """Ask for the account's own fees."""
    return Call("privateGetV5AccountFeeRate", {**LINEAR})


def positions(settle: str) -> Call:
    """Ask for all open positions of one settle coin."""
    return _linear("privateGetV5PositionList", settleCoin=settle, limit=200)


def inverse_positions() -> Call:
    """Ask for all open positions of the inverse category."""
    return Call("privateGetV5PositionList", {**INVERSE, "limit": 200}, paged=True)


def positions_of(venue_symbol: str, category: Category = LINEAR) -> Call:
    """Ask for the legs of one symbol, flat ones included."""
    return Call("privateGetV5PositionList", {**category, "symbol": venue_symbol, "limit": 200}, paged=True)


def orders(settle: str) -> Call:
    """Ask for the plain open orders of one settle coin."""
    return _linear("privateGetV5OrderRealtime", settleCoin=settle, orderFilter="Order", limit=50)


def stops(settle: str) -> Call:
    """Ask for the conditional orders of one settle coin, the positions' own stops included."""
    return _linear("privateGetV5OrderRealtime", settleCoin=settle, orderFilter="StopOrder", limit=50)


def inverse_orders() -> Call:
    """Ask for the plain open orders of the inverse category."""
    return Call("privateGetV5OrderRealtime", {**INVERSE, "orderFilter": "Order", "limit": 50}, paged=True)


def inverse_stops() -> Call:
    """Ask for the conditional orders of the inverse category, the positions' own stops included."""
    return Call("privateGetV5OrderRealtime", {**INVERSE, "orderFilter": "StopOrder", "limit": 50}, paged=True)


def tickers(venue_symbol: str = "", category: Category = LINEAR) -> Call:
    """Ask for prices of one symbol, or of all of a category."""
    symbol = {"symbol": venue_symbol} if venue_symbol else {}
    return Call("publicGetV5MarketTickers", {**category, **symbol})


def order_book(venue_symbol: str, category: Category) -> Call:
    """Ask for the best levels of one book, as many as the venue tells."""
    return Call("publicGetV5MarketOrderbook", {**category, "symbol": venue_symbol, "limit": MAX_LEVELS})


def markets(venue_symbol: str = "", category: Category = LINEAR) -> Call:
    """Ask for the contracts of a category that trade, or for one contract in whatever state it is."""
    symbol: Mapping[str, object] = {"symbol": venue_symbol} if venue_symbol else {"limit": 1000}
    return Call("publicGetV5MarketInstrumentsInfo", {**category, **symbol}, paged=True)


def option_markets(base: str) -> Call:
    """Ask for the options of one base currency."""
    return Call("publicGetV5MarketInstrumentsInfo", {**OPTION, "baseCoin": base, "limit": 1000}, paged=True)


def option_tickers(base: str) -> Call:
    """Ask for the quotes of the options of one base currency."""
    return Call("publicGetV5MarketTickers", {**OPTION, "baseCoin": base})


def option_positions() -> Call:
    """Ask for the open positions in options, of every base currency."""
    return Call("privateGetV5PositionList", {**OPTION, "limit": 200}, paged=True)


def tiers(venue_symbol: str, category: Category) -> Call:
    """Ask for the risk limits of one symbol."""
    return Call("publicGetV5MarketRiskLimit", {**category, "symbol": venue_symbol}, paged=True)


def order_lists(venue_symbol: str, client_order_id: str, category: Category) -> tuple[Call, ...]:
    """Ask for one order where it may be: open, closed a moment ago, past."""
    return _order_lists({**category, "symbol": venue_symbol, "orderLinkId": client_order_id})


def spot_order_lists(venue_symbol: str, client_order_id: str) -> tuple[Call, ...]:
    """Ask for one spot order where it may be."""
    return _order_lists({**SPOT, "symbol": venue_symbol, "orderLinkId": client_order_id})


def _order_lists(wanted: dict[str, str]) -> tuple[Call, ...]:
    return (
        Call("privateGetV5OrderRealtime", {**wanted}),
        Call("privateGetV5OrderRealtime", {**wanted, "openOnly": 1}),
        Call("privateGetV5OrderHistory", {**wanted}),
    )


def spot_executions_of(venue_symbol: str, client_order_id: str) -> Call:
    """Ask for the executions of one spot order."""
    wanted = {**SPOT, "symbol": venue_symbol, "orderLinkId": client_order_id, "limit": 100}
    return Call("privateGetV5ExecutionList", wanted, paged=True)


def spot_market(venue_symbol: str) -> Call:
    """Ask for one spot market."""
    return Call("publicGetV5MarketInstrumentsInfo", {**SPOT, "symbol": venue_symbol})


def transfers(transfer_id: str) -> Call:
    """Ask for one transfer between the account's wallets."""
    return Call("privateGetV5AssetTransferQueryInterTransferList", {"transferId": transfer_id})


def executions_of(venue_symbol: str, client_order_id: str, category: Category) -> Call:
    """Ask for the executions of one order."""
    wanted = {**category, "symbol": venue_symbol, "orderLinkId": client_order_id, "limit": 100}
    return Call("privateGetV5ExecutionList", wanted, paged=True)


def executions(venue_symbol: str, start: datetime, end: datetime, category: Category) -> Call:
    """Ask for executions of one symbol; the venue answers at most seven days at once."""
    wanted = {**category, "symbol": venue_symbol, "limit": 100, **_window(start, end)}
    return Call("privateGetV5ExecutionList", wanted, paged=True)


def wallet_log(start: datetime, end: datetime) -> Call:
    """Ask for every change of the wallet; the venue answers at most seven days at once."""
    params = {"accountType": "UNIFIED", "limit": 50, **_window(start, end)}
    return Call("privateGetV5AccountTransactionLog", params, paged=True)


def candles(venue_symbol: str, interval: str, limit: int, end: datetime | None, category: Category) -> Call:
    """Ask for the newest candles, or the newest that opened by `end`."""
    until = {} if end is None else {"end": to_milliseconds(end)}
    params = {**category, "symbol": venue_symbol, "interval": interval, "limit": limit, **until}
    return Call("publicGetV5MarketKline", params)


def index_candle(venue_symbol: str, at: datetime) -> Call:
    """Ask for the index price of the minute in which something happened."""
    params = {**LINEAR, "symbol": venue_symbol, "interval": "1", "limit": 1, "end": to_milliseconds(at)}
    return Call("publicGetV5MarketIndexPriceKline", params)


def _linear(method: str, **params: Any) -> Call:
    return Call(method, {**LINEAR, **params}, paged=True)


def _window(start: datetime, end: datetime) -> dict[str, int]:
    return {"startTime": to_milliseconds(start), "endTime": to_milliseconds(end)}
