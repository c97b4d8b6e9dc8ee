"""A linear programme on its way to the solver: columns and rows, as the solver wants them.

Minimise cost x with lower <= x <= upper and low <= A x <= high. The rows are kept one behind the other
(compressed), and are handed over at once.
"""

from array import array
from collections.abc import Iterable
from math import inf


class Matrix:
    """Columns and rows. Money in units of the account's equity."""

    def __init__(self) -> None:
        self.costs = array("d")
        self.lowers = array("d")
        self.uppers = array("d")
        self.lows = array("d")
        self.highs = array("d")
        self.starts = array("i")
        self.indices = array("i")
        self.values = array("d")

    @property
    def columns(self) -> int:
        """Number of columns."""
        return len(self.costs)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.starts)

    def column(self, cost: float = 0.0, upper: float = inf, lower: float = 0.0) -> int:
        """Add a column; return its number."""
        self.costs.append(cost)
        self.lowers.append(lower)
        self.uppers.append(upper)
        return len(self.costs) - 1

    def row(self, entries: Iterable[tuple[int, float]], low: float = -inf, high: float = inf) -> int:
        """Add a row; return its number. A column may not stand in it twice."""
        self.starts.append(len(self.indices))
        self.lows.append(low)
        self.highs.append(high)
        kept = [entry for entry in entries if entry[1]]
        self.indices.extend([column for column, _ in kept])
        self.values.extend([value for _, value in kept])
        return len(self.starts) - 1
