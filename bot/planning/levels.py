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

A coin of the wallet moves with the price of its base. Beside a position on its own side it is as low as that
position's stop, and stands still like it. Beside a position against it, which it hedges, either that position
is at its stop and the coin has gained, or the coin has lost and the position has gained: the worse of the two
counts. A coin by itself falls with the scale, like a position whose stop is measured from mark.
"""

from collections.abc import Sequence

from msgspec import Struct

from bot.planning.roots import falling_root
from bot.risk.portfolio import Bracket, Coin, Holding

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


def drifts(coins: Sequence[Coin], members: Sequence[Anchored]) -> bool:
    """Whether some coin is measured from mark, as no position on its side gives it a stop to stand by."""
    kept = {(one.holding.base, one.holding.sign > 0) for one in members}
    return any((coin.base, coin.margin > 0.0) not in kept for coin in coins)


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
    traded: float | None = None
    """USD that are traded at the stop, where that is not the value there: an inverse position's contracts."""

    def result(self, value: float) -> float:
        """Profit since mark, less maintenance margin, where it is worth so much."""
        return self.sign * (value - self.marked) - _needed(self.brackets, value)

    def at_stop(self, k: float, allowance: float) -> float:
        """The same at the stop, less what closing it there costs; nothing without an allowance."""
        value = self.value + self.slope * k
        result = self.sign * (value - self.marked) - _needed(self.brackets, value)
        if allowance > 0.0:
            result -= (value if self.traded is None else self.traded) * (allowance + self.fee)
        return result


class Purse:
    """A coin of the wallet beside the positions of its base."""

    def __init__(self, coin: Coin, lines: Sequence[tuple[Anchored, Line]]) -> None:
        self._margin = coin.margin
        self._side = 1 if coin.margin > 0.0 else -1
        self._volatility = max(abs(coin.beta) + coin.residual, _SMALLEST_VOLATILITY)
        self._with = [line for one, line in lines if one.holding.sign == self._side]
        self._against = [line for one, line in lines if one.holding.sign != self._side]

    @property
    def volatility(self) -> float:
        """How far it falls, beside the positions' stops."""
        return self._volatility

    def result(self, k: float, allowance: float) -> float:
        """What it adds to the room at scale k, in USD."""
        if self._with:
            nearest: float = min(self._at(line, k) for line in self._with)
            return nearest - abs(self._margin) * allowance
        if not self._against:
            return self._margin * max(-self._side * k * self._volatility, -1.0)
        fallen = -self._side * max(k, 0.0) * self._volatility
        lost = self._margin * max(fallen, -1.0)
        for line in self._against:
            lost += line.result(line.marked * max(1.0 + fallen, 0.0)) - line.at_stop(k, allowance)
        return min([lost, *(self._at(line, k) for line in self._against)])

    def _at(self, line: Line, k: float) -> float:
        """Profit of the coin where a position of its base is at its stop."""
        return self._margin * ((line.value + line.slope * k) / line.marked - 1.0)


class Curve:
    """The margin of a block above its maintenance margin, as a function of the scale k."""

    def __init__(self, block: Sequence[Anchored], margin: float, coins: Sequence[Coin] = ()) -> None:
        """Take a block and its margin balance in USD, less what the venue asks beside the brackets.

        `coins` are those that are part of the margin.
        """
        self._margin = margin
        pairs = [(anchored, _line(anchored)) for anchored in block]
        self._lines = [line for _, line in pairs]
        self._purses = [
            Purse(coin, [pair for pair in pairs if pair[0].holding.base == coin.base]) for coin in coins
        ]
        widest = max(*(one.volatility for one in block), *(one.volatility for one in self._purses), 0.0)
        self._low, self._high = -0.99 / widest, 0.99 / widest

    def room_at(self, k: float, allowance: float) -> float:
        """Margin above maintenance when every position of the block is at its stop.

        `allowance` is the slippage past the stop, as a fraction; the fee to close comes on top of it.
        """
        room = self._margin
        for line in self._lines:
            room += line.at_stop(k, allowance)
        for purse in self._purses:
            room += purse.result(k, allowance)
        return room

    def largest_scale(self, allowance: float) -> float:
        """Return the largest k at which the room is not below 0; room falls as k grows.

        Beside coins that outweigh what is held against them it rises first, up to where stops are at mark. It
        is sought where no stop of a long comes to or under a price of 0.
        """
        low, high = self._low, self._high
        at_low, at_high = self.room_at(low, allowance), self.room_at(high, allowance)
        if at_high >= 0.0:
            return high
        if at_low <= 0.0 and self._purses:
            low, at_low = self._best(allowance)
        if at_low <= 0.0:
            return self._low
        return falling_root(lambda k: self.room_at(k, allowance), low, at_low, high, at_high)

    def _best(self, allowance: float) -> tuple[float, float]:
        """Return the k with the most room among those at which some stop is at mark or at its anchor."""
        marks = [(line.marked - line.value) / line.slope for line in self._lines if line.slope]
        tried = [0.0, *(k for k in marks if self._low < k < self._high)]
        at, k = max((self.room_at(k, allowance), k) for k in tried)
        return k, at


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
        traded=holding.notional if holding.inverse else None,
    )


def _needed(brackets: Sequence[Bracket], value: float) -> float:
    needed = 0.0
    for part in brackets:
        asked = part.rate * value - part.deduction
        if asked > needed:
            needed = asked
    return needed
