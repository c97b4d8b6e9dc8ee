"""Reads protective stops back from the venue. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from bot.journal.records import Protection
from bot.model import Cover, Market, Order, Position, Shelter, Snapshot, StopRequest, cover


def read_back(
    snapshot: Snapshot, wanted: Mapping[str, Decimal], refused: Mapping[str, str] | None = None
) -> tuple[Protection, ...]:
    """Tell of every position whether its stop rests, and where it was asked for.

    `wanted` maps position keys to triggers; a position without one is fine with any stop. `refused` says by
    key what the venue answered to the last stop where it refused it.
    """
    answers = refused or {}
    return tuple(
        _protection(position, snapshot, wanted.get(position.key), answers.get(position.key, ""))
        for position in snapshot.positions
    )


def _protection(position: Position, snapshot: Snapshot, wanted: Decimal | None, refused: str) -> Protection:
    found = cover(position, snapshot)
    shelter, note = Shelter.VERIFIED, ""
    if found.trouble:
        shelter = Shelter.UNPROTECTED if found.known else Shelter.UNKNOWN
        note = f"{found.trouble}; the venue refused the last one: {refused}" if refused else found.trouble
    elif wanted is not None and not rests_at(wanted, found, snapshot.markets.get(position.symbol)):
        shelter, note = Shelter.MISPLACED, f"the stop rests at {found.trigger}, not at {wanted}"
    return Protection(position.symbol, position.side.value, shelter, wanted, found.trigger, note)


def rests_at(trigger: Decimal, found: Cover, market: Market | None) -> bool:
    """Whether one of a position's stops closes the whole of it at a trigger, to the market's price step."""
    step = market.price_step if market else Decimal(0)
    return any(abs(resting - trigger) <= step for resting in found.triggers)


def profit_rests(request: StopRequest, snapshot: Snapshot) -> bool:
    """Whether the take profit that a stop was asked for with rests, to the price step; also where none
    was."""
    if request.take_profit is None:
        return True
    market = snapshot.markets.get(request.symbol)
    step = market.price_step if market else Decimal(0)
    return any(
        order.attached
        and not order.stop_loss
        and order.trigger_price is not None
        and abs(order.trigger_price - request.take_profit) <= step
        for order in snapshot.stops
        if order.symbol == request.symbol and order.position_index == request.position_index
    )


def orphan_stops(snapshot: Snapshot, own_prefix: str) -> tuple[Order, ...]:
    """Stops without their position: those that were attached to it, and the guard's own."""
    held = {(position.symbol, position.position_index) for position in snapshot.positions}
    return tuple(
        stop
        for stop in snapshot.stops
        if (stop.attached or stop.client_order_id.startswith(own_prefix))
        and (stop.symbol, stop.position_index) not in held
    )
