"""Bybit v5: positions out of raw rows. Pure functions.

Field meanings: docs/v5/position. What cannot be read is unknown, one figure at a time; a row is an error only
where not even its symbol, side and size can be read.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.exchange.failures import MalformedDataError
from bot.exchange.parts import UNKNOWN_LEG, Contracts
from bot.exchange.values import Row, figure, moment, name, optional, positive, required, text, whole
from bot.model import Figure, MarginMode, Position, PositionMode, Side, Unknown

SIDES = {"Buy": Side.LONG, "Sell": Side.SHORT}

FURTHEST = Decimal(100)
"""A liquidation price further from mark than by this factor is no price, but a sentinel or a defect."""
STRAINED = Decimal("0.8")
"""Maintenance margin, as a share of what stands against it, from which mark may be about to pass the
liquidation price; below it a price on the wrong side of mark is nonsense."""


def parse_positions(
    rows: Iterable[Row],
    contracts: Contracts,
    margin_mode: MarginMode,
    at: datetime,
    account: Mapping[str, Any] | None = None,
    *,
    inverse: bool = False,
) -> tuple[Position, ...]:
    """Read open positions; flat rows are left out. A leg that came on two pages counts once.

    `account` is the wallet that was read with them: it tells whether liquidation can be near. Money of
    `inverse` positions is in coins at the venue, and in USD at mark price here.
    Raises MalformedDataError where symbol, side or size of a row cannot be read.
    """
    found: dict[tuple[str, int], Position] = {}
    for row in rows:
        size = required(row, "size")
        key = (name(row, "symbol"), leg_of(row))
        if size == 0:
            found.pop(key, None)
        else:
            found[key] = _position(row, size, contracts, margin_mode, at, account, inverse=inverse)
    return tuple(found.values())


def _position(
    row: Row,
    size: Decimal,
    contracts: Contracts,
    account_mode: MarginMode,
    at: datetime,
    account: Mapping[str, Any] | None,
    *,
    inverse: bool,
) -> Position:
    venue_symbol = name(row, "symbol")
    symbol, side = contracts.symbol_of(venue_symbol), SIDES.get(text(row, "side"))
    if side is None or size < 0:
        raise MalformedDataError(f"a position of {symbol} with side {row.get('side')!r} and size {size}")
    isolated = account_mode is MarginMode.ISOLATED or _says_isolated(row)
    mark = positive(row, "markPrice")

    def money(figure: Figure) -> Figure:
        return _in_usd(figure, mark) if inverse else figure

    return Position(
        symbol=symbol,
        side=side,
        contracts=size,
        contract_size=contracts.contract_size(venue_symbol),
        entry_price=positive(row, "avgPrice" if "avgPrice" in row else "entryPrice"),
        mark_price=mark,
        margin_mode=MarginMode.ISOLATED if isolated else MarginMode.CROSS,
        leverage=positive(row, "leverage"),
        position_index=leg_of(row),
        isolated_margin=money(figure(row, "positionBalance")) if isolated else None,
        unrealised_pnl=money(figure(row, "unrealisedPnl")),
        maintenance_margin=money(positive(row, "positionMM")),
        liquidation_price=_liquidation_price(row, side, mark, strained(row, account, isolated=isolated)),
        stop_price=_stop_price(row),
        updated_at=moment(row, "updatedTime", at),
        inverse=inverse,
    )


def _in_usd(coins: Figure, mark: Figure) -> Figure:
    if isinstance(coins, Unknown):
        return coins
    return mark if isinstance(mark, Unknown) else coins * mark


def leg_of(row: Row) -> int:
    """Read the leg; one that cannot be read is `UNKNOWN_LEG`."""
    try:
        return whole(row, "positionIdx")
    except MalformedDataError:
        return UNKNOWN_LEG


def _says_isolated(row: Row) -> bool:
    try:
        return whole(row, "tradeMode") == 1
    except MalformedDataError:
        return False  # unified accounts always say 0: the account's own mode counts


def _liquidation_price(row: Row, side: Side, mark: Figure, near: bool) -> Figure:
    """Read the venue's liquidation price; one that cannot be true is unknown: the recomputed counts."""
    price = positive(row, "liqPrice")
    if isinstance(price, Unknown) or isinstance(mark, Unknown):
        return price
    if price > FURTHEST * mark:
        return Unknown(f"the venue gave liqPrice {price:f} at a mark of {mark:f}, which cannot be")
    if (price - mark) * side.sign > 0 and not near:
        return Unknown(
            f"the venue gave liqPrice {price:f} for a {side.value} at a mark of {mark:f}, though its margins"
            " are far from liquidation"
        )
    return price


def strained(row: Row, account: Mapping[str, Any] | None, *, isolated: bool) -> bool:
    """Whether liquidation may be near by the margins; also where they do not tell."""
    if isolated:
        need, stands = positive(row, "positionMM"), figure(row, "positionBalance")
        profit = figure(row, "unrealisedPnl")
        if isinstance(stands, Decimal):
            stands = stands + profit if isinstance(profit, Decimal) else profit
    else:
        shared = account or {}
        need, stands = positive(shared, "totalMaintenanceMargin"), figure(shared, "totalMarginBalance")
    if isinstance(need, Unknown) or isinstance(stands, Unknown):
        return True
    return need >= STRAINED * stands


def _stop_price(row: Row) -> Figure | None:
    try:
        return optional(row, "stopLoss")
    except MalformedDataError as error:
        return Unknown(str(error))


def parse_position_mode(rows: Iterable[Row]) -> PositionMode | None:
    """Read the mode from the legs' numbers; None where there is no row that tells."""
    legs = {leg_of(row) for row in rows} - {UNKNOWN_LEG}
    if legs & {1, 2}:
        return PositionMode.HEDGE
    return PositionMode.ONE_WAY if legs else None
