"""Rows 10 to 14, told."""

from pathlib import Path

import pytest

from tests.faults.scenarios_markets import STORIES
from tests.faults.story import Story, told


@pytest.mark.parametrize("story", told(STORIES))
async def test_markets(story: Story, tmp_path: Path) -> None:
    await story.run(tmp_path)
