"""What margin may at least be counted on where some positions, or coins, of the account could not be read.

The venue's account figures hold those positions too: its margin balance with their profit, its maintenance
margin with theirs. Their maintenance margin is kept as it is, and beside it a reserve is set aside for what
they may lose: `RESERVE_SHARE` of their notional, and for isolated margin at least that margin, which is
inside the account's balance. A reserve never takes more than `MOST_OF_ROOM` of what is left above maintenance
margin, so that a large unreadable position does not leave the others without a level.
"""

from collections.abc import Mapping, Sequence

from bot.model import MarginMode, Number, Position, Snapshot, Unknown
from bot.risk.figures import number_of, price_of
from bot.risk.portfolio import Holding
from bot.risk.terms import VenueTerms

RESERVE_SHARE = 0.2
"""Adverse move allowed for a position that cannot be read, as a fraction of its notional."""

MOST_OF_ROOM = 0.5
"""Largest share of the room above maintenance margin that reserves may take."""

_NOTIONAL_PER_MAINTENANCE = 200.0
"""Notional for each USD of maintenance margin where no price is known: at a rate of 0.5 %, which is low."""


def margin_floor(
    snapshot: Snapshot,
    holdings: Sequence[Holding],
    missing: Mapping[str, str],
    terms: VenueTerms,
    *,
    unpriced: bool = False,
) -> Number:
    """Return a lower bound in USD of cross margin above the maintenance margin of `missing`.

    It takes the place of margin balance less the account's maintenance excess. Unknown where the venue's
    margin balance is, or where nothing tells how large a position of `missing` is. `unpriced` says that some
    coin of the wallet has no known worth: it falls by nobody knows how much, and takes the largest reserve.
    """
    balance = number_of(snapshot.balance.margin_balance, f"the margin balance of {snapshot.account}")
    if isinstance(balance, Unknown):
        return balance
    lost = [position for position in snapshot.positions if position.key in missing]
    counted = 0.0
    for holding in holdings:
        if terms.balance_includes_isolated:
            balance -= holding.isolated_equity or 0.0
        if holding.isolated_equity is None or terms.balance_includes_isolated:
            counted += holding.maintenance
    kept = _maintenance_of(snapshot, lost, counted)
    if isinstance(kept, Unknown):
        return kept
    reserve = 0.0
    for position in lost:
        if position.margin_mode is MarginMode.ISOLATED and not terms.balance_includes_isolated:
            continue
        part = _reserve_of(snapshot, position, kept)
        if isinstance(part, Unknown):
            return part
        reserve += part
    cross = sum(holding.maintenance for holding in holdings if holding.isolated_equity is None)
    room = balance - kept - cross
    most = MOST_OF_ROOM * max(room, 0.0)
    return balance - kept - (most if unpriced else min(reserve, most))


def _maintenance_of(snapshot: Snapshot, lost: Sequence[Position], counted: float) -> Number:
    """Maintenance margin of the positions that could not be read: the worse of the two ways to know it."""
    account = number_of(snapshot.balance.maintenance_margin, "the account's maintenance margin")
    own = [number_of(position.maintenance_margin, f"that of {position.key}") for position in lost]
    total = sum(part for part in own if not isinstance(part, Unknown))
    if not isinstance(account, Unknown):
        return max(account - counted, total)
    for part in own:
        if isinstance(part, Unknown):
            return Unknown(f"neither the account's maintenance margin is known nor {part.reason}")
    return total


def _reserve_of(snapshot: Snapshot, position: Position, kept: float) -> Number:
    """What a position that could not be read may take out of the balance, in USD."""
    notional = _notional_of(snapshot, position, kept)
    if isinstance(notional, Unknown) or position.margin_mode is not MarginMode.ISOLATED:
        return notional if isinstance(notional, Unknown) else RESERVE_SHARE * notional
    leverage = number_of(position.leverage, "leverage")
    held = notional if isinstance(leverage, Unknown) else notional / max(leverage, 1.0)
    return max(RESERVE_SHARE * notional, held)


def _notional_of(snapshot: Snapshot, position: Position, kept: float) -> Number:
    """Notional in USD by the best price there is, else from maintenance margin."""
    size = position.contracts * position.contract_size
    if size.is_finite() and size > 0:
        if position.inverse:
            return float(size)
        mark = snapshot.marks.get(position.symbol)
        for figure in (*(() if mark is None else (mark.mark,)), position.mark_price, position.entry_price):
            price = price_of(figure, "price")
            if not isinstance(price, Unknown):
                return float(size) * price
    own = number_of(position.maintenance_margin, "maintenance margin")
    known = kept if isinstance(own, Unknown) else own
    if known > 0.0:
        return known * _NOTIONAL_PER_MAINTENANCE
    return Unknown(f"nothing tells how large {position.key} is")
