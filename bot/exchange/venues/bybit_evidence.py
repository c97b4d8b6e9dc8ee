"""Bybit v5: whether wallet and list of positions tell of the same account. Pure functions.

A list can be empty, cut short or old without saying so. The wallet is the second source: it is kept apart
from the list and sums up the same positions. Two answers are never of one instant, so differences are
allowed for: prices that moved by `PRICE_MOVE` between them (more than a whole day moves them as a rule, while
the answers are a fraction of a second apart), and the fee to close, which the wallet's margin may count and a
row's may not (docs/v5/account/wallet-balance: initial margin of all positions, and the liquidation fee). What
is smaller than that the wallet cannot tell: a position that was there, and is not any more, is then asked for
by name.
"""

from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from typing import Any

from bot.exchange.failures import MalformedDataError
from bot.exchange.values import Row, figure, known_nonzero, name, positive, required
from bot.exchange.venues.bybit_positions import leg_of
from bot.model import Figure, Unknown

PRICE_MOVE = Decimal("0.05")
CLOSE_FEE = Decimal("0.0012")
"""Twice the dearest taker fee, as a share of value."""
SMALL_CHANGE = Decimal(1)
"""Of money: what rounding of many rows may come to."""
WELL_UNDER = Decimal("0.75")
"""Margins that count differently (maintenance with and without fees, hedged legs) may be this far apart."""

_POSITION_KEYS = ("totalPositionIM", "totalPositionMM")
_OPTIONS = " (options are not read: hold them in another sub-account)"

Leg = tuple[str, int]
"""Venue symbol and leg of a position."""

Legs = Mapping[Leg, Row]


def open_legs(rows: Iterable[Row]) -> Legs:
    """Return the rows of open positions; of a leg that came twice the last row. Raises MalformedDataError."""
    found: dict[Leg, Row] = {}
    for row in rows:
        leg, size = (name(row, "symbol"), leg_of(row)), required(row, "size")
        if size < 0:
            raise MalformedDataError(f"a position of {leg[0]} with size {size}")
        if size == 0:
            found.pop(leg, None)
        else:
            found[leg] = row
    return found


def contradiction(account: Mapping[str, Any], legs: Legs, settles: Set[str]) -> str:
    """Say what the wallet and the list of positions tell differently; '' where they agree."""
    coins = [row for row in account["coin"] if row.get("coin") in settles]
    if not legs:
        return _empty(account, coins)
    return _margin_apart(coins, legs) or _profit_apart(account, coins, legs)


def _empty(account: Mapping[str, Any], coins: list[Row]) -> str:
    """An empty list is no flat account while the wallet shows margin of positions or unrealised PnL."""
    if known_nonzero(account, "totalPerpUPL"):
        return "the wallet shows unrealised PnL but the list of positions is empty"
    stated = any(isinstance(figure(row, key), Decimal) for row in coins for key in _POSITION_KEYS)
    used = any(known_nonzero(row, key) for row in coins for key in _POSITION_KEYS)
    if used or (not stated and known_nonzero(account, "totalMaintenanceMargin")):
        return "the wallet shows margin in use for positions but the list of positions is empty"
    return ""


def _margin_apart(coins: list[Row], legs: Legs) -> str:
    rows = legs.values()
    claimed, listed = _stated(coins, "totalPositionIM"), _margin(rows, "positionIM")
    if claimed is not None and isinstance(listed, Decimal):
        most = sum((_most_margin(row) for row in rows), Decimal(0))
        if claimed - most > _unseen(claimed, legs):
            return _incomplete("initial", most, claimed)
        least = sum((_least_margin(row) for row in rows), Decimal(0))
        if not _hedged(legs) and claimed < WELL_UNDER * least - CLOSE_FEE * gross_value(legs):
            return (
                f"the list of positions shows more than the account holds: its initial margin is {least:f},"
                f" the wallet's {claimed:f}"
            )
    claimed, listed = _stated(coins, "totalPositionMM"), _margin(rows, "positionMM")
    if claimed is not None and isinstance(listed, Decimal) and listed < WELL_UNDER * claimed:
        return _incomplete("maintenance", listed, claimed)
    return ""


def _incomplete(what: str, listed: Decimal, claimed: Decimal) -> str:
    return (
        f"the list of positions is incomplete: its {what} margin is {listed:f}, the wallet's"
        f" {claimed:f}{_OPTIONS}"
    )


