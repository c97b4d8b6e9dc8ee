"""7: a daemon killed at any request or commit, and started again, comes to where it would have come."""

import asyncio
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.execution import fold
from bot.journal import open_journal
from bot.journal.records import TERMINAL, IntentState, Kind
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.types import Leg, MarginMode, PositionMode, Side
from tests.replay.support import quietly
from tests.replay.truth import Key
from tests.simulation.cast import Holding, Role
from tests.simulation.living import MEMORY
from tests.simulation.market import START
from tests.simulation.virtual import run
from tests.simulation.world import LEASE_S, Guarded, World

PRICES = {"BTCUSDT": 100_000.0, "ETHUSDT": 3_500.0}
LONG = (Holding("BTCUSDT", Side.BUY, 8.0, 25),)
SHORT = (Holding("ETHUSDT", Side.SELL, 6.0, 25),)
ALT = (Holding("ETHUSDT", Side.BUY, 2.0, 25),)
"""A crash of a fifth would cost it 68 % of its equity: a rule hedges it."""
TWO = (Holding("BTCUSDT", Side.SELL, 5.0, 25), Holding("ETHUSDT", Side.SELL, 4.0, 25))
POLLS = 14
PAUSE_S = 4.0
STRIDES = 3
"""The points are shared out among so many tests."""
A_THIRD = [0, *(pytest.param(begin, marks=pytest.mark.slow) for begin in range(1, STRIDES))]
"""The points from `begin` on, every third; two thirds of them are slow."""


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


def role(holdings: tuple[Holding, ...]) -> Role:
    mode = PositionMode.HEDGE if holdings is SHORT else PositionMode.ONE_WAY
    rules = "hedged" if holdings is ALT else "cap"
    return Role("anna", Decimal(100_000), rules, MarginMode.CROSS, mode, holdings, 1)


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


@pytest.mark.parametrize(
    ("holdings", "begin"),
    [
        *(pytest.param(LONG, begin, id=f"long-{begin}") for begin in range(STRIDES)),
        pytest.param(SHORT, 0, id="short-0"),
        *(pytest.param(SHORT, begin, marks=pytest.mark.slow, id=f"short-{begin}") for begin in (1, 2)),
    ],
)
def test_killed_anywhere_it_comes_to_the_same(holdings: tuple[Holding, ...], begin: int) -> None:
    calm, points = run(lived(holdings, None))
    assert calm.traded
    assert all(stop is not None for stop in calm.stops.values())
    assert set(calm.states.values()) <= TERMINAL
    for crash_at in range(1 + begin, points + 1, STRIDES):
        rest, _ = run(lived(holdings, crash_at))
        assert rest.held == calm.held, f"killed at point {crash_at}"
        assert rest.traded == calm.traded, f"killed at point {crash_at}"
        assert rest.stops == calm.stops, f"killed at point {crash_at}"


@pytest.mark.parametrize("begin", A_THIRD)
def test_killed_anywhere_it_brings_two_positions_home(begin: int) -> None:
    """Which of two is trimmed depends on which order was left in doubt; that the limit is met does not."""
    _, points = run(lived(TWO, None))
    for crash_at in range(1 + begin, points + 1, STRIDES):
        rest, _ = run(lived(TWO, crash_at))
        assert rest.traded
        assert set(rest.states.values()) <= TERMINAL


@pytest.mark.parametrize("begin", A_THIRD)
def test_killed_anywhere_a_hedge_is_opened_once(begin: int) -> None:
    """An order that may have opened is never sent again: it is found, or planned anew once it is proven
    absent."""
    calm, points = run(lived(ALT, None))
    hedge = -calm.held["BTCUSDT", Leg.NET]
    assert hedge == calm.traded["BTCUSDT"] > 0
    for crash_at in range(1 + begin, points + 1, STRIDES):
        rest, _ = run(lived(ALT, crash_at))
        assert rest.held == calm.held, f"killed at point {crash_at}"
        assert rest.traded == calm.traded, f"killed at point {crash_at}"
        assert set(rest.states.values()) <= TERMINAL


async def taken_over() -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        feed = ManualFeed(round(START.timestamp() * 1000), PRICES)
        world = World(Path(folder), feed, (role(LONG),), 1, START)
        (one,) = world.guarded
        world.start()
        assert world.life is not None
        assert one.guard is not None
        old = one.guard
        world.life.paused_until = 2 * LEASE_S
        stopped = asyncio.ensure_future(old.cycle())
        await asyncio.sleep(LEASE_S + 1)
        with open_journal(world.path) as other:
            row = other.lease()
            assert row is not None
            assert row.expires < world.clock.elapsed(), "the lease has ended"
            other.take_lease("another daemon", world.clock.elapsed() + LEASE_S, over=row.epoch)
            head = other.head()
            report = await stopped
            assert other.head() == head, "the lower epoch appended"
            assert report.error
            again = await old.cycle()
            assert other.head() == head
            assert again.error
        assert not one.judge.truth.own_orders()
        assert one.wire.taken() == [], "the lower epoch sent something"
        await world.close()


def test_a_daemon_that_stood_still_and_was_taken_over_neither_appends_nor_sends() -> None:
    run(taken_over())
