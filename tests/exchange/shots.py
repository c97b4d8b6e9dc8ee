"""Snapshots as polls would bring them, for what watches streams."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from bot.model import Order, PartTimes, Side, Snapshot
from tests.planning.build import position, snapshot

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def shot(
    at: datetime,
    held: dict[str, str],
    *,
    prices: dict[str, str] | None = None,
    orders: Sequence[Order] = (),
    offset: float = 0.0,
) -> Snapshot:
    """What a poll showed at `at`: contracts held by symbol. Entry prices stay, whatever the marks do."""
    marks = {BTC: "100000", ETH: "4000"} | (prices or {})
    positions = [
        position(symbol, Side.LONG, contracts, marks[symbol], entry_price=Decimal(1))
        for symbol, contracts in held.items()
    ]
    return snapshot(
        positions,
        100_000,
        taken_at=at,
        times=PartTimes(at, at, at, at, at),
        orders=tuple(orders),
        clock_offset_seconds=offset,
    )
