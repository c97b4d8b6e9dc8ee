"""What orders changed, seen on a fresh snapshot. Pure."""

from decimal import Decimal

from bot.execution.report import ExecutionReport, StepResult
from bot.journal.records import IntentState, Verification
from bot.model import OrderRequest, Snapshot, Style, position_key


def verifications(
    report: ExecutionReport, before: Snapshot, after: Snapshot
) -> tuple[tuple[StepResult, Verification], ...]:
    """Compare positions before and after the orders of a report that were sent, but for those that rest."""
    return tuple(
        (result, _verification(result, result.step.request, before, after))
        for result in report.results
        if result.sent and isinstance(result.step.request, OrderRequest) and not _rests(result)
    )


def _rests(result: StepResult) -> bool:
    request = result.step.request
    passive = isinstance(request, OrderRequest) and request.style is Style.PASSIVE
    return passive and result.state is IntentState.ACCEPTED


def _verification(
    result: StepResult, request: OrderRequest, before: Snapshot, after: Snapshot
) -> Verification:
    key = position_key(request.symbol, request.position_side)
    was, now = _contracts(before, key), _contracts(after, key)
    moved = (now - was) * request.change
    note = ""
    if moved != result.executed:
        verb = "grew" if request.opens else "fell"
        note = f"the position {verb} by {moved}, the order executed {result.executed}"
    return Verification(
        symbol=request.symbol,
        side=request.position_side.value,
        planned=request.contracts,
        executed=result.executed,
        before=was,
        after=now,
        agrees=not note,
        note=note,
    )


def _contracts(snapshot: Snapshot, key: str) -> Decimal:
    position = snapshot.position(key)
    return position.contracts if position else Decimal(0)
