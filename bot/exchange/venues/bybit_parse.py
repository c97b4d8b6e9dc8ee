"""Bybit v5: balance, prices and candles out of raw rows. Pure functions.

Field meanings: docs/v5/account/wallet-balance, docs/v5/market/tickers.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.exchange.failures import MalformedDataError
from bot.exchange.values import (
    Row,
    figure,
    from_milliseconds,
    known_nonzero,
    name,
    positive,
    required,
    whole,
)
from bot.model import (
    Balance,
    Candle,
    MarginMode,
    Mark,
)

_MARGIN_KEYS = ("totalPositionIM", "totalPositionMM", "totalOrderIM")


def unified_row(rows: Iterable[Row]) -> Mapping[str, Any]:
    """Find the unified account among the rows of the wallet. Raises MalformedDataError."""
    for row in rows:
        if row.get("accountType") == "UNIFIED" and isinstance(row.get("coin"), list):
            return row
    raise MalformedDataError("no unified account in the wallet's answer")


def parse_balance(row: Mapping[str, Any]) -> Balance:
    """Read the account's figures in USD.

    In isolated margin mode the venue leaves the account-wide margin figures empty: unknown.
    """
    return Balance(
        equity=figure(row, "totalEquity"),
        margin_balance=figure(row, "totalMarginBalance"),
        maintenance_margin=figure(row, "totalMaintenanceMargin"),
        initial_margin=figure(row, "totalInitialMargin"),
        wallet=figure(row, "totalWalletBalance"),
        available=figure(row, "totalAvailableBalance"),
        coins={name(coin, "coin"): figure(coin, "walletBalance") for coin in row["coin"]},
    )


def coins_in_use(account: Mapping[str, Any]) -> frozenset[str]:
    """Name the coins in which positions or orders hold margin."""
    return frozenset(
        coin
        for row in account["coin"]
        if (coin := name(row, "coin")) and any(known_nonzero(row, key) for key in _MARGIN_KEYS)
    )


def parse_margin_mode(info: Mapping[str, object]) -> MarginMode:
    """Read the account's margin mode. Portfolio margin shares its margin, as cross does."""
    mode = name(info, "marginMode")
    if mode == "ISOLATED_MARGIN":
        return MarginMode.ISOLATED
    if mode in ("REGULAR_MARGIN", "PORTFOLIO_MARGIN"):
        return MarginMode.CROSS
    raise MalformedDataError(f"unknown margin mode {mode!r}")


def parse_mark(row: Row, symbol: str, at: datetime) -> Mark:
    """Read one ticker."""
    return Mark(
        symbol=symbol,
        mark=positive(row, "markPrice"),
        index=positive(row, "indexPrice"),
        last=positive(row, "lastPrice"),
        bid=positive(row, "bid1Price"),
        ask=positive(row, "ask1Price"),
        funding_rate=figure(row, "fundingRate"),
        at=at,
    )


def parse_candles(rows: object) -> tuple[Candle, ...]:
    """Read candles, newest first as they come; return them oldest first. Raises MalformedDataError."""
    if not isinstance(rows, list):
        raise MalformedDataError("no list of candles in the answer")
    return tuple(sorted((_candle(row) for row in rows), key=lambda candle: candle.at))


def _candle(row: object) -> Candle:
    if not isinstance(row, list) or len(row) < 5:
        raise MalformedDataError(f"not a candle: {repr(row)[:60]}")
    fields = dict(zip(("start", "open", "high", "low", "close", "volume"), row, strict=False))
    return Candle(
        at=from_milliseconds(whole(fields, "start")),
        open=required(fields, "open"),
        high=required(fields, "high"),
        low=required(fields, "low"),
        close=required(fields, "close"),
        volume=required(fields, "volume") if "volume" in fields else Decimal(0),
    )
