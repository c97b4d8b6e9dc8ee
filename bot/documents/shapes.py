"""Shapes of documents: pydantic models, what they find wrong told by place and in plain words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bot.documents.mistakes import Mistake, nearest_hint, shown
from bot.documents.quantities import (
    WordingError,
    parse_duration,
    parse_fraction,
    plain_percent,
    show_duration,
)
from bot.documents.reading import Document

LATER = "not available in this version"

Words: TypeAlias = Mapping[tuple[str, ...], Sequence[str]]
"""The right keys below a path of keys; () is the top of the validated part."""

E = TypeVar("E", bound=StrEnum)
M = TypeVar("M", bound="Shape")
N = TypeVar("N")

_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list such as [one, two]",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


class Shape(BaseModel):
    """A part of a document: strict types, no unknown keys, every key with a default.

    What must be there is checked apart, so that all mistakes can be told at once.
    """

    # A validator is built when something is first validated by it: most parts are only ever parts.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys as people write them."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class Checked(Struct, frozen=True):
    """What is wrong with a part of a document."""

    broken: frozenset[str]
    """Top keys with a mistake in them; the shape holds their defaults."""
    mistakes: tuple[Mistake, ...]


def check_shape(
    shape: type[M],
    raw: object,
    document: Document,
    prefix: Sequence[str | int] = (),
    words: Words | None = None,
    later: Iterable[str] = (),
) -> tuple[M, Checked]:
    """Validate `raw`, which stands at `prefix` of the document.

    Keys with mistakes fall back to their defaults, so that the rest can still be checked. `later` are keys
    of later versions.
    """
    try:
        return shape.model_validate(raw), Checked(frozenset(), ())
    except ValidationError as error:
        items = error.errors(include_url=False)
    known = {(): shape.known_keys(), **(words or {})}
    mistakes = tuple(_mistake(item, document, tuple(prefix), known, frozenset(later)) for item in items)
    broken = frozenset(str(item["loc"][0]) for item in items if item["loc"])
    kept = {key: value for key, value in raw.items() if key not in broken} if isinstance(raw, dict) else {}
    return shape.model_validate(kept), Checked(broken or frozenset(shape.known_keys()), mistakes)


def word_of(words: type[E], later: Mapping[str, str] | Iterable[str] = ()) -> Callable[[object], E]:
    """Return a validator that takes one of an enumeration's words; `later` are words of later versions."""
    known = {word.value: word for word in words}
    coming = frozenset(later)

    def parse(value: object) -> E:
        if isinstance(value, str) and value in known:
            return known[value]
        if isinstance(value, str) and value in coming:
            raise WordingError(f"{value!r} is {LATER}", hint=f"known: {', '.join(known)}")
        expected = f"one of {', '.join(known)}"
        hint = nearest_hint(value, known) if isinstance(value, str) else ""
        raise WordingError(f"{shown(value)} is not known", expected, "" if hint.startswith("known") else hint)

    return parse


def within(
    parse: Callable[[object], N], low: N, high: N, show: Callable[[N], str] = str
) -> Callable[[object], N]:
    """Return a validator that parses and demands `low` <= value <= `high`."""

    def checked(value: object) -> N:
        parsed = parse(value)
        if not low <= parsed <= high:  # type: ignore[operator]
            raise WordingError(f"{shown(value)} is out of range", f"{show(low)} to {show(high)}")
        return parsed

    return checked


def show_percent(value: Any) -> str:
    """Return a fraction as people write it: 0.15 gives 15%."""
    return plain_percent(value).replace(" ", "")


def _mistake(
    item: Any, document: Document, prefix: tuple[str | int, ...], words: Words, later: frozenset[str]
) -> Mistake:
    path = (*prefix, *item["loc"])
    kind: str = item["type"]
    if kind == "extra_forbidden":
        key = str(path[-1])
        above = tuple(step for step in item["loc"][:-1] if isinstance(step, str))
        hint = LATER if key in later else nearest_hint(key, words.get(above, ()))
        return document.mistake(path, f"unknown key {key!r}", hint=hint, key=True)
    named = ".".join(str(step) for step in item["loc"] if isinstance(step, str) and step != "[key]") or "this"
    cause = item.get("ctx", {}).get("error")
    if isinstance(cause, WordingError):
        return document.mistake(path, f"{named}: {cause.what}", cause.expected, cause.hint)
    if kind in _EXPECTED:
        return document.mistake(path, f"{named}: {shown(item['input'])} is not right", _EXPECTED[kind])
    return document.mistake(path, f"{named}: {item['msg']}")


def span(low: timedelta, high: timedelta) -> BeforeValidator:
    """Return the validator of a duration between `low` and `high`."""
    return BeforeValidator(within(parse_duration, low, high, show_duration))


def percent(low: float, high: float) -> BeforeValidator:
    """Return the validator of a percentage between `low` and `high`, as fractions."""
    return BeforeValidator(within(parse_fraction, low, high, show_percent))
