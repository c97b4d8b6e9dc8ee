"""The demo's crash and a recovery like a V, with an owner who would rather not sell: puts, and perpetuals."""

from pathlib import Path

import pytest

from bot.demo.hedged import KEEPS_AT_LEAST, Hedging
from tests.profiles.hedging import Lived, live
from tests.profiles.world import DEPOSIT
from tests.replay.support import quietly

START = float(DEPOSIT)


def came_through(found: Lived) -> None:
    """It lived, its twin did not; nothing ever turned, and nothing of the hedges is left."""
    assert found.wrong == ()
    assert found.played.wrong == ()
    assert not found.played.guarded.liquidated
    assert found.played.twin.liquidated
    assert found.hedges > 0
    assert found.unwound > 0
    assert found.shrank > 0, "hedges went with their parents"
    assert found.left == 0


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "hedging",
    # tests/hedges/test_puts.py lives through a fall and a recovery with puts
    [Hedging.PERPETUAL, pytest.param(Hedging.PUT, marks=pytest.mark.slow)],
)
async def test_it_lives_hedged_and_holds_its_longs_when_the_market_is_back(
    hedging: Hedging, tmp_path: Path
) -> None:
    with quietly():
        found = await live(hedging, tmp_path)
    came_through(found)
    assert found.most["BTC"] > 0
    assert found.played.guarded.held["BTCUSDT"] > 0
    assert set(found.played.guarded.held.values()) == {
        max(one, 0) for one in found.played.guarded.held.values()
    }
    assert found.played.guarded.equity > KEEPS_AT_LEAST * START


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("hedging", list(Hedging))
async def test_it_lives_where_the_guard_looks_more_often(hedging: Hedging, tmp_path: Path) -> None:
    with quietly():
        found = await live(hedging, tmp_path, every=20.0)
    came_through(found)
    assert found.played.guarded.equity > KEEPS_AT_LEAST * START


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("hedging", list(Hedging))
async def test_with_stops_at_the_venue_it_lives_too_and_they_sell(hedging: Hedging, tmp_path: Path) -> None:
    with quietly():
        found = await live(hedging, tmp_path, stops=True)
    assert not found.played.guarded.liquidated
    assert found.played.twin.liquidated
    assert found.left == 0
