"""A seeded day of the market: calm, trends, and storms of a few minutes in which books are thin."""

import math
from datetime import UTC, datetime
from random import Random

import msgspec

from bot.sandbox.engine.script import Points, Scenario, ScenarioFeed, SymbolScript

START = datetime(2025, 11, 20, tzinfo=UTC)
DAY_S = 86_400
CALM_STEP_MS = 60_000
"""Between storms the market moves once a minute."""
STORM_STEP_MS = 2_000
FIRST_STORM_S, LAST_STORM_S = 1_200, DAY_S - 2_400
APART_S = 1_800
FOLLOWERS = (("ETHUSDT", 3_900.0, 1.2, 0.04), ("SOLUSDT", 190.0, 1.5, 0.05), ("DOGEUSDT", 0.21, 1.4, 0.06))
LEADER = "BTCUSDT"
LISTED = (LEADER, *(name for name, *_ in FOLLOWERS))
CALM_DEPTH, THIN_DEPTH = 40e6, 2.5e6


class Storm(msgspec.Struct, frozen=True):
    """Some minutes in which things happen, in seconds from the start of the day."""

    name: str
    begin: int
    end: int
    moves: tuple[tuple[float, float], ...]
    """(share of the storm's length, move from its first price) of the points that the price goes through."""

    def holds(self, seconds: float) -> bool:
        """Whether a moment lies inside."""
        return self.begin <= seconds < self.end


class Market(ScenarioFeed):
    """Plays a script in coarse steps where it is calm, and in fine ones inside storms."""

    def __init__(self, scenario: Scenario, storms: tuple[Storm, ...], seed: int) -> None:
        super().__init__(scenario, seed)
        self.storms = storms

    def next_breakpoint(self, after_ms: int) -> int | None:
        """The next point of a path, or the next fine step."""
        found = super().next_breakpoint(after_ms)
        offset = after_ms - self.start_ms
        for storm in self.storms:
            begin, end = storm.begin * 1000, storm.end * 1000
            if offset < end:
                fine = begin if offset < begin else (offset // STORM_STEP_MS + 1) * STORM_STEP_MS
                return self.start_ms + fine if found is None else min(found, self.start_ms + fine)
        return found

    def storm_at(self, seconds: float) -> Storm | None:
        """The storm at a moment, None where it is calm."""
        return next((storm for storm in self.storms if storm.holds(seconds)), None)


def make_market(seed: int, storms: int | None = None) -> Market:
    """Make the market of a seed."""
    random = Random(f"market:{seed}")
    weather = _storms(random, random.choice((2, 3, 4, 5)) if storms is None else storms)
    path, depth, spread = _path(random, weather)
    scripts = {
        LEADER: SymbolScript(
            path=path, noise=random.uniform(0.01, 0.04), depth_usd=depth, half_spread=_scaled(spread, 1.0)
        )
    }
    for name, start, beta, noise in FOLLOWERS:
        scripts[name] = SymbolScript(
            follows=LEADER,
            start=start,
            beta=beta,
            noise=noise,
            depth_usd=_scaled(depth, 0.3),
            half_spread=_scaled(spread, 2.0),
        )
    scenario = Scenario(
        name=f"day {seed}",
        start_ms=round(START.timestamp() * 1000),
        duration_ms=DAY_S * 1000,
        symbols=scripts,
    )
    return Market(scenario, weather, seed)


def _storms(random: Random, count: int) -> tuple[Storm, ...]:
    room = (LAST_STORM_S - FIRST_STORM_S) // max(count, 1)
    made = []
    for number in range(count):
        length = random.randrange(80, 200, 2)
        begin = FIRST_STORM_S + number * room + random.randrange(0, room - APART_S, 2)
        name, moves = _moves(random)
        made.append(Storm(name, begin, begin + length, moves))
    return tuple(made)


def _moves(random: Random) -> tuple[str, tuple[tuple[float, float], ...]]:
    """Draw what a storm does to the price."""
    fall = -random.choice((0.1, 0.12, 0.15, 0.15, 0.2, 0.25, 0.4)) * random.uniform(0.8, 1.0)
    back = fall * random.uniform(0.0, 0.4)
    low = random.uniform(0.3, 0.6)
    return random.choice(
        (
            ("crash", ((low, fall), (1.0, fall * random.uniform(0.7, 1.0)))),
            ("crash", ((low, fall), (1.0, fall * random.uniform(0.7, 1.0)))),
            ("V-shape", ((low, fall), (1.0, back))),
            ("two legs", ((0.25, fall * 0.6), (0.5, fall * 0.4), (0.8, fall), (1.0, fall * 0.9))),
            ("squeeze", ((low, -fall * 0.8), (1.0, -fall * 0.6))),
            ("calm", ((1.0, random.uniform(-0.01, 0.01)),)),
        )
    )


def _path(random: Random, storms: tuple[Storm, ...]) -> tuple[Points, Points, Points]:
    """Draw the leader's prices, and depth and spread that fit them."""
    price = 100_000.0 * random.uniform(0.8, 1.25)
    path: list[tuple[int, float]] = [(0, round(price, 1))]
    depth: list[tuple[int, float]] = [(0, CALM_DEPTH)]
    spread: list[tuple[int, float]] = [(0, 0.00005)]
    for storm in storms:
        begin, end = storm.begin * 1000, storm.end * 1000
        price *= math.exp(random.uniform(-0.04, 0.04))
        path.append((begin, round(price, 1)))
        for share, move in storm.moves:
            path.append((round(begin + share * (end - begin)), round(price * (1 + move), 1)))
        price = path[-1][1]
        thin = THIN_DEPTH * random.uniform(0.5, 4.0)
        worst = begin + round((end - begin) * 0.4)
        depth += [(begin, CALM_DEPTH), (worst, thin), (end, CALM_DEPTH / 2)]
        spread += [(begin, 0.00005), (worst, random.uniform(0.0002, 0.002)), (end, 0.0001)]
    path.append((DAY_S * 1000, round(price * math.exp(random.uniform(-0.03, 0.03)), 1)))
    return tuple(path), tuple(depth), tuple(spread)


def _scaled(points: Points, factor: float) -> Points:
    return tuple((at_ms, value * factor) for at_ms, value in points)
