"""One seed: a day with faults, then calm in which everything must come right."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from random import Random

import msgspec

from tests.simulation.cast import make_cast
from tests.simulation.market import DAY_S, START, make_market
from tests.simulation.weather import LIFT, NAMED, Weather, make_weather
from tests.simulation.world import Guarded, World

CALM_S = 590.0
"""Between polls in calm."""
BUSY_S = (1.0, 7.0)
"""Between polls while something is going on."""
AFTER_S = 15.0
"""For so long after a storm the polls stay frequent."""
RECONCILE_EVERY = 12
STATISTICS_S = 12 * 3600
POLLS_TO_SETTLE = 30
SETTLE_S = 5.0


class Outcome(msgspec.Struct, frozen=True):
    """What came of a seed."""

    seed: int
    seconds: float
    """Virtual seconds that passed."""
    polls: int
    faults: dict[str, int]
    """How often each kind of fault struck."""
    restarts: int
    crashes: int
    violations: tuple[str, ...]
    digest: str
    story: tuple[str, ...]
    """The accounts, and what happened last before the first violation, or at the end."""
    wall: float
    figures: dict[str, int]
    """Orders, stops and cancels that the guards prepared."""


class Day:
    """Runs one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.market = make_market(seed)
        roles = make_cast(seed)
        self.weather: Weather = make_weather(seed, self.market.storms, roles)
        self.world = World(folder, self.market, roles, seed, START)
        self.faults: Counter[str] = Counter()
        self._random = Random(f"day:{seed}")
        self._cast = tuple(self.world.story.lines)
        self._told: tuple[str, ...] = ()
        self._polls = 0

    async def run(self) -> None:
        """Live through the day, then through the calm behind it."""
        acts = asyncio.ensure_future(self._acts())
        while self.world.true.seconds < DAY_S:
            await self._life()
        await acts
        await self._calm()

    async def _acts(self) -> None:
        for act in self.weather.acts:
            await asyncio.sleep(max(act.at - self.world.true.seconds, 0.0))
            self.world.story.tell("act", act.name)
            if act.name == LIFT:
                self._count()
            act.do(self.world)
            if act.name in NAMED:
                self.faults[act.name] += 1
        await asyncio.sleep(max(DAY_S - self.world.true.seconds, 0.0))

    def _count(self) -> None:
        """Take the strikes of the venue's faults before they are lifted."""
        for one in self.world.sandbox.faults.listing():
            self.faults[one["name"]] += one["strikes"]

    async def _life(self) -> None:
        """Run the daemon from a start to its end."""
        world = self.world
        world.wants_restart = False
        while not world.start():
            await asyncio.sleep(2.0)
        await asyncio.gather(*(self._watch(one) for one in world.guarded))
        if world.life is not None and world.life.dead:
            world.died()
            await asyncio.sleep(self._random.choice((0.5, 3.0, 15.0)))
        elif world.true.seconds < DAY_S:
            await world.stop()
            await asyncio.sleep(1.0)

    async def _watch(self, one: Guarded) -> None:
        """Poll one account for as long as the daemon lives."""
        world, random = self.world, Random(f"{one.name}:{self._random.random()}")
        statistics = world.true.seconds + (0 if random.random() < 0.1 or not one.cycles else STATISTICS_S)
        number = 0
        while world.true.seconds < DAY_S and not world.wants_restart:
            life = world.life
            if life is None or life.dead or one.guard is None:
                return
            if world.true.seconds >= statistics:
                await world.living(one.guard.refresh_stats())
                statistics += STATISTICS_S
            await world.poll(one)
            self._judged()
            number += 1
            if number % RECONCILE_EVERY == 0 and one.guard is not None:
                await world.living(one.guard.reconcile())
            await asyncio.sleep(self._pause(random))

    def _pause(self, random: Random) -> float:
        now = self.world.true.seconds
        if self.weather.busy_at(now) or self.weather.busy_at(now - AFTER_S):
            return random.uniform(*BUSY_S)
        soon = self.weather.next_busy(now)
        wait = min(CALM_S, DAY_S - now)
        return max(min(wait, soon - now if soon is not None else wait), 1.0)

    def _judged(self) -> None:
        """Keep what led to the first violation."""
        if not self._told and self.world.violations:
            self._told = (*self._cast, "...", *self.world.story.lines)

    async def _calm(self) -> None:
        """6: with the faults gone, everything comes right within so many polls."""
        world = self.world
        self._count()
        world.lift()
        if world.life is None or world.life.dead:
            world.died()
            world.start()
        for _ in range(POLLS_TO_SETTLE):
            for one in world.guarded:
                await world.poll(one)
            await asyncio.sleep(SETTLE_S)
        for one in world.guarded:
            one.judge.at_end()
            one.moves.at_end()
            one.judge.restored(one.last, armed=one.armed)
        self._judged()
        await world.close()

    def outcome(self, seed: int, wall: float) -> Outcome:
        """Sum the day up."""
        world = self.world
        figures: Counter[str] = Counter()
        for one in world.guarded:
            tally = one.judge.tally
            figures.update(orders=tally.orders, stops=tally.stops, cancels=tally.cancels, failed=one.errors)
            figures.update(one.moves.count())
            figures.update(decisions=tally.decisions, cycles=one.cycles, check_failed=one.check_failed)
        return Outcome(
            seed=seed,
            seconds=world.true.seconds,
            polls=sum(one.cycles for one in world.guarded),
            faults=dict(sorted(self.faults.items())),
            restarts=world.restarts + world.crashes,
            crashes=world.crashes,
            violations=tuple(world.violations),
            digest=world.story.digest,
            story=self._told or (*self._cast, "...", *world.story.lines),
            wall=wall,
            figures=dict(figures),
        )


async def simulate(seed: int, folder: Path) -> Outcome:
    """Run a seed. To be awaited inside a virtual loop."""
    begun = time.perf_counter()
    day = Day(seed, folder)
    await day.run()
    return day.outcome(seed, time.perf_counter() - begun)


def failed(seed: int, why: str) -> Outcome:
    """The outcome of a seed that did not come to its end."""
    return Outcome(seed, 0.0, 0, {}, 0, 0, (f"not foreseen: {why}",), "", (), 0.0, {})
