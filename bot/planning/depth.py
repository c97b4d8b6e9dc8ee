"""What an order book takes: how much within a price, and at which average price. Pure.

A book is read beside the snapshot, and is a hint: one that is old, crossed, empty on a side or far from mark
is not believed, and everything is priced as it is without one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from operator import gt, mul, truediv

from msgspec import Struct

from bot.model import BookLevel, Market, OrderBook, Side
from bot.risk.ages import age_trouble

ZERO = Decimal(0)
FAR = Decimal("0.05")
"""A book whose middle is further than this from mark, as a fraction of mark, is another market's."""

BEYOND = 2.0
"""What lies deeper than a book was told costs this many times what its last level does."""


class Ladder(Struct, frozen=True, dict=True):
    """What a reduction of a position on `side` meets: the bids for a long one, the asks for a short one."""

    side: Side
    inverse: bool
    prices: tuple[Decimal, ...]
    """Best first."""
    contracts: tuple[Decimal, ...]
    """What rests at each."""

    @cached_property
    def _sums(self) -> tuple[list[Decimal], list[Decimal]]:
        """Contracts down to each level, from nothing on, and what they come to."""
        worths = map(truediv if self.inverse else mul, self.contracts, self.prices)
        return list(accumulate(self.contracts, initial=ZERO)), list(accumulate(worths, initial=ZERO))

    def within(self, worst: Decimal) -> Decimal:
        """Contracts that rest at `worst` or better."""
        if self.side is Side.SHORT:
            reached = bisect_right(self.prices, worst)
        else:
            reached = len(self.prices) - bisect_left(self.prices[::-1], worst)
        return self._sums[0][reached]

    def ends_inside(self, worst: Decimal) -> bool:
        """Whether the last level that was told is at `worst` or better: nobody knows what rests behind it."""
        return not self.prices or (self.prices[-1] - worst) * self.side.sign >= 0

    def average(self, contracts: Decimal) -> Decimal | None:
        """Average price of the first contracts; None where fewer were told, or none are asked for.

        Contracts of an inverse market are worth USD each: their average is the harmonic one.
        """
        depths, worths = self._sums
        if not ZERO < contracts <= depths[-1]:
            return None
        last = bisect_left(depths, contracts) - 1
        more, price = contracts - depths[last], self.prices[last]
        total = worths[last] + (more / price if self.inverse else more * price)
        return contracts / total if self.inverse else total / contracts

    def cost(self, contracts: Decimal, mark: Decimal, fee: float) -> float | None:
        """Cost of one USD at mark, averaged over the first contracts, taker fee included; at least 0.

        What lies deeper than the book was told is taken to cost BEYOND times what its last level does. None
        where nothing was told, or is asked for.
        """
        told = min(contracts, self._sums[0][-1])
        average = self.average(told)
        if average is None:
            return None
        cost = cost_at(average, mark, fee, self.side, inverse=self.inverse)
        if told == contracts:
            return cost
        last = cost_at(self.prices[-1], mark, fee, self.side, inverse=self.inverse)
        part = float(told / contracts)
        return part * cost + (1.0 - part) * BEYOND * last


def cost_at(price: Decimal, mark: Decimal, fee: float, side: Side, *, inverse: bool) -> float:
    """Cost of one USD at mark, taken off a position on `side` at `price`, fee included; at least 0."""
    share = float(mark / price if inverse else price / mark)
    slip = share - 1.0 if inverse else 1.0 - share
    return max(0.0, (slip if side is Side.LONG else -slip) + fee * share)


def ladder_of(book: OrderBook, side: Side, market: Market) -> Ladder:
    """Return what a reduction of a position on `side` meets, in contracts of the market."""
    levels = book.bids if side is Side.LONG else book.asks
    size, prices = market.contract_size, tuple([level.price for level in levels])
    if not market.linear:
        return Ladder(side, True, prices, tuple([level.coins * level.price / size for level in levels]))
    return Ladder(side, False, prices, tuple([level.coins / size for level in levels]))


def book_trouble(book: OrderBook, mark: Decimal, at: datetime, max_age_seconds: float) -> str:
    """Say why a book is not believed; '' where it is. `at` is a time of the venue's clock."""
    trouble = age_trouble(f"levels of the book of {book.symbol}", book.at, at, max_age_seconds)
    if trouble:
        return trouble
    if not book.bids or not book.asks:
        return f"a side of the book of {book.symbol} is empty"
    if not (_falls(book.bids) and _falls(book.asks[::-1])):
        return f"the levels of the book of {book.symbol} are out of order, or hold nothing"
    bid, ask = book.bids[0].price, book.asks[0].price
    if bid >= ask:
        return f"the book of {book.symbol} is crossed: bid {bid:f}, ask {ask:f}"
    apart = abs((bid + ask) / 2 / mark - 1)
    return f"the book of {book.symbol} is {apart:.1%} apart from mark {mark:f}" if apart > FAR else ""


def _falls(levels: Sequence[BookLevel]) -> bool:
    """Whether every level is one, and prices fall from each to the next."""
    prices = [level.price for level in levels]
    coins = [level.coins for level in levels]
    if not all(map(Decimal.is_finite, (*prices, *coins))):
        return False
    return min(coins) > ZERO and prices[-1] > ZERO and all(map(gt, prices, prices[1:]))
