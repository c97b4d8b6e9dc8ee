"""What faults do to what options show. Nothing is decided by it, but that absent quotes cannot be hit."""

from collections import Counter
from enum import Enum
from fnmatch import fnmatchcase


class BadData(Enum):
    """Ways in which a chain may lie."""

    CROSSED = "crossed"
    """The bid is shown above the ask."""
    ABSENT = "absent"
    """There is neither bid nor ask, and nothing trades."""
    NO_VOLATILITY = "no volatility"
    """Volatilities and greeks are shown as 0."""
    HOLES = "holes"
    """Every second strike is left out of the lists."""
    EXPIRED = "expired"
    """The expiry of the last 08:00 UTC is listed as if it could be traded."""


class BadDataRules:
    """What is armed: each way with the patterns of the symbols that it is about."""

    def __init__(self) -> None:
        self._rules: Counter[tuple[BadData, str]] = Counter()

    def begin(self, way: BadData, pattern: str) -> None:
        """Let the chain lie about symbols that match a glob ('' is all of them)."""
        self._rules[way, pattern or "*"] += 1

    def end(self, way: BadData, pattern: str) -> None:
        """Take one `begin` back."""
        self._rules -= Counter({(way, pattern or "*"): 1})

    def strikes(self, way: BadData, symbol: str) -> bool:
        """Whether the chain lies in this way about a symbol."""
        return bool(self._rules) and any(
            fnmatchcase(symbol, pattern) for kind, pattern in self._rules if kind is way
        )

    def any_of(self, way: BadData) -> bool:
        """Whether the chain lies in this way at all."""
        return any(kind is way for kind, _ in self._rules)
