"""Parameters of one call, read with the venue's refusal (10001) for what cannot be read."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from bot.sandbox.bybit.envelope import BybitError, bad_params

LARGEST_EXPONENT = 30
"""A number outside 1e-30 to 1e30 is a mistake, not a price or a size."""

LONGEST_WINDOW_MS = 7 * 86_400_000
LAST_MS = 10**15

_decode = msgspec.json.Decoder().decode


class Params:
    """The query of a GET or the JSON body of a POST. Empty text counts as absent, as at the venue."""

    def __init__(self, values: Mapping[str, Any], largest_page: int | None = None) -> None:
        self.values = values
        self._largest_page = largest_page

    def has(self, name: str) -> bool:
        """Whether a value other than empty text was given."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        """The value as text."""
        value = self.values.get(name)
        if value in (None, ""):
            return default
        if isinstance(value, bool | dict | list):
            raise bad_params(f"Request parameter error: {name} is not text.")
        return str(value)

    def required(self, name: str) -> str:
        """The value as text; refused where it is absent."""
        value = self.text(name)
        if not value:
            raise bad_params(f"Request parameter error: {name} is required.")
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A finite number, or None where absent."""
        text = self.text(name)
        if not text:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise bad_params(f"Request parameter error: {name} is not a number: {text!r}.") from None
        if not value.is_finite() or abs(value.adjusted()) > LARGEST_EXPONENT:
            raise bad_params(f"Request parameter error: {name} is not a number: {text!r}.")
        return value

    def required_decimal(self, name: str) -> Decimal:
        """A finite number; refused where it is absent."""
        self.required(name)
        value = self.decimal(name)
        if value is None:
            raise bad_params(f"Request parameter error: {name} is required.")
        return value

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A whole number, or the default where absent."""
        text = self.text(name)
        if not text:
            return default
        try:
            return int(text)
        except ValueError:
            raise bad_params(f"Request parameter error: {name} is not a whole number: {text!r}.") from None

    def flag(self, name: str) -> bool:
        """A boolean, given as JSON or as text; absent is False."""
        value = self.values.get(name)
        if value in (None, ""):
            return False
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise bad_params(f"Request parameter error: {name} is not a boolean: {value!r}.")

    def choice(self, name: str, allowed: Mapping[str, Any], default: str = "") -> Any:
        """What stands behind one of the allowed words, or None where absent without a default."""
        text = self.text(name, default)
        if not text:
            return None
        if text not in allowed:
            raise bad_params(f"Request parameter error: {name} invalid: {text!r}.")
        return allowed[text]

    def required_choice(self, name: str, allowed: Mapping[str, Any]) -> Any:
        """As `choice`, but refused where absent."""
        self.required(name)
        return self.choice(name, allowed)

    def limit(self, default: int, most: int) -> int:
        """The size of a page: 1 to `most`; more is cut to `most`."""
        value = self.integer("limit", default)
        if value is None or value < 1:
            raise bad_params("Request parameter error: limit is out of range.")
        return min(value, most) if self._largest_page is None else min(value, most, self._largest_page)

    def window(self) -> tuple[int, int]:
        """`startTime` and `endTime`, at most seven days apart; one alone is taken for seven days."""
        start, end = self.integer("startTime"), self.integer("endTime")
        if start is None:
            return (0, LAST_MS) if end is None else (end - LONGEST_WINDOW_MS, end)
        if end is None:
            return start, start + LONGEST_WINDOW_MS
        if not 0 <= end - start <= LONGEST_WINDOW_MS:
            raise bad_params("Request parameter error: endTime must follow startTime within 7 days.")
        return start, end

    def category(self) -> str:
        """The product: spot, linear, inverse or option."""
        value = self.required("category")
        if value not in ("spot", "linear", "inverse", "option"):
            raise BybitError(10001, "Illegal category")
        return value


def from_query(query: str, largest_page: int | None = None) -> Params:
    """Parameters of a GET; `largest_page` caps what it asks for in one page."""
    return Params(dict(parse_qsl(query, keep_blank_values=True)), largest_page)


def from_body(body: bytes) -> Params:
    """Parameters of a POST; the body has to be a JSON object (or nothing)."""
    if not body.strip():
        return Params({})
    try:
        values = _decode(body)
    except msgspec.DecodeError:
        raise bad_params("Request body is not JSON.") from None
    if not isinstance(values, dict):
        raise bad_params("Request body is not a JSON object.")
    return Params(values)
