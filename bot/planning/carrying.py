"""Margin and trims together: the margin that belongs to the cheapest plan, and the trims beside it.

Where fewer limits are met so than by all the margin that rules permit and trims for the rest, that is done.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Demand, Reasoning
from bot.planning.caps import Allowance
from bot.planning.known import Known
from bot.planning.moving import Moving, begin
from bot.planning.programme.choice import Chosen, choose
from bot.planning.programme.loop import Settled, settle_cheapest
from bot.planning.request import PlanRequest


class Carried(Struct, frozen=True):
    """What is moved and what is trimmed."""

    moving: Moving
    demands: tuple[Demand, ...]
    """Those that trims had to answer."""
    settled: Settled
    allowance: Allowance
    """What the caps leave after the margin."""
    reasoning: Reasoning | None

    @property
    def met(self) -> int:
        """How many limits are at their goals after it."""
        return len(self.moving.lifted.answered) + len(self.settled.attempt.met)


def carry(
    request: PlanRequest,
    demands: Sequence[Demand],
    known: Known,
    allowance: Allowance,
    chosen: Chosen | None,
) -> Carried:
    """Add margin and settle the trims; `demands` are those that permit trades."""
    if not demands or not all(Action.TRIM in demand.permits for demand in demands):
        chosen = None if chosen is None else replace(chosen, margin=None)
    elif chosen is None:
        chosen = choose(request, allowance, known.quotes)
    moving, left = _begun(request, known, allowance, chosen)
    first = _carried(moving, demands, known, left, chosen)
    if chosen is None or not chosen.margin or not first.demands:
        return first
    if len(first.settled.attempt.met) == len(first.demands):
        return first
    whole, left = _begun(request, known, allowance, None)
    if whole.lifted.additions == moving.lifted.additions:
        return first
    other = _carried(whole, demands, known, left, None)
    return other if other.met > first.met else first


def _begun(
    request: PlanRequest, known: Known, allowance: Allowance, chosen: Chosen | None
) -> tuple[Moving, Allowance]:
    """Add the margin that was chosen, or all that may be; and what the caps leave after it."""
    left = allowance.copy()
    return begin(request, known, left, None if chosen is None else chosen.margin), left


def _carried(
    moving: Moving, demands: Sequence[Demand], known: Known, allowance: Allowance, chosen: Chosen | None
) -> Carried:
    rest = moving.rest(demands)
    first = None if chosen is None else chosen.proposal(rest)
    standing = replace(known, before=moving.lifted.after, book=moving.lifted.book)
    settled = settle_cheapest(moving.request, rest, standing, allowance, first)
    reasoning = settled.reasoning if chosen is None else chosen.told(settled.reasoning)
    return Carried(moving, rest, settled, allowance, reasoning)
