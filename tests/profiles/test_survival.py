"""Each shipped example through the market that it was written for, beside a twin that nobody guards.

The figures are those of docs/profiles.md, and of the comments of the files in rules/.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.model import StepKind
from tests.profiles.scenes import (
    ALTS_HALVE,
    LOST_LEG,
    NOVEMBER,
    OCTOBER,
    SQUEEZE,
    WATCHED,
    Played,
    Scene,
    kept,
    play,
)
from tests.profiles.world import DEPOSIT
from tests.replay.support import quietly

START = float(DEPOSIT)


TOLD = (Path(__file__).resolve().parent.parent.parent / "docs" / "profiles.md").read_text()


def agrees(example: str, scene: Scene, found: Played) -> None:
    """Hold the figures of the page against what came out, to one part in a hundred of the deposit."""
    (row,) = [line for line in TOLD.splitlines() if line.startswith(f"| `{example}` | {scene.name} |")]
    cells = [cell.strip() for cell in row.split("|")]
    left, twin = (float(cell.removeprefix("liquidated,").replace(",", "")) for cell in cells[3:5])
    assert ("liquidated" in cells[4]) is found.twin.liquidated
    assert left == pytest.approx(kept(scene, found.guarded), abs=0.01 * START)
    assert twin == pytest.approx(kept(scene, found.twin), abs=0.01 * START)


async def played(scene: Scene, example: str, folder: Path, data: Path = Path()) -> Played:
    """Play a scene; the guarded account lived, nothing was broken, and to the twin it was a danger."""
    with quietly():
        found = await play(scene, example, folder, data)
    assert found.wrong == ()
    assert not found.guarded.liquidated
    assert found.twin.liquidated
    agrees(example, scene, found)
    return found


async def test_balanced_keeps_most_of_the_equity_in_november(tmp_path: Path) -> None:
    found = await played(NOVEMBER, "balanced", tmp_path)
    assert found.guarded.equity > 0.75 * START
    assert found.twin.equity < 0.01 * START
    assert found.rules == {"cushion"}


@pytest.mark.slow
async def test_balanced_keeps_nearly_all_of_it_on_10_october(tmp_path: Path, shared_dir: Path) -> None:
    found = await played(OCTOBER, "balanced", tmp_path, shared_dir / "data")
    assert found.guarded.lowest > 0.85 * START
    assert found.guarded.held, "it is still in the market"


@pytest.mark.slow
async def test_conservative_keeps_more_and_ends_a_bad_day(tmp_path: Path) -> None:
    found = await played(NOVEMBER, "conservative", tmp_path)
    assert found.guarded.equity > 0.85 * START
    assert "bad day" in found.rules
    assert found.guarded.held == {}


@pytest.mark.slow
async def test_conservative_on_10_october(tmp_path: Path, shared_dir: Path) -> None:
    found = await played(OCTOBER, "conservative", tmp_path, shared_dir / "data")
    assert found.guarded.lowest > 0.93 * START


@pytest.mark.slow
async def test_lifeline_lives_through_november_and_keeps_little(tmp_path: Path) -> None:
    """The stops at the venue come before its limits there."""
    found = await played(NOVEMBER, "lifeline", tmp_path)
    assert 0.1 * START < found.guarded.equity < 0.4 * START
    assert found.fired == frozenset()
    assert found.guarded.held == {}


async def test_lifeline_lives_on_10_october(tmp_path: Path, shared_dir: Path) -> None:
    found = await played(OCTOBER, "lifeline", tmp_path, shared_dir / "data")
    assert found.guarded.lowest > 0.2 * START
    assert found.rules == {"room for a market move"}
    assert found.guarded.held, "it is still in the market"


async def test_observe_tells_and_changes_nothing(tmp_path: Path, shared_dir: Path) -> None:
    with quietly():
        found = await play(WATCHED, "observe", tmp_path, shared_dir / "data")
    assert found.wrong == ()
    agrees("observe", WATCHED, found)
    assert {"cushion", "room for a market move", "leverage cap", "bad day"} <= found.fired
    assert found.steps == {}
    assert found.guarded == found.twin


async def test_a_funding_trader_keeps_the_leg_through_the_squeeze(tmp_path: Path) -> None:
    """Margin is added and nothing is traded: the pair loses what funding took, its twin what the top cost."""
    found = await played(SQUEEZE, "funding-trader", tmp_path)
    assert found.steps == {StepKind.ADD_MARGIN.value: found.steps[StepKind.ADD_MARGIN.value]}
    assert found.steps[StepKind.ADD_MARGIN.value] <= 6
    assert found.guarded.held["SOLUSDT"] == Decimal(-1000)
    assert found.guarded.pair > 0.96 * START
    assert found.twin.pair < 0.75 * START
    assert {"it runs", "carry is dear"} <= found.fired
    assert found.proposals == 1, "asked once, and nothing done without an answer"


async def test_a_basis_trader_is_not_left_with_one_leg(tmp_path: Path) -> None:
    found = await played(LOST_LEG, "basis-trader", tmp_path)
    assert found.steps == {StepKind.TRIM.value: 1}
    assert found.rules == {"a leg alone"}
    assert "basis apart" in found.fired
    assert 0 < found.guarded.held["BTCUSDT"] < Decimal("0.5")
    assert found.guarded.lowest > 0.8 * START
    assert found.twin.equity < 0.01 * START


async def test_an_alt_holder_keeps_a_third_and_what_was_secured(tmp_path: Path) -> None:
    found = await played(ALTS_HALVE, "concentrated-alt-holder", tmp_path)
    assert found.guarded.equity > START / 3
    assert found.guarded.secured > 0.05 * START
    assert found.rules == {"market fall", "the coin alone", "a good run"}
    assert "BTCUSDT" not in found.guarded.held, "no hedge outlives the coin"
    assert found.twin.equity < 0.01 * START
