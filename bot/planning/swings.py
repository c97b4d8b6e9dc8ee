"""Where moves of the whole market take positions and coins: how each moves, and how far margin lasts.

Between kinks at price 0 the margin above maintenance falls ever faster with the move.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf

from msgspec import Struct

from bot.planning.recomputation import Entry, Purse, Slice, inverse_margin, margin_for
from bot.planning.roots import concave_root


def rates_of(movers: Sequence[Entry | Purse], sides: Mapping[str, int], direction: float) -> list[float]:
    """Adverse move of every position or coin for one unit of the market's move; the floor at 0 left out.

    All that is held of a base shares the residual of its net side.
    """
    return [one.beta * direction - sides[one.base] * one.residual for one in movers]


def sides_of(entries: tuple[Entry, ...], coins: tuple[Purse, ...]) -> dict[str, int]:
    """Return the side of what is held of each base: the one that its residual hurts; 0 where it cancels."""
    nets: dict[str, float] = {}
    for entry in entries:
        nets[entry.base] = nets.get(entry.base, 0.0) + entry.sign * entry.value
    for coin in coins:
        nets[coin.base] = nets.get(coin.base, 0.0) + coin.worth
    return {base: 1 if net > 0 else -1 if net < 0 else 0 for base, net in nets.items()}


_Lane = tuple[float, float, float, tuple[Slice, ...], Entry | None]


def _lanes(entries: Sequence[Entry]) -> list[_Lane]:
    """What a move does to positions: pull, value, surcharge, slices; and the whole of an inverse one."""
    return [
        (one.sign * one.value, one.value, one.surcharge, one.slices, one if one.inverse else None)
        for one in entries
    ]


class _Block(Struct, frozen=True):
    """Positions and coins behind which one margin stands, `room` of it before maintenance."""

    lanes: list[_Lane]
    coins: tuple[Purse, ...]
    room: float

    def left(self, rates: Sequence[float], past: float) -> Callable[[float], tuple[float, float]]:
        """Return what gives the margin above maintenance after a move of the market, and its slope there.

        Each position and coin moves by its own rate. What loses goes on losing below price 0, unless it was
        there after the move `past`: so the margin falls ever faster, and is never told too high.
        It is asked a few times for each root, so the maintenance margin of what is linear is written out:
        `margin_for`, slice by slice.
        """
        moving = [
            (rate, -1.0 if rate * past <= -1.0 or lane[0] < 0.0 else -inf, *lane)
            for rate, lane in zip(rates, self.lanes, strict=False)
        ]
        coins = [
            (rate, -1.0 if rate * past <= -1.0 or coin.margin < 0.0 else -inf, coin.margin)
            for rate, coin in zip(rates[len(moving) :], self.coins, strict=True)
        ]

        def left(move: float) -> tuple[float, float]:
            room, slope = self.room, 0.0
            for rate, least, pull, whole, surcharge, slices, inverse in moving:
                change, steep = rate * move, rate
                if change < least:
                    change, steep = least, 0.0
                if inverse is not None:
                    needed, growth = inverse_margin(inverse, 1.0 + change)
                    room += pull * change - needed
                    slope += steep * (pull - growth)
                    continue
                value = whole * (1.0 + change)
                room += pull * change - surcharge
                slope += steep * pull
                for _, cap, asked, below in slices:
                    if value <= cap:
                        needed = below + asked * value
                        if needed > 0.0:
                            room -= needed
                            slope -= steep * whole * asked
                        break
            for rate, least, margin in coins:
                change = rate * move
                room += margin * max(change, least)
                slope += margin * rate if change >= least else 0.0
            return room, slope

        return left


def _first_root(block: _Block, rates: Sequence[float], bound: float) -> float:
    """Smallest move in one direction, up to a bound, that uses the room up.

    What is at price 0 by then loses no more: it is looked for again from there on.
    """
    past, gone = 0.0, 0
    while True:
        left = block.left(rates, past)
        at_bound = left(bound)
        if at_bound[0] > 0.0:
            return bound
        past = concave_root(left, past, bound, at_bound)
        known, gone = gone, sum(rate * past <= -1.0 for rate in rates)
        if gone == known:
            return past


def breaking_move(entries: tuple[Entry, ...], coins: tuple[Purse, ...], room: float, bound: float) -> float:
    """Smallest move of the market either way, up to a bound, that uses the room of a block up."""
    block, sides = _Block(_lanes(entries), coins, room), sides_of(entries, coins)
    movers: tuple[Entry | Purse, ...] = (*entries, *coins)
    for direction in (-1.0, 1.0):
        bound = _first_root(block, rates_of(movers, sides, direction), bound)
    return bound


def reaches(entry: Entry, bound: float) -> bool:
    """Whether a move of the market up to a bound, either way, uses up an isolated position's margin.

    What is left falls ever faster with the price: where it is above 0 at the bounds, it is between them.
    """
    equity, side = entry.equity or 0.0, 0 if entry.value == 0.0 else entry.sign
    for move in (0.0, -bound, bound):
        change = max(entry.beta * move - side * entry.residual * abs(move), -1.0)
        if equity + entry.sign * entry.value * change - margin_for(entry, 1.0 + change) <= 0.0:
            return True
    return False
