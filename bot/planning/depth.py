"""What an order book takes: how much within a price, and at which average price. Pure.

A book is read beside the snapshot, and is a hint: one that is old, crossed, empty on a side or far from mark
is not believed, and everything is priced as it is without one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from operator import gt, lt, mul

from bot.model import Market, OrderBook, Side
from bot.planning.pricing import is_price

ZERO = Decimal(0)
FAR = Decimal("0.05")
"""A book whose middle is further than this from mark, as a fraction of mark, is another market's."""

BEYOND = 2.0
"""What lies deeper than a book was told costs this many times what its last level does."""


class Ladder:
    """What a reduction of a position on `side` meets: the bids for a long one, the asks for a short one.

    Best first: `prices`, and the `coins` that rest at each. A contract is `size` coins, or USD where it is
    `inverse`.
    """

    __slots__ = ("_sums", "coins", "first", "inverse", "prices", "side", "size")

    def __init__(
        self, side: Side, prices: Sequence[Decimal], coins: Sequence[Decimal], size: Decimal, *, inverse: bool
    ) -> None:
        self.side = side
        self.inverse = inverse
        self.prices = prices
        self.coins = coins
        self.size = size
        self.first = (coins[0] * prices[0] if inverse else coins[0]) / size
        """Contracts at the best price."""
        self._sums: tuple[list[Decimal], list[Decimal]] | None = None

    def _down_to(self) -> tuple[list[Decimal], list[Decimal]]:
        """Sums down to each level, from nothing on: what contracts are counted in, and what they bring.

        Coins and USD, or the reverse. Most positions need no more than the best level, and no sums.
        """
        if self._sums is None:
            coins = list(accumulate(self.coins, initial=ZERO))
            worths = list(accumulate(map(mul, self.coins, self.prices), initial=ZERO))
            self._sums = (worths, coins) if self.inverse else (coins, worths)
        return self._sums

    def holds(self, contracts: Decimal, worst: Decimal) -> bool:
        """Whether the best price alone takes so many, at `worst` or better."""
        best = self.prices[0]
        return contracts <= self.first and (best >= worst if self.side is Side.LONG else best <= worst)

    def within(self, worst: Decimal) -> Decimal:
        """Contracts that rest at `worst` or better."""
        if self.side is Side.SHORT:
            reached = bisect_right(self.prices, worst)
        else:
            reached = len(self.prices) - bisect_left(self.prices[::-1], worst)
        return self._down_to()[0][reached] / self.size

    def ends_inside(self, worst: Decimal) -> bool:
        """Whether the last level that was told is at `worst` or better: nobody knows what rests behind it."""
        last = self.prices[-1]
        return last >= worst if self.side is Side.LONG else last <= worst

    def cost(self, contracts: Decimal, mark: Decimal, fee: float) -> float | None:
        """Cost of one USD at mark, averaged over the first contracts, taker fee included; at least 0.

        What lies deeper than the book was told is taken to cost BEYOND times what its last level does. None
        where nothing is asked for.
        """
        if contracts <= ZERO:
            return None
        side, inverse = self.side, self.inverse
        if contracts <= self.first:
            return cost_at(self.prices[0], mark, fee, side, inverse=inverse)
        depths, others = self._down_to()
        asked = contracts * self.size
        told = min(asked, depths[-1])
        last = bisect_left(depths, told) - 1
        more, price = told - depths[last], self.prices[last]
        if inverse:
            cost = cost_of(float((others[last] + more / price) * mark / told), fee, side, inverse=True)
        else:
            cost = cost_of(float((others[last] + more * price) / (told * mark)), fee, side, inverse=False)
        if told == asked:
            return cost
        deepest = cost_at(self.prices[-1], mark, fee, side, inverse=inverse)
        part = float(told / asked)
        return part * cost + (1.0 - part) * BEYOND * deepest


def cost_at(price: Decimal, mark: Decimal, fee: float, side: Side, *, inverse: bool) -> float:
    """Cost of one USD at mark, taken off a position on `side` at `price`, fee included; at least 0."""
    return cost_of(float(mark / price if inverse else price / mark), fee, side, inverse=inverse)


def cost_of(share: float, fee: float, side: Side, *, inverse: bool) -> float:
    """Cost of one USD at mark where what is traded comes to a share of it; at least 0."""
    slip = share - 1.0 if inverse is (side is Side.LONG) else 1.0 - share
    cost = slip + fee * share
    return cost if cost > 0.0 else 0.0


def ladder_of(book: OrderBook, side: Side, market: Market, mark: Decimal) -> Ladder | None:
    """Return what a reduction of a position on `side` meets; None where the book is not believed.

    It is not where a side is empty, levels are out of order or hold nothing, bid meets ask, or mark is far.
    Of the other side only the best level is looked at: nobody meets those behind it.
    """
    if not book.bids or not book.asks:
        return None
    selling = side is Side.LONG
    met, other = (book.bids, book.asks[0]) if selling else (book.asks, book.bids[0])
    prices, coins = [one.price for one in met], [one.coins for one in met]
    if not (all(map(Decimal.is_finite, prices)) and all(map(Decimal.is_finite, coins)) and min(coins) > ZERO):
        return None
    if not (is_price(other.price) and is_price(other.coins)):
        return None
    bid, ask = (prices[0], other.price) if selling else (other.price, prices[0])
    if bid >= ask or prices[-1] <= ZERO or not all(map(gt if selling else lt, prices, prices[1:])):
        return None
    if abs((bid + ask) / 2 / mark - 1) > FAR:
        return None
    return Ladder(side, prices, coins, market.contract_size, inverse=not market.linear)
