"""Rows 26 to 32, told."""

from pathlib import Path

import pytest

from tests.faults.scenarios_around import STORIES
from tests.faults.story import Story, told


@pytest.mark.parametrize("story", told(STORIES))
async def test_around(story: Story, tmp_path: Path) -> None:
    await story.run(tmp_path)
