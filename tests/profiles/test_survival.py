"""Each recipe lives through what it was written for; the account beside it shows that it was a danger."""

from pathlib import Path

import pytest

from tests.profiles.scenes import WRITTEN_FOR, play
from tests.replay.support import quietly

RECIPES = ("basis-trader", "concentrated-alt-holder", "funding-trader")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", RECIPES)
async def test_a_recipe_survives_its_scene(example: str, tmp_path: Path) -> None:
    for scene in WRITTEN_FOR[example]:
        with quietly():
            played = await play(scene, example, tmp_path, tmp_path)
        assert not played.guarded.liquidated
        assert played.guarded.pair > played.twin.pair
        assert not played.wrong
