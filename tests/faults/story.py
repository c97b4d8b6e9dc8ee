"""What happens to an owner, told as a scenario: which row it is of, on which stage, and its course."""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from msgspec import Struct

from bot.facts import GuardTerms
from tests.faults.stage import CAP, TERMS, Stage, stage

Course = Callable[[Stage], Awaitable[None]]


class Story(Struct, frozen=True):
    """One scenario: `course` arms the fault, lets cycles pass, and asserts what must have come of it."""

    row: int
    course: Course
    rules: str = CAP
    terms: GuardTerms = TERMS
    seed: int = 0
    """Of the venue's coin."""

    @property
    def name(self) -> str:
        """What happens, in words."""
        told = getattr(self.course, "__name__", "story")
        return f"{told}-{self.seed}" if self.seed else told

    async def run(self, folder: Path) -> None:
        """Tell it from the beginning."""
        async with stage(folder, self.rules, terms=self.terms, fault_seed=self.seed) as it:
            await self.course(it)


def told(stories: Iterable[Story]) -> list[ParameterSet]:
    """Parameters of a test that tells each story, marked with its row."""
    return [pytest.param(story, marks=pytest.mark.fault(story.row), id=story.name) for story in stories]
