"""Rule tests as values."""

from datetime import datetime

from msgspec import Struct

from bot.documents import Document, KeyPath
from bot.model import Number
from bot.rehearsal.shapes import OrderShape, PositionShape, StepShape, TestShape
from bot.rules import RuleSet


class Look(Struct, frozen=True):
    """One step of a test."""

    path: KeyPath
    at: datetime
    shape: StepShape
    positions: tuple[PositionShape, ...] | None
    """None leaves what was there before."""
    orders: tuple[OrderShape, ...] | None
    markets: dict[str, dict[str, Number]]


class Rehearsal(Struct, frozen=True):
    """One test, with the rules that it is about."""

    document: Document
    rules: RuleSet
    path: KeyPath
    shape: TestShape
    looks: tuple[Look, ...]

    @property
    def name(self) -> str:
        """What the test is called."""
        return self.shape.name

    @property
    def line(self) -> int:
        """Line of the file where it begins."""
        return self.document.place(self.path).line
