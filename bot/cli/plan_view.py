"""Words for the parts of a plan."""

from bot.cli.move_text import move_text
from bot.cli.output import bound, level, measured, size
from bot.model import (
    CancelRequest,
    ConvertRequest,
    LeverageRequest,
    LimitProof,
    MarginRequest,
    Number,
    OrderRequest,
    Refusal,
    Request,
    Sense,
    StopRequest,
    TransferRequest,
    Unknown,
)
from bot.risk.catalogue import definition_of


def order_text(request: Request) -> str:
    """Say what a request asks the venue for, shortly."""
    match request:
        case OrderRequest():
            at = "at market" if request.price is None else f"at {level(request.price)} or better"
            return f"{request.side.value} {size(request.contracts)} {request.symbol} {at}"
        case StopRequest():
            side = request.position_side.value
            return f"stop for {request.symbol} {side} at mark {level(request.trigger_price)}"
        case CancelRequest():
            return f"cancel order {request.order_id} on {request.symbol}"
        case MarginRequest() | LeverageRequest() | TransferRequest() | ConvertRequest():
            return move_text(request)


def proof_text(proof: LimitProof) -> str:
    """Say what a plan does to one limit, by the independent recomputation."""
    unit = definition_of(proof.metric).unit.value
    before, after = value_text(proof.metric, proof.before), value_text(proof.metric, proof.after)
    sign = ">" if proof.sense == Sense.MAX.value else "<"
    met = "met" if proof.met else "not met yet"
    at = " at expected prices" if proof.expected else ""
    return (
        f"{proof.metric} {before} -> {after}{at} "
        f"(fires {sign} {bound(unit, proof.limit)}, goal {bound(unit, proof.goal)}: {met})"
    )


def refusal_text(refusal: Refusal) -> str:
    """Say what is not done, and why."""
    return f"refused: {refusal.rule or 'protection'}, {refusal.item}: {refusal.reason}"


def value_text(metric: str, value: Number) -> str:
    """Write a metric's value in its unit, or why it is unknown."""
    if isinstance(value, Unknown):
        return f"unknown ({value.reason})"
    return measured(definition_of(metric).unit.value, value)
