"""What executions of others say of a position."""

from datetime import UTC, datetime
from decimal import Decimal

from bot.execution.evidence import opened
from bot.model import Fill, OrderSide

NOW = datetime(2025, 11, 20, 3, 3, tzinfo=UTC)


def fill(name: str, side: OrderSide, contracts: str, closed: str | None) -> Fill:
    size = None if closed is None else Decimal(closed)
    return Fill(
        name,
        "o",
        "",
        "SOL/USDT:USDT",
        side,
        Decimal(contracts),
        Decimal(150),
        Decimal(0),
        False,
        NOW,
        closed=size,
    )


def test_what_others_opened_is_counted_once_and_without_what_they_closed() -> None:
    bought = fill("a", OrderSide.BUY, "3", "3")
    sold, flipped = fill("b", OrderSide.SELL, "507.4", None), fill("c", OrderSide.SELL, "5", "2")
    assert opened(OrderSide.BUY, (bought, sold, sold, flipped)) == Decimal("510.4")
