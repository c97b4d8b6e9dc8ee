"""Entries of what fails, what cannot be seen and what is gone: bodies beside those of `records`."""

from datetime import datetime

from msgspec import Struct

from bot.model import BlindAction, Target, Verdict


class Failure(Struct, frozen=True):
    """A call to a venue, or a part of the guard, that failed."""

    call: str
    verdict: Verdict | None
    code: str
    message: str


class Blindness(Struct, frozen=True):
    """An account of which no complete fresh snapshot can be had: recorded when it begins and when it ends."""

    since: datetime
    """When the first cycle failed, of those that failed without a break."""
    seen_at: datetime | None
    """The last complete fresh snapshot; None where there was none since the guard began."""
    reason: str
    verdict: Verdict | None
    """What the venue's refusal proves; None where it is not the venue that refused."""
    ended: datetime | None = None
    """When the account was seen again; None while it is not."""

    @property
    def refused(self) -> bool:
        """Whether the venue refuses the key, its address or its permissions: only the owner can mend that."""
        return self.verdict is Verdict.AUTH


class BlindRule(Struct, frozen=True):
    """`if_blind` of a rule came due on a target: once while its metric is unknown."""

    rule: str
    target: Target
    since: datetime
    reason: str
    do: tuple[BlindAction, ...]


class Pruned(Struct, frozen=True):
    """Inputs of old decisions, from which nothing was sent, were taken out of the journal."""

    before: datetime
    """They were older than this."""
    decisions: tuple[int, ...]
    """Entries whose input is gone."""
    size: int
    """Bytes that were given up."""
