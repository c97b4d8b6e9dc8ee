"""Price levels of protective stops: where every position may stop without the account being liquidated.

The account's margin at the stops does not depend on today's marks. With A_i an anchor price and stops at
P_i = A_i (1 - s_i k b_i), the margin balance with every position at its stop is M + sum s_i q_i (P_i - p_i),
and M already holds s_i q_i p_i: as the mark moves, both move together and the sum stays. So the largest k
with

    M + sum s_i q_i (P_i - p_i) - sum q_i P_i (slippage + fee) >= sum MM_i(q_i P_i)

is a property of positions, collateral and anchors. With entry prices as anchors the stops therefore stand
still while prices fall; they move when a position, its entry or the collateral changes.

One inequality covers every subset and order of stops, and every correlation. A position contributes at worst
its loss to the stop, then slippage and fee while it closes, with its maintenance margin not yet freed. One
that has not come to its stop has lost less: margin falls faster than maintenance margin as price moves
against a position, so the stop is its worst point. One that closed needs no maintenance margin any more.
"""

from collections.abc import Sequence

from msgspec import Struct

from bot.planning.roots import falling_root
from bot.risk.portfolio import Holding

_SMALLEST_VOLATILITY = 0.5
"""No position's share of the common distance is less than this, however small its beta."""


class Anchored(Struct, frozen=True):
    """A position with the price that its stop is measured from."""

    holding: Holding
    anchor: float
    at_mark: bool
    """Whether the anchor is today's mark, which moves, and not the entry price."""
    fee: float

    @property
    def volatility(self) -> float:
        """b: how far this position's stop stands, beside the others': its beta and adverse residual."""
        return max(abs(self.holding.beta) + self.holding.residual, _SMALLEST_VOLATILITY)

    def level(self, k: float) -> float:
        """Price of the stop at scale k."""
        return self.anchor * (1.0 - self.holding.sign * k * self.volatility)


def room_at(block: Sequence[Anchored], margin: float, k: float, allowance: float) -> float:
    """Margin above maintenance when every position of a block is at its stop.

    `margin` is the block's margin balance less what the venue asks beside the brackets, in USD; `allowance`
    the slippage past the stop, as a fraction; the fee to close comes on top of it.
    """
    room = margin
    for anchored in block:
        holding = anchored.holding
        price = anchored.level(k)
        value = holding.size * price
        room += holding.sign * holding.size * (price - holding.price)
        if allowance > 0.0:
            room -= value * (allowance + anchored.fee)
        needed = 0.0
        for part in holding.brackets:
            needed = max(needed, part.rate * value - part.deduction)
        room -= needed
    return room


def bounds(block: Sequence[Anchored]) -> tuple[float, float]:
    """Smallest and largest scale that are looked at: no stop of a long at or under a price of 0."""
    widest = max(anchored.volatility for anchored in block)
    return -0.99 / widest, 0.99 / widest


def largest_scale(block: Sequence[Anchored], margin: float, allowance: float) -> float:
    """Return the largest k at which the block's room is not below 0; room falls as k grows."""
    low, high = bounds(block)
    at_low, at_high = (room_at(block, margin, k, allowance) for k in (low, high))
    if at_high >= 0.0:
        return high
    if at_low <= 0.0:
        return low
    return falling_root(lambda k: room_at(block, margin, k, allowance), low, at_low, high, at_high)
