"""What executions of others say of a position."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.execution import Intent, IntentState
from bot.execution.evidence import money, opened
from bot.journal.records import PositionSeen, Prepared
from bot.model import Fill, OrderSide, Side
from tests.execution.support import trim

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


@pytest.mark.parametrize(
    ("side", "price", "lost"),
    [(Side.LONG, "80000", "0.2"), (Side.LONG, "110000", "0"), (Side.SHORT, "125000", "0.25")],
)
def test_an_inverse_position_loses_by_what_its_usd_cost_in_coins(side: Side, price: str, lost: str) -> None:
    """Of 1 USD a contract; entered at the mark."""
    before = PositionSeen(Decimal(9), Decimal(1), Decimal(100_000), Decimal(100_000), NOW, inverse=True)
    prepared = Prepared(trim(contracts="9", side=side), before)
    intent = Intent("reef1", "main", "", prepared, NOW, IntentState.FILLED)
    assert money(intent, Decimal(1), Decimal(price), Decimal("0.01")) == (1, Decimal(lost) + Decimal("0.01"))
