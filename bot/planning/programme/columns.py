"""What may be done: trims, perpetual hedges, options, added margin. Each is one candidate.

A trim or a perpetual moves the notional of one leg, down or up. What it does to a limit is the leg's weight
and maintenance margin in the limit's faces. What moves no leg stands beside these, and says itself what a USD
of it adds to a face: an option (`options.columns`), and margin that is moved to an isolated position.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from bot.model import Demand
from bot.planning.book import Leg, Priced
from bot.planning.costs import KEPT, LEAST, is_kept, saved_of
from bot.planning.nature import SURVIVAL
from bot.planning.quotes import Quotes
from bot.planning.request import PlanRequest
from bot.planning.sizing import Face

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
    parent: str = ""
    """Key of the position that a hedge stands against; '' for a trim."""

    @property
    def key(self) -> str:
        """Identity of the position."""
        return self.leg.key

    @property
    def name(self) -> str:
        """Its name in the proof of a plan."""
        return f"hedge of {self.parent}" if self.parent else self.leg.key

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


class Beside(Protocol):
    """An action that moves no leg, by the USD that it moves."""

    @property
    def key(self) -> str:
        """Identity."""

    @property
    def name(self) -> str:
        """Its name in the proof of a plan."""

    @property
    def room(self) -> float:
        """The most USD that it may move."""

    @property
    def chords(self) -> tuple[tuple[float, float], ...]:
        """Width in USD and expected cost of one USD."""

    def effect(self, demand: Demand, number: int, face: Face) -> float:
        """What one USD adds to the left side of a demand's face, its cost included; `number` is its place."""

    def expected(self, usd: float) -> float:
        """Expected cost of moving so many USD."""


class Margin(Struct, frozen=True):
    """Margin that is moved from what is free to an isolated position. It costs nothing but what is free.

    The position's own faces gain it, those of the cross balance lose it; equity stays.
    """

    position: str
    """Key of the position."""
    room: float

    @property
    def key(self) -> str:
        """Identity."""
        return self.name

    @property
    def name(self) -> str:
        """Its name in the proof of a plan."""
        return f"margin of {self.position}"

    @property
    def chords(self) -> tuple[tuple[float, float], ...]:
        """Width in USD, and next to nothing for each: what nobody needs is not moved."""
        return ((self.room, FREE),)

    def effect(self, demand: Demand, number: int, face: Face) -> float:
        """What one USD adds to the left side of a face."""
        if face.alone:
            return -face.cost_weight if self.position in face.payers else 0.0
        return face.cost_weight if demand.metric in SURVIVAL else 0.0

    def expected(self, usd: float) -> float:
        """It costs nothing."""
        return 0.0


class Terms(Protocol):
    """One demand's terms for the legs that it may use."""

    @property
    def demand(self) -> Demand:
        """Whose terms they are."""

    @property
    def priced(self) -> dict[str, Priced]:
        """Prices and rooms by position key."""


def trims(
    legs: Sequence[Leg], terms: Sequence[Terms], request: PlanRequest, quotes: Quotes
) -> list[Candidate]:
    """Return one candidate a leg that some demand may trim, with the widest room and the dearest price."""
    kept, widest, dearest = _kept(legs, terms), dict[str, Priced](), dict[str, float]()
    for one in terms:
        for key, priced in one.priced.items():
            best = widest.get(key)
            if best is None or priced.room > best.room:
                widest[key] = priced
            if best is None or priced.cost > dearest[key]:
                dearest[key] = priced.cost
    found: list[Candidate] = []
    for leg in legs:
        wide = widest.get(leg.key)
        if leg.taken or wide is None or wide.room <= 0 or leg.holding is None or leg.market is None:
            continue
        dear = KEPT if leg.position.symbol in kept else 0.0
        slopes = _slopes(leg, quotes.chords(leg, wide), dear, request)
        found.append(Candidate(leg, -1, wide.usd_of(leg), dearest[leg.key], slopes))
    return found


def _kept(legs: Sequence[Leg], terms: Sequence[Terms]) -> frozenset[str]:
    """Return the symbols that some demand would rather keep."""
    patterns = {pattern for one in terms for pattern in one.demand.trim.keep}
    symbols = {leg.position.symbol for leg in legs} if patterns else set()
    return frozenset(one for one in symbols if is_kept(one, patterns))


def _slopes(
    leg: Leg, costs: Sequence[tuple[float, float]], dear: float, request: PlanRequest
) -> tuple[tuple[float, float], ...]:
    """Cost by chords; what the trim saves of funding makes it cheaper, what it forgoes dearer."""
    holding = leg.holding
    assert holding is not None
    saved = saved_of(holding.symbol, holding.sign, request)
    found: list[tuple[float, float]] = []
    for width, rate in costs:
        cost = rate + dear if rate + dear > FREE else FREE
        least = LEAST * cost
        found.append((width, cost - saved if cost - saved > least else least))
    return tuple(found)
