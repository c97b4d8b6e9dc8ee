"""What may be done: one candidate a position that may be trimmed, or a hedge that may be opened.

A candidate moves the notional of one leg, down (a trim) or up (a hedge), and has a cost. What it does to a
limit is the leg's weight and maintenance margin in the limit's faces. Whatever else may answer a limit one
day stands beside these, as further candidates.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from bot.model import Demand
from bot.planning.book import Leg, Priced
from bot.planning.costs import HORIZON_SECONDS, KEPT, LEAST, chords, funding_of, is_kept
from bot.planning.request import PlanRequest

FREE = 1e-6
"""What a USD costs at least: what costs nothing would be traded without need."""


class Candidate(Struct, frozen=True):
    """One action, by the USD that it moves."""

    leg: Leg
    sign: int
    """-1 takes off the leg, +1 adds to it."""
    room: float
    """The most USD that it may move."""
    paid: float
    """Cost of one USD at the worst permitted price: what limits have to bear."""
    chords: tuple[tuple[float, float], ...]
    """Widths in USD and expected cost of one USD on them, cheapest first: what the plan is chosen by."""

    @property
    def key(self) -> str:
        """Identity of the position."""
        return self.leg.key

    @property
    def ends(self) -> tuple[float, float]:
        """Notional of the leg where nothing is done, and where all of it is."""
        return self.leg.left, self.leg.left + self.sign * self.room

    def expected(self, usd: float) -> float:
        """Expected cost of moving so many USD."""
        cost = 0.0
        for width, slope in self.chords:
            cost += min(usd, width) * slope
            usd = max(usd - width, 0.0)
        return cost


class Terms(Protocol):
    """One demand's terms for the legs that it may use."""

    @property
    def demand(self) -> Demand:
        """Whose terms they are."""

    @property
    def priced(self) -> dict[str, Priced]:
        """Prices and rooms by position key."""


def trims(legs: Sequence[Leg], terms: Sequence[Terms], request: PlanRequest) -> list[Candidate]:
    """Return one candidate a leg that some demand may trim, with the widest room and the dearest price."""
    kept = _kept(legs, terms)
    found: list[Candidate] = []
    for leg in legs:
        known = [one.priced[leg.key] for one in terms if leg.key in one.priced]
        if leg.taken or not known or leg.holding is None or leg.market is None:
            continue
        widest = max(known, key=lambda one: one.room)
        if widest.room > 0:
            room = leg.holding.notional * float(widest.room / leg.position.contracts)
            paid = max(one.cost for one in known)
            dear = KEPT if leg.position.symbol in kept else 0.0
            found.append(Candidate(leg, -1, room, paid, _slopes(leg, widest, dear, request)))
    return found


def _kept(legs: Sequence[Leg], terms: Sequence[Terms]) -> frozenset[str]:
    """Return the symbols that some demand would rather keep."""
    patterns = {pattern for one in terms for pattern in one.demand.trim.keep}
    symbols = {leg.position.symbol for leg in legs} if patterns else set()
    return frozenset(one for one in symbols if is_kept(one, patterns))


def _slopes(leg: Leg, priced: Priced, dear: float, request: PlanRequest) -> tuple[tuple[float, float], ...]:
    """Cost by chords; what the trim saves of funding makes it cheaper, what it forgoes dearer."""
    holding = leg.holding
    assert holding is not None
    saved = funding_of(holding.symbol, holding.sign, HORIZON_SECONDS, request)
    found = [(width, max(rate + dear, FREE)) for width, rate in chords(leg, priced)]
    return tuple((width, max(rate - saved, LEAST * rate)) for width, rate in found)
