"""How much of a position goes at once: what the book takes, as far as the limit has time.

A limit that does not stand between the account and liquidation is patient: at first it takes no more than
what rests within half of its slippage, so that the near levels fill up again before the rest follows. The
longer it has acted the deeper it goes: all of its slippage at `escalate_after`, twice as much before its last
resort. That is a market order for what rests within the account's cap; the venue itself would bound it by
nothing.

Patience is for calm: a limit that is passed by more than a tenth of itself takes all that rests within the
cap in force.

A limit of survival takes all that rests within the cap from the start. Its book can only make the order that
much smaller, never forbid it: where the book was not told to the cap, or holds less than the smallest order,
and for the last resort, the order goes out whole, as it does without a book. So does the close of a whole
position.
"""

from decimal import Decimal

from msgspec import Struct

from bot.model import Demand, Market, Position, Sense, Style, TrimTerms
from bot.planning.depth import Ladder, book_trouble, ladder_of
from bot.planning.nature import Nature
from bot.planning.pricing import NoQuote, Quote, is_last_resort
from bot.planning.request import PlanRequest
from bot.planning.rounding import round_down

SLIVER = Decimal("0.005")
"""A patient slice below this share of the position waits until more rests there."""

PRESSING = 0.1
"""A limit that is passed by more than this share of itself is not patient."""


class Slice(Struct, frozen=True):
    """What may go at once."""

    contracts: Decimal | None = None
    """None where the book bounds nothing."""
    ladder: Ladder | None = None
    """None where there is no book that can be believed."""


class Books:
    """The order books of a request that can be believed, each read once."""

    def __init__(self, request: PlanRequest) -> None:
        self._request = request
        self.now = request.snapshot.venue_time(request.at)
        """The moment of the request by the venue's clock."""
        self._read: dict[str, Ladder | None] = {}

    def ladder(self, position: Position, market: Market, mark: Decimal) -> Ladder | None:
        """Return what a reduction of a position meets; None where no book of its market can be believed."""
        key = position.key
        if key not in self._read:
            self._read[key] = self._ladder(position, market, mark)
        return self._read[key]

    def _ladder(self, position: Position, market: Market, mark: Decimal) -> Ladder | None:
        request = self._request
        book = request.depths.get(position.symbol)
        if book is None:
            return None
        if book_trouble(book, mark, self.now, request.max_age_seconds):
            return None
        return ladder_of(book, position.side, market)


def slice_of(
    position: Position,
    market: Market,
    priced: Quote,
    terms: TrimTerms,
    books: Books,
    acting_seconds: float,
    nature: Nature,
    least: Decimal,
    *,
    whole: bool,
    pressing: bool,
) -> Slice | NoQuote:
    """Size a reduction to the book; NoQuote where a patient one waits. `least` is the smallest order."""
    ladder = books.ladder(position, market, priced.mark)
    if ladder is None or priced.style is Style.PASSIVE:
        return Slice()
    takes = round_down(ladder.within(priced.worst), market.amount_step)
    if whole or nature is Nature.SURVIVAL:
        bound = not (whole or is_last_resort(terms, acting_seconds) or ladder.ends_inside(priced.worst))
        return Slice(takes if bound and takes >= least else None, ladder)
    if pressing or is_last_resort(terms, acting_seconds):
        return Slice(max(takes, least), ladder)
    near = _near(position, priced, terms, acting_seconds)
    takes = round_down(ladder.within(near), market.amount_step)
    if takes < min(position.contracts, max(least, position.contracts * SLIVER)):
        wait = 2 * terms.escalate_after_seconds - acting_seconds
        holds = f"{takes.normalize():f} of {position.contracts.normalize():f} contracts of {position.key}"
        reason = f"the book takes {holds} at {near:.8g} or better: it waits for more, at most {wait:.0f} s"
        return NoQuote("thin_book", reason)
    return Slice(takes, ladder)


def is_pressing(demand: Demand) -> bool:
    """Whether a limit is passed by so much that nothing of it waits for a book to fill up again."""
    past = demand.value - demand.limit if demand.sense is Sense.MAX else demand.limit - demand.value
    return past > PRESSING * abs(demand.limit)


def _near(position: Position, priced: Quote, terms: TrimTerms, acting_seconds: float) -> Decimal:
    """How deep a patient slice goes: the longer it has been acted the deeper, never beyond what is permitted.

    Half of the rule's slippage from mark at first, all of it at the deadline, twice as much before the last
    resort.
    """
    sign, gone = position.side.sign, acting_seconds / terms.escalate_after_seconds
    share = Decimal(repr(terms.max_slippage * max(0.5 + 0.5 * gone, gone)))
    near = priced.mark * (1 - sign * share)
    return max(near, priced.worst) if sign > 0 else min(near, priced.worst)
