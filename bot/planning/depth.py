"""What an order book takes: how much within a price, and at which average price. Pure.

A book is read beside the snapshot, and is a hint: one that is old, crossed, empty on a side or far from mark
is not believed, and everything is priced as it is without one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from msgspec import Struct

from bot.model import BookLevel, Market, OrderBook, Side
from bot.risk.ages import age_trouble

ZERO, ONE = Decimal(0), Decimal(1)
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
        return self._sums[0][-1]

    @cached_property
    def _prices(self) -> list[Decimal]:
        """Prices of the levels, rising: those of bids below 0."""
        return (
            [-rung.price for rung in self.rungs]
            if self.side.sign > 0
            else [rung.price for rung in self.rungs]
        )

    @cached_property
    def _sums(self) -> tuple[list[Decimal], list[Decimal]]:
        """Contracts down to each level, and what they come to, from nothing on."""
        contracts = worth = ZERO
        found = [contracts], [worth]
        for rung in self.rungs:
            contracts += rung.contracts
            worth += rung.contracts / rung.price if self.inverse else rung.contracts * rung.price
            found[0].append(contracts)
            found[1].append(worth)
        return found

    def within(self, worst: Decimal) -> Decimal:
        """Contracts that rest at `worst` or better."""
        return self._sums[0][bisect_right(self._prices, -self.side.sign * worst)]

    def ends_inside(self, worst: Decimal) -> bool:
        """Whether the last level that was told is at `worst` or better: nobody knows what rests behind it."""
        return not self.rungs or _reaches(self.side, self.rungs[-1].price, worst)

    def average(self, contracts: Decimal) -> Decimal | None:
        """Average price of the first contracts; None where fewer were told, or none are asked for.

        Contracts of an inverse market are worth USD each: their average is the harmonic one.
        """
        depths, worths = self._sums
        if not ZERO < contracts <= depths[-1]:
            return None
        last = bisect_left(depths, contracts) - 1
        more, price = contracts - depths[last], self.rungs[last].price
        total = worths[last] + (more / price if self.inverse else more * price)
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
    slip = share - ONE if inverse else ONE - share
    return max(0.0, float((slip if side is Side.LONG else -slip) + fee * share))


def ladder_of(book: OrderBook, side: Side, market: Market) -> Ladder:
    """Return what a reduction of a position on `side` meets, in contracts of the market."""
    levels = book.bids if side is Side.LONG else book.asks
    size = market.contract_size
    if market.linear:
        rungs = [Rung(level.price, level.coins / size) for level in levels]
    else:
        rungs = [Rung(level.price, level.coins * level.price / size) for level in levels]
    return Ladder(side, not market.linear, tuple(rungs))


def book_trouble(book: OrderBook, mark: Decimal, at: datetime, max_age_seconds: float) -> str:
    """Say why a book is not believed; '' where it is. `at` is a time of the venue's clock."""
    trouble = age_trouble(f"levels of the book of {book.symbol}", book.at, at, max_age_seconds)
    if trouble:
        return trouble
    if not book.bids or not book.asks:
        return f"a side of the book of {book.symbol} is empty"
    if not (_falls(book.bids) and _falls(reversed(book.asks))):
        return f"the levels of the book of {book.symbol} are out of order, or hold nothing"
    bid, ask = book.bids[0].price, book.asks[0].price
    if bid >= ask:
        return f"the book of {book.symbol} is crossed: bid {bid:f}, ask {ask:f}"
    apart = abs((bid + ask) / 2 / mark - 1)
    return f"the book of {book.symbol} is {apart:.1%} apart from mark {mark:f}" if apart > FAR else ""


def _falls(levels: Iterable[BookLevel]) -> bool:
    """Whether every level is one, and prices fall from each to the next."""
    above = Decimal("Infinity")
    for level in levels:
        price, coins = level.price, level.coins
        if price.is_nan() or not (coins.is_finite() and coins > ZERO and above > price > ZERO):
            return False
        above = price
    return True


def _reaches(side: Side, price: Decimal, worst: Decimal) -> bool:
    return (price - worst) * side.sign >= 0
