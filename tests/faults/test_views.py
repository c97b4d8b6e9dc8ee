"""Rows 15 to 19 and 23, told."""

from pathlib import Path

import pytest

from tests.faults.scenarios_views import STORIES
from tests.faults.story import Story, told


@pytest.mark.parametrize("story", told(STORIES))
async def test_views(story: Story, tmp_path: Path) -> None:
    await story.run(tmp_path)
