"""What is remembered of every rule between two cycles and across restarts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Struct

from bot.errors import ReefError
from bot.model import State, Target

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone: one without is refused when the memory is read."""


class MemoryUnreadableError(ReefError):
    """Remembered rule states that cannot be read, or are of another account."""


class Standing(Struct, frozen=True):
    """One rule on one target. `state` is told; what follows from it is decided by the clocks below."""

    rule: str
    metric: str
    target: Target
    state: State
    since: Moment
    """When `state` began."""
    breach_since: Moment | None = None
    """Since when the limit was passed at every look that could tell; None while it is not."""
    episode: str = ""
    """The running episode, '' where there is none."""
    acting_since: Moment | None = None
    """When the running episode fired."""
    cooling_since: Moment | None = None
    """When the last episode was restored; None once its cooldown is over."""
    blind_told: bool = False
    """Whether `if_blind` has come due since the state became unknown."""


class RulesMemory(Struct, frozen=True):
    """The standings of all rules on all targets of one account, in the order of the findings."""

    standings: tuple[Standing, ...] = ()

    def to_json(self) -> str:
        """Write the memory as JSON with sorted keys: equal memories give equal text."""
        return msgspec.json.encode(self, order="sorted").decode()

    @classmethod
    def from_json(cls, text: str) -> "RulesMemory":
        """Read what `to_json` wrote. Raises `MemoryUnreadableError` on anything else."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise MemoryUnreadableError(
                f"the remembered rule states cannot be read ({error}); without them running episodes are "
                "forgotten and rules that are passed fire anew"
            ) from error


class EndReason(StrEnum):
    """Why an episode ended."""

    RESTORED = "restored"
    POSITION_GONE = "position_gone"
    NOT_MATCHED = "not_matched"
    """The position is open, but the rule no longer applies to it."""
    RULE_GONE = "rule_gone"
    """The rule was removed or measures something else now."""


class EndedEpisode(Struct, frozen=True):
    """An episode that ended in this cycle."""

    episode: str
    rule: str
    target: Target
    reason: EndReason
