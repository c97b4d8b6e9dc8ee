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
    Figure,
    MarginMode,
    Mark,
    Unknown,
)

_USED_KEYS = ("totalPositionIM", "totalOrderIM", "locked", "bonus")
"""What of a coin is in use in isolated margin mode (docs/v5/account/wallet-balance)."""
DOLLARS = frozenset({"USDT", "USDC", "USD"})
"""Coins counted as one USD."""

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
        available=_available(row),
        coins={name(coin, "coin"): figure(coin, "walletBalance") for coin in row["coin"]},
        worth={name(coin, "coin"): figure(coin, "usdValue") for coin in row["coin"]},
    )


def _available(row: Mapping[str, Any]) -> Figure:
    """Read what new orders may use. In isolated margin mode only the coins tell, each for itself."""
    stated = figure(row, "totalAvailableBalance")
    if isinstance(stated, Decimal) or row.get("totalAvailableBalance") not in (None, ""):
        return stated
    free = Decimal(0)
    for coin in row["coin"]:
        if coin.get("coin") not in DOLLARS:
            continue
        balance = figure(coin, "walletBalance")
        used = [figure(coin, key) for key in _USED_KEYS]
        if isinstance(balance, Unknown):
            return balance
        for part in used:
            if isinstance(part, Unknown):
                return part
            balance -= part
        free += max(balance, Decimal(0))
    return free


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
