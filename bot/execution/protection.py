"""Reads protective stops back from the venue. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from bot.execution.evidence import resting_stop
from bot.journal.records import Protection, Shelter
from bot.model import Order, Position, Snapshot, Unknown


def read_back(snapshot: Snapshot, wanted: Mapping[str, Decimal]) -> tuple[Protection, ...]:
    """Tell of every position whether its stop rests, and where it was asked for.

    `wanted` maps position keys to triggers; a position without one is fine with any stop.
    """
    return tuple(_protection(position, snapshot, wanted.get(position.key)) for position in snapshot.positions)


def _protection(position: Position, snapshot: Snapshot, wanted: Decimal | None) -> Protection:
    found = resting_stop(position, snapshot)
    shelter, note = Shelter.VERIFIED, ""
    if found is None and isinstance(position.stop_price, Unknown):
        shelter, note = Shelter.UNKNOWN, position.stop_price.reason
    elif found is None:
        shelter, note = Shelter.UNPROTECTED, "no stop rests at the venue"
    elif wanted is not None and abs(found - wanted) > _price_step(snapshot, position.symbol):
        shelter, note = Shelter.MISPLACED, f"the stop rests at {found}, not at {wanted}"
    return Protection(position.symbol, position.side.value, shelter, wanted, found, note)


def _price_step(snapshot: Snapshot, symbol: str) -> Decimal:
    market = snapshot.markets.get(symbol)
    return market.price_step if market else Decimal(0)


def unprotected(snapshot: Snapshot) -> tuple[str, ...]:
    """Keys of positions of which no stop is known to rest."""
    return tuple(position.key for position in snapshot.positions if resting_stop(position, snapshot) is None)


def orphan_stops(snapshot: Snapshot, own_prefix: str) -> tuple[Order, ...]:
    """Stops without their position: those that were attached to it, and the guard's own."""
    held = {(position.symbol, position.position_index) for position in snapshot.positions}
    return tuple(
        stop
        for stop in snapshot.stops
        if (stop.attached or stop.client_order_id.startswith(own_prefix))
        and (stop.symbol, stop.position_index) not in held
    )
