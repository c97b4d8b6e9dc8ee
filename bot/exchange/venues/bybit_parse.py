"""Bybit v5: positions, balance, prices and candles out of raw rows. Pure functions.

Field meanings: docs/v5/position, docs/v5/account/wallet-balance, docs/v5/market/tickers.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.exchange.failures import MalformedDataError
from bot.exchange.parts import SymbolOf
from bot.exchange.values import (
    Row,
    figure,
    from_milliseconds,
    known_nonzero,
    moment,
    name,
    optional,
    positive,
    required,
    text,
    whole,
)
from bot.model import (
    Balance,
    Candle,
    Figure,
    MarginMode,
    Mark,
    Position,
    PositionMode,
    Side,
    Unknown,
)

ONE = Decimal(1)
_POSITION_KEYS = ("totalPositionIM", "totalPositionMM")
_MARGIN_KEYS = (*_POSITION_KEYS, "totalOrderIM")
_WELL_UNDER = Decimal("0.75")

SIDES = {"Buy": Side.LONG, "Sell": Side.SHORT}


def parse_positions(
    rows: Iterable[Row], symbol_of: SymbolOf, margin_mode: MarginMode, at: datetime
) -> tuple[Position, ...]:
    """Read open positions; flat rows are left out. A leg that came on two pages counts once.

    Raises MalformedDataError where side or size of a row cannot be read.
    """
    found: dict[tuple[str, int], Position] = {}
    for row in rows:
        contracts = required(row, "size")
        key = (name(row, "symbol"), whole(row, "positionIdx"))
        if contracts == 0:
            found.pop(key, None)
        else:
            found[key] = _position(row, contracts, symbol_of(key[0]), margin_mode, at)
    return tuple(found.values())


def _position(row: Row, contracts: Decimal, symbol: str, account_mode: MarginMode, at: datetime) -> Position:
    side = SIDES.get(text(row, "side"))
    if side is None or contracts < 0:
        raise MalformedDataError(f"a position of {symbol} with side {row.get('side')!r} and size {contracts}")
    isolated = account_mode is MarginMode.ISOLATED or whole(row, "tradeMode") == 1
    return Position(
        symbol=symbol,
        side=side,
        contracts=contracts,
        contract_size=ONE,
        entry_price=positive(row, "avgPrice" if "avgPrice" in row else "entryPrice"),
        mark_price=positive(row, "markPrice"),
        margin_mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
        leverage=positive(row, "leverage"),
        position_index=whole(row, "positionIdx"),
        isolated_margin=figure(row, "positionBalance") if isolated else None,
        unrealised_pnl=figure(row, "unrealisedPnl"),
        maintenance_margin=positive(row, "positionMM"),
        liquidation_price=positive(row, "liqPrice"),
        stop_price=_stop_price(row),
        updated_at=moment(row, "updatedTime", at),
    )


def _stop_price(row: Row) -> Figure | None:
    try:
        return optional(row, "stopLoss")
    except MalformedDataError as error:
        return Unknown(str(error))


def parse_position_mode(rows: Iterable[Row]) -> PositionMode | None:
    """Read the mode from the legs' numbers; None where there is no row."""
    legs = {whole(row, "positionIdx") for row in rows}
    if legs & {1, 2}:
        return PositionMode.HEDGE
    return PositionMode.ONE_WAY if legs else None


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


def contradiction(account: Mapping[str, Any], positions: Sequence[Position], settles: Set[str]) -> str:
    """Say what the wallet shows that the list of positions lacks; '' where they agree.

    An empty list is no flat account while the wallet shows margin of positions or unrealised PnL. A list
    whose maintenance margin is well below what the wallet holds for positions is not the whole list; a
    quarter is allowed for, since one figure may count the fee to close and the two were not read in one
    instant.
    """
    coins = [row for row in account["coin"] if row.get("coin") in settles]
    if not positions:
        if known_nonzero(account, "totalPerpUPL"):
            return "the wallet shows unrealised PnL but the list of positions is empty"
        stated = any(isinstance(figure(row, key), Decimal) for row in coins for key in _POSITION_KEYS)
        used = any(known_nonzero(row, key) for row in coins for key in _POSITION_KEYS)
        if used or (not stated and known_nonzero(account, "totalMaintenanceMargin")):
            return "the wallet shows margin in use for positions but the list of positions is empty"
        return ""
    claimed = sum((_or_nothing(figure(row, "totalPositionMM")) for row in coins), Decimal(0))
    listed = Decimal(0)
    for position in positions:
        if isinstance(position.maintenance_margin, Unknown):
            return ""
        listed += position.maintenance_margin
    if listed < _WELL_UNDER * claimed:
        return (
            f"the list of positions is incomplete: its maintenance margin is {listed:f}, the wallet's"
            f" {claimed:f} (options are not read: hold them in another sub-account)"
        )
    return ""


def _or_nothing(value: Figure) -> Decimal:
    return Decimal(0) if isinstance(value, Unknown) else value


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
