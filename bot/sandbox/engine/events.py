"""What happened in the engine, for those who subscribed."""

from collections.abc import Callable

import msgspec

from bot.sandbox.engine.options.values import OptionPosition
from bot.sandbox.engine.types import Execution, LiquidationRecord, Order, Position, Wallet


class OrderEvent(msgspec.Struct, frozen=True):
    """An order was accepted or changed."""

    order: Order


class ExecutionEvent(msgspec.Struct, frozen=True):
    """A fill, a funding payment or a liquidation step."""

    execution: Execution


class PositionEvent(msgspec.Struct, frozen=True):
    """A position changed by a trade, a stop, margin or leverage (not by the mark alone)."""

    position: Position


class OptionEvent(msgspec.Struct, frozen=True):
    """An option that an account holds changed by a trade or a delivery."""

    position: OptionPosition


class WalletEvent(msgspec.Struct, frozen=True):
    """A wallet changed (not by the mark alone)."""

    wallet: Wallet


class LiquidationEvent(msgspec.Struct, frozen=True):
    """The liquidation engine did a step."""

    record: LiquidationRecord


class PublicTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade on the public tape, told once for each taker fill."""

    symbol: str
    execution: Execution


class MarketEvent(msgspec.Struct, frozen=True):
    """These symbols' price, book or candles may have changed; told once per `advance()` or order."""

    symbols: tuple[str, ...]
    time_ms: int


Event = (
    OrderEvent
    | ExecutionEvent
    | PositionEvent
    | OptionEvent
    | WalletEvent
    | LiquidationEvent
    | PublicTrade
    | MarketEvent
)
Subscriber = Callable[[Event], None]
