"""Quantities as people write them: 15%, 1h30m, 10_000, 10k, 5x."""

import re
from datetime import timedelta
from decimal import Decimal

from bot.documents.mistakes import shown

MAX_DURATION = timedelta(days=366)
_NUMBER = r"[+-]?(?:[0-9][0-9_]*)?(?:\.[0-9]+)?"
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_THOUSANDS = re.compile(rf"({_NUMBER})\s*([kKmM]?)")
_MULTIPLE = re.compile(rf"({_NUMBER})\s*[xX]")
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(d|h|ms|m|s)\s*")
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SCALE = {"": Decimal(1), "k": Decimal(1000), "m": Decimal(1_000_000)}
_LONGEST = 40


class WordingError(ValueError):
    """A value that cannot be understood: what is wrong, what was expected, what to write."""

    def __init__(self, what: str, expected: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.hint = hint


def parse_share(value: object) -> Decimal:
    """Return a percentage as an exact fraction: "15%" and 0.15 give 0.15.

    A bare number of 1 or more is refused, since 15 would mean 1500 %. Raises `WordingError`.
    """
    expected = "a percentage such as 15%"
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value.strip()) if len(value) <= _LONGEST else None
        number = _decimal(found[1]) if found else None
        if number is None:
            raise WordingError(f"{shown(value)} is not a percentage", expected)
        return number / 100
    number = _bare(value, expected)
    if abs(number) >= 1:
        plain = f"{number.normalize():f}"
        raise WordingError(f"{plain} means {plain_percent(number)}: write {plain}%")
    return number


def parse_fraction(value: object) -> float:
    """Return a percentage as a float fraction; see `parse_share`. Raises `WordingError`."""
    return float(parse_share(value))


def parse_number(value: object) -> Decimal:
    """Return a number: 10000, 10_000, "10k" and "1.5M" are understood. Raises `WordingError`."""
    expected = "a number such as 5, 10_000 or 10k"
    if not isinstance(value, str):
        return _bare(value, expected)
    found = _THOUSANDS.fullmatch(value.strip()) if len(value) <= _LONGEST else None
    number = _decimal(found[1]) if found else None
    if found is None or number is None:
        hint = "write it without %" if value.strip().endswith("%") else ""
        raise WordingError(f"{shown(value)} is not a number", expected, hint)
    return number * _SCALE[found[2].lower()]


def parse_multiple(value: object) -> Decimal:
    """Return a multiple: 5 and "5x" give 5. Raises `WordingError`."""
    if isinstance(value, str) and len(value) <= _LONGEST:
        found = _MULTIPLE.fullmatch(value.strip())
        number = _decimal(found[1]) if found else None
        if number is not None:
            return number
    return parse_number(value)


def parse_duration(value: object) -> timedelta:
    """Return a duration: "500ms", "5s", "10m", "1h30m", "2d", and 0. Raises `WordingError`.

    Units go from large to small, each at most once; a year is the longest.
    """
    expected = "a duration such as 5s, 10m, 1h30m or 2d"
    if not isinstance(value, str):
        number = _bare(value, expected)
        if number == 0:
            return timedelta(0)
        plain = f"{number.normalize():f}"
        raise WordingError(f"{plain} has no unit", expected, f"write {plain}s for seconds")
    seconds = _seconds(value.strip()) if len(value) <= _LONGEST else None
    if seconds is None:
        raise WordingError(f"{shown(value)} is not a duration", expected)
    if seconds > MAX_DURATION.total_seconds():
        raise WordingError(f"{shown(value)} is longer than a year", expected)
    return timedelta(seconds=seconds)


def plain_percent(fraction: Decimal | float) -> str:
    """Return a fraction as people read it: 0.155 gives "15.5 %"."""
    return f"{(Decimal(str(fraction)) * 100).normalize():f} %"


def show_duration(span: timedelta) -> str:
    """Return a duration as people write it: 90 minutes give "1h30m"."""
    left = round(span.total_seconds() * 1000)
    text = ""
    for unit, seconds in _SECONDS.items():
        count, left = divmod(left, round(seconds * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _seconds(text: str) -> float | None:
    total = 0.0
    at = 0
    smallest = float("inf")
    while at < len(text):
        span = _SPAN.match(text, at)
        if span is None or _SECONDS[span[2]] >= smallest:
            return None
        smallest = _SECONDS[span[2]]
        total += float(span[1]) * smallest
        at = span.end()
    return total if text else None


def _bare(value: object, expected: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WordingError(f"{shown(value)} is not a number", expected)
    number = Decimal(str(value))
    if not number.is_finite():
        raise WordingError(f"{value} is not a finite number", expected)
    return number


def _decimal(text: str) -> Decimal | None:
    digits = text.replace("_", "")
    return Decimal(digits) if any(character.isdigit() for character in digits) else None
