"""Mistakes in what people wrote: place, what is wrong, what was expected, the nearest right word."""

from collections.abc import Iterable
from difflib import get_close_matches

from msgspec import Struct

from bot.errors import MisuseError

MAX_SHOWN = 60


class Mistake(Struct, frozen=True, order=True):
    """One mistake. `line` and `column` count from 1; 0 where the whole file is meant."""

    file: str
    line: int
    column: int
    what: str
    expected: str = ""
    hint: str = ""

    @property
    def text(self) -> str:
        """The mistake on one line: `file:line:column: what, expected ... (hint)`."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        expected = f"; expected {self.expected}" if self.expected else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.what}{expected}{hint}"


class MistakesError(MisuseError):
    """Everything that is wrong with a file, sorted by place, one mistake a line."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(mistake.text for mistake in self.mistakes))


class DocumentError(MistakesError):
    """A file that could not be read as YAML at all."""

    def __init__(
        self, file: str, what: str, *, line: int = 0, column: int = 0, expected: str = "", hint: str = ""
    ) -> None:
        super().__init__([Mistake(file, line, column, what, expected, hint)])


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the one of `words` that `word` most likely means, or None where none is near."""
    by_lower = {known.lower(): known for known in sorted(words)}
    lower = word.lower()
    close = get_close_matches(lower, by_lower, n=1, cutoff=0.6)
    if close:
        return by_lower[close[0]]
    if len(lower) >= 3:
        for known_lower, known in by_lower.items():
            if lower in known_lower:
                return known
    return None


def nearest_hint(word: str, words: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the nearest word, "one of ..." where none is near."""
    known = sorted(words)
    guess = nearest(word, known)
    if guess is not None:
        return f"did you mean {guess!r}?"
    return f"known: {', '.join(known)}" if known else ""


def shown(value: object) -> str:
    """Return a value as it is shown in a mistake: short, on one line, by YAML's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
