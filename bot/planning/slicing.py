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

from bot.model import Demand, Market, Position, Sense, TrimTerms
from bot.planning.depth import Ladder, ladder_of
from bot.planning.nature import Nature
from bot.planning.pricing import NoQuote, Quote, is_last_resort
from bot.planning.request import PlanRequest
from bot.planning.rounding import round_down
from bot.risk.ages import ages_at

SLIVER = Decimal("0.005")
"""A patient slice below this share of the position waits until more rests there."""

PRESSING = 0.1
"""A limit that is passed by more than this share of itself is not patient."""


class Books:
    """The order books of a request that can be believed, each read once."""

    def __init__(self, request: PlanRequest) -> None:
        self.ages = ages_at(request.snapshot.venue_time(request.at), request.max_age_seconds)
        """What is fresh at the moment of the request, by the venue's clock."""
        self._depths = request.depths
        self._read: dict[str, Ladder | None] = {}

    def ladder(self, position: Position, market: Market, mark: Decimal) -> Ladder | None:
        """Return what a reduction of a position meets; None where no book of its market can be believed."""
        key = position.key
        if key not in self._read:
            book = self._depths.get(position.symbol)
            believed = book is not None and self.ages.is_fresh(book.at)
            self._read[key] = ladder_of(book, position.side, market, mark) if book and believed else None
        return self._read[key]


class Reach(Struct, frozen=True):
    """How deep into a book a demand goes now, whatever the position."""

    free: bool = False
    """Whether no book bounds it."""
    survival: bool = False
    near: Decimal | None = None
    """How far from mark a patient limit goes, as a fraction; None for one that is not patient."""
    wait: float = 0.0
    """Seconds for which a patient limit waits at most."""


def reach_of(
    terms: TrimTerms, acting_seconds: float, nature: Nature, *, whole: bool, pressing: bool
) -> Reach:
    """Return how deep a limit goes; `acting_seconds` are those of `taking_seconds`.

    A patient one goes the deeper the longer it has acted: half of the rule's slippage from mark at first, all
    of it at the deadline, twice as much before the last resort.
    """
    acting = max(acting_seconds, 0.0)
    last = is_last_resort(terms, acting)
    if whole or nature is Nature.SURVIVAL:
        return Reach(free=whole or last, survival=True)
    if pressing or last:
        return Reach()
    gone = acting / terms.escalate_after_seconds
    near = Decimal(repr(terms.max_slippage * max(0.5 + 0.5 * gone, gone)))
    return Reach(near=near, wait=2 * terms.escalate_after_seconds - acting)


def within_book(
    position: Position, market: Market, priced: Quote, least: Decimal, ladder: Ladder, reach: Reach
) -> Decimal | NoQuote | None:
    """Return the contracts that a book takes at once, None where it bounds nothing; `least` is the smallest
    order.

    NoQuote where a patient limit waits.
    """
    worst = priced.worst
    if reach.free or (reach.survival and ladder.ends_inside(worst)):
        return None
    if reach.near is not None:
        worst = _near(position, priced, reach.near)
    if ladder.holds(position.contracts, worst):
        return None
    takes = round_down(ladder.within(worst), market.amount_step)
    if reach.survival:
        return takes if takes >= least else None
    if reach.near is None:
        return max(takes, least)
    if takes < min(position.contracts, max(least, position.contracts * SLIVER)):
        holds = f"{takes.normalize():f} of {position.contracts.normalize():f} contracts of {position.key}"
        reason = (
            f"the book takes {holds} at {worst:.8g} or better: it waits for more, at most {reach.wait:.0f} s"
        )
        return NoQuote("thin_book", reason)
    return takes


def is_pressing(demand: Demand) -> bool:
    """Whether a limit is passed by so much that nothing of it waits for a book to fill up again."""
    past = demand.value - demand.limit if demand.sense is Sense.MAX else demand.limit - demand.value
    return past > PRESSING * abs(demand.limit)


def _near(position: Position, priced: Quote, share: Decimal) -> Decimal:
    """Return how deep a patient slice goes, never beyond what is permitted."""
    sign = position.side.sign
    near = priced.mark * (1 - sign * share)
    return max(near, priced.worst) if sign > 0 else min(near, priced.worst)
