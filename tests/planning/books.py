"""Order books for planning tests."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.model import BookLevel, Mark, OrderBook
from tests.planning.build import NOW


def book(symbol: str, price: Decimal, coins: str = "1", levels: int = 60, **changes: Any) -> OrderBook:
    """Levels of `coins` each, the first a basis point from `price`, each a basis point behind the last."""
    size, point = Decimal(coins), price / 10_000
    found = OrderBook(
        symbol=symbol,
        bids=tuple(BookLevel(price - point * number, size) for number in range(1, levels + 1)),
        asks=tuple(BookLevel(price + point * number, size) for number in range(1, levels + 1)),
        at=NOW,
    )
    return replace(found, **changes)


def books(marks: dict[str, Mark], coins: str = "1", levels: int = 60) -> dict[str, OrderBook]:
    """A book for each mark."""
    return {
        symbol: book(symbol, one.mark, coins, levels)
        for symbol, one in marks.items()
        if isinstance(one.mark, Decimal)
    }
