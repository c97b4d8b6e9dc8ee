"""Scenario files.

    name: november
    start: 2025-10-06T00:00:00Z
    duration: 46d
    symbols:
      BTCUSDT:
        path:                      # offset: price, the first at 0
          - [0s, 126223]
          - [46d, 80600]
        noise: 2%                  # daily volatility between the points
        basis: -0.05%              # last / index - 1
        funding: [[0s, 0.01%], [40d, -0.02%]]
        half_spread: 0.005%        # of the price
        depth: [[0s, 40M], [45d, 4M]]   # USD within 1 % of the mid
      ETHUSDT: {follows: BTCUSDT, beta: 1.3, start: 4700, noise: 1%}
    options:                       # none where it is missing
      BTC: {level: 55%, rise: 0.8}

A value that changes over time is a list of [offset, value], linear between. Mistakes are listed all at once,
each with its line.
"""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from bot.sandbox.engine.feeds import FeedError
from bot.sandbox.engine.options.script import read_options
from bot.sandbox.engine.quantities import duration_ms, instant_ms, number, share
from bot.sandbox.engine.reading import Mistakes, Problem, hint, line_of, not_negative, positive
from bot.sandbox.engine.script import Points, Scenario, ScenarioFeed, SymbolScript

_TOP = ("name", "start", "duration", "symbols")
_OPTIONAL = ("options",)
_ELSEWHERE = ("faults",)
"""What a file may hold beside the market, for others to read."""
_SYMBOL = ("path", "follows", "beta", "start", "noise", "basis", "funding", "half_spread", "depth")


class ScenarioError(FeedError):
    """A scenario that cannot be played; `problems` has every mistake."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(f"{path}:{one.line}: {one.message}" for one in self.problems))


def load_scenario(path: Path, seed: int = 0) -> ScenarioFeed:
    """The feed of a scenario file. Raises `ScenarioError` with all mistakes."""
    return ScenarioFeed(read_scenario(path), seed)


def read_scenario(path: Path) -> Scenario:
    """Read and check a scenario file. Raises `ScenarioError` with all mistakes."""
    path = Path(path)
    reader = _Reader()
    scenario = reader.scenario(read_document(path))
    if reader.problems or scenario is None:
        raise ScenarioError(path, reader.problems)
    return scenario


def read_document(path: Path) -> object:
    """What a file holds as YAML, with its lines. Raises `ScenarioError` where it cannot be read."""
    try:
        return YAML(typ="rt").load(StringIO(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(path, [Problem(1, f"cannot be read: {error}")]) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ScenarioError(path, [Problem(mark.line + 1 if mark else 1, str(error.problem))]) from error


class _Reader(Mistakes):
    """Reads a document and collects what is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self._duration = 0

    def scenario(self, document: object) -> Scenario | None:
        if not isinstance(document, CommentedMap):
            self.wrong(1, f"expected a mapping with {', '.join(_TOP)}")
            return None
        self.keys(document, (*_TOP, *_OPTIONAL, *_ELSEWHERE), required=_TOP)
        name = self.read(document, "name", str, "")
        start_ms = self.read(document, "start", instant_ms, 0)
        self._duration = self.read(document, "duration", duration_ms, 0)
        if "duration" in document and self._duration <= 0:
            self.wrong(line_of(document, "duration"), "the duration must be positive")
        options = read_options(self, document) if "options" in document else None
        symbols = document.get("symbols")
        if not isinstance(symbols, CommentedMap) or not symbols:
            if "symbols" in document:
                self.wrong(line_of(document, "symbols"), "expected at least one symbol with its script")
            return None
        scripts = {str(name): self._script(symbols, name) for name in symbols}
        self._leaders(symbols, scripts)
        return Scenario(
            name=name,
            start_ms=start_ms,
            duration_ms=self._duration,
            symbols=scripts,
            options=options,
        )

    def _script(self, symbols: CommentedMap, name: str) -> SymbolScript:
        body = symbols[name]
        if not isinstance(body, CommentedMap):
            self.wrong(line_of(symbols, name), f"expected a mapping for {name}")
            return SymbolScript()
        self.keys(body, _SYMBOL)
        if ("path" in body) == ("follows" in body):
            self.wrong(line_of(symbols, name), f"{name} needs either a path or follows, not both")
        if "follows" in body and "start" not in body:
            self.wrong(line_of(symbols, name), f"{name} follows another and needs its own start price")
        return SymbolScript(
            path=self._points(body, "path", positive) or ((0, 1.0),),
            follows=self.read(body, "follows", str, ""),
            beta=self.read(body, "beta", number, 1.0),
            start=self.read(body, "start", positive, 1.0),
            noise=self.read(body, "noise", not_negative, 0.0),
            basis=self._points(body, "basis", share) or ((0, 0.0),),
            funding=self._points(body, "funding", share) or ((0, 0.0001),),
            half_spread=self._points(body, "half_spread", not_negative),
            depth_usd=self._points(body, "depth", positive),
        )

    def _leaders(self, symbols: CommentedMap, scripts: dict[str, SymbolScript]) -> None:
        for name, script in scripts.items():
            seen, leader = [name], script.follows
            while leader:
                if leader in seen:
                    self.wrong(
                        line_of(symbols[name], "follows"), f"{' follows '.join([*seen, leader])}: a circle"
                    )
                    break
                if leader not in scripts:
                    self.wrong(
                        line_of(symbols[name], "follows"), f"no symbol {leader!r} here{hint(leader, scripts)}"
                    )
                    break
                seen.append(leader)
                leader = scripts[leader].follows

    def _points(self, body: CommentedMap, key: str, convert: Callable[[object], float]) -> Points | None:
        """A constant or a list of [offset, value]; None where the key is missing or wrong."""
        if key not in body:
            return None
        value = body[key]
        if not isinstance(value, CommentedSeq):
            return ((0, self.read(body, key, convert, 0.0)),)
        points: list[tuple[int, float]] = []
        for place, entry in enumerate(value):
            line = value.lc.item(place)[0] + 1
            if not isinstance(entry, list) or len(entry) != 2:
                self.wrong(line, f"{key}: expected [offset, value], not {entry!r}")
                continue
            try:
                points.append((duration_ms(entry[0]), convert(entry[1])))
            except ValueError as error:
                self.wrong(line, f"{key}: {error}")
                continue
            self._order(key, line, points)
        if not points:
            self.wrong(line_of(body, key), f"{key}: expected at least one [offset, value]")
        return tuple(points) or None

    def _order(self, key: str, line: int, points: list[tuple[int, float]]) -> None:
        offset = points[-1][0]
        if len(points) == 1 and offset:
            self.wrong(line, f"{key}: the first offset must be 0")
        if len(points) > 1 and offset <= points[-2][0]:
            self.wrong(line, f"{key}: offsets must increase")
        if 0 < self._duration < offset:
            self.wrong(line, f"{key}: the offset is beyond the duration")
