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

A value that changes over time is a list of [offset, value], linear between. Mistakes are listed all at once,
each with its line.
"""

import difflib
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from bot.sandbox.engine.feeds import FeedError
from bot.sandbox.engine.quantities import duration_ms, instant_ms, number, share
from bot.sandbox.engine.script import Points, Scenario, ScenarioFeed, SymbolScript

T = TypeVar("T")
_TOP = ("name", "start", "duration", "symbols")
_ELSEWHERE = ("faults",)
"""What a file may hold beside the market, for others to read."""
_SYMBOL = ("path", "follows", "beta", "start", "noise", "basis", "funding", "half_spread", "depth")


class Problem(msgspec.Struct, frozen=True):
    """One mistake in a scenario file."""

    line: int
    message: str


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


class _Reader:
    """Reads a document and collects what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._duration = 0

    def scenario(self, document: object) -> Scenario | None:
        if not isinstance(document, CommentedMap):
            self._wrong(1, f"expected a mapping with {', '.join(_TOP)}")
            return None
        self._keys(document, (*_TOP, *_ELSEWHERE), required=_TOP)
        name = self._read(document, "name", str, "")
        start_ms = self._read(document, "start", instant_ms, 0)
        self._duration = self._read(document, "duration", duration_ms, 0)
        if "duration" in document and self._duration <= 0:
            self._wrong(_line(document, "duration"), "the duration must be positive")
        symbols = document.get("symbols")
        if not isinstance(symbols, CommentedMap) or not symbols:
            if "symbols" in document:
                self._wrong(_line(document, "symbols"), "expected at least one symbol with its script")
            return None
        scripts = {str(name): self._script(symbols, name) for name in symbols}
        self._leaders(symbols, scripts)
        return Scenario(name=name, start_ms=start_ms, duration_ms=self._duration, symbols=scripts)

    def _script(self, symbols: CommentedMap, name: str) -> SymbolScript:
        body = symbols[name]
        if not isinstance(body, CommentedMap):
            self._wrong(_line(symbols, name), f"expected a mapping for {name}")
            return SymbolScript()
        self._keys(body, _SYMBOL)
        if ("path" in body) == ("follows" in body):
            self._wrong(_line(symbols, name), f"{name} needs either a path or follows, not both")
        if "follows" in body and "start" not in body:
            self._wrong(_line(symbols, name), f"{name} follows another and needs its own start price")
        return SymbolScript(
            path=self._points(body, "path", _positive) or ((0, 1.0),),
            follows=self._read(body, "follows", str, ""),
            beta=self._read(body, "beta", number, 1.0),
            start=self._read(body, "start", _positive, 1.0),
            noise=self._read(body, "noise", _spread, 0.0),
            basis=self._points(body, "basis", share) or ((0, 0.0),),
            funding=self._points(body, "funding", share) or ((0, 0.0001),),
            half_spread=self._points(body, "half_spread", _spread),
            depth_usd=self._points(body, "depth", _positive),
        )

    def _leaders(self, symbols: CommentedMap, scripts: dict[str, SymbolScript]) -> None:
        for name, script in scripts.items():
            seen, leader = [name], script.follows
            while leader:
                if leader in seen:
                    self._wrong(
                        _line(symbols[name], "follows"), f"{' follows '.join([*seen, leader])}: a circle"
                    )
                    break
                if leader not in scripts:
                    self._wrong(
                        _line(symbols[name], "follows"), f"no symbol {leader!r} here{_hint(leader, scripts)}"
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
            return ((0, self._read(body, key, convert, 0.0)),)
        points: list[tuple[int, float]] = []
        for place, entry in enumerate(value):
            line = value.lc.item(place)[0] + 1
            if not isinstance(entry, list) or len(entry) != 2:
                self._wrong(line, f"{key}: expected [offset, value], not {entry!r}")
                continue
            try:
                points.append((duration_ms(entry[0]), convert(entry[1])))
            except ValueError as error:
                self._wrong(line, f"{key}: {error}")
                continue
            self._order(key, line, points)
        if not points:
            self._wrong(_line(body, key), f"{key}: expected at least one [offset, value]")
        return tuple(points) or None

    def _order(self, key: str, line: int, points: list[tuple[int, float]]) -> None:
        offset = points[-1][0]
        if len(points) == 1 and offset:
            self._wrong(line, f"{key}: the first offset must be 0")
        if len(points) > 1 and offset <= points[-2][0]:
            self._wrong(line, f"{key}: offsets must increase")
        if 0 < self._duration < offset:
            self._wrong(line, f"{key}: the offset is beyond the duration")

    def _read(self, body: CommentedMap, key: str, convert: Callable[[object], T], default: T) -> T:
        if key not in body:
            return default
        try:
            return convert(body[key])
        except ValueError as error:
            self._wrong(_line(body, key), f"{key}: {error}")
            return default

    def _keys(self, body: CommentedMap, known: tuple[str, ...], required: tuple[str, ...] = ()) -> None:
        for key in body:
            if key not in known:
                self._wrong(_line(body, key), f"unknown key {key!r}{_hint(str(key), known)}")
        for key in required:
            if key not in body:
                self._wrong(body.lc.line + 1, f"{key!r} is missing")

    def _wrong(self, line: int, message: str) -> None:
        self.problems.append(Problem(line, message))


def _line(body: CommentedMap, key: object) -> int:
    return int(body.lc.key(key)[0]) + 1


def _hint(word: str, known: Iterable[object]) -> str:
    words = [str(one) for one in known]
    near = difflib.get_close_matches(word, words, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; expected one of {', '.join(words)}"


def _positive(value: object) -> float:
    found = number(value)
    if found <= 0:
        raise ValueError(f"expected a positive number, not {value!r}")
    return found


def _spread(value: object) -> float:
    found = share(value)
    if found < 0:
        raise ValueError(f"expected a share that is not negative, not {value!r}")
    return found
