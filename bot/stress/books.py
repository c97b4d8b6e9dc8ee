"""What a trade costs in a shock: by the order book where one was read, else by half spread and impact."""

from decimal import Decimal

from bot.model import Mark, OrderBook
from bot.stress.account import Leg

Ladder = tuple[tuple[float, float], ...]
"""Levels of one side: distance from the middle as a fraction of price, and coins there."""


class Books:
    """The books of an account's markets, as far from the middle as the scenario says.

    What is taken at one moment is gone for what follows there; between two moments a book fills up again.
    """

    def __init__(
        self, books: dict[str, OrderBook], marks: dict[str, Mark], impact: float, widened: float
    ) -> None:
        """Take books by symbol, the impact where there is none, and how much both are widened."""
        self._impact = impact
        self._widened = widened
        self._sides = {
            symbol: {+1: _ladder(book, +1, widened), -1: _ladder(book, -1, widened)}
            for symbol, book in books.items()
            if book.bids and book.asks and symbol in marks
        }
        self._taken: dict[tuple[str, int], float] = {}

    def refill(self) -> None:
        """Let the books be full again."""
        self._taken.clear()

    def sell(self, leg: Leg, size: float, bound: float | None) -> tuple[float, float]:
        """Close so much of a position. Returns what the book takes, and its average distance from the middle.

        Nothing is sold further from the middle than `bound`, a fraction; None sells all that there is.
        """
        sides = self._sides.get(leg.position.symbol)
        if sides is None or leg.inverse:
            distance = (leg.half_spread + self._impact) * self._widened
            return (size, distance) if bound is None or distance <= bound else (0.0, 0.0)
        place = (leg.position.symbol, leg.sign)
        skipped, left, paid = self._taken.get(place, 0.0), size, 0.0
        for distance, coins in sides[leg.sign]:
            if bound is not None and distance > bound:
                break
            there = coins - min(skipped, coins)
            skipped -= coins - there
            taken = min(there, left)
            paid += taken * distance
            left -= taken
            if left <= 0.0:
                break
        sold = size - left
        self._taken[place] = self._taken.get(place, 0.0) + sold
        return sold, paid / sold if sold else 0.0


def _ladder(book: OrderBook, sign: int, widened: float) -> Ladder:
    """Return what a long (+1) sells into, or a short (-1) buys from."""
    middle = (book.bids[0].price + book.asks[0].price) / 2
    levels = book.bids if sign > 0 else book.asks
    return tuple(
        (float(abs(Decimal(1) - level.price / middle)) * widened, float(level.coins)) for level in levels
    )
