"""The words of a condition, each with the place where it begins."""

import re
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from bot.documents import plain_percent, shown


class Kind(StrEnum):
    """Kinds of words."""

    NUMBER = "number"
    NAME = "name"
    TEXT = "text"
    SIGN = "sign"
    END = "end"


class Token(Struct, frozen=True):
    """One word: `text` as written, of a TEXT without its quotes."""

    kind: Kind
    text: str
    at: int
    """Offset of its first character."""

    @property
    def shown(self) -> str:
        """The word as it is shown in a mistake."""
        return "the end" if self.kind is Kind.END else shown(self.text)


class ExpressionError(Exception):
    """A place in a condition that cannot be read: what is wrong, what was expected, what to write."""

    def __init__(self, at: int, what: str, expected: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.at = at
        self.what = what
        self.expected = expected
        self.hint = hint


_WORD = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)(?P<tail>\s*%|[A-Za-z_]\w*)?
    |(?P<name>[A-Za-z_]\w*)
    |(?P<text>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<sign>&&|\|\||==|!=|<=|>=|[<>!+\-*/?:().,])""",
    re.VERBOSE,
)
_INSTEAD = {"&": "&&", "|": "||", "=": "=="}
_SCALES = {"k": 1_000, "m": 1_000_000, "x": 1}
LARGEST = 1e12
"""Larger numbers are no limits of anything."""


def words(text: str) -> Iterator[Token]:
    """Yield the words, the end last. Raises `ExpressionError`."""
    at = 0
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise _strange(text, at)
        if found["number"]:
            yield Token(Kind.NUMBER, _number(found, at), at)
        elif found["name"]:
            yield Token(Kind.NAME, found["name"], at)
        elif found["text"]:
            yield Token(Kind.TEXT, found["text"][1:-1], at)
        elif found["sign"]:
            yield Token(Kind.SIGN, found["sign"], at)
        at = found.end()
    yield Token(Kind.END, "", len(text))


def _number(found: re.Match[str], at: int) -> str:
    written, tail = found["number"], (found["tail"] or "").strip()
    plain = written.replace("_", "")
    if float(plain) > LARGEST:
        raise ExpressionError(at, f"{written} is too large", f"at most {LARGEST:g}")
    if tail == "%":
        fraction = plain_percent(float(plain) / 10_000).removesuffix(" %")
        raise ExpressionError(at, f"{written}% is not CEL", "a fraction", f"write {fraction}")
    if tail.lower() in _SCALES:
        plain = f"{float(plain) * _SCALES[tail.lower()]:.10g}"
    if tail or "_" in written:
        hint = f"write {plain}" if tail.lower() in {"", *_SCALES} else ""
        raise ExpressionError(at, f"{written}{tail} is not a number", "a number such as 3 or 0.15", hint)
    return plain


def _strange(text: str, at: int) -> ExpressionError:
    sign = text[at]
    if sign in "\"'":
        return ExpressionError(at, "the text has no end, or a backslash in it", f"a closing {sign}")
    if sign == "%":
        return ExpressionError(at, "% is not known", "a fraction", "write 0.15 for 15 %")
    if sign in "[]{}":
        return ExpressionError(at, f"{sign} is not known: there are no lists", "comparisons, && and ||")
    if sign in _INSTEAD:
        return ExpressionError(at, f"{sign} is not known", "", f"write {_INSTEAD[sign]}")
    return ExpressionError(at, f"{shown(sign)} is not known", "names, numbers, + - * /, < <= > >=, && || !")
