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

from msgspec import Struct
from msgspec.structs import replace

from bot.exchange.failures import MalformedDataError
from bot.exchange.values import Row, figure, known_nonzero, name, positive, required
from bot.exchange.venues.bybit_positions import leg_of
from bot.model import Figure, Unknown

ZERO, ONE = Decimal(0), Decimal(1)
PRICE_MOVE = Decimal("0.05")
CLOSE_FEE = Decimal("0.0012")
"""Twice the dearest taker fee, as a share of value."""
SMALL_CHANGE = Decimal(1)
"""Of money: what rounding of many rows may come to."""
WELL_UNDER = Decimal("0.75")
"""Margins that count differently (maintenance with and without fees, hedged legs) may be this far apart."""

_POSITION_KEYS = ("totalPositionIM", "totalPositionMM")
_OPTIONS = " (options are read only where a rule buys them: hold others in another sub-account)"

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


class Purse(Struct, frozen=True):
    """Positions that settle in the same coins, with what the wallet says of those coins: all in one unit."""

    coins: list[Row]
    legs: Legs
    unit: str = ""
    """The coin in which they settle; '' for stablecoins, which count as USD."""

    @property
    def inverse(self) -> bool:
        """Whether they are sized in USD and settled in a coin."""
        return bool(self.unit)

    @property
    def small(self) -> Decimal:
        """What rounding of many rows may come to."""
        return SMALL_CHANGE / (self._price or ONE) if self.inverse else SMALL_CHANGE

    @property
    def gross(self) -> Decimal:
        """Value of all positions whose value can be read."""
        return sum((value for row in self.legs.values() if (value := self.value(row)) is not None), ZERO)

    def value(self, row: Row) -> Decimal | None:
        """Value of one position; None where it cannot be read."""
        stated = positive(row, "positionValue")
        if isinstance(stated, Decimal):
            return stated
        price = _price(row)
        if price is None:
            return None
        return required(row, "size") / price if self.inverse else required(row, "size") * price

    @property
    def _price(self) -> Decimal | None:
        return next((price for row in self.legs.values() if (price := _price(row)) is not None), None)


def _price(row: Row) -> Decimal | None:
    prices = (positive(row, key) for key in ("markPrice", "avgPrice"))
    return next((price for price in prices if isinstance(price, Decimal)), None)


def settle_coin(venue_symbol: str) -> str:
    """Return the coin in which an inverse contract settles."""
    return venue_symbol.rpartition("USD")[0]


def purses(account: Mapping[str, Any], linear: Legs, inverse: Legs, settles: Set[str]) -> list[Purse]:
    """Sort positions by what they settle in: the stablecoins together, each other coin by itself."""
    found = [Purse([row for row in account["coin"] if row.get("coin") in settles], linear)]
    for coin in sorted({settle_coin(symbol) for symbol, _ in inverse} | _used_beside(account, settles)):
        own = {leg: row for leg, row in inverse.items() if settle_coin(leg[0]) == coin}
        found.append(Purse([row for row in account["coin"] if row.get("coin") == coin], own, coin))
    return found


def _used_beside(account: Mapping[str, Any], settles: Set[str]) -> frozenset[str]:
    rows = [row for row in account["coin"] if row.get("coin") not in settles]
    return frozenset(
        name(row, "coin") for row in rows if any(known_nonzero(row, key) for key in _POSITION_KEYS)
    )


def contradiction(
    account: Mapping[str, Any], linear: Legs, settles: Set[str], inverse: Legs | None = None
) -> str:
    """Say what the wallet and the lists of positions tell differently; '' where they agree.

    `inverse` is None where that category was not asked: then the wallet may show nothing of it.
    """
    found = purses(account, linear, inverse or {}, settles)
    if not linear and not inverse:
        return _empty(account, [row for purse in found for row in purse.coins])
    for purse in found:
        if not purse.legs:
            wrong = _unlisted(purse.coins)
        else:
            wrong = _margin_apart(purse) or _profit_apart(account, purse, alone=not inverse)
        if wrong:
            return wrong
    return ""


def _unlisted(coins: list[Row]) -> str:
    """Say that a coin's row shows positions of which the list has none."""
    for row in coins:
        if any(known_nonzero(row, key) for key in (*_POSITION_KEYS, "unrealisedPnl")):
            return f"the wallet shows positions settled in {row.get('coin')} but the list of them is empty"
    return ""


def _empty(account: Mapping[str, Any], coins: list[Row]) -> str:
    """An empty list is no flat account while the wallet shows margin of positions or unrealised PnL."""
    if known_nonzero(account, "totalPerpUPL"):
        return "the wallet shows unrealised PnL but the list of positions is empty"
    stated = any(isinstance(figure(row, key), Decimal) for row in coins for key in _POSITION_KEYS)
    used = any(known_nonzero(row, key) for row in coins for key in _POSITION_KEYS)
    if used or (not stated and known_nonzero(account, "totalMaintenanceMargin")):
        return "the wallet shows margin in use for positions but the list of positions is empty"
    return ""


