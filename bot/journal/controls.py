"""Entries of what an owner is shown and asked, and of what they changed: bodies beside those of `records`."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from bot.model import Churning, Item, Number, State, Step, Target, Unanswered


class Firing(Struct, frozen=True):
    """A rule that fires at once, or will as soon as its `for` has passed."""

    rule: str
    target: Target
    metric: str
    value: Number
    limit: float
    state: State


class Preview(Struct, frozen=True):
    """What would be done at once, written before anything may be sent."""

    armed: bool
    firing: tuple[Firing, ...]
    steps: tuple[Step, ...]
    cost: float
    """Estimated cost of the steps in USD."""
    until: datetime | None
    """Until when orders wait; None where they do not."""


class Proposed(Struct, frozen=True):
    """What an account's owner is asked to approve. Nothing of it is sent before they do."""

    name: str
    rules: tuple[str, ...]
    episodes: tuple[str, ...]
    what: tuple[str, ...]
    """Each thing in words."""
    why: tuple[str, ...]
    """Each rule that asks, in words."""
    items: tuple[Item, ...]
    """The most that an approval lets through."""
    cost: float
    """Estimated cost in USD."""
    deadline: datetime
    then: Unanswered
    changed: str = ""
    """How it differs from the one that it replaces; '' where it replaces none."""


class Closing(StrEnum):
    """What became of a proposal."""

    APPROVED = "approved"
    ACTED = "acted"
    """Nobody answered, and the settings say to act then."""
    DROPPED = "dropped"
    PROTECTED = "protected"
    """Nobody answered, and the settings say to place stops then."""
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    """Its episodes ended before anybody answered."""
    DONE = "done"
    """It had been answered, or dropped, and its episodes have ended."""
    RENEWED = "renewed"
    """The owner asked for it once more."""


class Answered(Struct, frozen=True):
    """What became of a proposal, with who and why."""

    name: str
    closing: Closing
    who: str
    why: str


class Reloaded(Struct, frozen=True):
    """Rules were read again: taken as a whole, or not at all."""

    trigger: str
    """A signal, or a file that changed."""
    before: str
    """Digest of the rules that ran."""
    after: str
    """Digest of those that run now; '' where they were not taken."""
    changes: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()
    """Why they were not taken, each with its place."""
    note: str = ""


class EpisodeEnded(Struct, frozen=True):
    """An episode ended without its limit being restored."""

    episode: str
    rule: str
    target: Target
    reason: str


class Churned(Struct, frozen=True):
    """Somebody fills up again what a rule trims."""

    churning: Churning
    backs_off: bool
    """False where the rule stands between the account and liquidation: it goes on."""
