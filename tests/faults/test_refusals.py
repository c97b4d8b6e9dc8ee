"""Rows 2, 4, 10, 12 and 29, told."""

from pathlib import Path

import pytest

from tests.faults.scenarios_refusals import STORIES
from tests.faults.story import Story, told


@pytest.mark.parametrize("story", told(STORIES))
async def test_refusals(story: Story, tmp_path: Path) -> None:
    await story.run(tmp_path)
