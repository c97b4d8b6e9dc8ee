"""Spreading a limit over several positions: cheapest relief first, each amount in closed form.

This is the one place that decides who gives how much. It changes the book; what it returns says whether the
limit is met. A solver over all limits at once can stand here instead, behind the same call.
"""

from collections.abc import Callable
from decimal import Decimal
from math import inf, isfinite
from operator import itemgetter

from msgspec import Struct

from bot.planning.book import Book, Leg, Priced, take
from bot.planning.sizing import CannotHelp, Face

_ROUNDS = 3
"""A trim for one face may widen another (both directions of a move, several scenarios): go round again."""

_TOLERANCE = 1e-12


class Spread(Struct, frozen=True):
    """What was taken for one limit. `shortfall` is in USD of the limit's own arithmetic."""

    taken: dict[str, Decimal]
    met: bool
    shortfall: float
    resting: bool
    """Whether going round once more would take nothing."""
    help: CannotHelp | None = None
    """Why a position that was asked could not help, where the limit is not met."""


class Candidate(Struct, frozen=True):
    """One position that may be trimmed for a limit."""

    leg: Leg
    priced: Priced
    cost: float
    """Cost of one USD that the amounts are sized with."""
    dear: float = 0.0
    """By how much more it counts than it costs, because its owner would rather keep it."""


def maintenance(leg: Leg, notional: float, factor: float) -> float:
    """Maintenance margin of a leg at a notional, its price moved by a factor: the highest bracket's line."""
    holding = leg.holding
    assert holding is not None
    most = 0.0
    if holding.inverse:
        for _, margin in holding.asked(notional, factor):
            most = max(most, margin)
        return most
    value, last = notional * factor, -inf
    for one in holding.brackets:  # it rises up to its own bracket and falls from there on
        margin = one.rate * value - one.deduction
        if margin < last:
            break
        last = margin
    return max(last, 0.0)


def _own(face: Face, leg: Leg) -> float:
    """The share of one leg with a holding in the left side of a face, what it has cost included."""
    key = leg.key
    total = face.cost_weight * leg.cost if leg.cost and key in face.payers else 0.0
    total += face.weights.get(key, 0.0) * leg.left
    factor = face.factors.get(key)
    return total if factor is None else total + maintenance(leg, leg.left, factor)


def missing(face: Face, book: Book) -> float:
    """How far a face is from its budget in USD; 0 or less is met."""
    legs, payers = book.by_key, face.payers
    total = face.excess - face.budget
    if face.alone:
        (key,) = payers
        return _missing_alone(face, legs[key], total)
    total += sum([weight * legs[key].left for key, weight in face.weights.items()])
    for key, factor in face.factors.items():
        leg = legs[key]
        total += maintenance(leg, leg.left, factor)
    return total + face.cost_weight * sum(
        [leg.cost for leg in legs.values() if leg.cost and leg.key in payers]
    )


def _missing_alone(face: Face, leg: Leg, total: float) -> float:
    """The same of an isolated position's own face, which names nothing else."""
    key, left = leg.key, leg.left
    if left == 0.0:
        return 0.0
    total += face.weights.get(key, 0.0) * left
    factor = face.factors.get(key)
    if factor is not None:
        total += maintenance(leg, left, factor)
    return total + face.cost_weight * leg.cost


def _is_met(face: Face, gap: float) -> bool:
    return isfinite(gap) and gap <= _TOLERANCE * max(1.0, abs(face.budget))


def lines(face: Face, candidate: Candidate, gap: float) -> list[tuple[float, float]]:
    """Return slope and missing part of each bracket's line for trimming one position further.

    `gap` is `missing` of the face. Trimming x USD meets the face where slope * x >= missing for every line.
    """
    leg = candidate.leg
    assert leg.holding is not None
    slope, factor = _slope(face, candidate), face.factors.get(leg.key)
    if factor is None or not leg.holding.brackets:
        return [(slope, gap)]
    rest = gap - maintenance(leg, leg.left, factor)
    return [(slope + rate, rest + margin) for rate, margin in leg.holding.asked(leg.left, factor)]


def _slope(face: Face, candidate: Candidate) -> float:
    """How much of a face one USD closes, maintenance margin left out."""
    key = candidate.leg.key
    weight = face.weights.get(key, 0.0)
    return weight - face.cost_weight * candidate.cost if key in face.payers else weight


def amount(found: list[tuple[float, float]], tolerance: float) -> float | None:
    """Return the USD to trim so that every line is met; None where no amount meets them all.

    A line that is met now but has a negative slope would be broken by a trim that is too large.
    """
    most = 0.0
    for slope, part in found:
        if part <= tolerance:
            continue
        if slope <= 0.0:
            return None
        most = max(most, part / slope)
    broken = any(slope * most < part - tolerance - 1e-12 * abs(part) for slope, part in found)
    return None if broken else most


def relief_of(face: Face, candidate: Candidate) -> float:
    """How much of what is missing one USD closes now: the slope of the line that holds."""
    leg = candidate.leg
    assert leg.holding is not None
    slope, factor = _slope(face, candidate), face.factors.get(leg.key)
    if factor is None or not leg.holding.brackets:
        return slope
    return slope + max(leg.holding.asked(leg.left, factor), key=itemgetter(1))[0]