def _profit_apart(account: Mapping[str, Any], coins: list[Row], legs: Legs) -> str:
    listed, claimed = _total(legs.values(), "unrealisedPnl"), _total(coins, "unrealisedPnl")
    if isinstance(claimed, Unknown) or not coins:
        claimed = figure(account, "totalPerpUPL")
    valued = all(_value(row) is not None for row in legs.values())
    if isinstance(listed, Unknown) or isinstance(claimed, Unknown) or not valued:
        return ""
    if abs(claimed - listed) <= PRICE_MOVE * gross_value(legs) + SMALL_CHANGE:
        return ""
    return (
        f"the list of positions is incomplete or old: its unrealised PnL is {listed:f}, the wallet's"
        f" {claimed:f}{_OPTIONS}"
    )


def in_doubt(account: Mapping[str, Any], legs: Legs, before: Legs, settles: Set[str]) -> tuple[Leg, ...]:
    """Return the legs of `before` that are gone and too small for the wallet to tell whether they are."""
    coins = [row for row in account["coin"] if row.get("coin") in settles]
    if not legs:
        return ()  # the wallet shows no margin in use either
    claimed = _stated(coins, "totalPositionIM")
    unseen = None if claimed is None else _unseen(claimed, legs)
    gone = [leg for leg in before if leg not in legs]
    return tuple(leg for leg in gone if unseen is None or _maybe_below(before[leg], unseen))


def older_row(legs: Legs, before: Legs) -> str:
    """Say which row is older than the one that was seen before, by the venue's sequence; '' where none."""
    for leg, row in legs.items():
        earlier = before.get(leg)
        if earlier is not None and _precedes(row, earlier, "seq") and _precedes(row, earlier, "updatedTime"):
            return f"the position of {leg[0]} is shown as it was before: sequence {row['seq']}"
    return ""


def _precedes(row: Row, earlier: Row, key: str) -> bool:
    now, then = figure(row, key), figure(earlier, key)
    return isinstance(now, Decimal) and isinstance(then, Decimal) and now < then


def _unseen(claimed: Decimal, legs: Legs) -> Decimal:
    """Return the margin that could be missing without the wallet telling."""
    return PRICE_MOVE * claimed + CLOSE_FEE * gross_value(legs)


def _maybe_below(row: Row, unseen: Decimal) -> bool:
    margin = figure(row, "positionIM")
    return isinstance(margin, Unknown) or margin <= 2 * unseen


def gross_value(legs: Legs) -> Decimal:
    """Return the value of all positions whose value can be read."""
    return sum((value for row in legs.values() if (value := _value(row)) is not None), Decimal(0))


def _value(row: Row) -> Decimal | None:
    stated = positive(row, "positionValue")
    if isinstance(stated, Decimal):
        return stated
    for key in ("markPrice", "avgPrice"):
        price = positive(row, key)
        if isinstance(price, Decimal):
            return required(row, "size") * price
    return None


def _most_margin(row: Row) -> Decimal:
    """Return what the wallet may count for a position: an isolated one holds what was added to it as well."""
    figures = (figure(row, "positionIM"), figure(row, "positionBalance"))
    return max(known for known in figures if isinstance(known, Decimal))


def _least_margin(row: Row) -> Decimal:
    """Return the least that the wallet counts for a position: of an isolated one perhaps what it was given.

    That does not grow with the mark, as its initial margin does.
    """
    figures = (figure(row, "positionIM"), figure(row, "positionBalance"))
    return min((known for known in figures if isinstance(known, Decimal) and known > 0), default=Decimal(0))


def _hedged(legs: Legs) -> bool:
    return len({symbol for symbol, _ in legs}) < len(legs)


def _stated(coins: list[Row], key: str) -> Decimal | None:
    """Return what the coins state together, None where no coin states it (portfolio margin)."""
    known = [value for row in coins if isinstance(value := figure(row, key), Decimal)]
    return sum(known, Decimal(0)) if known else None


def _margin(rows: Iterable[Row], key: str) -> Figure:
    rows = tuple(rows)
    if any(isinstance(value := figure(row, key), Decimal) and value < 0 for row in rows):
        return Unknown(f"a {key} is below zero")
    return _total(rows, key)


def _total(rows: Iterable[Row], key: str) -> Figure:
    total = Decimal(0)
    for row in rows:
        value = figure(row, key)
        if isinstance(value, Unknown):
            return value
        total += value
    return total
