"""The account while it is being trimmed: what has been taken off each position, and what that cost."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Market, Position, Style, TrimTerms
from bot.planning.crowding import free_of_orders
from bot.planning.depth import Ladder, cost_at
from bot.planning.linked import cost_beside, must_stay
from bot.planning.nature import Nature
from bot.planning.pricing import NoQuote, Quote, Way, quote, taking_seconds, way_of
from bot.planning.request import OrderTerms, PlanRequest
from bot.planning.rounding import fit_to, largest, room, smallest
from bot.planning.slicing import Books, Reach, reach_of, within_book
from bot.risk.ages import Ages
from bot.risk.figures import as_float
from bot.risk.portfolio import Holding
from bot.risk.shock import adverse_signs

ZERO = Decimal(0)


class Leg(Struct):
    """One open position and what has been taken off it so far."""

    key: str
    """Identity of the position."""
    position: Position
    market: Market | None
    holding: Holding | None
    """None where the position could not be read as numbers: it can be closed, not sized."""
    taken: Decimal = ZERO
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
    least: Decimal
    """The smallest order."""
    thin: bool = False
    """Whether the book is what bounds the room."""
    ladder: Ladder | None = None
    """What the book holds; None where there is none that can be believed."""
    beside: float = 0.0
    """What of `expected` is the cost of hedges that go with it."""

    def usd_of(self, leg: Leg) -> float:
        """USD of notional that the room of a leg with a holding comes to."""
        assert leg.holding is not None
        held, room = leg.position.contracts, self.room
        return leg.holding.notional if room == held else leg.holding.notional * float(room / held)

    def expected_of(self, contracts: Decimal, fee: float) -> float:
        """Expected cost of one USD at mark where so many contracts go."""
        if contracts == self.room:
            return self.expected
        found = None if self.ladder is None else self.ladder.cost(contracts, self.quote.mark, fee)
        return self.expected if found is None else min(found + self.beside, self.cost)

    def told(self, held: Decimal) -> Quote:
        """The quote, and what a reader must be told where a book bounds what goes of `held` contracts."""
        if not self.thin:
            return self.quote
        words = f"the book takes {self.room.normalize():f} of {held.normalize():f} contracts"
        return replace(self.quote, note=f"{self.quote.note}; {words} at once, the rest follows")


class Book(Struct, dict=True):
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

    def anew(self) -> "Book":
        """Return the same account before anything was taken off it."""
        fresh = {
            key: Leg(
                key, leg.position, leg.market, leg.holding, left=leg.holding.notional if leg.holding else 0.0
            )
            for key, leg in self.by_key.items()
        }
        return Book(self.request, fresh)

    @property
    def holdings(self) -> tuple[Leg, ...]:
        """Legs that can be sized."""
        return tuple([leg for leg in self.legs if leg.holding is not None])

    @cached_property
    def keys(self) -> frozenset[str]:
        """Keys of all legs."""
        return frozenset(self.by_key)

    @cached_property
    def cross(self) -> tuple[Holding, ...]:
        """What stands behind the cross balance, as it was before anything was taken."""
        held = [leg.holding for leg in self.by_key.values()]
        return tuple([one for one in held if one is not None and one.isolated_equity is None])

    @cached_property
    def isolated(self) -> tuple[Holding, ...]:
        """What stands behind margin of its own, as it was before anything was taken."""
        held = [leg.holding for leg in self.by_key.values()]
        return tuple([one for one in held if one is not None and one.isolated_equity is not None])

    @cached_property
    def sides(self) -> dict[str, int]:
        """For each base the side of what the cross balance holds of it, its coins included."""
        return adverse_signs(self.cross, self.request.portfolio.coins)


def open_book(request: PlanRequest) -> Book:
    """Start from the snapshot, nothing taken."""
    markets, portfolio = request.snapshot.markets, request.portfolio
    legs: dict[str, Leg] = {}
    for position in request.snapshot.open_positions:
        key = position.key
        holding = portfolio.holding(key)
        left = 0.0 if holding is None else holding.notional
        legs[key] = Leg(key, position, markets.get(position.symbol), holding, left=left)
    return Book(request, legs)


class Ordered(Struct):
    """A reduction of one leg as it would be ordered, before a book bounds it."""

    quote: Quote
    least: Decimal
    """The smallest order."""
    allowed: Decimal
    """Contracts that caps, other orders and the venue's largest order let go."""
    worst: float
    """Cost of one USD at the worst permitted price, fee included."""
    priced: dict[Decimal | None, Priced] = {}
    """What came of it where no hedges stand, by what the book takes; None where it bounds nothing."""


def price_leg(
    leg: Leg,
    terms: TrimTerms,
    request: PlanRequest,
    acting_seconds: float,
    nature: Nature,
    *,
    whole: bool = False,
) -> Priced | NoQuote:
    """Price one leg under the terms of a limit of a nature; `whole` lifts the share caps (closes).

    NoQuote says why nothing may be sent for it now.
    """
    taking = taking_seconds(terms, acting_seconds, nature, whole=whole, pressing=False)
    books, way = Books(request), way_of(terms, request.caps, taking, nature, whole=whole)
    ordered = order_leg(leg, way, request, books.ages)
    if isinstance(ordered, NoQuote):
        return ordered
    reach = reach_of(terms, taking, nature, whole=whole, pressing=False)
    return bounded(leg, ordered, request, books, reach)


