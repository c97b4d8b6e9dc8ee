"""A limit in which hedges go with their parents: what sizing sees of an account that has some."""

from msgspec.structs import replace

from bot.planning.book import Book, Leg
from bot.planning.linked import shares
from bot.planning.sizing import Face
from bot.planning.spread import maintenance


def folded(face: Face, book: Book) -> Face:
    """Return a face in which each hedge goes with its parent: trimming a USD of the one takes its part of the
    other too.

    The maintenance margin of a hedge is taken as linear in its size, which is the safe side: it is convex.
    """
    weights, factors, excess = dict(face.weights), dict(face.factors), face.excess
    for leg in book.holdings:
        own = tuple(lot for lot in book.request.hedges if lot.key == leg.key and lot.contracts)
        if not own or leg.key not in (face.weights.keys() | face.factors.keys()):
            continue
        worth = _worth(face, leg)
        weights.pop(leg.key, None)
        factors.pop(leg.key, None)
        excess += worth
        for lot in own:
            parent = book.by_key.get(lot.parent)
            if parent is None or parent.holding is None or parent.key not in face.payers:
                continue
            part = shares((lot,), leg.position) * worth
            excess -= part
            weights[parent.key] = weights.get(parent.key, 0.0) + part / parent.holding.notional
    return replace(face, weights=weights, factors=factors, excess=excess)


def _worth(face: Face, leg: Leg) -> float:
    """What a whole leg adds to the left side of a face."""
    assert leg.holding is not None
    notional = leg.holding.notional
    total = face.weights.get(leg.key, 0.0) * notional
    if leg.key in face.factors:
        total += maintenance(leg, notional, face.factors[leg.key])
    return total
