"""Accounts of one owner that stand against each other: what a shock makes of both together.

A hedge on another account, at this venue or another, is no margin of the account that it hedges. So it counts
in what is left of both, and never in margin ratio or liquidation: each account is walked alone, and is
liquidated where it would be without the other.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from bot.stress.results import Ending, Outcome, Stress


class Sum(Struct, frozen=True):
    """Both accounts at the end of one shock."""

    scenario: str
    unguarded: float
    """Equity of both."""
    guarded: float
    """Equity of both with their rules, what was moved out included."""
    liquidated: tuple[str, ...]
    """Accounts of which something is liquidated, unguarded."""
    guarded_liquidated: tuple[str, ...]
    """The same with their rules."""


class Together(Struct, frozen=True):
    """One account with that which hedges it, or why they cannot be seen together."""

    account: str
    hedged_by: str
    equity: float | None
    """Of both before any shock; None where one of them is not known."""
    sums: tuple[Sum, ...]
    error: str = ""


def together(found: Sequence[Stress], hedged_by: Mapping[str, str]) -> tuple[Together, ...]:
    """Add each account that is hedged by another to that one. `hedged_by` maps names to names."""
    known = {one.account: one for one in found}
    return tuple(
        _both(known[account], known.get(other), other)
        for account, other in hedged_by.items()
        if account in known
    )


def _both(one: Stress, other: Stress | None, name: str) -> Together:
    if other is None:
        return Together(one.account, name, None, (), f"{name} was not looked at: leave --account out")
    for each in (one, other):
        if each.error:
            return Together(
                one.account, name, None, (), f"{each.account} could not be followed: {each.error}"
            )
    beside = {outcome.scenario.name: outcome for outcome in other.outcomes}
    sums = tuple(
        _sum({one.account: outcome, name: beside[outcome.scenario.name]})
        for outcome in one.outcomes
        if outcome.scenario.name in beside
    )
    return Together(one.account, name, one.equity + other.equity, sums)


def _sum(each: Mapping[str, Outcome]) -> Sum:
    return Sum(
        scenario=next(iter(each.values())).scenario.name,
        unguarded=sum(one.unguarded.equity for one in each.values()),
        guarded=sum(one.guarded.kept for one in each.values()),
        liquidated=_liquidated({name: one.unguarded for name, one in each.items()}),
        guarded_liquidated=_liquidated({name: one.guarded.ending for name, one in each.items()}),
    )


def _liquidated(endings: Mapping[str, Ending]) -> tuple[str, ...]:
    return tuple(name for name, one in endings.items() if one.liquidated)
