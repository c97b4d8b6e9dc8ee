"""Rows 13 and 24, told."""

from pathlib import Path

import pytest

from tests.faults.scenarios_traffic import STORIES
from tests.faults.story import Story, told


@pytest.mark.parametrize("story", told(STORIES))
async def test_traffic(story: Story, tmp_path: Path) -> None:
    await story.run(tmp_path)
