"""One plan of all rules, or two where some of them ask their owner first. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from bot.model import Approval, Demand, Plan
from bot.planning.asking import Asked, asked_for, asks
from bot.planning.asking import waiting as waiting_for_owner
from bot.planning.hedged import plan_with_hedges
from bot.planning.options.rolling import rolled
from bot.planning.planner import wants_step
from bot.planning.request import PlanRequest
from bot.planning.resting import waiting


def plan_with(request: PlanRequest, approval: Approval | None) -> tuple[Plan, Asked | None]:
    """Return the plan of what may be sent now, and what must be asked for before it is.

    A rule that only tells or halts asks nobody. One that halts after it has traded waits with its halt: a
    halted account could not carry out what is approved.
    """
    asking = [demand for demand in request.demands if asks(demand, approval) and wants_step(demand)]
    whole = _plan_of(request, request.demands)
    if approval is None or not asking:
        return whole, None
    free = tuple(demand for demand in request.demands if demand not in asking)
    base = _plan_of(request, free, asking)
    asked = asked_for(whole.steps, base.steps, asking, approval)
    if asked is None:
        return whole, None
    return replace(base, refusals=base.refusals + waiting_for_owner(asking)), asked


def _plan_of(request: PlanRequest, demands: Sequence[Demand], asking: Sequence[Demand] = ()) -> Plan:
    beside = waiting(request, demands, asking)
    made = Plan(request.account, request.at, (), (), (), "")
    if beside.demands or request.hedges:
        own = replace(request, demands=beside.demands)
        made = rolled(own, plan_with_hedges(own))
    return beside.beside(made, request)
