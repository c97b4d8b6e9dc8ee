"""The account while it is being trimmed: what has been taken off each position, and what that cost."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Market, Position, Style, TrimTerms
from bot.planning.crowding import free_of_orders
from bot.planning.depth import Ladder, cost_at
from bot.planning.linked import cost_beside, must_stay
from bot.planning.nature import Nature
from bot.planning.pricing import NoQuote, Quote, quote, taking_seconds
from bot.planning.request import OrderTerms, PlanRequest
from bot.planning.rounding import exact, fit, largest, room, smallest
from bot.planning.slicing import Books, Slice, slice_of
from bot.risk.figures import as_float
from bot.risk.portfolio import Holding


class Leg(Struct):
    """One open position and what has been taken off it so far."""

    key: str
    """Identity of the position."""
    position: Position
    market: Market | None
    holding: Holding | None
    """None where the position could not be read as numbers: it can be closed, not sized."""
    taken: Decimal = Decimal(0)
    cost: float = 0.0
    """USD paid for what was taken, at the price it was sized with."""
    left: float = 0.0
    """USD of notional that stays; 0 for a leg without a holding."""


class Priced(Struct, frozen=True):
    """A leg under one rule's terms: what may be taken and what a USD of it costs."""

    quote: Quote
    room: Decimal
    """Contracts that may have been taken at the end of the cycle, earlier takings included."""
    cost: float
    """Cost of one USD at the worst permitted price, fee included."""
    expected: float
    """The same at the expected price, where all of `room` goes: out of the book, or half spread, fee and
    impact."""
    thin: bool = False
    """Whether the book is what bounds the room."""
    ladder: Ladder | None = None
    """What the book holds; None where there is none that can be believed."""
    beside: float = 0.0
    """What of `expected` is the cost of hedges that go with it."""

    def expected_of(self, contracts: Decimal, fee: float) -> float:
        """Expected cost of one USD at mark where so many contracts go."""
        found = None if self.ladder is None else self.ladder.cost(contracts, self.quote.mark, fee)
        return self.expected if found is None else min(found + self.beside, self.cost)

    def told(self, held: Decimal) -> Quote:
        """The quote, and what a reader must be told where a book bounds what goes of `held` contracts."""
        if not self.thin:
            return self.quote
        words = f"the book takes {self.room.normalize():f} of {held.normalize():f} contracts"
        return replace(self.quote, note=f"{self.quote.note}; {words} at once, the rest follows")


class Book(Struct):
    """All legs, in the order of their keys."""

    request: PlanRequest
    by_key: dict[str, Leg]

    @property
    def legs(self) -> Iterable[Leg]:
        """Every leg."""
        return self.by_key.values()

    def leg(self, key: str) -> Leg | None:
        """Find a leg by its key."""
        return self.by_key.get(key)

    @property
    def holdings(self) -> tuple[Leg, ...]:
        """Legs that can be sized."""
        return tuple(leg for leg in self.legs if leg.holding is not None)


def is_open(position: Position) -> bool:
    """Whether a position has a size that can be worked with."""
    return position.contracts.is_finite() and position.contracts > 0


def open_book(request: PlanRequest) -> Book:
    """Start from the snapshot, nothing taken."""
    markets, portfolio = request.snapshot.markets, request.portfolio
    legs: dict[str, Leg] = {}
    for position in sorted(filter(is_open, request.snapshot.positions), key=attrgetter("key")):
        key = position.key
        holding = portfolio.holding(key)
        left = 0.0 if holding is None else holding.notional
        legs[key] = Leg(key, position, markets.get(position.symbol), holding, left=left)
    return Book(request, legs)


def copy_of(book: Book) -> Book:
    """Return a book from which may be taken, without changing this one."""
    return Book(book.request, {key: copy(leg) for key, leg in book.by_key.items()})


def worst_cost(leg: Leg, priced: Quote, market: Market) -> float:
    """Cost of one USD of notional filled at the quote's worst price, taker fee included."""
    return _cost_at_worst(leg, priced, market.taker_fee)


def _cost_at_worst(leg: Leg, priced: Quote, fee: Decimal) -> float:
    side, inverse = leg.position.side, leg.position.inverse
    return cost_at(priced.worst, priced.mark, as_float(fee), side, inverse=inverse)


class Ordered(Struct, frozen=True):
    """A reduction of one leg as it would be ordered, before a book bounds it."""

    quote: Quote
    least: Decimal
    """The smallest order."""
    allowed: Decimal
    """Contracts that caps, other orders and the venue's largest order let go."""
    worst: float
    """Cost of one USD at the worst permitted price, fee included."""


