"""Prices of positions, each worked out once for all demands and all plans of a request that order alike."""

from collections.abc import Sequence

from msgspec import Struct

from bot.model import Demand, TrimTerms
from bot.planning.book import Leg, Ordered, Priced, bounded, order_leg
from bot.planning.costs import chords
from bot.planning.nature import Nature, nature_of
from bot.planning.pricing import NoQuote, Way, is_apart, taking_seconds, way_of
from bot.planning.request import PlanRequest
from bot.planning.slicing import Books, is_pressing, reach_of
from bot.planning.strangers import stranger_quote


class Manner(Struct, frozen=True):
    """How a demand orders: what it has in common with others is priced the same."""

    terms: TrimTerms
    taking: float
    """Seconds of `pricing.taking_seconds`."""
    nature: Nature
    whole: bool
    pressing: bool
    unbound: bool
    """Whether positions may be trimmed below their hedges; False where there are none."""


def manner_of(demand: Demand, request: PlanRequest, *, whole: bool) -> Manner:
    """Return how a demand orders now; `whole` is for a close."""
    terms, seconds = demand.trim, (request.at - demand.acting_since).total_seconds()
    nature = nature_of(demand.metric)
    pressing = nature is not Nature.SURVIVAL and is_pressing(demand)  # survival is never patient
    taking = taking_seconds(terms, seconds, nature, whole=whole, pressing=pressing)
    return Manner(terms, taking, nature, whole, pressing, request.unbound and bool(request.hedges))


_Known = dict[str, Ordered | NoQuote]


class Pricer:
    """Prices positions in one manner, each once."""

    def __init__(self, manner: Manner, request: PlanRequest, shared: "Quotes") -> None:
        terms, taking, nature, whole = manner.terms, manner.taking, manner.nature, manner.whole
        self._way = way_of(terms, request.caps, taking, nature, whole=whole)
        self._plain = self._way.unbanded()
        self._reach = reach_of(terms, taking, nature, whole=whole, pressing=manner.pressing)
        self._books = shared.books
        self._known = shared.ordered(self._plain)
        self._priced: dict[str, Priced] = {}
        self._refused: dict[str, NoQuote] = {}

    def price(
        self, legs: Sequence[Leg], request: PlanRequest
    ) -> tuple[dict[str, Priced], dict[str, NoQuote]]:
        """Price legs, by key; the others are those of which nothing may be taken, and why."""
        priced, refused = self._priced, self._refused
        keys = [leg.key for leg in legs]
        for key, leg in zip(keys, legs, strict=True):
            if key not in priced and key not in refused:
                self._price(leg, request)
        if not refused:
            return {key: priced[key] for key in keys}, {}
        return (
            {key: priced[key] for key in keys if key in priced},
            {key: refused[key] for key in keys if key in refused},
        )

    def _price(self, leg: Leg, request: PlanRequest) -> None:
        ordered = self._order(leg, request)
        found: Priced | NoQuote
        if isinstance(ordered, NoQuote):
            found = ordered
        else:
            found = bounded(leg, ordered, request, self._books, self._reach)
        if isinstance(found, NoQuote):
            self._refused[leg.key] = found
        else:
            self._priced[leg.key] = found

    def _order(self, leg: Leg, request: PlanRequest) -> Ordered | NoQuote:
        """Price one leg without its book: for limits of every nature the same, but where a band counts."""
        if self._way.banded:
            mark = request.snapshot.marks.get(leg.position.symbol)
            if mark is not None and is_apart(mark):
                return self._ordered(leg, self._way, request)
        found = self._known.get(leg.key)
        if found is None:
            found = self._known[leg.key] = self._ordered(leg, self._plain, request)
        return found

    def _ordered(self, leg: Leg, way: Way, request: PlanRequest) -> Ordered | NoQuote:
        if request.strangers:
            stranger = stranger_quote(leg.position, request)
            if stranger is not None:
                return stranger
        return order_leg(leg, way, request, self._books.ages)


class Quotes:
    """What is known of a request's prices. They do not depend on its demands, nor on margin that is moved."""

    def __init__(self, request: PlanRequest) -> None:
        self.books = Books(request)
        self._pricers: dict[Manner, Pricer] = {}
        self._ordered: dict[Way, _Known] = {}
        self._chords: dict[int, tuple[Priced, Sequence[tuple[float, float]]]] = {}

    def pricer(self, manner: Manner, request: PlanRequest) -> Pricer:
        """Return what prices in a manner."""
        known = self._pricers.get(manner)
        if known is None:
            known = self._pricers[manner] = Pricer(manner, request, self)
        return known

    def ordered(self, way: Way) -> _Known:
        """Return what was ordered so far in a way, but for the book, by position key."""
        return self._ordered.setdefault(way, {})

    def chords(self, leg: Leg, priced: Priced) -> Sequence[tuple[float, float]]:
        """Return what trimming one leg is expected to cost, as `costs.chords` does."""
        known = self._chords.get(id(priced))
        if known is None:
            known = self._chords[id(priced)] = (priced, chords(leg, priced))
        return known[1]
