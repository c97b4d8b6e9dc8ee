"""Rows 1 to 9, told."""

from pathlib import Path

import pytest

from tests.faults.scenarios_orders import STORIES
from tests.faults.story import Story, told


@pytest.mark.parametrize("story", told(STORIES))
async def test_orders(story: Story, tmp_path: Path) -> None:
    await story.run(tmp_path)
