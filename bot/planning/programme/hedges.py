"""Whether a hedge belongs to the cheapest plan: trims and hedges beside each other in one programme.

A hedge is a leg that grows. To be named in the faces it is opened in the book, one lot of it. It pays both
ways and its funding in what is minimised, one way in what limits have to bear.
"""

from collections.abc import Mapping, Sequence

from bot.model import Demand
from bot.planning.book import Book, Leg, open_book
from bot.planning.drafting import Prices
from bot.planning.effort import Effort
from bot.planning.hedge_seats import Seat
from bot.planning.hedge_sizing import opened
from bot.planning.offers import Opening
from bot.planning.programme.asking import asked_of, weight_of
from bot.planning.programme.columns import Candidate, trims
from bot.planning.programme.proposal import unit_of
from bot.planning.programme.rows import Rows
from bot.planning.programme.solver import Failed, solve
from bot.planning.quotes import Quotes
from bot.planning.request import PlanRequest

USED = 0.01
"""A hedge below this share of what it may be is none."""


def worthwhile(
    request: PlanRequest,
    demands: Sequence[Demand],
    open_to: Mapping[str, Opening],
    quotes: Quotes | None = None,
) -> frozenset[str] | None:
    """Return the keys of the hedges that the cheapest plan opens; None where the programme cannot tell.

    Where hedges stand already the programme does not tell: they go with their parents, and not beside them.
    """
    if request.hedges:
        return None
    book = _with(request, [offer.seat for offer in open_to.values()])
    extended = book.request
    efforts = [Effort() for _ in demands]
    prices = Prices(extended, quotes)
    asked = asked_of(demands, efforts, book, prices, frozenset())
    legs = [leg for leg in book.legs if leg.holding is not None and leg.key not in open_to]
    candidates = trims(legs, asked, extended, prices.quotes)
    candidates += [_hedge(book.by_key[key], offer) for key, offer in open_to.items()]
    rows = Rows(list(book.legs), candidates, unit_of(request, legs))
    for ask in asked:
        for face, gap in zip(ask.faces, ask.gaps, strict=True):
            rows.demand(face, gap, weight_of(ask.demand, face), ask.paid)
    found = solve(rows.matrix)
    if isinstance(found, Failed):
        return None
    most = {one.key: one.room / rows.unit for one in candidates}
    used = (key for key in open_to if found.values[rows.moved[key]] > USED * most[key])
    return frozenset(used)


def _with(request: PlanRequest, seats: Sequence[Seat]) -> Book:
    for seat in seats:
        request = opened(seat, request)[0]
    return open_book(request)


def _hedge(leg: Leg, offer: Opening) -> Candidate:
    room = offer.seat.unit.notional * float(offer.priced.room)
    return Candidate(leg, 1, room, offer.priced.cost, ((room, 2 * offer.priced.expected + offer.carried),))
