"""How a demand is tried: at least cost first, where that passes no check in proportion, then as expected.

The cheapest trims may take off the very position that offsets the others, so that another limit gets worse,
or the worst scenario becomes another one. Trims in proportion leave the shape of the book as it is: whatever
depends on its size gets better with it.

Near liquidation a wide slippage cap makes every trim useless on paper: at the worst permitted price it costs
more than it frees, although a real fill helps. Survival and leverage are then sized at expected prices.
"""

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Action, Demand, Sense
from bot.planning.nature import EASED_BY_SALES

ATTEMPTS = 6
_FIRST_TIGHTENING = 0.002
_TIGHTENING_GROWTH = 2.2
_LITTLE = 0.05
"""A goal missed by a larger share of itself is beyond every try but the last."""
_MORE = 1.1
"""How many times what was missed the goal is tightened by."""
_MOST_MORE = 0.5
"""Share of what an even trim would leave that further attempts may take, at the most."""


class Effort(Struct, frozen=True):
    """What was tried for one demand so far."""

    tries: int = 0
    even: bool = False
    """Whether every position of the account is trimmed by the same share."""
    dear: bool = False
    """Whether what was tried before helps at expected prices, and not at the worst permitted ones."""
    expected: bool = False
    """Whether it is sized at expected prices from the start."""
    partial: bool = False
    """Whether coming nearer is enough: the next cycle goes on from there."""
    least: float = 0.0
    """The least tightness: what was missed before, and what was tightened then."""

    @property
    def tightness(self) -> float:
        """Share of itself by which the goal is moved to its safe side."""
        steps = _FIRST_TIGHTENING * _TIGHTENING_GROWTH ** (self.tries - 1) if self.tries else 0.0
        return max(steps, self.least)

    def again(self, missed: float = 0.0) -> "Effort | None":
        """Return the same with a tighter goal; None after `ATTEMPTS`.

        `missed` is by which share of itself the goal was missed: what is little is made good at once, and
        what is more than all tries but the last add is left to that one.
        """
        if self.tries >= ATTEMPTS:
            return None
        if missed > _LITTLE:
            return replace(self, tries=ATTEMPTS)
        return replace(self, tries=self.tries + 1, least=self.tightness + missed * _MORE)

    def share(self, demand: Demand) -> Decimal:
        """Return the share of each position that an even trim takes off.

        Exact for limits that grow with the size of the book; for the others a first guess, which further
        tries make larger.
        """
        bad, good = demand.value, demand.goal
        if demand.sense is Sense.MIN:
            bad, good = good, bad
        base = 1.0 - max(good, 0.0) / bad if bad > 0 else 0.0
        base = min(max(base, 0.0), 1.0)
        more = _MOST_MORE * (self.tries / ATTEMPTS) ** 2
        return Decimal(repr(base + (1.0 - base) * more))


def can_be_even(demand: Demand) -> bool:
    """Whether a demand may be answered by trims in proportion: it is on the account, and permits trims."""
    return demand.target.position is None and Action.TRIM in demand.permits


def can_be_expected(demand: Demand) -> bool:
    """Whether a demand may be answered at expected prices: a real sale helps, and trims are permitted."""
    return demand.metric in EASED_BY_SALES and Action.TRIM in demand.permits
