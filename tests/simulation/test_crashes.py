"""7: a daemon killed at any request or commit, and started again, comes to where it would have come."""

import asyncio
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.execution import fold
from bot.journal.records import IntentState, Kind
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.types import MarginMode, PositionMode, Side
from tests.replay.support import quietly
from tests.replay.truth import Key
from tests.simulation.cast import Holding, Role
from tests.simulation.living import MEMORY
from tests.simulation.market import START
from tests.simulation.virtual import run
from tests.simulation.world import Guarded, World

PRICES = {"BTCUSDT": 100_000.0, "ETHUSDT": 3_500.0}
ONE = (Holding("BTCUSDT", Side.BUY, 8.0, 25),)
TWO = (Holding("BTCUSDT", Side.SELL, 5.0, 25), Holding("ETHUSDT", Side.SELL, 4.0, 25))
POLLS = 14
PAUSE_S = 4.0
STRIDES = 4
"""The points are shared out among so many tests."""


class Rest(msgspec.Struct, frozen=True):
    """Where a world came to."""

    held: dict[Key, Decimal]
    stops: dict[Key, Decimal | None]
    traded: dict[str, Decimal]
    """What own orders traded, by symbol."""
    states: dict[str, IntentState]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with quietly():
        yield


def role(holdings: tuple[Holding, ...], margin: MarginMode = MarginMode.CROSS) -> Role:
    return Role("anna", Decimal(100_000), "fast", margin, PositionMode.ONE_WAY, holdings, 1)


async def settled(world: World, one: Guarded) -> None:
    """Poll until everything that was begun must have ended, a daemon that died started again."""
    for _ in range(POLLS):
        if world.life is not None and world.life.dead:
            world.died()
        if world.life is None:
            world.start()
        await world.poll(one)
        await asyncio.sleep(PAUSE_S)


def rest_of(world: World, one: Guarded) -> Rest:
    truth = one.judge.truth
    held = truth.held()
    traded: dict[str, Decimal] = {}
    for order in truth.own_orders():
        traded[order.symbol] = traded.get(order.symbol, Decimal(0)) + order.filled_qty
    names = [entry.intent for entry in world.reader.entries(kind=Kind.PREPARED, account=one.name)]
    states = {name: fold(world.reader.entries(intent=name)).state for name in names}
    return Rest(held, {key: truth.stop(key) for key in held}, traded, states)


async def lived(holdings: tuple[Holding, ...], crash_at: int | None) -> tuple[Rest, int]:
    """Live through a trim with its stops, killed at one point of the first cycle or not; count the points."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        feed = ManualFeed(round(START.timestamp() * 1000), PRICES)
        world = World(Path(folder), feed, (role(holdings),), 1, START)
        (one,) = world.guarded
        world.start()
        assert world.life is not None
        life = world.life
        life.crash_in = crash_at
        await world.poll(one)
        points = life.points
        assert life.dead == (crash_at is not None)
        await settled(world, one)
        rest = rest_of(world, one)
        assert one.guard is not None
        one.guard.begin_again("recovered once more")
        await world.poll(one)
        assert rest_of(world, one) == rest, "recovery twice is not recovery once"
        one.judge.at_end()
        one.judge.restored(one.last, armed=True)
        assert world.violations == []
        await world.close()
        return rest, points


@pytest.mark.parametrize("begin", range(STRIDES))
@pytest.mark.parametrize("holdings", [ONE, TWO], ids=["one position", "two positions"])
def test_killed_anywhere_it_comes_to_the_same(holdings: tuple[Holding, ...], begin: int) -> None:
    calm, points = run(lived(holdings, None))
    assert calm.traded
    assert all(stop is not None for stop in calm.stops.values())
    assert set(calm.states.values()) == {IntentState.FILLED}
    for crash_at in range(1 + begin, points + 1, STRIDES):
        rest, _ = run(lived(holdings, crash_at))
        assert rest.held == calm.held, f"killed at point {crash_at}"
        assert rest.traded == calm.traded, f"killed at point {crash_at}"
        assert rest.stops == calm.stops, f"killed at point {crash_at}"
