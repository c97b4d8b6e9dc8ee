"""Finding again what is remembered of a rule on a target."""

from collections.abc import Sequence

from bot.model import Target
from bot.rules.memory import MemoryUnreadableError, RulesMemory, Standing


class Recall:
    """The remembered standings of one account, each of which is taken once.

    They are taken in the order in which they were written as long as rules and positions stay the same, and
    looked up from there on where they do not.
    """

    def __init__(self, memory: RulesMemory, account: str) -> None:
        self._standings = memory.standings
        self._account = account
        self._next = 0
        self._rest: dict[tuple[str, Target], Standing] | None = None

    def series(self, rule: str, targets: Sequence[Target]) -> list[Standing | None]:
        """Return what is remembered of a rule on each of several targets, None where nothing is.

        Raises `MemoryUnreadableError` where the memory is of another account.
        """
        if self._rest is None:
            last = self._next + len(targets)
            found = self._standings[self._next : last]
            same = [one.rule for one in found] == [rule] * len(targets)
            if same and [one.target for one in found] == targets:
                self._next = last
                return list(found)
        others = self._others()
        return [others.pop((rule, target), None) for target in targets]

    @property
    def whole(self) -> bool:
        """Whether all was taken, in the order in which it was written."""
        return self._rest is None and self._next == len(self._standings)

    def left(self) -> tuple[Standing, ...]:
        """Return what was not taken. Raises as `series`."""
        return tuple(self._others().values())

    def _others(self) -> dict[tuple[str, Target], Standing]:
        if self._rest is None:
            self._rest = {}
            for standing in self._standings[self._next :]:
                other = standing.target.account
                if other != self._account:
                    raise MemoryUnreadableError(
                        f"the remembered rule states are of account {other!r}, not of {self._account!r}"
                    )
                self._rest[standing.rule, standing.target] = standing
        return self._rest
