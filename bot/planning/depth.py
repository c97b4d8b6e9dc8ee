"""What an order book takes: how much within a price, and at which average price. Pure.

A book is read beside the snapshot, and is a hint: one that is old, crossed, empty on a side or far from mark
is not believed, and everything is priced as it is without one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

from msgspec import Struct

from bot.model import BookLevel, Market, OrderBook, Side
from bot.risk.ages import age_trouble

FAR = Decimal("0.05")
"""A book whose middle is further than this from mark, as a fraction of mark, is another market's."""

BEYOND = 2.0
"""What lies deeper than a book was told costs this many times what its last level does."""


class Rung(Struct, frozen=True):
    """What rests at one price."""

    price: Decimal
    contracts: Decimal


class Ladder(Struct, frozen=True, dict=True):
    """What a reduction of a position on `side` meets: the bids for a long one, the asks for a short one."""

    side: Side
    inverse: bool
    rungs: tuple[Rung, ...]
    """Best first."""

    @property
    def told(self) -> Decimal:
        """Contracts on all levels that were told."""
        return self._sums[-1][0]

    @cached_property
    def _sums(self) -> list[tuple[Decimal, Decimal]]:
        """Contracts down to each level, and what they come to, from nothing on."""
        found = [(Decimal(0), Decimal(0))]
        for rung in self.rungs:
            more = rung.contracts / rung.price if self.inverse else rung.contracts * rung.price
            found.append((found[-1][0] + rung.contracts, found[-1][1] + more))
        return found

    @cached_property
    def _fallen(self) -> list[Decimal]:
        """The levels' prices, their sign such that they rise from level to level."""
        sign = -self.side.sign
        return [sign * rung.price for rung in self.rungs]

    def within(self, worst: Decimal) -> Decimal:
        """Contracts that rest at `worst` or better."""
        return self._sums[bisect_right(self._fallen, -self.side.sign * worst)][0]

    def ends_inside(self, worst: Decimal) -> bool:
        """Whether the last level that was told is at `worst` or better: nobody knows what rests behind it."""
        return not self.rungs or _reaches(self.side, self.rungs[-1].price, worst)

    def average(self, contracts: Decimal) -> Decimal | None:
        """Average price of the first contracts; None where fewer were told, or none are asked for.

        Contracts of an inverse market are worth USD each: their average is the harmonic one.
        """
        if not 0 < contracts <= self.told:
            return None
        last = bisect_left(self._sums, (contracts,)) - 1
        begun, total = self._sums[last]
        price = self.rungs[last].price
        total += (contracts - begun) / price if self.inverse else (contracts - begun) * price
        return contracts / total if self.inverse else total / contracts

    def cost(self, contracts: Decimal, mark: Decimal, fee: Decimal) -> float | None:
        """Cost of one USD at mark, averaged over the first contracts, taker fee included; at least 0.

        What lies deeper than the book was told is taken to cost BEYOND times what its last level does. None
        where nothing was told, or is asked for.
        """
        told = min(contracts, self.told)
        average = self.average(told)
        if average is None:
            return None
        cost = cost_at(average, mark, fee, self.side, inverse=self.inverse)
        if told == contracts:
            return cost
        last = cost_at(self.rungs[-1].price, mark, fee, self.side, inverse=self.inverse)
        part = float(told / contracts)
        return part * cost + (1.0 - part) * BEYOND * last


def cost_at(price: Decimal, mark: Decimal, fee: Decimal, side: Side, *, inverse: bool) -> float:
    """Cost of one USD at mark, taken off a position on `side` at `price`, fee included; at least 0."""
    share = mark / price if inverse else price / mark
    slip = (share - 1 if inverse else 1 - share) * side.sign
    return max(0.0, float(slip + fee * share))


def ladder_of(book: OrderBook, side: Side, market: Market) -> Ladder:
    """Return what a reduction of a position on `side` meets, in contracts of the market."""
    levels = book.bids if side is Side.LONG else book.asks
    rungs = tuple(Rung(level.price, _contracts(level, market)) for level in levels)
    return Ladder(side, not market.linear, rungs)


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
    sound = all(
        level.price.is_finite() and level.coins.is_finite() and min(level.price, level.coins) > 0
        for level in levels
    )
    return sound and all(one.price > two.price for one, two in pairwise(levels))


def _contracts(level: BookLevel, market: Market) -> Decimal:
    if market.linear:
        return level.coins / market.contract_size
    return level.coins * level.price / market.contract_size


def _reaches(side: Side, price: Decimal, worst: Decimal) -> bool:
    return (price - worst) * side.sign >= 0
