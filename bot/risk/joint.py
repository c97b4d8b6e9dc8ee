"""Joint distance: how far the whole market may move, every position by its beta, until something is
liquidated."""

from collections.abc import Sequence
from math import inf

from bot.model import Number, Unknown
from bot.risk.margin import bracket_at
from bot.risk.portfolio import Bracket, Coin, Holding, Portfolio
from bot.risk.shock import adverse_signs

JOINT_BOUND = 1.0
"""The largest move of the reference that is looked at, either way, and the answer where none liquidates."""


def joint_distance(portfolio: Portfolio) -> Number:
    """Return the smallest |m| at which M(m) <= MM(m), every position moving by beta m - s residual |m|.

    The cross block is one margin balance; every isolated position stands alone, so the account's distance
    is the smallest of all blocks. A fraction in [0, JOINT_BOUND]; 0 is liquidated already. Unknown where a
    position is a gap, or the margin balance is unknown and positions depend on it.
    """
    hidden = portfolio.hidden
    if hidden is not None:
        return hidden
    cross = [holding for holding in portfolio.holdings if holding.isolated_equity is None]
    distance = JOINT_BOUND
    if cross:
        margin = portfolio.margin_balance
        if isinstance(margin, Unknown):
            return margin
        distance = _block_distance(cross, margin - portfolio.maintenance_excess, portfolio.coins)
    for holding in portfolio.holdings:
        if holding.isolated_equity is not None:
            distance = min(distance, _block_distance((holding,), holding.isolated_equity))
    return distance


class _Mover:
    """One position, or coin, in one direction.

    Its move is `slope` u, but not below -1, which it meets at u = `end`.
    """

    __slots__ = ("brackets", "end", "exposure", "slope", "value")

    def __init__(self, exposure: float, value: float, brackets: tuple[Bracket, ...], slope: float) -> None:
        self.exposure = exposure
        self.value = value
        self.slope = slope
        self.end = -1.0 / slope if slope < 0.0 else inf
        self.brackets = brackets


NO_MARGIN = (Bracket(0.0, 0.0, 0.0),)
"""A coin needs no maintenance margin."""


def _block_distance(holdings: Sequence[Holding], margin: float, coins: Sequence[Coin] = ()) -> float:
    signs = adverse_signs(holdings, coins)
    free = margin
    for holding in holdings:
        free -= holding.maintenance_excess
    distance = JOINT_BOUND
    for direction in (-1, 1):
        movers = [
            _Mover(one.sign * one.value, one.value, one.brackets, _slope(one, signs, direction))
            for one in holdings
        ]
        movers += [_Mover(one.margin, 0.0, NO_MARGIN, _slope(one, signs, direction)) for one in coins]
        distance = min(distance, _first_loss(movers, free))
    return distance


def _slope(one: Holding | Coin, signs: dict[str, int], direction: int) -> float:
    return one.beta * direction - signs[one.base] * one.residual


def _first_loss(movers: Sequence[_Mover], free: float) -> float:
    """Return the smallest u in [0, JOINT_BOUND] at which the room M - MM is not above 0, else JOINT_BOUND.

    Between the points where a price reaches 0 the room is concave and piecewise linear: there it falls
    through 0 if and only if it is not above 0 at the far end, and Newton's method from that end comes down
    to the root.
    """
    start = 0.0
    for end in sorted({0.0, JOINT_BOUND, *(mover.end for mover in movers if mover.end < JOINT_BOUND)}):
        room, slope = _room(movers, free, end, start)
        if room <= 0.0:
            return _descend(movers, free, start, end, room, slope)
        start = end
    return JOINT_BOUND


def _descend(
    movers: Sequence[_Mover], free: float, start: float, u: float, room: float, slope: float
) -> float:
    while slope < 0.0:
        nearer = max(u - room / slope, start)
        if u - nearer <= 1e-14:
            break
        u = nearer
        room, slope = _room(movers, free, u, start)
    return u


def _room(movers: Sequence[_Mover], free: float, u: float, start: float) -> tuple[float, float]:
    """Return M - MM at u and its slope, in the segment that begins at `start`."""
    room, slope = free, 0.0
    for mover in movers:
        stopped = mover.end <= start
        move = -1.0 if stopped else mover.slope * u
        bracket = bracket_at(mover.brackets, mover.value * (1.0 + move))
        rate = mover.exposure - bracket.rate * mover.value
        room += rate * move - bracket.rate * mover.value + bracket.deduction
        if not stopped:
            slope += rate * mover.slope
    return room, slope
