"""Exact figures out of a venue's raw rows. What is missing or malformed is unknown, never 0."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from bot.exchange.failures import MalformedDataError
from bot.model import Figure, Unknown

Row: TypeAlias = Mapping[str, object]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MILLISECONDS = 253_402_300_799_000


def figure(row: Row, key: str) -> Figure:
    """Read a number; '', absent, NaN and text are unknown. Zero and negative numbers are figures."""
    return figure_of(row.get(key), key)


def figure_of(raw: object, key: str) -> Figure:
    """Read a number that stands outside a row; `key` says what it is."""
    if raw is None or raw == "":
        return Unknown(f"the venue gave no {key}")
    text = repr(raw) if isinstance(raw, float) else raw
    if type(text) is not str and (isinstance(text, bool) or not isinstance(text, int)):
        return Unknown(f"{key} is not a number: {_excerpt(raw)}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        return Unknown(f"{key} is not a number: {_excerpt(raw)}")
    return value if value.is_finite() else Unknown(f"{key} is not a number: {_excerpt(raw)}")


def positive(row: Row, key: str) -> Figure:
    """Read a number for which zero is nonsense (a price, a margin): then it is unknown."""
    value = figure(row, key)
    if isinstance(value, Decimal) and value <= 0:
        return Unknown(f"the venue gave {key} {_excerpt(row[key])}")
    return value


def required(row: Row, key: str) -> Decimal:
    """Read a number without which the row means nothing. Raises MalformedDataError."""
    value = figure(row, key)
    if isinstance(value, Unknown):
        raise MalformedDataError(f"{value.reason} in a row of {_excerpt(row.get('symbol', row.get('coin')))}")
    return value


def known_nonzero(row: Row, key: str) -> bool:
    """Whether the row states a number other than zero."""
    value = figure(row, key)
    return isinstance(value, Decimal) and value != 0


def optional(row: Row, key: str) -> Decimal | None:
    """Read a price of which '' and 0 mean that there is none. Raises MalformedDataError on text."""
    value = figure(row, key)
    if isinstance(value, Decimal):
        return value if value > 0 else None
    if row.get(key) in (None, ""):
        return None
    raise MalformedDataError(value.reason)


def text(row: Row, key: str) -> str:
    """Read text that may be absent."""
    raw = row.get(key)
    return raw if isinstance(raw, str) else ""


def name(row: Row, key: str) -> str:
    """Read text that must be there. Raises MalformedDataError."""
    raw = row.get(key)
    if not isinstance(raw, str) or not raw:
        raise MalformedDataError(f"a row without {key}: {_excerpt(raw)}")
    return raw


def whole(row: Row, key: str, default: int = 0) -> int:
    """Read a small whole number, given as a number or as text. Raises MalformedDataError."""
    if row.get(key) in (None, ""):
        return default
    value = required(row, key)
    if value != value.to_integral_value():
        raise MalformedDataError(f"{key} is not a whole number: {_excerpt(row[key])}")
    return int(value)


def moment(row: Row, key: str, default: datetime | None = None) -> datetime:
    """Read milliseconds since 1970. Raises MalformedDataError without them or a default."""
    value = figure(row, key)
    if isinstance(value, Decimal) and 0 < value < _MAX_MILLISECONDS:
        return from_milliseconds(int(value))
    if default is None:
        raise MalformedDataError(f"{key} is not a time: {_excerpt(row.get(key))}")
    return default


def from_milliseconds(milliseconds: int) -> datetime:
    """Turn the venue's milliseconds into an aware time, exactly."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(at: datetime) -> int:
    """Turn an aware time into the venue's milliseconds, exactly."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def plain(value: Decimal) -> str:
    """Write a number as venues read it: no exponent."""
    return format(value, "f")


def _excerpt(raw: object) -> str:
    return repr(raw)[:60]
