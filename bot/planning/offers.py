"""What a way to hedge is made from, and what it comes to: the same for perpetuals and for options."""

from msgspec import Struct, field

from bot.model import Demand, HedgeLink, LimitProof, Refusal, Side, Unknown
from bot.planning.book import Priced
from bot.planning.caps import Allowance, Draft
from bot.planning.check import COST_ONLY, Examination, Meter, is_inside, is_worse
from bot.planning.hedge_seats import Seat
from bot.planning.known import Known
from bot.planning.nature import SURVIVAL
from bot.planning.options.screening import Screens
from bot.planning.recomputation import State
from bot.planning.request import OrderTerms, PlanRequest

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


class Desk(Struct, frozen=True):
    """What offers are made from."""

    request: PlanRequest
    known: Known
    allowance: Allowance
    screens: Screens = field(default_factory=Screens)

    @property
    def before(self) -> State | Unknown:
        """The account as it is."""
        return self.known.before

    @property
    def meter(self) -> Meter:
        """What measures limits on it."""
        return self.known.meter


def harm(examination: Examination, desk: Desk) -> str:
    """Say which limit a hedge would make worse beyond its target; '' for none.

    As with trims, a limit on exposure that stays inside may lose what the cost alone takes.
    """
    for watch in desk.request.watches:
        now = desk.meter.read(watch, examination.worst)
        if watch.metric in COST_ONLY or isinstance(now, Unknown) or is_inside(now, watch.goal, watch.sense):
            continue
        bears = watch.metric not in SURVIVAL and is_inside(now, watch.limit, watch.sense)
        was = desk.meter.read(watch, examination.costed if bears else examination.before)
        if not isinstance(was, Unknown) and is_worse(now, was, watch.sense):
            what = f"{watch.rule} ({watch.metric} of {watch.target.text})"
            return f"a hedge would take {what} from {was:.6g} to {now:.6g}, beyond its target"
    return ""
