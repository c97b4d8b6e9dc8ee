"""Rules that back off from a position which somebody fills up again. Pure."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from bot.model import Action, Churning, Demand, Refusal
from bot.planning.demands import is_lifeline, refuse

BACKS_OFF = "churn"
"""Code of the refusal that says so."""

_HELD = frozenset({Action.TRIM, Action.CLOSE, Action.CLOSE_ALL, Action.HALT})


def backed_off(
    demands: Sequence[Demand], churning: Sequence[Churning], at: datetime
) -> tuple[tuple[Demand, ...], tuple[Refusal, ...]]:
    """Take the trims out of demands whose position is filled up again, and say so.

    A rule on the account waits as a whole: it would otherwise sell other positions in that one's place. Its
    cancels go on, since resting orders may be what fills it up. A rule of survival, or one that only closes,
    never waits.
    """
    kept: list[Demand] = []
    refusals: list[Refusal] = []
    for demand in demands:
        by = next((one for one in churning if _reaches(one, demand) and one.paused(at)), None)
        if by is None or is_lifeline(demand):
            kept.append(demand)
            continue
        reason = (
            f"somebody filled {by.item} up again {by.refills} times after it was trimmed; "
            f"the rule trims again from {by.until:%H:%M:%S} UTC on"
        )
        refusals.append(refuse(demand, by.item, BACKS_OFF, reason))
        permits = tuple(action for action in demand.permits if action not in _HELD)
        kept.append(replace(demand, permits=permits))
    return tuple(kept), tuple(refusals)


def _reaches(one: Churning, demand: Demand) -> bool:
    return one.rule == demand.rule and demand.target.position in (None, one.item)
