"""Reading mappings of a scenario file: mistakes are collected with their lines, not raised."""

import difflib
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
from ruamel.yaml.comments import CommentedMap

from bot.sandbox.engine.quantities import number, share

T = TypeVar("T")


class Problem(msgspec.Struct, frozen=True):
    """One mistake in a scenario file."""

    line: int
    message: str


class Mistakes:
    """Collects what is wrong with a document while it is read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, line: int, message: str) -> None:
        """Note one mistake."""
        self.problems.append(Problem(line, message))

    def read(self, body: CommentedMap, key: str, convert: Callable[[object], T], default: T) -> T:
        """The value of a key; the default where it is missing or cannot be converted, which is noted."""
        if key not in body:
            return default
        try:
            return convert(body[key])
        except ValueError as error:
            self.wrong(line_of(body, key), f"{key}: {error}")
            return default

    def keys(self, body: CommentedMap, known: tuple[str, ...], required: tuple[str, ...] = ()) -> None:
        """Note keys that are not known, and those that are missing."""
        for key in body:
            if key not in known:
                self.wrong(line_of(body, key), f"unknown key {key!r}{hint(str(key), known)}")
        for key in required:
            if key not in body:
                self.wrong(body.lc.line + 1, f"{key!r} is missing")


def line_of(body: CommentedMap, key: object) -> int:
    """The line of a key, the first one being 1."""
    return int(body.lc.key(key)[0]) + 1


def hint(word: str, known: Iterable[object]) -> str:
    """The nearest known word, or all of them."""
    words = [str(one) for one in known]
    near = difflib.get_close_matches(word, words, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; expected one of {', '.join(words)}"


def positive(value: object) -> float:
    """A number above 0. Raises ValueError."""
    found = number(value)
    if found <= 0:
        raise ValueError(f"expected a positive number, not {value!r}")
    return found


def not_negative(value: object) -> float:
    """A share from 0 on. Raises ValueError."""
    found = share(value)
    if found < 0:
        raise ValueError(f"expected a share that is not negative, not {value!r}")
    return found
