"""Nothing is left out: each row of the list of faults can be made to happen, and a test says what follows."""

import importlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from _pytest.mark import Mark, ParameterSet

from bot.sandbox.faults.catalogue import KINDS

ROWS = range(1, 36)
TESTS = Path(__file__).resolve().parent.parent
NAMES = ("mark.fault(", "told(")
"""A module that marks its tests with rows holds one of these."""


def marking_modules() -> Iterator[ModuleType]:
    """Every module of tests that may carry the marks."""
    for path in sorted(TESTS.rglob("test_*.py")):
        if any(name in path.read_text() for name in NAMES) and path != Path(__file__):
            name = ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)
            yield sys.modules.get(name) or importlib.import_module(name)


def rows_of(marks: list[Mark]) -> Iterator[int]:
    """Rows that a test proves: by its own mark, and by those of its parameters."""
    for mark in marks:
        if mark.name == "fault":
            yield from mark.args
        elif mark.name == "parametrize":
            for one in mark.args[1]:
                if isinstance(one, ParameterSet):
                    yield from rows_of([getattr(inner, "mark", inner) for inner in list[Any](one.marks)])


def marked_tests() -> dict[int, set[str]]:
    """Names of the tests that carry each row's mark."""
    found: dict[int, set[str]] = defaultdict(set)
    for module in marking_modules():
        for name, test in vars(module).items():
            if name.startswith("test_"):
                for row in rows_of(list(getattr(test, "pytestmark", ()))):
                    found[row].add(f"{module.__name__}::{name}")
    return found


def test_each_row_can_be_made_to_happen_by_name() -> None:
    made = {row for kind in KINDS.values() for row in kind.rows}
    assert set(ROWS) - made == set()
    assert made <= set(ROWS)


def test_each_row_has_a_test_that_carries_its_mark() -> None:
    marked = marked_tests()
    assert sorted(set(ROWS) - marked.keys()) == []
    assert marked.keys() <= set(ROWS)


def test_a_mark_is_found_on_a_test_and_on_a_parameter() -> None:
    @pytest.mark.fault(3)
    @pytest.mark.parametrize("one", [pytest.param(1, marks=pytest.mark.fault(4)), 2])
    def test_both(one: int) -> None:
        """Is not run."""

    marks: list[Mark] = test_both.pytestmark  # type: ignore[attr-defined]
    assert sorted(rows_of(marks)) == [3, 4]
