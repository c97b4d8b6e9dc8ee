"""The daemon dead for good at any moment of the fall: stops alone keep the account from liquidation."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
import pytest
from _pytest.mark.structures import ParameterSet

from bot.demo.scene import DEPOSIT, GUARDED, POSITIONS, PROFILE, TWIN, scenario_file
from bot.sandbox.engine.scenario import load_scenario
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import AccountSpec, MarginMode, PositionMode, Side
from tests.replay.support import quietly
from tests.simulation.cast import Role
from tests.simulation.virtual import run
from tests.simulation.world import World

POLL_S = 90.0
DURATION_S = 175 * 60
BATCH = 10
STEP_MS = 5_000


class Fate(msgspec.Struct, frozen=True):
    """What became of the account whose daemon died, and of the one that never had any."""

    died_at: float
    liquidated: bool
    equity: Decimal
    twin_liquidated: bool


def role() -> Role:
    """The demo's guarded account, as it begins."""
    return Role(GUARDED, DEPOSIT, PROFILE, MarginMode.CROSS, PositionMode.ONE_WAY, (), 0)


def take_positions(world: World, account: str) -> None:
    for one in POSITIONS:
        side = Side.BUY if one.side == "long" else Side.SELL
        world.engine.open_position(account, one.symbol, side, one.qty, None, one.leverage)


async def fall(seed: int, folder: Path, terms: VenueTerms) -> Fate:
    """Play the demo's market; kill the daemon at a seeded request or commit, and never start it again."""
    random = Random(f"stops alone:{seed}")
    feed = load_scenario(scenario_file(), seed)
    start = datetime.fromtimestamp(feed.start_ms / 1000, UTC)
    world = World(folder, feed, (role(),), seed, start, terms=terms, market_step_ms=STEP_MS)
    world.engine.add_account(AccountSpec(api_key="t", secret="t", deposit=DEPOSIT, account_id=TWIN))
    take_positions(world, GUARDED)
    take_positions(world, TWIN)
    world.start()
    (guarded,) = world.guarded
    await world.poll(guarded)
    dies_at = random.uniform(0.0, DURATION_S - POLL_S)
    while world.true.seconds < dies_at:
        await asyncio.sleep(POLL_S * random.uniform(0.5, 1.5))
        await world.poll(guarded)
    assert world.life is not None
    world.life.crash_in = random.randrange(1, 40)
    await world.poll(guarded)
    world.died()
    died_at = world.true.seconds
    await asyncio.sleep(DURATION_S + 60 - died_at)
    world.engine.advance()
    truth = guarded.judge.truth
    fate = Fate(died_at, truth.liquidated, truth.equity, bool(world.engine.liquidations(TWIN)))
    assert world.violations == []
    await world.close()
    return fate


def fates(first: int, folder: Path, terms: VenueTerms) -> list[Fate]:
    found = []
    with quietly():
        for seed in range(first, first + BATCH):
            own = folder / str(seed)
            own.mkdir()
            found.append(run(fall(seed, own, terms)))
    return found


def batches() -> list[ParameterSet]:
    """A hundred seeds, on a venue that liquidates first and on one that does not; all but twenty are slow."""
    made = []
    for number, first in enumerate(range(1, 101, BATCH)):
        for liquidation_first in (False, True):
            quick = number == (7 if liquidation_first else 0)
            marks = () if quick else (pytest.mark.slow,)
            word = "liquidation first" if liquidation_first else "stop first"
            made.append(pytest.param(first, liquidation_first, marks=marks, id=f"{first}-{word}"))
    return made


@pytest.mark.parametrize(("first", "liquidation_first"), batches())
def test_stops_alone_keep_the_account(first: int, liquidation_first: bool, tmp_path: Path) -> None:
    found = fates(first, tmp_path, VenueTerms(liquidation_first=liquidation_first))
    assert [one.liquidated for one in found] == [False] * BATCH
    assert all(one.equity > 0 for one in found)
    assert all(one.twin_liquidated for one in found), "the market was no danger"
