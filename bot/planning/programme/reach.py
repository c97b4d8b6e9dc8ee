"""Which limits no trims can bring back, so that nobody need look for any.

Of each face the least is taken that its left side may come to, each position on its own and at no cost. Where
even that is past the budget, no other way of choosing trims meets the limit either. Nor does any where margin
leaves with its position, or where the goal is out of reach by itself.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.model import Action, Demand
from bot.planning.book import Book, Leg
from bot.planning.drafting import Prices, legs_of
from bot.planning.programme.asking import is_enough
from bot.planning.sizing import CannotHelp, Face
from bot.planning.spread import missing

_TOLERANCE = 1e-9
_CLOSES = {Action.CLOSE, Action.CLOSE_ALL}


def all_beyond(unmet: Sequence[Demand], demands: Sequence[Demand], book: Book, prices: Prices) -> bool:
    """Whether none of the unmet demands can be met by the trims that all demands together permit."""
    if any(_CLOSES & set(demand.permits) for demand in demands):
        return False
    rooms: dict[str, Decimal] = {}
    for demand in demands:
        legs = [leg for leg in legs_of(demand, book) if leg.holding is not None]
        for key, terms in prices.of(demand, legs, whole=False)[0].items():
            if key not in rooms or terms.room > rooms[key]:
                rooms[key] = terms.room
    lowest = {leg.key: leg.left for leg in book.legs}
    for key, room in rooms.items():
        leg = book.by_key[key]
        assert leg.holding is not None
        held = leg.position.contracts
        lowest[key] = 0.0 if room == held else leg.holding.notional * float(1 - room / held)
    return all(_is_beyond(demand, book, lowest, prices) for demand in unmet)


def _is_beyond(demand: Demand, book: Book, lowest: Mapping[str, float], prices: Prices) -> bool:
    if lowest.get(demand.target.position or "") == 0.0:
        return False
    made = prices.faces(demand, 0.0, book)
    if isinstance(made, CannotHelp):
        return True
    legs = [leg for leg in legs_of(demand, book) if leg.holding is not None]
    priced = prices.of(demand, legs, whole=False)[0]
    for face in made:
        useless = face.released and not is_enough(face, missing(face, book), priced, book)
        least = _least(face, book, lowest)
        if useless or not face.reachable or least > _TOLERANCE * max(1.0, abs(face.budget)):
            return True
    return False


def _least(face: Face, book: Book, lowest: Mapping[str, float]) -> float:
    """How far a face is past its budget at the least, in USD."""
    if face.alone and all(lowest[key] == 0.0 for key in face.payers):
        return 0.0
    keys = face.weights.keys() | face.factors.keys()
    parts = (_part(face, book.by_key[key], lowest[key]) for key in sorted(keys))
    return face.excess - face.budget + sum(parts)


def _part(face: Face, leg: Leg, lowest: float) -> float:
    """The least that one leg may add: convex in what is left of it, so below by each bracket's line."""
    weight, factor = face.weights.get(leg.key, 0.0), face.factors.get(leg.key)
    if leg.holding is None:
        return 0.0
    left = leg.left
    now, then, moved = weight * left, weight * lowest, left - lowest
    least = min(now, then)
    if factor is None:
        return least
    asked = leg.holding.asked(left, factor)
    return max([least, *[margin + min(now, then - slope * moved) for slope, margin in asked]])
