"""Where a rule is looked at: the account, or positions of it."""

from collections.abc import Iterable, Set
from functools import cached_property

from msgspec import Struct

from bot.model import Position, Snapshot, Target
from bot.rules.blindness import matches_account, matches_any
from bot.rules.ruleset import Match, Rule


class Places(Struct, frozen=True):
    """The targets of a rule in their order, side by side with their positions."""

    keys: tuple[str, ...] = ()
    """Position keys; '' is the account."""
    targets: list[Target] = []
    positions: tuple[Position | None, ...] = ()


class Site:
    """All places of one account."""

    def __init__(self, snapshot: Snapshot, tags: tuple[str, ...], ignored: Set[str] = frozenset()) -> None:
        """Take the account's positions; no rule of a position looks at those whose keys are `ignored`."""
        self._who = (snapshot.account, snapshot.venue, tags)
        self._held = snapshot.positions
        self._ignored = ignored
        self._whole = Places(("",), [Target(snapshot.account)], (None,))

    @cached_property
    def targets(self) -> frozenset[Target]:
        """The account and all its positions."""
        return frozenset((*self._whole.targets, *self._of(self._held).targets))

    @cached_property
    def _positions(self) -> list[Position]:
        seen = [one for one in self._held if one.key not in self._ignored]
        return sorted(seen, key=lambda position: position.key)

    @cached_property
    def _everywhere(self) -> Places:
        return self._of(self._positions)

    def places(self, rule: Rule) -> Places:
        """Return where a rule is looked at; nowhere where it does not apply to the account."""
        match = rule.match
        if not matches_account(match, *self._who):
            return Places()
        if not rule.of_position:
            return self._whole
        if not (match.symbol or match.side or match.margin_mode):
            return self._everywhere
        return self._of([one for one in self._positions if _matches(match, one)])

    def _of(self, positions: Iterable[Position]) -> Places:
        held = tuple(positions)
        targets = [Target(self._who[0], one.symbol, one.side.value) for one in held]
        return Places(tuple(one.key for one in held), targets, held)


def _matches(match: Match, position: Position) -> bool:
    return (
        matches_any(match.symbol, position.symbol.upper())
        and matches_any(match.side, position.side.value)
        and matches_any(match.margin_mode, position.margin_mode.value)
    )
