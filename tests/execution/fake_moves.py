"""What the small venue makes of requests that trade no position."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from bot.model import (
    ConvertRequest,
    LeverageRequest,
    MarginRequest,
    Move,
    OrderReport,
    OrderStatus,
    Position,
    WalletMove,
    position_key,
)


def moved(held: Mapping[str, Position], request: Move) -> dict[str, Position]:
    """The positions that a request changes."""
    if isinstance(request, MarginRequest):
        position = held[position_key(request.symbol, request.position_side)]
        margin = position.isolated_margin
        assert isinstance(margin, Decimal)
        return {position.key: replace(position, isolated_margin=margin + request.amount)}
    if isinstance(request, LeverageRequest):
        legs = (one for one in held.values() if one.symbol == request.symbol)
        return {one.key: replace(one, leverage=request.leverage) for one in legs}
    return {}


def found(request: WalletMove, at: datetime) -> OrderReport:
    """A transfer or conversion that was done in full."""
    price = Decimal(3990) if isinstance(request, ConvertRequest) else None
    return OrderReport(
        order_id=f"v-{request.client_order_id}",
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        status=OrderStatus.FILLED,
        contracts=request.amount,
        filled=request.amount,
        average_price=price,
        fee=Decimal(4) if price else Decimal(0),
        reason="",
        at=at,
    )
