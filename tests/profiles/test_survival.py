"""Each shipped example through the market that it was written for, beside a twin that nobody guards.

The figures are those of docs/profiles.md, and of the comments of the files in rules/.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.model import Action, StepKind
from bot.rules import load_rules, rules_path
from bot.settings import load_settings
from tests.profiles.page import FILE, cells, run_row, stale, told, wanted
from tests.profiles.scenes import (
    ALTS_HALVE,
    LOST_LEG,
    NOVEMBER,
    OCTOBER,
    SQUEEZE,
    Played,
    Scene,
    play,
)
from tests.profiles.world import DEPOSIT
from tests.replay.support import quietly

START = float(DEPOSIT)


PAGE = told(FILE.read_text())
ROWS = [f"{example}: {scene.name}" for example, scene in wanted()]


def agrees(example: str, scene: Scene, found: Played) -> None:
    """Hold the figures of the page against what came out, to one part in a hundred of the deposit."""
    assert stale(PAGE[example, scene.name], cells(example, scene, found)) == []


def test_the_page_has_every_row_and_no_other() -> None:
    assert list(PAGE) == sorted(
        ((example, scene.name) for example, scene in wanted()),
        key=lambda one: next(scene.calm for example, scene in wanted() if (example, scene.name) == one),
    )


@pytest.mark.parametrize(
    ("example", "scene"),
    [("basis-trader", LOST_LEG), ("concentrated-alt-holder", ALTS_HALVE), ("funding-trader", SQUEEZE)],
)
def test_a_recipe_says_in_its_comment_what_the_page_says(example: str, scene: Scene) -> None:
    assert f"{PAGE[example, scene.name]['left, USD']} USD" in rules_path(example, Path()).read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(len(ROWS)), ids=ROWS)
def test_a_row_of_the_page_is_what_comes_out(number: int, shared_dir: Path) -> None:
    found, wrong = run_row(number)
    example, scene = wanted()[number]
    assert wrong == ()
    assert stale(PAGE[example, scene.name], found) == []


def test_the_default_profile_holds_by_its_cushion(tmp_path: Path) -> None:
    """Whoever names no rules gets `balanced`; its first limit is the cushion, and that may trim."""
    file = tmp_path / "reef.yaml"
    file.write_text(
        "network: sandbox\nbase_url: http://127.0.0.1:8899\naccounts: [{name: main, venue: bybit}]\n"
    )
    (account,) = load_settings(file, {}, connect=False).accounts
    assert account.rules == "balanced"
    first = load_rules(rules_path(account.rules, tmp_path)).rules[0]
    assert (first.name, first.metric) == ("cushion", "account.cushion")
    assert Action.TRIM in first.permits


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
        found = await play(OCTOBER, "observe", tmp_path, shared_dir / "data")
    assert found.wrong == ()
    agrees("observe", OCTOBER, found)
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