def order_leg(leg: Leg, way: Way, request: PlanRequest, ages: Ages) -> Ordered | NoQuote:
    """Price one leg without its book."""
    position, market = leg.position, leg.market
    symbol = position.symbol
    if request.blocked_symbols or request.refused:
        barred = _barred(symbol, request)
        if barred is not None:
            return barred
    if market is None or not market.active:
        return NoQuote("market_closed", f"{symbol} is not open for trading at the venue")
    if market.price_step <= ZERO or market.amount_step <= ZERO:
        return NoQuote("unknown_figure", f"{symbol}: the venue's price or amount step is not positive")
    found = quote(position.side, market, request.snapshot.marks.get(symbol), way, ages)
    if isinstance(found, NoQuote):
        return found
    least = smallest(market, found.mark, request.order_terms)
    allowed = room(position.contracts, way.share, market, least)
    most = largest(market, found.style)
    if most is not None and most < allowed:
        allowed = most
    if symbol in request.crowded_symbols:
        free = free_of_orders(position, market, least, request)
        if isinstance(free, NoQuote):
            return free
        allowed = min(allowed, free.contracts)
        found = replace(found, note=found.note + free.note) if free.note else found
    fee = as_float(market.taker_fee)
    worst = cost_at(found.worst, found.mark, fee, position.side, inverse=position.inverse)
    return Ordered(found, least, allowed, worst)


def _barred(symbol: str, request: PlanRequest) -> NoQuote | None:
    """Say that nothing is sent for a symbol, because of what became of earlier requests."""
    if symbol in request.blocked_symbols:
        return NoQuote(
            "unknown_outcome",
            f"the outcome of an earlier request on {symbol} is unknown; nothing new until it is settled",
        )
    refused = next((one for one in request.refused if one.item == symbol and request.at < one.until), None)
    return None if refused is None else NoQuote("refused_before", f"{symbol}: {refused.words}")


def bounded(leg: Leg, ordered: Ordered, request: PlanRequest, books: Books, reach: Reach) -> Priced | NoQuote:
    """Bound an order by its book and by hedges, and say what it costs; NoQuote where a patient one waits.

    Where no hedges stand, all that bounds alike shares one price.
    """
    priced, market = ordered.quote, leg.market
    assert market is not None
    ladder = binding = None
    if priced.style is not Style.PASSIVE:
        ladder = books.ladder(leg.position, market, priced.mark)
    if ladder is not None:
        takes = within_book(leg.position, market, priced, ordered.least, ladder, reach)
        if isinstance(takes, NoQuote):
            return takes
        binding = takes if takes is not None and takes < ordered.allowed else None
    if request.hedges:
        return _beside_hedges(leg, market, ordered, binding, ladder, request)
    found = ordered.priced.get(binding)
    if found is None:
        found = ordered.priced[binding] = _priced(leg, market, ordered, binding, ladder)
    return found


def _beside_hedges(
    leg: Leg,
    market: Market,
    ordered: Ordered,
    binding: Decimal | None,
    ladder: Ladder | None,
    request: PlanRequest,
) -> Priced:
    """Bound an order by what the hedges of its position need, which go with it."""
    if leg.holding is None:
        return _priced(leg, market, ordered, binding, ladder)
    kept = ZERO if request.unbound else must_stay(leg.position, request)
    allowed = max(min(ordered.allowed, leg.position.contracts - kept), ZERO)
    if binding is not None and binding >= allowed:
        binding = None
    return _priced(
        leg, market, replace(ordered, allowed=allowed), binding, ladder, *cost_beside(leg.holding, request)
    )


def _priced(
    leg: Leg,
    market: Market,
    ordered: Ordered,
    binding: Decimal | None,
    ladder: Ladder | None,
    beside: float = 0.0,
    likely: float = 0.0,
) -> Priced:
    """Say what an order costs that a book may bind; hedges that go with it cost `beside`, and `likely`."""
    one = ordered.quote
    allowed = ordered.allowed if binding is None else binding
    cost, resting = ordered.worst + beside, None
    if ladder is not None:
        resting = ladder.cost(allowed, one.mark, as_float(market.taker_fee))
    if resting is not None:
        expected = min(resting + likely, cost)
    elif one.style is Style.PASSIVE:
        fee, side = as_float(market.maker_fee), leg.position.side
        expected = likely + cost_at(one.worst, one.mark, fee, side, inverse=leg.position.inverse)
    else:
        expected = likely + (ordered.worst if leg.holding is None else leg.holding.trade_cost)
    return Priced(one, allowed, cost, expected, ordered.least, binding is not None, ladder, likely)


def take(
    leg: Leg, priced: Priced, contracts: Decimal, cost: float, terms: OrderTerms, *, whole: bool
) -> Decimal:
    """Take at least `contracts` more off a leg, fitted to the market and bounded by the room.

    `cost` is what a USD of it costs. Returns how many contracts more were taken.
    """
    assert leg.market is not None
    size = leg.position.contracts
    wanted = size if whole else leg.taken + contracts
    fitted = fit_to(wanted, size, leg.market.amount_step, priced.least, terms) if wanted > ZERO else ZERO
    more = min(fitted, priced.room) - leg.taken
    if more <= ZERO:
        return ZERO
    leg.taken += more
    if leg.holding is not None:
        leg.left = 0.0 if leg.taken == size else leg.holding.notional * float(1 - leg.taken / size)
    leg.cost += cost * float(leg.position.notional(more, priced.quote.mark))
    return more
