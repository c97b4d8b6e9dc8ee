"""Prices of positions, each worked out once for all demands and all plans of a request that order alike."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from bot.model import Demand, TrimTerms
from bot.planning.book import Leg, Ordered, Priced, bound_by_book, order_leg, sliced
from bot.planning.costs import chords
from bot.planning.nature import Nature, nature_of
from bot.planning.pricing import NoQuote, is_plain, taking_seconds
from bot.planning.request import PlanRequest
from bot.planning.slicing import Books, Slice, is_pressing
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

    def __init__(self, manner: Manner, shared: "Quotes") -> None:
        self._manner = manner
        self._shared = shared
        self._found: dict[str, Priced | NoQuote] = {}
        terms, taking, whole = manner.terms, manner.taking, manner.whole
        self._plain = shared.ordered(terms, taking, Nature.OTHER, whole)
        self._own = shared.ordered(terms, taking, manner.nature, whole)
        self._is_plain = is_plain(manner.nature, terms, taking, None)
        """Whether it prices as any other limit does, where mark and index agree."""

    def price(self, leg: Leg, request: PlanRequest) -> Priced | NoQuote:
        """Price one leg; NoQuote says why nothing may be taken off it."""
        found = self._found.get(leg.key)
        if found is None:
            found = self._found[leg.key] = self._price(leg, request)
        return found

    def _price(self, leg: Leg, request: PlanRequest) -> Priced | NoQuote:
        ordered = self._order(leg, request)
        if isinstance(ordered, NoQuote):
            return ordered
        one, books = self._manner, self._shared.books
        kind = (one.terms, books, one.taking, one.nature)
        cut = sliced(leg, ordered, *kind, whole=one.whole, pressing=one.pressing)
        return cut if isinstance(cut, NoQuote) else self._shared.bounded(leg, ordered, cut, request)

    def _order(self, leg: Leg, request: PlanRequest) -> Ordered | NoQuote:
        """Price one leg without its book: the same for limits of every nature, but for a few."""
        one, plain = self._manner, self._is_plain
        if plain and one.nature is Nature.EXPOSURE:
            mark = request.snapshot.marks.get(leg.position.symbol)
            plain = is_plain(one.nature, one.terms, one.taking, mark)
        nature, known = (Nature.OTHER, self._plain) if plain else (one.nature, self._own)
        found = known.get(leg.key)
        if found is None:
            now = self._shared.books.now
            found = stranger_quote(leg.position, request) or order_leg(
                leg, one.terms, request, now, one.taking, nature, whole=one.whole
            )
            known[leg.key] = found
        return found


class Quotes:
    """What is known of a request's prices. They do not depend on its demands, nor on margin that is moved."""

    def __init__(self, request: PlanRequest) -> None:
        self.books = Books(request)
        self._pricers: dict[Manner, Pricer] = {}
        self._ordered: dict[tuple[TrimTerms, float, Nature, bool], _Known] = {}
        self._bounded: dict[tuple[int, Decimal | None], tuple[Ordered, Priced]] = {}
        self._chords: dict[int, tuple[Priced, Sequence[tuple[float, float]]]] = {}

    def pricer(self, manner: Manner) -> Pricer:
        """Return what prices in a manner."""
        known = self._pricers.get(manner)
        if known is None:
            known = self._pricers[manner] = Pricer(manner, self)
        return known

    def ordered(self, terms: TrimTerms, taking: float, nature: Nature, whole: bool) -> _Known:
        """Return what was ordered so far in a manner, but for the book, by position key."""
        return self._ordered.setdefault((terms, taking, nature, whole), {})

    def bounded(self, leg: Leg, ordered: Ordered, cut: Slice, request: PlanRequest) -> Priced:
        """Bound an order by its book; where no book and no hedge binds it all manners share one price."""
        if request.hedges:
            return bound_by_book(leg, ordered, cut, request)
        binding = cut.contracts
        if binding is not None and binding >= ordered.allowed:
            binding = None
        known = self._bounded.get((id(ordered), binding))
        if known is None:
            known = ordered, bound_by_book(leg, ordered, cut, request)
            self._bounded[id(ordered), binding] = known
        return known[1]

    def chords(self, leg: Leg, priced: Priced) -> Sequence[tuple[float, float]]:
        """Return what trimming one leg is expected to cost, as `costs.chords` does."""
        known = self._chords.get(id(priced))
        if known is None:
            known = self._chords[id(priced)] = (priced, chords(leg, priced))
        return known[1]
