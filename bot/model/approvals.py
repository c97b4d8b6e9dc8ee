"""What an owner is asked for before it is sent, and what their yes lets through."""

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct


class Unanswered(StrEnum):
    """What becomes of a proposal that nobody answers."""

    DROP = "drop"
    """Nothing is sent, and that is told."""
    ACT = "act"
    """It is carried out as if it had been approved."""
    PROTECT = "protect"
    """Nothing is sent but protective stops, also where the settings place none, for as long as it lasts."""


class ApprovalTerms(Struct, frozen=True):
    """How an owner is asked."""

    every: bool = False
    """Whether every rule asks (`mode: approve`); otherwise those that say so do."""
    deadline: timedelta = timedelta(minutes=10)
    then: Unanswered = Unanswered.DROP
    room: float = 0.2
    """By how much more, as a fraction, an approval lets through than was planned: prices move meanwhile."""


class Item(Struct, frozen=True):
    """One thing that is asked for or was approved, and how much of it."""

    kind: str
    """Of its steps; a cut of a position is a trim, or a close where the whole of it goes."""
    symbol: str
    item: str
    """Key of a position, otherwise the symbol."""
    amount: float
    """Contracts of an order, number of cancels, otherwise USD."""


class Approval(Struct, frozen=True):
    """Who must be asked in one decision, and what is approved already."""

    every: bool = False
    left: tuple[Item, ...] = ()
    """What was approved, less what has been used of it."""
    protect: bool = False
    """Whether stops are placed although the settings place none."""
