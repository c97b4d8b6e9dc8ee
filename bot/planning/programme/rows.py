"""From faces to rows. A face is linear in what is left of each leg, but for maintenance margin:

    sum w_i n_i + sum MM_i(f_i n_i) + excess + kappa C <= budget

MM_i is convex: its line at the start, and a column m_if for what it is above that, at least as large as each
further bracket's line asks. Sums that many limits
share stand in columns of their own, T for the maintenance margin of the cross block at mark and C for its
costs: without them every row would name every position, and a solve would take ten times as long.

What a candidate moves is a column for each of its chords; a row that names the candidate names all of them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from copy import copy
from math import inf
from operator import mul

from msgspec import Struct

from bot.planning.book import Leg
from bot.planning.programme.columns import Beside, Candidate
from bot.planning.programme.matrix import Matrix
from bot.planning.sizing import Face
from bot.planning.spread import maintenance
from bot.risk.portfolio import Holding

TIE = 1e-5
"""Of two candidates that cost the same the first by key is taken."""
WORSE = 10.0
"""A limit that gets worse weighs so many times as much as one that does not get better."""
_SHARED = 3
"""From so many positions on whose margin stands in faces at mark, their sum is taken from T."""
_NONE = -1

_EDGE = 1e-12
"""Share of a margin that is rounding."""
_NOTHING = (0.0, 0.0)


class Expression(Struct):
    """A constant and multiples of what is moved, by key, and of other columns."""

    constant: float
    moved: dict[str, float]
    others: dict[int, float]


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
        self._excesses = {
            leg.key: leg.holding.maintenance_excess / leg.holding.notional
            for leg in legs
            if leg.holding is not None and leg.holding.maintenance_excess
        }
        """What a venue asks above the maintenance margin of a USD, where it asks anything."""
        self._by_key = {one.leg.key: one for one in candidates}
        self._signs = {key: one.sign for key, one in self._by_key.items()}
        self._dearest = {key: one.paid for key, one in self._by_key.items()}
        self._columns: dict[str, tuple[int, ...]] = {}
        self._owners: list[str] = []
        """Key of the candidate that each of the first columns belongs to."""
        self._add_columns([*self._by_key.items(), *((one.key, one) for one in beside)])
        self._margins: dict[tuple[str, float], tuple[float, float, int]] = {}
        self._named: set[frozenset[str]] = set()
        self._totals: dict[frozenset[str], tuple[float, int]] = {}
        self._costs: dict[tuple[frozenset[str], int], int] = {}

    def _add_columns(self, every: Sequence[tuple[str, Candidate | Beside]]) -> None:
        unit = self.unit
        costs: list[float] = []
        widths: list[float] = []
        columns, owners = self._columns, self._owners
        for rank, (key, one) in enumerate(every):
            tie, first = 1.0 + TIE * rank, len(costs)
            for width, slope in one.chords:
                costs.append(slope * tie)
                widths.append(width / unit)
                owners.append(key)
            columns[key] = tuple(range(first, len(costs)))
        self.matrix.add(costs, widths)
        self._every = list(range(len(costs)))

    def narrowed(self, candidates: Sequence[Candidate]) -> "Rows":
        """Return the same rows, to be written on, where nothing is moved but these."""
        found = copy(self)
        found.part({one.leg.key for one in candidates})
        return found

    def part(self, keys: Set[str]) -> None:
        """Part from the rows that these are a copy of; nothing is moved from then on but what `keys` name."""
        self.matrix = self.matrix.copy()
        self._named, self._margins = set(self._named), dict(self._margins)
        self._totals, self._costs = dict(self._totals), dict(self._costs)
        for key in self._columns.keys() - keys:
            for column in self._columns[key]:
                self.matrix.uppers[column] = 0.0

    def usd(self, values: Sequence[float]) -> dict[str, float]:
        """Return how many USD are moved of each candidate, by key."""
        unit = self.unit
        return {key: sum([values[one] for one in at]) * unit for key, at in self._columns.items()}

    def dearer(self, key: str, duals: Sequence[float]) -> float:
        """Return what a USD more of a candidate that is not taken adds to the cost of the whole."""
        return duals[self._columns[key][0]]

    def demand(
        self,
        face: Face,
        gap: float,
        weight: float,
        paid: dict[str, float],
        beside: Sequence[tuple[str, float]] = (),
    ) -> tuple[int, tuple[int, ...]]:
        """Write a face that must be met; return its row, and the columns of what is missing to it.

        `gap` is what is missing now: more than that, it would get worse, and that weighs more. `paid` is what
        a USD costs under the demand's own terms; one dictionary a demand. `beside` is what a USD of what
        moves no leg adds to the face, each with its key.
        """
        found = self.expression(face, face.cost_weight, paid)
        found.moved.update(beside)
        short = [self.matrix.column(WORSE * weight)]
        if gap > 0.0:
            short.append(self.matrix.column(weight, gap / self.unit))
        found.others.update(dict.fromkeys(short, -1.0))
        return self._write(found, face.budget), tuple(short)

    def stays_inside(self, face: Face, paid: Mapping[str, float]) -> bool:
        """Whether an isolated position's face that is met stays so whatever is done.

        It is convex: met at both ends of what may be moved, it is met between them. What moves no leg takes
        nothing of it.
        """
        (key,) = face.payers
        candidate, leg = self._by_key.get(key), self._legs[key]
        if candidate is None:
            return True
        _, stays = candidate.ends
        cost = leg.cost + candidate.room * paid.get(key, candidate.paid)
        total = face.excess - face.budget + face.weights[key] * stays + face.cost_weight * cost
        factor = face.factors.get(key)
        return (total if factor is None else total + maintenance(leg, stays, factor)) <= 0.0

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
        return self._write(Expression(0.0, dict(weights), {}), max(most, 0.0))

    def _write(self, found: Expression, budget: float) -> int:
        return self._row(found.moved, found.others, high=budget / self.unit - found.constant)

    def _row(
        self, moved: Mapping[str, float], others: Mapping[int, float], low: float = -inf, high: float = inf
    ) -> int:
        if len(moved) == len(self._columns):
            indices, values = self._every, [moved[key] for key in self._owners]
        else:
            columns = self._columns
            indices = [column for key in moved for column in columns[key]]
            values = [value for key, value in moved.items() for _ in columns[key]]
        return self.matrix.row([*indices, *others], [*values, *others.values()], low, high)

    def expression(self, face: Face, cost_weight: float, paid: dict[str, float]) -> Expression:
        """Return the left side of a face, in units."""
        factors, left, signs = face.factors, self._left, self._signs
        shared = list(factors.values()).count(1.0) >= _SHARED and self._is_known(frozenset(factors))
        weights = self._above(face) if shared and self._excesses else face.weights
        constant = sum(map(mul, weights.values(), map(left.__getitem__, weights)))
        moved = {key: weight * signs[key] for key, weight in weights.items() if key in signs}
        found = Expression(face.excess / self.unit + constant, moved, {})
        if shared:
            begun, total = self._total(frozenset(factors))
            found.constant += begun
            found.others[total] = 1.0
            moving = [(key, factor) for key, factor in factors.items() if factor != 1.0]
            self._add_margins(found, moving)
            self._add_margins(found, [(key, 1.0) for key, _ in moving], -1.0)
        else:
            self._add_margins(found, factors.items())
        if cost_weight:
            self._add_cost(found, face, cost_weight, paid, through=shared)
        return found

    def _is_known(self, keys: frozenset[str]) -> bool:
        """Whether a limit named these legs before: one alone shares with nobody."""
        known = keys in self._named
        self._named.add(keys)
        return known

    def _above(self, face: Face) -> dict[str, float]:
        """Weights of a face without what T holds of them."""
        factors, excesses = face.factors, self._excesses
        return {
            key: weight - excesses.get(key, 0.0) if key in factors else weight
            for key, weight in face.weights.items()
        }

    def _total(self, keys: frozenset[str]) -> tuple[float, int]:
        """Maintenance margin of these legs at mark, with what the venue asks above it: constant, and T."""
        known = self._totals.get(keys)
        if known is None:
            left, signs = self._left, self._signs
            above = {key: self._excesses.get(key, 0.0) for key in sorted(keys)}
            constant = sum([excess * left[key] for key, excess in above.items()])
            moved = {key: excess * signs[key] for key, excess in above.items() if key in signs}
            inside = Expression(constant, moved, {})
            self._add_margins(inside, [(key, 1.0) for key in above])
            known = self._totals[keys] = inside.constant, self._column_for(inside)
        return known

    def _paid(self, keys: frozenset[str], paid: dict[str, float]) -> int:
        """Cost of moving these legs under one demand's terms: C."""
        at = (keys, id(paid) if paid else 0)
        known = self._costs.get(at)
        if known is None:
            moved = {key: paid.get(key, most) for key, most in self._dearest.items() if key in keys}
            known = self._costs[at] = self._column_for(Expression(0.0, moved, {}))
        return known

    def _column_for(self, inside: Expression) -> int:
        """Let a column stand for the variable part of an expression: it is at least as large."""
        column = self.matrix.column(lower=-inf)
        self._row(inside.moved, {**inside.others, column: -1.0}, high=0.0)
        return column

    def _add_margins(
        self, found: Expression, factors: Iterable[tuple[str, float]], times: float = 1.0
    ) -> None:
        """Add the maintenance margin of legs, each with its price moved by a factor, so many times."""
        margins, moved, others = self._margins, found.moved, found.others
        constant = 0.0
        for at in factors:
            margin, slope, column = margins.get(at) or self._write_margin(at)
            constant += margin
            if slope:
                key = at[0]
                moved[key] = moved.get(key, 0.0) + times * slope
            if column != _NONE:
                others[column] = times
        found.constant += times * constant

    def _write_margin(self, at: tuple[str, float]) -> tuple[float, float, int]:
        """Return maintenance margin at the start, what a USD that is moved adds, and the column of what
        further brackets ask."""
        key, factor = at
        leg, candidate = self._legs[key], self._by_key.get(key)
        if candidate is None:
            known = maintenance(leg, leg.left, factor) / self.unit, 0.0, _NONE
        else:
            (slope, begun), *others = highest(leg, candidate, factor)
            column = self._further(key, slope, begun, others) if others else _NONE
            known = begun / self.unit, slope * candidate.sign, column
        self._margins[at] = known
        return known

    def _further(self, key: str, slope: float, begun: float, others: Sequence[tuple[float, float]]) -> int:
        """Write what brackets ask above the one that holds at the start; return the column of it."""
        matrix, sign, unit = self.matrix, self._signs[key], self.unit
        moved, column = self._columns[key], matrix.column()
        indices, many = [*moved, column], len(moved)
        for at, margin in others:
            matrix.row(indices, [(at - slope) * sign] * many + [-1.0], -inf, (begun - margin) / unit)
        return column

    def _add_cost(
        self, found: Expression, face: Face, weight: float, paid: dict[str, float], *, through: bool
    ) -> None:
        payers, moved = face.payers, found.moved
        if self._begun:
            begun = sum(cost for key, cost in self._begun.items() if key in payers)
            found.constant += weight * begun / self.unit
        if through:
            found.others[self._paid(payers, paid)] = weight
            return
        dearest = self._dearest
        rates = dearest if not face.alone else {key: dearest[key] for key in payers if key in dearest}
        for key, most in rates.items():
            if key in payers:
                moved[key] = moved.get(key, 0.0) + weight * paid.get(key, most)


