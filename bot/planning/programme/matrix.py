"""A linear programme on its way to the solver: columns and rows, as the solver wants them.

Minimise cost x with lower <= x <= upper and low <= A x <= high. The rows are kept one behind the other
(compressed), and are handed over at once.
"""

from array import array
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

    def add(self, costs: list[float], uppers: list[float]) -> None:
        """Add columns from 0 on."""
        self.costs.fromlist(costs)
        self.uppers.fromlist(uppers)
        self.lowers.fromlist([0.0] * len(costs))

    def column(self, cost: float = 0.0, upper: float = inf, lower: float = 0.0) -> int:
        """Add a column; return its number."""
        self.costs.append(cost)
        self.lowers.append(lower)
        self.uppers.append(upper)
        return len(self.costs) - 1

    def row(self, indices: list[int], values: list[float], low: float = -inf, high: float = inf) -> int:
        """Add a row of columns and their multiples; return its number. A column may not stand in it twice."""
        self.starts.append(len(self.indices))
        self.lows.append(low)
        self.highs.append(high)
        self.indices.fromlist(indices)
        self.values.fromlist(values)
        return len(self.starts) - 1
