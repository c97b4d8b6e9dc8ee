"""Prices of positions, each worked out once for all demands and all plans of a request that order alike."""

from collections.abc import Sequence

from msgspec import Struct

from bot.model import Demand, TrimTerms
from bot.planning.book import Leg, Ordered, Priced, bound_by_book, order_leg
from bot.planning.costs import chords
from bot.planning.nature import Nature, nature_of
from bot.planning.pricing import NoQuote, is_plain, taking_seconds
from bot.planning.request import PlanRequest
from bot.planning.slicing import Books, is_pressing
from bot.planning.strangers import stranger_quote


class Manner(Struct, frozen=True):
    """How a demand orders: what it has in common with others is priced the same."""

    terms: TrimTerms
    acting_seconds: float
    nature: Nature
    whole: bool
    pressing: bool
    unbound: bool
    """Whether positions may be trimmed below their hedges; False where there are none."""


def manner_of(demand: Demand, request: PlanRequest, *, whole: bool) -> Manner:
    """Return how a demand orders now; `whole` is for a close."""
    seconds = (request.at - demand.acting_since).total_seconds()
    nature = nature_of(demand.metric)
    pressing = nature is not Nature.SURVIVAL and is_pressing(demand)  # survival is never patient
    return Manner(demand.trim, seconds, nature, whole, pressing, request.unbound and bool(request.hedges))


class Quotes:
    """What is known of a request's prices. They do not depend on its demands, nor on margin that is moved."""

    def __init__(self, request: PlanRequest) -> None:
        self._books = Books(request)
        self._found: dict[Manner, dict[str, Priced | NoQuote]] = {}
        self._ordered: dict[tuple[TrimTerms, float, Nature, bool], dict[str, Ordered | NoQuote]] = {}
        self._chords: dict[int, tuple[Priced, Sequence[tuple[float, float]]]] = {}

    def known(self, manner: Manner) -> dict[str, Priced | NoQuote]:
        """Return what was priced in a manner so far, by position key."""
        return self._found.setdefault(manner, {})

    def chords(self, leg: Leg, priced: Priced) -> Sequence[tuple[float, float]]:
        """Return what trimming one leg is expected to cost, as `costs.chords` does."""
        known = self._chords.get(id(priced))
        if known is None:
            known = self._chords[id(priced)] = (priced, chords(leg, priced))
        return known[1]

    def price(self, leg: Leg, manner: Manner, request: PlanRequest) -> Priced | NoQuote:
        """Price one leg; NoQuote says why nothing may be taken off it."""
        apart = stranger_quote(leg.position, request)
        if apart is not None:
            return apart
        terms, whole, pressing = manner.terms, manner.whole, manner.pressing
        taking = taking_seconds(terms, manner.acting_seconds, manner.nature, whole=whole, pressing=pressing)
        ordered = self._order(leg, manner, taking, request)
        if isinstance(ordered, NoQuote):
            return ordered
        kind = (terms, request, self._books, taking, manner.nature)
        return bound_by_book(leg, ordered, *kind, whole=whole, pressing=pressing)

    def _order(self, leg: Leg, manner: Manner, taking: float, request: PlanRequest) -> Ordered | NoQuote:
        """Price one leg without its book: the same for limits of every nature, but for a few."""
        terms, nature = manner.terms, manner.nature
        if is_plain(nature, terms, taking, request.snapshot.marks.get(leg.position.symbol)):
            nature = Nature.OTHER
        known = self._ordered.setdefault((terms, taking, nature, manner.whole), {})
        found = known.get(leg.key)
        if found is None:
            found = order_leg(leg, terms, request, self._books.now, taking, nature, whole=manner.whole)
            known[leg.key] = found
        return found
