"""What must hold before a step may be prepared, and before a prepared order may leave."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.execution import moves
from bot.execution.halts import halted
from bot.execution.intents import Intent, fold
from bot.execution.report import Held
from bot.execution.waiting import attempts, with_waiting
from bot.journal import Draft, Journal
from bot.model import CancelRequest, OrderRequest, Position, Step, StopRequest, position_key


class Barred(Struct, frozen=True):
    """A step that may not be prepared."""

    held: Held
    why: str


def open_intents(journal: Journal, account: str, waiting: Sequence[Draft] = ()) -> tuple[Intent, ...]:
    """Work out the open intents of an account, oldest first; `waiting` entries are not in the journal yet."""
    return with_waiting([fold(entries) for entries in journal.open_intents(account)], waiting)


def admit(journal: Journal, account: str, step: Step, waiting: Sequence[Draft] = ()) -> Step | Barred:
    """Let a step pass, or say why not; what waits for the journal counts like what is in it.

    Only orders and moves are held back by one that has not ended: a cancel or a stop that reaches the venue
    twice changes nothing, and protection must not wait. A stop may be asked for again at the same trigger,
    for example after somebody removed it: it gets a name of its own then.
    """
    name = step.request.client_order_id
    earlier = journal.attempts(name) + attempts(waiting, name)
    if isinstance(step.request, StopRequest):
        return _renamed(step, f"{name}.{earlier + 1}") if earlier else step
    halt = halt_in_force(journal, account)
    if halt is not None:
        return halt
    if earlier:
        return Barred(Held.ALREADY_PREPARED, f"intent {name} is in the journal and is never sent twice")
    if not isinstance(step.request, CancelRequest):
        holding = moves.waits_for(step.request, open_intents(journal, account, waiting))
        if holding is not None:
            return Barred(Held.UNKNOWN_OUTCOME, f"intent {holding.intent} there is {holding.state.value}")
    return step


def halt_in_force(journal: Journal, account: str) -> Barred | None:
    """Say who halted an account and why; None where nobody did."""
    order = halted(journal, account)
    if order is None:
        return None
    return Barred(Held.HALTED, f"halted by {order.who} at {order.at:%Y-%m-%d %H:%M:%S} UTC: {order.why}")


def _renamed(step: Step, name: str) -> Step:
    return replace(step, request=replace(step.request, client_order_id=name))


def room(request: OrderRequest, positions: Sequence[Position]) -> Decimal | str:
    """Contracts that may be sent now that the position was read again, or why none may."""
    key = position_key(request.symbol, request.position_side)
    for position in positions:
        if position.key == key:
            return min(request.contracts, position.contracts)
    if any(position.symbol == request.symbol for position in positions):
        return f"there is no {request.position_side.value} position any more, only one on the other side"
    return f"the {request.position_side.value} position is gone"


def taken(step: Step, positions: Sequence[Position]) -> str:
    """Say why an order may not open where it was meant to, now that the position was read again; '' for not.

    The leg must hold what it held when the order was planned, all of it the guard's. In one-way mode there is
    one leg, so a position on the other side is in the way as well.
    """
    request, held = step.request, step.hedge.held if step.hedge else Decimal(0)
    assert isinstance(request, OrderRequest)
    key = position_key(request.symbol, request.position_side)
    kept = sum((position.contracts for position in positions if position.key == key), Decimal(0))
    if kept != held:
        words = f"{request.symbol} {request.position_side.value} holds {kept:f} contracts now"
        return f"{words}, and {held:f} of them are the guard's own hedge"
    for position in positions:
        if position.key != key and position.position_index == 0:
            return f"{request.symbol} holds a {position.side.value} position of somebody else"
    return ""