def highest(leg: Leg, candidate: Candidate, factor: float) -> list[tuple[float, float]]:
    """Return the bracket lines that are largest somewhere on the way: slope, and margin at the start. The
    first is the one that holds there."""
    holding, left = leg.holding, leg.left
    assert holding is not None
    width = candidate.sign * candidate.room
    found = _lines(holding, left, left + width, factor)
    slope, margin = found[-1] if found else _NOTHING
    if not found or margin + slope * width < -_EDGE * margin:
        found.append(_NOTHING)
    return found


def _lines(holding: Holding, left: float, then: float, factor: float) -> list[tuple[float, float]]:
    """Return the lines of the brackets that hold between two notionals, that of `left` first."""
    brackets = holding.brackets
    if not holding.inverse and len(brackets) > 1 and max(left, then) * factor < brackets[1].floor:
        lowest = brackets[0]
        return [(lowest.rate * factor, lowest.rate * (left * factor) - lowest.deduction)]
    floors = [one.floor for one in brackets]
    first, last = _place(holding, floors, left, factor), _place(holding, floors, then, factor)
    if first <= last:
        return holding.asked(left, factor, first, last + 1)
    return holding.asked(left, factor, last, first + 1)[::-1]


def _place(holding: Holding, floors: Sequence[float], notional: float, factor: float) -> int:
    """Place of the bracket that holds at a notional, its price moved by a factor."""
    value = notional * factor
    if holding.inverse:
        value = holding.value * factor * holding.notional / notional if notional > 0.0 else inf
    return max(bisect_right(floors, value) - 1, 0)
