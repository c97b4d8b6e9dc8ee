"""Cancels as steps of a plan: what adds risk, and what of the guard's own is in the way of a trim."""

from collections.abc import Sequence

from bot.model import Refusal, Step, StepKind
from bot.planning.cancels import MOST, Batch, Cancel, batch_of, cancel_request
from bot.planning.caps import Allowance, Draft
from bot.planning.crowding import own_in_the_way
from bot.planning.demands import refuse
from bot.planning.numbering import Numbering
from bot.planning.request import PlanRequest


def cancels(
    request: PlanRequest, wanted: Sequence[Cancel], trimmed: set[str], allowance: Allowance
) -> tuple[Batch, list[Refusal]]:
    """Choose what is cancelled in this cycle, and say what waits."""
    if not wanted:
        return Batch((), (), ()), []
    refusals: list[Refusal] = []
    free: list[Cancel] = []
    for cancel in wanted:
        symbol = cancel.order.symbol
        if symbol not in request.blocked_symbols:
            free.append(cancel)
            continue
        reason = f"the outcome of an earlier request on {symbol} is unknown"
        refusals.append(refuse(cancel.demand, f"orders of {symbol}", "unknown_outcome", reason))
    batch = batch_of(free, trimmed)
    for demand in batch.waiting:
        reason = f"further orders wait for the next cycle: {MOST} are cancelled in one, nearest to mark first"
        refusals.append(refuse(demand, demand.target.text, "cancels_wait", reason))
    spent = f"cancels may use half of the {request.caps.actions_per_hour} actions an hour, and it is used up"
    parts: list[tuple[Cancel, ...]] = []
    for part in (batch.first, batch.then):
        kept = tuple(one for one in part if allowance.cancel())
        parts.append(kept)
        refusals.extend(
            refuse(one.demand, one.demand.target.text, "cap_actions", spent) for one in part[len(kept) :]
        )
    return Batch(parts[0], parts[1], batch.waiting), refusals


def clearing(
    request: PlanRequest, drafts: Sequence[Draft], numbering: Numbering, allowance: Allowance
) -> list[Step]:
    """Cancel the guard's own orders that hold a position which is about to be trimmed."""
    steps: list[Step] = []
    for draft in drafts:
        for order in own_in_the_way(draft.position, request):
            if not allowance.cancel():
                return steps
            number = numbering.next(draft.episode)
            identity = numbering.identity(draft.rule, draft.target, draft.episode, number)
            asked = cancel_request(order, identity, request.snapshot)
            reason = f"the guard's own order of {order.remaining} contracts holds {draft.key}"
            steps.append(Step(StepKind.CANCEL, draft.rule, draft.episode, number, asked, 0.0, 0.0, reason))
    return steps


def cancel_step(cancel: Cancel, request: PlanRequest, numbering: Numbering) -> Step:
    """Return the step that cancels one order."""
    demand, order = cancel.demand, cancel.order
    number = numbering.next(demand.episode)
    identity = numbering.identity(demand.rule, demand.target.text, demand.episode, number)
    asked = cancel_request(order, identity, request.snapshot)
    reason = f"{order.side.value} order of {order.remaining} contracts would add risk"
    return Step(StepKind.CANCEL, demand.rule, demand.episode, number, asked, 0.0, 0.0, reason)
