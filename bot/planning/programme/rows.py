"""From faces to rows. A face is linear in what is left of each leg, but for maintenance margin:

    sum w_i n_i + sum MM_i(f_i n_i) + excess + kappa C <= budget

MM_i is convex: a column m_if stands for it, at least as large as each bracket's line. Sums that many limits
share stand in columns of their own, T for the maintenance margin of the cross block at mark and C for its
costs: without them every row would name every position, and a solve would take ten times as long.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from operator import itemgetter

from bot.planning.book import Leg
from bot.planning.programme.columns import Beside, Candidate
from bot.planning.programme.matrix import Matrix
from bot.planning.sizing import Face
from bot.planning.spread import maintenance

TIE = 1e-5
"""Of two candidates that cost the same the first by key is taken."""
WORSE = 10.0
"""A limit that gets worse weighs so many times as much as one that does not get better."""
_SHARED = 3
"""From so many positions on whose margin stands in a face at mark, their sum is taken from T."""


class Expression:
    """A constant and multiples of columns."""

    __slots__ = ("constant", "parts")

    def __init__(self, constant: float = 0.0) -> None:
        self.constant = constant
        self.parts: dict[int, float] = {}

    def add(self, column: int, value: float) -> None:
        """Add a multiple of a column."""
        self.parts[column] = self.parts.get(column, 0.0) + value

    def plus(self, other: "Expression", times: float = 1.0) -> None:
        """Add another expression so many times."""
        self.constant += times * other.constant
        parts = self.parts
        for column, value in other.parts.items():
            parts[column] = parts.get(column, 0.0) + times * value


class Rows:
    """Writes a matrix. `unit` is how many USD make one unit of it."""

    def __init__(
        self,
        legs: Sequence[Leg],
        candidates: Sequence[Candidate],
        unit: float,
        beside: Sequence[Beside] = (),
    ) -> None:
        self.matrix = Matrix()
        self.unit = unit
        self._legs = {leg.key: leg for leg in legs}
        self._left = {leg.key: leg.left / unit for leg in legs}
        self._begun = {leg.key: leg.cost for leg in legs if leg.cost}
        self._by_key = {one.key: one for one in candidates}
        self._first: dict[str, int] = {}
        every: list[Candidate | Beside] = [*candidates, *beside]
        self.moved = {one.key: self._candidate(one, rank) for rank, one in enumerate(every)}
        self._moving = {one.key: (self.moved[one.key], one.sign) for one in candidates}
        self._margins: dict[tuple[str, float], Expression] = {}
        self._totals: dict[frozenset[str], Expression] = {}
        self._costs: dict[tuple[frozenset[str], int], Expression] = {}
        self._dearest = {one.key: one.paid for one in candidates}

    def _candidate(self, one: Candidate | Beside, rank: int) -> int:
        tie = 1.0 + TIE * rank
        if len(one.chords) == 1:
            return self.matrix.column(one.chords[0][1] * tie, one.room / self.unit)
        moved = self.matrix.column(0.0, one.room / self.unit)
        parts = [self.matrix.column(slope * tie, width / self.unit) for width, slope in one.chords]
        self._first[one.key] = parts[0]
        self.matrix.row([(moved, 1.0), *((part, -1.0) for part in parts)], 0.0, 0.0)
        return moved

    def dearer(self, key: str, duals: Sequence[float]) -> float:
        """Return what a USD more of a candidate that is not taken adds to the cost of the whole."""
        moved = self.moved[key]
        return duals[moved] + (duals[self._first[key]] if key in self._first else 0.0)

    def demand(
        self,
        face: Face,
        gap: float,
        weight: float,
        paid: dict[str, float],
        beside: Sequence[tuple[str, float]] = (),
    ) -> tuple[int, tuple[int, int]]:
        """Write a face that must be met; return its row, and the columns of what is missing to it.

        `gap` is what is missing now: more than that, it would get worse, and that weighs more. `paid` is what
        a USD costs under the demand's own terms; one dictionary a demand. `beside` is what a USD of what
        moves no leg adds to the face, each with its key.
        """
        short = self.matrix.column(weight, max(gap, 0.0) / self.unit)
        found = self.expression(face, face.cost_weight, paid)
        worse = self.matrix.column(WORSE * weight)
        for key, effect in beside:
            if effect:
                found.add(self.moved[key], effect)
        found.add(short, -1.0)
        found.add(worse, -1.0)
        return self._write(found, face.budget), (short, worse)

    def keep(self, face: Face, gap: float, *, bears_cost: bool) -> int:
        """Write a face that may not get worse: it stays inside its budget, or where it is, `gap` USD past it.

        `bears_cost` says that what the trades' cost alone takes of it is no worsening.
        """
        past = gap > 0.0
        found = self.expression(face, 0.0 if past and bears_cost else face.cost_weight, {})
        return self._write(found, face.budget + max(gap, 0.0))

    def free(self, row: int) -> None:
        """Let a row bind no more."""
        self.matrix.highs[row] = inf

    def bound(self, weights: Iterable[tuple[str, float]], most: float) -> int:
        """Bound a sum of what is moved, in USD."""
        parts = [(self.moved[key], weight) for key, weight in weights]
        return self.matrix.row(parts, high=max(most, 0.0) / self.unit)

    def _write(self, found: Expression, budget: float) -> int:
        return self.matrix.row(found.parts.items(), high=budget / self.unit - found.constant)

    def expression(self, face: Face, cost_weight: float, paid: dict[str, float]) -> Expression:
        """Return the left side of a face, in units."""
        factors = face.factors
        shared = list(factors.values()).count(1.0) >= _SHARED
        found, weights = Expression(face.excess / self.unit), face.weights
        if shared:
            found.plus(self._total(frozenset(factors)))
            weights = {
                key: weight - self._excess(key) if key in factors else weight
                for key, weight in weights.items()
            }
        self._add_left(found, weights)
        for key, factor in factors.items():
            if factor != 1.0:
                found.plus(self._margin(key, factor))
                if shared:
                    found.plus(self._margin(key, 1.0), -1.0)
            elif not shared:
                found.plus(self._margin(key, factor))
        self._add_cost(found, face, cost_weight, paid, through=shared)
        return found

    def _total(self, keys: frozenset[str]) -> Expression:
        """Maintenance margin of these legs at mark, with what the venue asks above it: T."""
        if keys not in self._totals:
            inside = Expression()
            for key in sorted(keys):
                inside.plus(self._margin(key, 1.0))
            self._add_left(inside, {key: self._excess(key) for key in sorted(keys)})
            self._totals[keys] = self._column_for(inside)
        return self._totals[keys]

    def _paid(self, keys: frozenset[str], paid: dict[str, float]) -> Expression:
        """Cost of moving these legs under one demand's terms: C."""
        at = (keys, id(paid) if paid else 0)
        if at not in self._costs:
            inside = Expression()
            for key, (column, _) in self._moving.items():
                if key in keys:
                    inside.add(column, paid.get(key, self._dearest[key]))
            self._costs[at] = self._column_for(inside)
        return self._costs[at]

    def _column_for(self, inside: Expression) -> Expression:
        """Let a column stand for the variable part of an expression: it is at least as large."""
        column = self.matrix.column(lower=-inf)
        self.matrix.row([(column, 1.0), *((at, -value) for at, value in inside.parts.items())], low=0.0)
        outside = Expression(inside.constant)
        outside.add(column, 1.0)
        return outside

    def _margin(self, key: str, factor: float) -> Expression:
        """Maintenance margin of one leg, its price moved by a factor."""
        known = self._margins.get((key, factor))
        if known is None:
            known = self._margins[key, factor] = self._write_margin(key, factor)
        return known

    def _write_margin(self, key: str, factor: float) -> Expression:
        leg, candidate = self._legs[key], self._by_key.get(key)
        if candidate is None:
            return Expression(maintenance(leg, leg.left, factor) / self.unit)
        lines = highest(leg, candidate, factor)
        if len(lines) == 1:
            slope, margin = lines[0]
            found = Expression(margin / self.unit)
            found.add(self.moved[key], slope * candidate.sign)
            return found
        column = self.matrix.column()
        for slope, margin in lines:
            entries = ((column, 1.0), (self.moved[key], -slope * candidate.sign))
            self.matrix.row(entries, low=margin / self.unit)
        found = Expression()
        found.add(column, 1.0)
        return found

    def _add_left(self, found: Expression, weights: Mapping[str, float]) -> None:
        """Add what is left of legs, each so many times."""
        parts, left, moving = found.parts, self._left, self._moving
        total = 0.0
        for key, weight in weights.items():
            total += weight * left[key]
            if key in moving:
                column, sign = moving[key]
                parts[column] = parts.get(column, 0.0) + weight * sign
        found.constant += total

    def _add_cost(
        self, found: Expression, face: Face, weight: float, paid: dict[str, float], *, through: bool
    ) -> None:
        if not weight:
            return
        if self._begun:
            begun = sum(cost for key, cost in self._begun.items() if key in face.payers)
            found.constant += weight * begun / self.unit
        if through:
            found.plus(self._paid(face.payers, paid), weight)
            return
        parts, moved, payers = found.parts, self._moving, face.payers
        for key in payers if face.alone else moved:
            if key in payers and key in moved:
                column = moved[key][0]
                parts[column] = parts.get(column, 0.0) + weight * paid.get(key, self._dearest[key])

    def _excess(self, key: str) -> float:
        holding = self._legs[key].holding
        assert holding is not None
        return holding.maintenance_excess / holding.notional


def highest(leg: Leg, candidate: Candidate, factor: float) -> list[tuple[float, float]]:
    """Return the bracket lines that are largest somewhere on the way: slope, and margin at the start."""
    assert leg.holding is not None
    start, end = candidate.ends
    width = end - start
    lines = [*leg.holding.asked(start, factor), (0.0, 0.0)]
    ranked = [(margin, margin + slope * width, -number) for number, (slope, margin) in enumerate(lines)]
    first = max(ranked)
    if first[1] == max(ranked, key=itemgetter(1))[1]:
        return [lines[-first[2]]]
    found: list[tuple[float, float]] = []
    most = -inf
    for _, then, number in sorted(ranked, reverse=True):
        if then > most:
            found.append(lines[-number])
            most = then
    return found