def price_leg(
    leg: Leg,
    terms: TrimTerms,
    request: PlanRequest,
    books: Books,
    acting_seconds: float,
    nature: Nature,
    *,
    whole: bool = False,
    pressing: bool = False,
) -> Priced | NoQuote:
    """Price one leg under the terms of a limit of a nature; `whole` lifts the share caps (closes), `pressing`
    the patience with a thin book.

    NoQuote says why nothing may be sent for it now.
    """
    taking = taking_seconds(terms, acting_seconds, nature, whole=whole, pressing=pressing)
    ordered = order_leg(leg, terms, request, books.now, taking, nature, whole=whole)
    if isinstance(ordered, NoQuote):
        return ordered
    cut = sliced(leg, ordered, terms, books, taking, nature, whole=whole, pressing=pressing)
    return cut if isinstance(cut, NoQuote) else bound_by_book(leg, ordered, cut, request)


def sliced(
    leg: Leg,
    ordered: Ordered,
    terms: TrimTerms,
    books: Books,
    taking: float,
    nature: Nature,
    *,
    whole: bool,
    pressing: bool,
) -> Slice | NoQuote:
    """Say what the book lets go at once; NoQuote where a patient order waits."""
    assert leg.market is not None
    kind = (terms, books, max(taking, 0.0), nature, ordered.least)
    return slice_of(leg.position, leg.market, ordered.quote, *kind, whole=whole, pressing=pressing)


def order_leg(
    leg: Leg,
    terms: TrimTerms,
    request: PlanRequest,
    now: datetime,
    taking: float,
    nature: Nature,
    *,
    whole: bool,
) -> Ordered | NoQuote:
    """Price one leg without its book; `now` is a time of the venue's clock, `taking` of `taking_seconds`."""
    symbol = leg.position.symbol
    if symbol in request.blocked_symbols:
        return NoQuote(
            "unknown_outcome",
            f"the outcome of an earlier request on {symbol} is unknown; nothing new until it is settled",
        )
    refused = next((one for one in request.refused if one.item == symbol and request.at < one.until), None)
    if refused is not None:
        return NoQuote("refused_before", f"{symbol}: {refused.words}")
    market = leg.market
    if market is None or not market.active:
        return NoQuote("market_closed", f"{symbol} is not open for trading at the venue")
    if market.price_step <= 0 or market.amount_step <= 0:
        return NoQuote("unknown_figure", f"{symbol}: the venue's price or amount step is not positive")
    found = quote(
        leg.position.side,
        market,
        request.snapshot.marks.get(symbol),
        terms,
        request.caps,
        now,
        taking,
        request.max_age_seconds,
        nature,
    )
    if isinstance(found, NoQuote):
        return found
    least = smallest(market, found.mark, request.order_terms)
    free = free_of_orders(leg.position, market, least, request)
    if isinstance(free, NoQuote):
        return free
    share = Decimal(1) if whole else min(exact(terms.max_share), request.caps.max_share)
    allowed = room(leg.position.contracts, share, market, least)
    most = largest(market, found.style)
    allowed = min(allowed, free.contracts if most is None else min(free.contracts, most))
    priced = replace(found, note=found.note + free.note) if free.note else found
    return Ordered(priced, least, allowed, worst_cost(leg, priced, market))


def bound_by_book(leg: Leg, ordered: Ordered, cut: Slice, request: PlanRequest) -> Priced:
    """Bound what may be taken by the book and by hedges, and say what it costs."""
    market, priced, allowed = leg.market, ordered.quote, ordered.allowed
    assert market is not None
    beside = likely = 0.0
    if leg.holding is not None and request.hedges:
        kept = Decimal(0) if request.unbound else must_stay(leg.position, request)
        allowed = max(min(allowed, leg.position.contracts - kept), Decimal(0))
        beside, likely = cost_beside(leg.holding, request)
    thin = cut.contracts is not None and cut.contracts < allowed
    if cut.contracts is not None and thin:
        allowed = cut.contracts
    expected = ordered.worst if leg.holding is None else leg.holding.trade_cost
    if priced.style is Style.PASSIVE:
        expected = _cost_at_worst(leg, priced, market.maker_fee)
    cost, resting = ordered.worst + beside, None
    if cut.ladder is not None:
        resting = cut.ladder.cost(allowed, priced.mark, as_float(market.taker_fee))
    expected = expected + likely if resting is None else min(resting + likely, cost)
    return Priced(priced, allowed, cost, expected, thin, cut.ladder, likely)


def take(
    leg: Leg, priced: Priced, contracts: Decimal, cost: float, terms: OrderTerms, *, whole: bool
) -> Decimal:
    """Take at least `contracts` more off a leg, fitted to the market and bounded by the room.

    `cost` is what a USD of it costs. Returns how many contracts more were taken.
    """
    assert leg.market is not None
    size = leg.position.contracts
    wanted = size if whole else leg.taken + contracts
    total = min(fit(wanted, size, leg.market, priced.quote.mark, terms), priced.room)
    more = max(total - leg.taken, Decimal(0))
    leg.taken += more
    if leg.holding is not None:
        leg.left = leg.holding.notional * float(1 - leg.taken / size)
    leg.cost += cost * float(leg.position.notional(more, priced.quote.mark))
    return more
