"""Price levels of protective stops: where every position may stop without the account being liquidated.

The account's margin at the stops does not depend on today's marks. With A_i an anchor price and stops at
P_i = A_i (1 - s_i k b_i), the margin balance with every position at its stop is M + sum s_i q_i (P_i - p_i),
and M already holds s_i q_i p_i: as the mark moves, both move together and the sum stays. So the largest k
with

    M + sum s_i q_i (P_i - p_i) - sum q_i P_i (slippage + fee) >= sum MM_i(q_i P_i)

is a property of positions, collateral, betas and anchors. With entry prices as anchors the stops therefore
stand still while prices fall; they move when a position, its entry, the collateral or a beta changes.

One inequality covers every subset and order of stops, and every correlation. A position contributes at worst
its loss to the stop, then slippage and fee while it closes, with its maintenance margin not yet freed. One
that has not come to its stop has lost less: margin falls faster than maintenance margin as price moves
against a position, so the stop is its worst point. One that closed needs no maintenance margin any more.
"""

from collections.abc import Sequence

from msgspec import Struct

from bot.planning.roots import falling_root
from bot.risk.portfolio import Bracket, Holding

_SMALLEST_VOLATILITY = 0.5
"""No position's share of the common distance is less than this, however small its beta."""


class Anchored(Struct, frozen=True):
    """A position with the price that its stop is measured from."""

    holding: Holding
    anchor: float
    at_mark: bool
    """Whether the anchor is today's mark, which moves, and not the entry price."""
    fee: float
    fixed: float | None = None
    """Distance of its stop from the anchor, whatever the scale: a hedge has one of its own."""

    @property
    def volatility(self) -> float:
        """b: how far this position's stop stands, beside the others': its beta and adverse residual."""
        return max(abs(self.holding.beta) + self.holding.residual, _SMALLEST_VOLATILITY)

    def level(self, k: float) -> float:
        """Price of the stop at scale k."""
        far = k * self.volatility if self.fixed is None else self.fixed
        return self.anchor * (1.0 - self.holding.sign * far)


class Line(Struct, frozen=True):
    """One position as the scale sees it: its value at the stop is linear in k."""

    sign: int
    value: float
    """USD at the anchor price."""
    slope: float
    """Change of value with k, in USD."""
    marked: float
    """USD at mark price."""
    fee: float
    brackets: tuple[Bracket, ...]


class Curve:
    """The margin of a block above its maintenance margin, as a function of the scale k."""

    def __init__(self, block: Sequence[Anchored], margin: float) -> None:
        """Take a block and its margin balance in USD, less what the venue asks beside the brackets."""
        self._margin = margin
        self._lines = [_line(anchored) for anchored in block]
        widest = max(anchored.volatility for anchored in block)
        self._low, self._high = -0.99 / widest, 0.99 / widest

    def room_at(self, k: float, allowance: float) -> float:
        """Margin above maintenance when every position of the block is at its stop.

        `allowance` is the slippage past the stop, as a fraction; the fee to close comes on top of it.
        """
        room = self._margin
        for line in self._lines:
            value = line.value + line.slope * k
            room += line.sign * (value - line.marked)
            if allowance > 0.0:
                room -= value * (allowance + line.fee)
            needed = 0.0
            for part in line.brackets:
                asked = part.rate * value - part.deduction
                if asked > needed:
                    needed = asked
            room -= needed
        return room

    def largest_scale(self, allowance: float) -> float:
        """Return the largest k at which the room is not below 0; room falls as k grows.

        It is sought where no stop of a long comes to or under a price of 0.
        """
        low, high = self._low, self._high
        at_low, at_high = self.room_at(low, allowance), self.room_at(high, allowance)
        if at_high >= 0.0:
            return high
        if at_low <= 0.0:
            return low
        return falling_root(lambda k: self.room_at(k, allowance), low, at_low, high, at_high)


def _line(anchored: Anchored) -> Line:
    holding = anchored.holding
    sign, value = holding.sign, holding.size * anchored.anchor
    slope = -sign * anchored.volatility * value
    if anchored.fixed is not None:
        value, slope = holding.size * anchored.level(0.0), 0.0
    return Line(
        sign=sign,
        value=value,
        slope=slope,
        marked=holding.size * holding.price,
        fee=anchored.fee,
        brackets=holding.brackets,
    )