def _margin_apart(purse: Purse) -> str:
    rows, coins = purse.legs.values(), purse.coins
    claimed, listed = _stated(coins, "totalPositionIM"), _margin(rows, "positionIM")
    if claimed is not None and isinstance(listed, Decimal):
        most = sum((_most_margin(row) for row in rows), ZERO)
        if claimed - most > _unseen(claimed, purse):
            return _incomplete("initial", most, claimed)
        least = sum((_least_margin(row) for row in rows), ZERO)
        if not _hedged(purse.legs) and claimed < WELL_UNDER * least - CLOSE_FEE * purse.gross:
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


def _profit_apart(account: Mapping[str, Any], purse: Purse, *, alone: bool) -> str:
    """Compare unrealised PnL, with the account's where the coins state none and that is of these alone."""
    rows, coins = purse.legs.values(), purse.coins
    listed, claimed = _total(rows, "unrealisedPnl"), _total(coins, "unrealisedPnl")
    if isinstance(claimed, Unknown) or not coins:
        claimed = figure(account, "totalPerpUPL") if alone else Unknown("the coins do not state it")
    valued = all(purse.value(row) is not None for row in rows)
    if isinstance(listed, Unknown) or isinstance(claimed, Unknown) or not valued:
        return ""
    if abs(claimed - listed) <= PRICE_MOVE * purse.gross + purse.small:
        return ""
    return (
        f"the list of positions is incomplete or old: its unrealised PnL is {listed:f}, the wallet's"
        f" {claimed:f}{_OPTIONS}"
    )


def in_doubt(
    account: Mapping[str, Any],
    linear: Legs,
    before: Legs,
    settles: Set[str],
    inverse: Legs | None = None,
    inverse_before: Legs | None = None,
) -> tuple[Leg, ...]:
    """Return the legs that were there before, and are gone, and too small for the wallet to tell whether."""
    now = {**linear, **(inverse or {})}
    if not now:
        return ()  # the wallet shows no margin in use either
    found: list[Leg] = []
    stand = {purse.unit: purse for purse in purses(account, linear, inverse or {}, settles)}
    for purse in purses(account, before, inverse_before or {}, settles):
        gone = [leg for leg in purse.legs if leg not in now]
        claimed = _stated(purse.coins, "totalPositionIM")
        unseen = None if claimed is None else _unseen(claimed, stand.get(purse.unit, replace(purse, legs={})))
        found += [leg for leg in gone if unseen is None or _maybe_below(purse.legs[leg], unseen)]
    return tuple(found)


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


def _unseen(claimed: Decimal, purse: Purse) -> Decimal:
    """Return the margin that could be missing without the wallet telling."""
    return PRICE_MOVE * claimed + CLOSE_FEE * purse.gross


def _maybe_below(row: Row, unseen: Decimal) -> bool:
    margin = figure(row, "positionIM")
    return isinstance(margin, Unknown) or margin <= 2 * unseen


def _most_margin(row: Row) -> Decimal:
    """Return what the wallet may count for a position: an isolated one holds what was added to it as well."""
    figures = (figure(row, "positionIM"), figure(row, "positionBalance"))
    return max(known for known in figures if isinstance(known, Decimal))


def _least_margin(row: Row) -> Decimal:
    """Return the least that the wallet counts for a position: of an isolated one perhaps what it was given.

    That does not grow with the mark, as its initial margin does.
    """
    figures = (figure(row, "positionIM"), figure(row, "positionBalance"))
    return min((known for known in figures if isinstance(known, Decimal) and known > 0), default=ZERO)


def _hedged(legs: Legs) -> bool:
    return len({symbol for symbol, _ in legs}) < len(legs)


def _stated(coins: list[Row], key: str) -> Decimal | None:
    """Return what the coins state together, None where no coin states it (portfolio margin)."""
    known = [value for row in coins if isinstance(value := figure(row, key), Decimal)]
    return sum(known, ZERO) if known else None


def _margin(rows: Iterable[Row], key: str) -> Figure:
    rows = tuple(rows)
    if any(isinstance(value := figure(row, key), Decimal) and value < 0 for row in rows):
        return Unknown(f"a {key} is below zero")
    return _total(rows, key)


def _total(rows: Iterable[Row], key: str) -> Figure:
    total = ZERO
    for row in rows:
        value = figure(row, key)
        if isinstance(value, Unknown):
            return value
        total += value
    return total
