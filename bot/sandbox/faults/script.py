"""Scenario files with faults in them.

    faults:
      - {at: 2h, name: hang, count: 3, seconds: 20}
      - {at: 1d, until: 1d 30m, name: maintenance}

`at` and `until` are offsets in market time; the rest is what POST /sandbox/fault takes.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from bot.sandbox.engine.quantities import duration_ms
from bot.sandbox.engine.reading import Problem
from bot.sandbox.engine.scenario import ScenarioError, load_scenario, read_document
from bot.sandbox.engine.script import ScenarioFeed
from bot.sandbox.faults.catalogue import KINDS
from bot.sandbox.faults.checks import find_mistakes
from bot.sandbox.faults.schedule import Planned

AS_TEXT = ("value", "share")
"""Decimals: people write them without quotes."""


def load_script(path: Path, seed: int = 0) -> tuple[ScenarioFeed, tuple[Planned, ...]]:
    """The feed of a scenario file, and its faults in the feed's time.

    Raises `ScenarioError` with all mistakes of both.
    """
    reader = _Reader()
    planned = reader.faults(read_document(path))
    try:
        feed = load_scenario(path, seed)
    except ScenarioError as error:
        raise ScenarioError(path, [*error.problems, *reader.problems]) from error
    if reader.problems:
        raise ScenarioError(path, reader.problems)
    return feed, tuple(one.later(feed.start_ms) for one in planned)


class _Reader:
    """Reads the list of faults and collects what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def faults(self, document: object) -> tuple[Planned, ...]:
        if not isinstance(document, CommentedMap) or "faults" not in document:
            return ()
        entries = document["faults"]
        if not isinstance(entries, CommentedSeq):
            self._wrong(_line(document, "faults"), "faults: expected a list of {at, name, ...}")
            return ()
        read = [self._fault(entry, entries.lc.item(place)[0] + 1) for place, entry in enumerate(entries)]
        return tuple(one for one in read if one is not None)

    def _fault(self, entry: object, line: int) -> Planned | None:
        if not isinstance(entry, CommentedMap):
            self._wrong(line, f"faults: expected {{at, name, ...}}, not {entry!r}")
            return None
        before = len(self.problems)
        at_ms, until_ms = self._time(entry, "at"), self._time(entry, "until")
        if "at" not in entry:
            self._wrong(line, "'at' is missing")
        if at_ms is not None and until_ms is not None and until_ms <= at_ms:
            self._wrong(_line(entry, "until"), "until must lie after at")
        fields = {str(key): _plain(key, entry[key]) for key in entry if key not in ("at", "until")}
        for mistake in find_mistakes(KINDS, fields):
            told = _line(entry, mistake.field) if mistake.field in entry else line
            self._wrong(told, f"faults: {mistake.message}")
        if at_ms is None or len(self.problems) > before:
            return None
        return Planned(at_ms, until_ms, fields)

    def _time(self, entry: CommentedMap, key: str) -> int | None:
        if key not in entry:
            return None
        try:
            return duration_ms(entry[key])
        except ValueError as error:
            self._wrong(_line(entry, key), f"{key}: {error}")
            return None

    def _wrong(self, line: int, message: str) -> None:
        self.problems.append(Problem(line, message))


def _line(body: CommentedMap, key: object) -> int:
    return int(body.lc.key(key)[0]) + 1


def _plain(key: object, value: object) -> Any:
    """A value without what the reader of YAML hangs on it."""
    if key in AS_TEXT and not isinstance(value, bool | None):
        return str(value)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
