"""How much of a position goes at once: what the book takes, as far as the limit has time.

A limit that does not stand between the account and liquidation is patient at first: it takes no more than
what rests within half of its slippage, so that the near levels fill up again before the rest follows. Once
`escalate_after` has passed it takes all that rests within the cap in force, and so does its last resort, the
market order, which the venue itself would bound by nothing.

A limit of survival takes all that rests within the cap from the start. Its book can only make the order that
much smaller, never forbid it: where the book was not told to the cap, or holds less than the smallest order,
and for the last resort, the order goes out whole, as it does without a book. So does the close of a whole
position.
"""

from decimal import Decimal

from msgspec import Struct

from bot.model import Market, Position, TrimTerms
from bot.planning.depth import Ladder, book_trouble, ladder_of
from bot.planning.nature import Nature
from bot.planning.pricing import NoQuote, Quote, is_last_resort
from bot.planning.request import PlanRequest
from bot.planning.rounding import round_down

NEAR = Decimal("0.5")
"""Share of the slippage that a patient slice goes into."""
SLIVER = Decimal("0.02")
"""A patient slice below this share of the position waits until more has come back."""


class Slice(Struct, frozen=True):
    """What may go at once."""

    contracts: Decimal | None = None
    """None where the book bounds nothing."""
    ladder: Ladder | None = None
    """None where there is no book that can be believed."""


def slice_of(
    position: Position,
    market: Market,
    priced: Quote,
    terms: TrimTerms,
    request: PlanRequest,
    acting_seconds: float,
    nature: Nature,
    least: Decimal,
    *,
    whole: bool,
) -> Slice | NoQuote:
    """Size a reduction to the book; NoQuote where a patient one waits. `least` is the smallest order."""
    ladder = _ladder(position, market, priced, request)
    if ladder is None:
        return Slice()
    takes = round_down(ladder.within(priced.worst), market.amount_step)
    if whole or nature is Nature.SURVIVAL:
        bound = not (whole or is_last_resort(terms, acting_seconds) or ladder.ends_inside(priced.worst))
        return Slice(takes if bound and takes >= least else None, ladder)
    if acting_seconds >= terms.escalate_after_seconds:
        return Slice(max(takes, least), ladder)
    near = _near(position, priced)
    takes = round_down(ladder.within(near), market.amount_step)
    if takes < min(position.contracts, max(least, position.contracts * SLIVER)):
        wait = terms.escalate_after_seconds - acting_seconds
        holds = f"{takes.normalize():f} of {position.contracts.normalize():f} contracts of {position.key}"
        reason = f"the book takes {holds} at {near:f} or better: it waits for more, at most {wait:.0f} s"
        return NoQuote("thin_book", reason)
    return Slice(takes, ladder)


def _ladder(position: Position, market: Market, priced: Quote, request: PlanRequest) -> Ladder | None:
    book = request.depths.get(position.symbol)
    if book is None:
        return None
    now = request.snapshot.venue_time(request.at)
    if book_trouble(book, priced.mark, now, request.max_age_seconds):
        return None
    return ladder_of(book, position.side, market)


def _near(position: Position, priced: Quote) -> Decimal:
    """Half of the slippage from mark, or the worst permitted price where the index allows less."""
    sign = position.side.sign
    near = priced.mark * (1 - sign * priced.slippage * NEAR)
    return max(near, priced.worst) if sign > 0 else min(near, priced.worst)