def _cheapest_first(face: Face, candidates: list[Candidate]) -> list[Candidate]:
    """Those that relieve, by expected cost for one USD of relief, then by key."""
    ranked: list[tuple[float, str, Candidate]] = []
    if face.alone:
        candidates = [one for one in candidates if one.leg.key in face.payers]
    for candidate in candidates:
        relief = relief_of(face, candidate)
        if relief > 0.0:
            ranked.append(
                ((candidate.priced.expected + candidate.dear) / relief, candidate.leg.key, candidate)
            )
    ranked.sort(key=lambda entry: entry[:2])
    return [candidate for _, _, candidate in ranked]


def _fill(
    face: Face,
    book: Book,
    candidates: list[Candidate],
    taken: dict[str, Decimal],
    *,
    gap: float,
    whole: bool,
    strict: bool,
) -> CannotHelp | None:
    """Take from the candidates until the face is met or nobody can give more. `gap` is what is missing."""
    if not isfinite(gap):
        return CannotHelp("the figures of this limit are not finite numbers", "unknown_figure")
    tolerance = _TOLERANCE * max(1.0, abs(face.budget))
    if gap <= tolerance:
        return None
    trouble: CannotHelp | None = None
    for candidate in _cheapest_first(face, candidates):
        if gap <= tolerance:
            break
        leg = candidate.leg
        assert leg.holding is not None
        usd = amount(lines(face, candidate, gap), tolerance)
        useless = _useless(face, leg, usd, gap, strict=strict)
        if useless is not None and not whole:
            trouble = useless
            continue
        part = 1.0 if usd is None else min(1.0, usd / leg.holding.notional)
        contracts = Decimal(part) * leg.position.contracts
        own = _own(face, leg)
        more = take(leg, candidate.priced, contracts, candidate.cost, book.request.order_terms, whole=whole)
        taken[leg.key] = taken.get(leg.key, Decimal(0)) + more
        gap = missing(face, book) if face.alone else gap + _own(face, leg) - own
    if not taken and trouble is None:
        return CannotHelp(
            "no position can give what is missing: selling a USD costs more than it brings back"
        )
    return trouble


def _useless(face: Face, leg: Leg, usd: float | None, gap: float, *, strict: bool) -> CannotHelp | None:
    """Say why trimming one position would be in vain, None where it brings the limit nearer."""
    enough = usd is not None and usd <= leg.left * (1.0 + 1e-9)
    if face.released and not enough:
        return CannotHelp(
            f"the margin of {leg.key} is isolated and leaves with the position, so a trim does not move its "
            f"liquidation; add about {gap:.2f} USD of isolated margin instead"
        )
    if usd is None:
        return CannotHelp(f"selling {leg.key} costs more of this limit than it brings back")
    if strict and not enough:
        return CannotHelp(f"even without {leg.key} the limit would miss {usd - leg.left:.2f} USD")
    return None


def helps(found: tuple[Face, ...], book: Book, candidates: list[Candidate], *, strict: bool) -> bool:
    """Whether trimming one of the candidates would bring a face nearer that is not met. Nothing is taken."""
    for face in found:
        gap = missing(face, book)
        if _is_met(face, gap):
            continue
        tolerance = _TOLERANCE * max(1.0, abs(face.budget))
        for one in _cheapest_first(face, candidates):
            usd = amount(lines(face, one, gap), tolerance)
            if _useless(face, one.leg, usd, gap, strict=strict) is None:
                return True
    return False


def spread(
    found: tuple[Face, ...],
    book: Book,
    candidates_of: Callable[[], list[Candidate]],
    *,
    whole: bool,
    strict: bool,
) -> Spread:
    """Take from the book what the faces need; nobody asks for candidates where that is nothing.

    `whole` takes only whole positions (close). `strict` takes nothing that would not be enough (the limit of
    one position); otherwise as much as helps is taken and the shortfall told.
    """
    gaps = [missing(face, book) for face in found]
    if all(map(_is_met, found, gaps)):
        met = all(face.reachable for face in found)
        return Spread({}, met, 0.0 if met else max([0.0, *gaps]), resting=True)
    candidates = candidates_of()
    taken: dict[str, Decimal] = {}
    trouble: CannotHelp | None = None
    resting = False
    for _ in range(_ROUNDS):
        before = dict(taken)
        for place, face in enumerate(found):
            gap = gaps[place] = missing(face, book) if taken else gaps[place]
            trouble = _fill(face, book, candidates, taken, gap=gap, whole=whole, strict=strict) or trouble
        if taken == before:
            resting = True
            break
    else:
        gaps = [missing(face, book) for face in found]
    met = all(face.reachable and _is_met(face, gap) for face, gap in zip(found, gaps, strict=True))
    shortfall = 0.0 if met else max([0.0, *gaps])
    given = {key: more for key, more in taken.items() if more > 0}
    return Spread(given, met, shortfall, resting, None if met else trouble)
