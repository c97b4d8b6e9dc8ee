"""Crashes with a recovery like a V: the hedge is unwound with its parent, in every one, and nothing ever
turns."""

from pathlib import Path

import pytest

from tests.hedges.course import Fate, live
from tests.replay.support import quietly

FEW = (6, 9, 27)
"""With a cap that trims the parent, with many orders, with a lost answer."""
ALL = 100


def unwound(fate: Fate) -> bool:
    """Whether a hedge was opened, and the guard alone took it off again while its parent lived on."""
    return (
        fate.hedged > 0
        and fate.left == 0
        and fate.remembered == 0
        and fate.unwound > 0
        and fate.by_others == 0
        and fate.parent > 0
        and not fate.halted
    )


@pytest.mark.parametrize("seed", FEW)
async def test_a_hedge_is_unwound_with_its_parent(seed: int, tmp_path: Path) -> None:
    fate = await live(seed, tmp_path)
    assert unwound(fate), fate
    assert fate.exposure > 0, "parent and hedge together turned"


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_in_a_hundred_of_a_hundred(tmp_path: Path) -> None:
    with quietly():
        fates = []
        for seed in range(ALL):
            folder = tmp_path / str(seed)
            folder.mkdir()
            fates.append(await live(seed, folder))
    assert sum(unwound(fate) for fate in fates) == ALL, [fate for fate in fates if not unwound(fate)]
    assert min(fate.exposure for fate in fates) > 0
