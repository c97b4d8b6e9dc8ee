"""Whether a position is protected: which stops rest for it, and how much of it they would close. Pure.

This is the one reading of it. A stop counts where it closes, cannot open, fills as a market order and stands
on the losing side of mark: the position's own stop loss, for the whole of it, or a reduce-only order of its
own size. The list of conditional orders goes before the position's own field, because it tells what triggers
a stop and how large it is. A stop loss of the field that the list does not hold is believed.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.model.account import Order, OrderSide, Position, Side, Snapshot
from bot.model.unknown import Figure, Unknown


class Shelter(StrEnum):
    """Whether a position's stop rests at the venue."""

    VERIFIED = "verified"
    MISPLACED = "misplaced"
    """A stop rests, but not where it was asked for."""
    UNPROTECTED = "unprotected"
    UNKNOWN = "unknown"


class Cover(Struct, frozen=True):
    """What the stops of a position do for it."""

    trigger: Decimal | None
    """Where the whole of it is closed, coming from mark; None where it never is."""
    triggers: tuple[Decimal, ...] = ()
    """Triggers of the stops that close the whole of it alone, nearest to mark first."""
    trouble: str = ""
    """Why it is not protected; '' where it is."""
    known: bool = True
    """Whether it is certain that it is not protected."""


def cover(
    position: Position, snapshot: Snapshot, *, mark: Decimal | None = None, by_mark: bool = False
) -> Cover:
    """Say what the resting stops of a position cover; `by_mark` leaves out those with another trigger.

    `mark` is the price that says which side loses; without it, the snapshot's own.
    """
    if not position.contracts.is_finite():
        return Cover(None, trouble=f"its size came as {position.contracts}", known=False)
    price = mark or _mark(position, snapshot)
    listed = _listed(position, snapshot)
    stops: list[tuple[Decimal, Decimal]] = []
    flaws: list[str] = []
    for order in listed:
        if order.trigger_price is None or (by_mark and order.trigger_by != "mark"):
            continue
        flaw = _flaw(order, position, price)
        if flaw is None:
            size = position.contracts if order.attached else order.remaining
            stops.append((order.trigger_price, size))
        elif flaw:
            flaws.append(flaw)
    own = position.stop_price
    if isinstance(own, Decimal) and _is_price(own) and not any(order.stop_loss for order in listed):
        wrong = _wrong_side(own, position, price)
        stops += [] if wrong else [(own, position.contracts)]
        flaws += [wrong] if wrong else []
    return _summed(position, stops, flaws, price)


def unprotected(snapshot: Snapshot) -> dict[str, str]:
    """Return the positions that are not known to be protected, by key, and why."""
    covers = {position.key: cover(position, snapshot) for position in snapshot.positions}
    return {key: found.trouble for key, found in covers.items() if found.trouble}


def attached_stop(position: Position, snapshot: Snapshot) -> Order | None:
    """Return the position's own stop loss as the list of conditional orders shows it."""
    for order in _listed(position, snapshot):
        if order.attached and order.stop_loss and order.trigger_price:
            return order
    return None


def _summed(
    position: Position, stops: list[tuple[Decimal, Decimal]], flaws: list[str], mark: Decimal | None
) -> Cover:
    """Add up what is closed from mark outwards."""
    stops.sort(key=lambda stop: -stop[0] * position.side.sign)
    closed = Decimal(0)
    trigger = None
    for level, size in stops:
        closed += size
        if closed >= position.contracts:
            trigger = level
            break
    if trigger is not None and mark is None:
        return Cover(None, trouble=f"a stop rests at {trigger:f}, but no mark tells its side", known=False)
    if trigger is not None:
        return Cover(trigger, tuple(level for level, size in stops if size >= position.contracts))
    if stops:
        rests = f"a stop rests at {stops[0][0]:f}, but covers {closed.normalize():f} of "
        return Cover(None, trouble=f"{rests}{position.contracts.normalize():f}")
    if isinstance(position.stop_price, Unknown):
        return Cover(None, trouble=position.stop_price.reason, known=False)
    return Cover(None, trouble=flaws[0] if flaws else "no stop rests at the venue")


def _flaw(order: Order, position: Position, mark: Decimal | None) -> str | None:
    """Say why an order that would close a position is no stop of it; '' for one that is not meant as one."""
    assert order.trigger_price is not None
    if order.attached and not order.stop_loss:
        return ""
    wrong = _wrong_side(order.trigger_price, position, mark)
    if wrong:
        return wrong if order.stop_loss else ""
    if not (order.attached or order.reduce_only):
        return f"the stop at {order.trigger_price:f} is not reduce-only"
    if order.price is not None:
        return f"the stop at {order.trigger_price:f} is a limit order, which may stay unfilled"
    return None


def _wrong_side(trigger: Decimal, position: Position, mark: Decimal | None) -> str:
    if mark is None or (mark - trigger) * position.side.sign > 0:
        return ""
    return f"the stop at {trigger:f} is on the wrong side of mark {mark:f}"


def _mark(position: Position, snapshot: Snapshot) -> Decimal | None:
    prices = snapshot.marks.get(position.symbol)
    found: tuple[Figure | None, ...] = (prices.mark if prices else None, position.mark_price)
    return next((price for price in found if isinstance(price, Decimal) and _is_price(price)), None)


def _is_price(price: Decimal) -> bool:
    return price.is_finite() and price > 0


def _listed(position: Position, snapshot: Snapshot) -> list[Order]:
    closing = OrderSide.SELL if position.side is Side.LONG else OrderSide.BUY
    return [
        order
        for order in snapshot.stops
        if order.symbol == position.symbol
        and order.side is closing
        and order.position_index == position.position_index
    ]
