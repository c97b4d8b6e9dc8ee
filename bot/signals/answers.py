"""The number in an answer, and the source's own time beside it."""

import re
from datetime import UTC, datetime
from math import isfinite

import msgspec

from bot.errors import ReefError

MAX_BYTES = 64 * 1024
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MILLISECONDS_FROM = 1e11
"""Seconds since 1970 stay below for another three thousand years."""
_LONGEST = 40


class SignalError(ReefError):
    """A signal could not be read: why, in plain words, without what may be secret."""


class Reading(msgspec.Struct, frozen=True):
    """A number and the moment at which it was true."""

    value: float
    at: datetime


def read_answer(body: bytes, path: tuple[str, ...], at_path: tuple[str, ...], default: datetime) -> Reading:
    """Find the number, and its time where `at_path` leads to one. Raises `SignalError`."""
    data: object = body.decode(errors="replace").strip()
    if path or at_path:
        try:
            data = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise SignalError(f"the answer is not JSON, but begins with {_shown(data)}") from None
    value = number_of(step_into(data, path))
    return Reading(value, moment_of(step_into(data, at_path)) if at_path else default)


def step_into(data: object, path: tuple[str, ...]) -> object:
    """Follow keys and list positions. Raises `SignalError`, which says how far the path led."""
    for number, step in enumerate(path):
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and step.isascii() and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        else:
            where = ".".join(path[:number]) or "the answer"
            raise SignalError(f"the path has no end: {where} {_has(data)}, and no {step!r}")
    return data


def number_of(value: object) -> float:
    """Read a number, or text that is one and nothing more. Raises `SignalError`."""
    if isinstance(value, str) and len(value) <= _LONGEST and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    raise SignalError(f"{_shown(value)} is not a number")


def moment_of(value: object) -> datetime:
    """Read seconds or milliseconds since 1970, or a time of ISO 8601 with its zone. Raises `SignalError`."""
    try:
        number = number_of(value)
    except SignalError:
        return _iso(value)
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise SignalError(f"{_shown(value)} is not a time") from None


def _iso(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise SignalError(f"{_shown(value)} is not a time") from None
    if moment.tzinfo is None:
        raise SignalError(f"the time {_shown(value)} has no zone")
    return moment.astimezone(UTC)


def _has(data: object) -> str:
    if isinstance(data, dict):
        return f"has {', '.join(map(_shown, list(data)[:5])) or 'nothing'}"
    if isinstance(data, list):
        return f"is a list of {len(data)}"
    return f"is {_shown(data)}"


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
