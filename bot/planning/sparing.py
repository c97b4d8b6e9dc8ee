"""Which orders of others a plan may cancel, and which it spares although a rule names them. Pure."""

from bot.model import Refusal
from bot.planning.cancels import Cancel, wanted_cancels
from bot.planning.demands import refuse
from bot.planning.request import PlanRequest
from bot.planning.strangers import stranger_order


def may_cancel(request: PlanRequest) -> tuple[list[Cancel], list[Refusal]]:
    """Return the orders that may be cancelled, nearest to the market first, and why others are not."""
    wanted: list[Cancel] = []
    spared: list[Refusal] = []
    for cancel in wanted_cancels(request.demands, request.snapshot, request.own_order_prefix):
        why = stranger_order(cancel.order, request)
        if why is None:
            wanted.append(cancel)
        else:
            spared.append(refuse(cancel.demand, f"orders of {cancel.order.symbol}", why.code, why.reason))
    return wanted, spared
