"""Builders for the tests of execution."""

from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from bot.execution import Intent, fold
from bot.journal import Journal
from bot.journal.records import Kind
from bot.model import (
    CancelRequest,
    Order,
    OrderKind,
    OrderRequest,
    OrderSide,
    Plan,
    Request,
    Side,
    Step,
    StepKind,
    StopRequest,
    Style,
    position_key,
)
from tests.execution.fake_gateway import BTC, START

EPISODE = "leverage-cap.main.20251121T073000Z"
LONG = position_key(BTC, Side.LONG)


def trim(
    name: str = "reef1", contracts: str = "0.5", *, symbol: str = BTC, side: Side = Side.LONG, number: int = 0
) -> Step:
    """A trim of a position."""
    request = OrderRequest(
        client_order_id=name,
        symbol=symbol,
        side=OrderSide.SELL if side is Side.LONG else OrderSide.BUY,
        position_side=side,
        position_index=0,
        contracts=Decimal(contracts),
        style=Style.IOC,
        price=Decimal(89500),
    )
    return step(StepKind.TRIM, request, number=number)


def passive(name: str = "reef1", contracts: str = "0.5") -> Step:
    """A trim that only rests."""
    made = trim(name, contracts).request
    assert isinstance(made, OrderRequest)
    return step(StepKind.TRIM, replace(made, style=Style.PASSIVE, price=Decimal(90010)))


def stop(name: str = "reefstop", trigger: str = "85000", *, symbol: str = BTC) -> Step:
    """A protective stop."""
    return step(StepKind.PROTECT, StopRequest(name, symbol, Side.LONG, 0, Decimal(trigger)))


def cancel(name: str = "reefcancel", order_id: str = "o1", *, symbol: str = BTC) -> Step:
    """Cancelling somebody's order."""
    return step(StepKind.CANCEL, CancelRequest(name, symbol, order_id, conditional=False))


def step(kind: StepKind, request: Request, *, number: int = 0) -> Step:
    """A step around a request."""
    return Step(kind, "leverage cap", EPISODE, number, request, 45000.0, 25.0, "leverage 6.2 over 5")


def plan(*steps: Step, halt: str = "", at: datetime = START, halt_episodes: tuple[str, ...] = ()) -> Plan:
    """A plan of steps."""
    return Plan("main", at, steps, (), (), halt, halt_episodes)


def order(
    order_id: str = "o1", *, client_order_id: str = "", attached: bool = False, symbol: str = BTC
) -> Order:
    """A resting order."""
    return Order(
        order_id=order_id,
        client_order_id=client_order_id,
        symbol=symbol,
        side=OrderSide.SELL if attached else OrderSide.BUY,
        kind=OrderKind.STOP if attached else OrderKind.LIMIT,
        price=None if attached else Decimal(88000),
        trigger_price=Decimal(85000) if attached else None,
        trigger_by="mark" if attached else "",
        contracts=Decimal(1),
        filled=Decimal(0),
        reduce_only=attached,
        attached=attached,
        position_index=0,
        created_at=START,
        stop_loss=attached,
    )


def intents(journal: Journal) -> dict[str, Intent]:
    """Every intent of a journal, folded."""
    names = [entry.intent for entry in journal.entries(kind=Kind.PREPARED, limit=100_000)]
    return {name: fold(journal.entries(intent=name, limit=100_000)) for name in names}
