"""Money that moves without a position: spot trades and transfers between an account's wallets, as values."""

from decimal import Decimal

import msgspec

from bot.sandbox.engine.types import OrderKind, OrderStatus, Side


class SpotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks for. A limit order trades at once or is cancelled, whatever its time in force."""

    symbol: str
    side: Side
    qty: Decimal
    kind: OrderKind = OrderKind.MARKET
    price: Decimal | None = None
    client_id: str = ""


class SpotOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One spot order; it has always ended. Value and fee are in the settle coin."""

    order_id: str
    execution_id: str
    account_id: str
    request: SpotRequest
    status: OrderStatus
    filled_qty: Decimal
    filled_value: Decimal
    fee: Decimal
    price: Decimal
    time_ms: int


class WalletMove(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer between the two wallets."""

    transfer_id: str
    coin: str
    amount: Decimal
    source: str
    target: str
    time_ms: int
