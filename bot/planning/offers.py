"""What a way to hedge is made from, and what it comes to: the same for perpetuals and for options."""

from collections.abc import Callable, Mapping, Set
from functools import cached_property, partial

from msgspec import Struct, field
from msgspec.structs import replace

from bot.model import (
    Demand,
    HedgeLink,
    LimitProof,
    Position,
    Refusal,
    Scenario,
    Side,
    Unknown,
)
from bot.planning.aftermath import charged
from bot.planning.book import Book, Priced
from bot.planning.caps import Allowance, Draft
from bot.planning.check import COST_ONLY, Examination, Meter, is_inside, is_worse
from bot.planning.demands import tightened
from bot.planning.hedge_seats import NoHedge, Seat, parents
from bot.planning.hedge_sizing import Begun, begun_with, needed
from bot.planning.known import Known
from bot.planning.nature import SURVIVAL
from bot.planning.options.ranking import Candidate
from bot.planning.options.screening import Screens
from bot.planning.recomputation import State
from bot.planning.request import OrderTerms, PlanRequest, watch_of
from bot.planning.sizing import CannotHelp
from bot.risk.definitions import OPTIONS_HELP
from bot.risk.portfolio import Holding
from bot.risk.shock import scenario_moves

MOVED = frozenset({"account.net_leverage", *OPTIONS_HELP})
"""Metrics that an option moves by more than what is paid for it."""
SLIVER = 1e-7
"""Share of equity below which nothing that is paid is a hedge."""
PLAIN = OrderTerms()
"""What opens is never exempt from the smallest order."""


class Opening(Struct, frozen=True):
    """A perpetual that may be opened as a hedge."""

    seat: Seat
    priced: Priced
    """What one USD of it costs, and how many contracts may be opened."""
    carried: float
    """Funding that one USD of it pays over its horizon."""


class Offer(Struct, frozen=True):
    """A hedge that passes every check."""

    demand: Demand
    side: Side
    """Of the position that it opens."""
    draft: Draft
    """Priced like a reduction of the other side: it meets the same side of the book."""
    link: HedgeLink
    proof: LimitProof
    cost: float
    """USD: what opening and closing it costs, and holding it over the horizon."""
    refusals: tuple[Refusal, ...] = ()
    """What a cap takes off it."""
    takes: float = 0.0
    """USD of free margin that it needs; 0 where that is not known."""


class Desk(Struct, frozen=True, dict=True):
    """What offers are made from. What several demands ask alike is found once."""

    request: PlanRequest
    known: Known
    allowance: Allowance
    screens: Screens = field(default_factory=Screens)
    seats: dict[tuple[str, str, str], Seat | NoHedge] = {}
    """By parent, rule and symbol."""
    openings: dict[tuple[object, ...], Opening | NoHedge] = {}
    """By what their seats stand under, and what their prices depend on."""
    begun: dict[tuple[str, int], Begun] = {}
    """By the key of a hedge, and its index."""
    sizes: dict[tuple[object, ...], float | CannotHelp] = {}
    """How much of a hedge brings a demand's limit to its goal."""
    ranked: dict[tuple[object, ...], tuple[Candidate, ...] | NoHedge] = {}
    """Options, by parent, terms and move."""
    gaps: dict[tuple[int, float], list[float] | NoHedge] = {}
    """What demands miss, by identity and tightness."""
    examined: dict[tuple[object, ...], Examination] = {}
    """The account with a hedge, by what is opened."""
    moved: dict[int, Mapping[str, float]] = {}
    """What scenarios do, by their identity."""

    @property
    def before(self) -> State | Unknown:
        """The account as it is."""
        return self.known.before

    @property
    def meter(self) -> Meter:
        """What measures limits on it."""
        return self.known.meter

    @cached_property
    def parents(self) -> tuple[tuple[Position, Holding], ...]:
        """The positions that may be hedged."""
        return tuple(parents(self.request))

    @cached_property
    def is_barred(self) -> bool:
        """Whether a limit is past its level that any payment harms, so that no option passes the check."""
        before = self.before
        if isinstance(before, Unknown) or isinstance(before.equity, Unknown):
            return False
        paid = SLIVER * before.equity
        after = partial(charged, before, paid, paid)
        return bool(harm(self.examine(before, ("payment",), after), self, MOVED))

    @property
    def book(self) -> Book:
        """The account as it is. Nobody may take from it."""
        return self.known.book

    @cached_property
    def plain(self) -> PlanRequest:
        """The request as what opens is priced by it: nothing that stands already matters to that."""
        return replace(self.request, hedges=(), depths={})

    def moves(self, scenario: Scenario) -> Mapping[str, float]:
        """Return the move of every position and coin in a scenario of a demand, by key."""
        known = self.moved.get(id(scenario))
        if known is None:
            known = self.moved[id(scenario)] = scenario_moves(self.request.portfolio, scenario)
        return known

    def needed(self, demand: Demand, tightness: float, opening: Opening) -> float | CannotHelp:
        """Return the USD of a hedge that bring a demand's limit to its tightened goal, as `needed` does."""
        seat, cost = opening.seat, opening.priced.cost
        place = (seat.one.key, seat.one.position_index)
        at = (id(demand), tightness, cost, *place)
        known = self.sizes.get(at)
        if known is None:
            begun = self.begun.get(place)
            if begun is None:
                begun = self.begun[place] = begun_with(seat, self.request)
            known = self.sizes[at] = needed(tightened(watch_of(demand), tightness), seat, cost, begun)
        return known

    def examine(self, before: State, opened: tuple[object, ...], after: Callable[[], State]) -> Examination:
        """Return the account before and after a hedge; `opened` says which one, and how much of it."""
        known = self.examined.get(opened)
        if known is None:
            then = after()
            known = self.examined[opened] = Examination(before, then, then)
        return known


def harm(examination: Examination, desk: Desk, apart: Set[str] = frozenset()) -> str:
    """Say which limit a hedge would make worse beyond its target; '' for none, those on metrics in `apart`
    left out.

    As with trims, a limit on exposure that stays inside may lose what the cost alone takes.
    """
    for watch in desk.request.watches:
        if watch.metric in apart:
            continue
        now = desk.meter.read(watch, examination.worst)
        if watch.metric in COST_ONLY or isinstance(now, Unknown) or is_inside(now, watch.goal, watch.sense):
            continue
        bears = watch.metric not in SURVIVAL and is_inside(now, watch.limit, watch.sense)
        was = desk.meter.read(watch, examination.costed if bears else examination.before)
        if not isinstance(was, Unknown) and is_worse(now, was, watch.sense):
            what = f"{watch.rule} ({watch.metric} of {watch.target.text})"
            return f"a hedge would take {what} from {was:.6g} to {now:.6g}, beyond its target"
    return ""
