"""Each test has teeth: the same story fails once the guard's answer to its fault is taken out."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Struct

from bot.exchange.venues import bybit_codes, bybit_history, bybit_orders
from bot.execution import evidence, intents
from bot.journal.records import IntentState
from bot.model import Verdict
from tests.faults import scenarios_orders as orders
from tests.faults.story import Story

Patch = pytest.MonkeyPatch


class Without(Struct, frozen=True):
    """A story that cannot end well without one answer of the guard."""

    story: Story
    take_out: Callable[[Patch], None]
    why: str

    @property
    def name(self) -> str:
        """The row and what is missing."""
        return f"{self.story.row}-{self.take_out.__name__}"


def unknown_is_failed(patch: Patch) -> None:
    patch.setitem(intents.VERDICTS, Verdict.UNKNOWN, IntentState.REJECTED)


def absence_is_a_verdict(patch: Patch) -> None:
    patch.setattr(evidence, "expired_for", lambda *_: timedelta(hours=1))
    patch.setattr(evidence, "doubt", lambda *_: "")


def the_position_is_not_asked(patch: Patch) -> None:
    patch.setattr(evidence, "doubt", lambda *_: "")


def a_duplicate_is_refused(patch: Patch) -> None:
    for code in ("110030", "110072"):
        patch.setitem(bybit_codes.CODES, code, Verdict.REJECTED)  # type: ignore[arg-type]


