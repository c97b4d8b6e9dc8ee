"""One thing looked at, and how it stands."""

from enum import StrEnum

from msgspec import Struct


class Grade(StrEnum):
    """How a thing stands."""

    FINE = "fine"
    NOTE = "note"
    """Works, but the owner should know."""
    WRONG = "wrong"
    """The guard cannot do its work like this, or money is at a risk that it need not be at."""
    SKIPPED = "skipped"
    """Not looked at; it says why."""


class Check(Struct, frozen=True):
    """One thing that was looked at."""

    account: str
    """'' for the machine."""
    name: str
    grade: Grade
    said: str
    todo: str = ""
    """What to do next; '' where nothing must be done."""
    bars: bool = False
    """Whether `reef run` never starts with it on the live network."""
