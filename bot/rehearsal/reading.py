"""Files of rule tests: YAML in, tests or all mistakes out."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from bot.documents import (
    Document,
    KeyPath,
    Mistake,
    MistakesError,
    Shape,
    WordingError,
    check_shape,
    nearest_hint,
    read_document,
    shown,
)
from bot.model import Number
from bot.rehearsal.shapes import (
    UNKNOWN,
    FileShape,
    OrderShape,
    PositionShape,
    StepShape,
    TestShape,
)
from bot.rehearsal.values import Look, Rehearsal
from bot.risk.market_definitions import MARKET_METRICS
from bot.rules import RuleSet, load_rules, rules_path
from bot.rules.limits import read_limit

STEP = timedelta(seconds=2)
"""Between two looks that do not say how long."""
_S = TypeVar("_S", bound=Shape)


def read_rehearsals(path: Path) -> tuple[Rehearsal, ...]:
    """Read a file of rule tests, and the rules that it names (a profile, or a path beside the file).

    Raises `MistakesError` with every mistake of both files, each with its place.
    """
    return _Reader(read_document(path), path.parent).read()


class _Reader:
    """Reads one file; collects mistakes on the way."""

    def __init__(self, document: Document, folder: Path) -> None:
        self._document = document
        self._folder = folder
        self._mistakes: list[Mistake] = []

    def read(self) -> tuple[Rehearsal, ...]:
        file = self._shape(FileShape, self._document.data, (), ("rules", "tests"))
        rules = self._rules(file.rules) if file.rules else None
        tests = [self._test(("tests", number), raw, rules) for number, raw in enumerate(file.tests)]
        if self._mistakes or rules is None:
            raise MistakesError(self._mistakes)
        return tuple(Rehearsal(self._document, rules, *test) for test in tests)

    def _rules(self, choice: str) -> RuleSet | None:
        try:
            return load_rules(rules_path(choice, self._folder))
        except MistakesError as error:
            self._mistakes += error.mistakes
            return None

    def _test(
        self, path: KeyPath, raw: object, rules: RuleSet | None
    ) -> tuple[KeyPath, TestShape, tuple[Look, ...]]:
        shape = self._shape(TestShape, raw, path, ("name", "steps"))
        at, looks = shape.start, []
        for number, entry in enumerate(shape.steps):
            where = (*path, "steps", number)
            step = self._shape(StepShape, entry, where, ("equity", "positions") if number == 0 else ())
            pause = STEP if step.after is None else step.after
            at += pause if number else timedelta(0)
            if rules is not None:
                self._names(where, step, [rule.name for rule in rules.rules])
            looks.append(self._look(where, at, step))
        return path, shape, tuple(looks)

    def _look(self, path: KeyPath, at: datetime, step: StepShape) -> Look:
        positions = self._parts((*path, "positions"), step.positions, PositionShape, ("symbol", "size"))
        orders = self._parts((*path, "orders"), step.orders, OrderShape, ("symbol", "side", "size", "price"))
        markets = {
            base: self._figures((*path, "markets", base), figures) for base, figures in step.markets.items()
        }
        return Look(path, at, step, positions, orders, markets)

    def _parts(
        self, path: KeyPath, entries: Iterable[object] | None, shape: type[_S], needed: tuple[str, ...]
    ) -> tuple[_S, ...] | None:
        if entries is None:
            return None
        return tuple(self._shape(shape, raw, (*path, number), needed) for number, raw in enumerate(entries))

    def _figures(self, path: KeyPath, figures: dict[str, object]) -> dict[str, Number]:
        """Read figures of one market, each in its unit."""
        found: dict[str, Number] = {}
        for figure, value in figures.items():
            definition = MARKET_METRICS.get(f"market.{figure}")
            if definition is None:
                known = [name.removeprefix("market.") for name in MARKET_METRICS]
                what = f"markets: {figure!r} is not a figure of a market"
                self._add((*path, figure), what, nearest_hint(figure, known), key=True)
                continue
            try:
                found[figure] = UNKNOWN if value == "unknown" else read_limit(value, definition)
            except WordingError as error:
                self._add((*path, figure), f"markets.{figure}: {error.what}", error.hint)
        return found

    def _names(self, path: KeyPath, step: StepShape, known: list[str]) -> None:
        """Refuse names of rules that the rules do not have."""
        stronger = [((*path, "silenced", name), other) for name, other in step.silenced.items()]
        for key in ("expect", "if_blind", "silenced"):
            for name in getattr(step, key):
                if name not in known:
                    what = f"{key}: there is no rule {shown(name)}"
                    self._add((*path, key, name), what, nearest_hint(name, known), key=True)
        for where, name in stronger:
            if name not in known:
                self._add(where, f"silenced: there is no rule {shown(name)}", nearest_hint(name, known))

    def _shape(self, shape: type[_S], raw: object, path: KeyPath, needed: tuple[str, ...]) -> _S:
        """Validate a part and demand the keys that it must have."""
        made, checked = check_shape(shape, raw, self._document, path)
        self._mistakes += checked.mistakes
        for key in needed:
            if key not in checked.broken and getattr(made, key) in (None, "", ()) and key != "positions":
                self._add(path, f"{key!r} is missing")
            elif key == "positions" and key not in checked.broken and getattr(made, key) is None:
                self._add(path, f"{key!r} is missing: write positions: [] where there are none")
        return made

    def _add(self, path: KeyPath, what: str, hint: str = "", *, key: bool = False) -> None:
        self._mistakes.append(self._document.mistake(path, what, "", hint, key=key))
