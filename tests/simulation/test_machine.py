"""A state machine over sandbox and journal: anything may happen after anything, judged after each step.

Hypothesis chooses what happens and shrinks what breaks to its shortest story.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.types import MarginMode, PositionMode, Side
from tests.replay.support import quietly
from tests.simulation import hands, recipes
from tests.simulation.cast import Holding, Role
from tests.simulation.living import MEMORY
from tests.simulation.market import START
from tests.simulation.virtual import VirtualLoop
from tests.simulation.world import World

T = TypeVar("T")

EXAMPLES = int(os.environ.get("REEF_MACHINE_EXAMPLES", "12"))
STEPS = 30
POLLS_TO_SETTLE = 30
PRICES = {"BTCUSDT": 100_000.0, "ETHUSDT": 3_500.0, "SOLUSDT": 180.0, "DOGEUSDT": 0.2}
ROLES = (
    Role(
        name="anna",
        deposit=Decimal(100_000),
        rules="lifeline",
        margin=MarginMode.CROSS,
        mode=PositionMode.ONE_WAY,
        holdings=(Holding("BTCUSDT", Side.BUY, 6.0, 25), Holding("DOGEUSDT", Side.BUY, 2.0, 25)),
        resting=1,
    ),
    Role(
        name="bert",
        deposit=Decimal(20_000),
        rules="fast",
        margin=MarginMode.CROSS,
        mode=PositionMode.HEDGE,
        holdings=(Holding("ETHUSDT", Side.SELL, 2.5, 10), Holding("SOLUSDT", Side.BUY, 2.0, 10)),
        resting=0,
    ),
)
NAMES = st.sampled_from([role.name for role in ROLES])
SEEDS = st.integers(0, 999)


class Anything(RuleBasedStateMachine):
    """Two accounts, one daemon, and whatever may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = VirtualLoop()
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self._quiet = quietly()
        self._quiet.__enter__()
        self.world: World = self._do(self._made())

    async def _made(self) -> World:
        feed = ManualFeed(round(START.timestamp() * 1000), PRICES)
        world = World(self._folder, feed, ROLES, 1, START)
        world.start()
        return world

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def _act(self, act: Any, **given: Any) -> None:
        async def acted() -> None:
            self.world.engine.advance()
            act(self.world, **given)

        self._do(acted())

    @rule(name=NAMES)
    def poll(self, name: str) -> None:
        self._do(self._polled(name))

    @rule(times=st.integers(2, 6))
    def polls(self, times: int) -> None:
        for _ in range(times):
            for role in ROLES:
                self._do(self._polled(role.name))
            self.time_passes(2.0)

    async def _polled(self, name: str) -> None:
        world = self.world
        if world.life is None and not world.start():
            return
        if world.wants_restart:
            await world.stop()
            world.wants_restart = False
            world.start()
        await world.poll(world.guarded_by(name))
        if world.life is not None and world.life.dead:
            world.died()

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self._do(asyncio.sleep(seconds))

    @rule(
        symbol=st.sampled_from(sorted(PRICES)),
        factor=st.sampled_from(["0.9", "0.95", "0.99", "1.01", "1.08"]),
    )
    def the_price_moves(self, symbol: str, factor: str) -> None:
        def move(world: World) -> None:
            instrument = world.engine.instrument(symbol)
            price = world.engine.ticker(symbol).mark_price * Decimal(factor)
            world.engine.set_price(symbol, price // instrument.tick * instrument.tick)

        self._act(move)

    @rule(seed=SEEDS)
    def a_fault_is_armed(self, seed: int) -> None:
        self._act(hands.arm, body=recipes.fault(Random(seed), [role.name for role in ROLES]))

    @rule()
    def faults_are_lifted(self) -> None:
        self._act(World.lift)

    @rule(name=NAMES, seed=SEEDS, which=st.integers(0, len(hands.TRADERS) - 1))
    def somebody_trades(self, name: str, seed: int, which: int) -> None:
        self._act(hands.TRADERS[which][1], account=name, seed=seed)

    @rule()
    def owners_take_up_positions(self) -> None:
        self._act(hands.enter)

    @rule(points=st.integers(1, 40))
    def it_will_crash(self, points: int) -> None:
        self._act(hands.crash, points=points)

    @rule()
    def it_is_restarted(self) -> None:
        self._act(hands.restart)

    @rule(amount=st.sampled_from([0.0, 0.3, 0.7, 1.0]), which=st.integers(0, len(hands.HOST) - 1))
    def the_machine_suffers(self, amount: float, which: int) -> None:
        self._act(hands.HOST[which][1], amount=amount)

    @rule(name=st.sampled_from(["anna", "bert", ""]))
    def the_owner_halts(self, name: str) -> None:
        self._act(hands.halt, account=name)

    @rule(name=st.sampled_from(["anna", "bert", ""]))
    def the_owner_resumes(self, name: str) -> None:
        self._act(hands.resume, account=name)

    @rule(name=NAMES)
    def the_owner_arms_or_disarms(self, name: str) -> None:
        """Arming is a setting: it takes a restart."""
        one = self.world.guarded_by(name)
        one.armed = not one.armed
        self._act(hands.restart)

    @invariant()
    def nothing_is_broken(self) -> None:
        assert not self.world.violations, self._told()

    def teardown(self) -> None:
        """Faults end; everything comes right within so many polls."""
        try:
            if not self.world.violations:
                self._do(self._settled())
                assert not self.world.violations, self._told()
        finally:
            self._do(self.world.close())
            self._quiet.__exit__(None, None, None)
            self._loop.close()
            shutil.rmtree(self._folder)

    async def _settled(self) -> None:
        world = self.world
        world.engine.advance()
        world.lift()
        if world.life is not None:
            world.life.crash_in = None
        for _ in range(POLLS_TO_SETTLE):
            for role in ROLES:
                await self._polled(role.name)
            await asyncio.sleep(5.0)
        for one in world.guarded:
            one.judge.at_end()
            one.judge.restored(one.last, armed=one.armed)

    def _told(self) -> str:
        return "\n".join([*self.world.violations, *list(self.world.story.lines)[-40:]])


def test_whatever_happens_breaks_nothing() -> None:
    run_state_machine_as_test(
        Anything,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="REEF_MACHINE_EXAMPLES" not in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
