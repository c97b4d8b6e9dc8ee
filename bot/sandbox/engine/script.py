"""A scripted market: prices through given points, symbols that follow another, seeded noise between."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random

import msgspec

from bot.sandbox.engine.feeds import Bar, Tick
from bot.sandbox.engine.options.settings import OptionSettings

Points = tuple[tuple[int, float], ...]
"""(offset in ms from the start, value), in the order of time, the first at 0."""

_NOISE_CELLS = 20_000
_DAY_MS = 86_400_000


class SymbolScript(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's script: either a `path` of prices, or `follows` with `beta` and `start` price.

    `noise` is a daily volatility; `basis` is last / index - 1; `funding` a rate for each settlement;
    `half_spread` a share of the price and `depth_usd` a notional within 1 % (None: the instrument's). All but
    noise and beta may change over time.
    """

    path: Points = ()
    follows: str = ""
    beta: float = 1.0
    start: float = 0.0
    noise: float = 0.0
    basis: Points = ((0, 0.0),)
    funding: Points = ((0, 0.0001),)
    half_spread: Points | None = None
    depth_usd: Points | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A named script with its start (ms since the epoch), duration (ms) and options (None: none)."""

    name: str
    start_ms: int
    duration_ms: int
    symbols: Mapping[str, SymbolScript]
    options: OptionSettings | None = None


class ScenarioFeed:
    """Plays a scenario. Between points the price goes geometrically, with noise that is 0 at every point.

    The noise is a Brownian bridge on a grid, made of `seed` and the symbol; the path gives the last price, so
    that the points are hit exactly. After the end the last price holds.
    """

    def __init__(self, scenario: Scenario, seed: int = 0) -> None:
        self.scenario = scenario
        self._seed = seed
        self._cell_ms = max(1000, scenario.duration_ms // _NOISE_CELLS // 1000 * 1000)
        self._noise = {name: self._bridges(name, script) for name, script in scenario.symbols.items()}
        self._knots = sorted(
            {at_ms for s in scenario.symbols.values() for at_ms, _ in s.path} | {scenario.duration_ms}
        )
        self._logs = {
            name: tuple((at_ms, math.log(price)) for at_ms, price in script.path)
            for name, script in scenario.symbols.items()
        }

    @property
    def symbols(self) -> Sequence[str]:
        """The symbols that have a script."""
        return tuple(self.scenario.symbols)

    @property
    def start_ms(self) -> int:
        """The scenario's start."""
        return self.scenario.start_ms

    @property
    def end_ms(self) -> int | None:
        """The scenario's end."""
        return self.scenario.start_ms + self.scenario.duration_ms

    def tick(self, symbol: str, time_ms: int) -> Tick:
        """The scripted market at a time."""
        offset = min(max(0, time_ms - self.start_ms), self.scenario.duration_ms)
        last = math.exp(self._log_price(symbol, offset))
        series = self.scenario.symbols[symbol]
        return Tick(
            last=last,
            index=last / (1 + value_at(series.basis, offset)),
            funding_rate=value_at(series.funding, offset),
            half_spread=None if series.half_spread is None else value_at(series.half_spread, offset),
            depth_usd=None if series.depth_usd is None else value_at(series.depth_usd, offset),
        )

    def next_breakpoint(self, after_ms: int) -> int | None:
        """The next point of any path."""
        number = bisect_right(self._knots, after_ms - self.start_ms)
        return self.start_ms + self._knots[number] if number < len(self._knots) else None

    def beta(self, symbol: str) -> float | None:
        """A follower's beta, times its leader's; as it is written for one with a path of its own."""
        script = self.scenario.symbols[symbol]
        if not script.follows:
            return script.beta
        return script.beta * (self.beta(script.follows) or 1.0)

    def bars(self, symbol: str) -> Sequence[Bar]:
        """None: a script has no past."""
        return ()

    def _log_price(self, symbol: str, offset: int) -> float:
        script = self.scenario.symbols[symbol]
        noise = self._noise_at(symbol, offset)
        if not script.follows:
            return value_at(self._logs[symbol], offset) + noise
        leader = self._log_price(script.follows, offset) - self._log_price(script.follows, 0)
        return math.log(script.start) + script.beta * leader + noise

    def _noise_at(self, symbol: str, offset: int) -> float:
        segments = self._noise[symbol]
        if not segments:
            return 0.0
        number = bisect_right(segments, offset, key=lambda segment: segment.start_ms) - 1
        return segments[number].at(offset)

    def _bridges(self, name: str, script: SymbolScript) -> list["_Bridge"]:
        if not script.noise:
            return []
        duration = self.scenario.duration_ms
        ends = sorted({0, duration, *(at_ms for at_ms, _ in script.path)})
        random = Random(f"{self._seed}:{self.scenario.name}:{name}")
        return [_Bridge(start, end, self._cell_ms, script.noise, random) for start, end in pairwise(ends)]


class _Bridge:
    """Noise between two points: 0 at both ends, linear inside a cell."""

    def __init__(self, start_ms: int, end_ms: int, cell_ms: int, daily: float, random: Random) -> None:
        self.start_ms = start_ms
        cells = max(2, round((end_ms - start_ms) / cell_ms))
        self._cell_ms = (end_ms - start_ms) / cells
        scale = daily * math.sqrt(self._cell_ms / _DAY_MS)
        walk = [0.0]
        for _ in range(cells):
            walk.append(walk[-1] + random.gauss(0.0, scale))
        self._values = [value - walk[-1] * number / cells for number, value in enumerate(walk)]

    def at(self, offset_ms: int) -> float:
        """The noise (a difference of log prices) at an offset from the scenario's start."""
        place = (offset_ms - self.start_ms) / self._cell_ms
        number = min(int(place), len(self._values) - 2)
        before, after = self._values[number], self._values[number + 1]
        return before + (after - before) * min(1.0, place - number)


def value_at(points: Points, offset: int) -> float:
    """Linear interpolation; the first value before the first point, the last after the last."""
    if len(points) == 1 or offset <= points[0][0]:
        return points[0][1]
    number = bisect_right(points, offset, key=lambda point: point[0])
    if number == len(points):
        return points[-1][1]
    (before_ms, before), (after_ms, after) = points[number - 1], points[number]
    return before + (after - before) * (offset - before_ms) / (after_ms - before_ms)
