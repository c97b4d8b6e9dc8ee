"""Positions and orders that the guard did not open: what it makes of them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct

from bot.model.account import Position, Side, Snapshot, position_key
from bot.model.hedges import Hedge


class Policy(StrEnum):
    """What the guard does about a position and the orders that would add to it."""

    ADOPT = "adopt"
    """Guards it like any other."""
    WATCH = "watch"
    """Measures it by every rule and tells; leaves it, its orders and its stops alone."""
    IGNORE = "ignore"
    """The same, and no rule of a position looks at it. Its margin counts in the account's all the same."""


class Stranger(Struct, frozen=True):
    """A policy and where it holds; glob patterns, where an empty part matches everything."""

    policy: Policy
    account: tuple[str, ...] = ()
    symbol: tuple[str, ...] = ()
    """In capital letters."""
    side: tuple[str, ...] = ()


def of_account(strangers: Sequence[Stranger], account: str) -> tuple[Stranger, ...]:
    """Return the policies that may hold for an account."""
    return tuple(one for one in strangers if _matches(one.account, account))


def with_own(strangers: Sequence[Stranger], hedges: Iterable[Hedge]) -> tuple[Stranger, ...]:
    """Return policies by which what the guard opened itself, its hedges, is always guarded."""
    if not strangers:
        return ()
    own = {(one.symbol.upper(), one.side.value) for one in hedges if one.contracts}
    mine = (Stranger(Policy.ADOPT, symbol=(symbol,), side=(side,)) for symbol, side in sorted(own))
    return (*mine, *strangers)


def policy_of(strangers: Sequence[Stranger], symbol: str, side: Side) -> Policy:
    """Return what the first policy that matches says; without one a position is guarded."""
    name = symbol.upper() if strangers else symbol
    for one in strangers:
        if _matches(one.symbol, name) and _matches(one.side, side.value):
            return one.policy
    return Policy.ADOPT


def policies(strangers: Sequence[Stranger], snapshot: Snapshot) -> dict[str, Policy]:
    """Return the policies of the positions that are not guarded, by key."""
    found = {one.key: policy_of(strangers, one.symbol, one.side) for one in snapshot.positions}
    return {key: policy for key, policy in found.items() if policy is not Policy.ADOPT}


def guarded(strangers: Sequence[Stranger], positions: Sequence[Position]) -> tuple[Position, ...]:
    """Return the positions that are guarded."""
    return tuple(one for one in positions if policy_of(strangers, one.symbol, one.side) is Policy.ADOPT)


def left_alone(policy: Policy, symbol: str, side: Side) -> str:
    """Say that something is left alone, and which setting says so."""
    return f"{position_key(symbol, side)} is left alone: `strangers` in the settings says {policy.value}"


def _matches(patterns: tuple[str, ...], word: str) -> bool:
    return not patterns or word in patterns or any(_globs(word, one) for one in patterns)


def _globs(word: str, pattern: str) -> bool:
    """Whether a pattern that is more than a word matches."""
    return ("*" in pattern or "?" in pattern or "[" in pattern) and fnmatchcase(word, pattern)
