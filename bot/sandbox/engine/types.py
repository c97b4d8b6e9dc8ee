"""Every value that enters or leaves the engine: enumerations, frozen structs and refusals.

Money, prices and sizes are `Decimal`; times are integer milliseconds since the epoch. A field that ends in
`_ms` is a time unless its docstring says duration. Names follow the field's usage; nothing here is peculiar
to one venue.
"""

from decimal import Decimal

import msgspec

from bot.sandbox.engine.enums import (
    CancelCause,
    CandleKind,
    ExecutionKind,
    Leg,
    LogKind,
    MarginMode,
    OrderKind,
    OrderStatus,
    Origin,
    PositionMode,
    Reason,
    Side,
    StopKind,
    TimeInForce,
    TriggerBy,
    TriggerDirection,
)
from bot.sandbox.engine.records import (
    AccountSpec,
    BookDepth,
    BookLevel,
    Candle,
    FundingRate,
    LiquidationRecord,
    LogEntry,
    Ticker,
)

__all__ = [
    "ZERO",
    "AccountInfo",
    "AccountSpec",
    "BookDepth",
    "BookLevel",
    "CancelCause",
    "Candle",
    "CandleKind",
    "CoinBalance",
    "EngineRefusal",
    "Execution",
    "ExecutionKind",
    "FundingRate",
    "Leg",
    "LiquidationRecord",
    "LogEntry",
    "LogKind",
    "MarginMode",
    "Order",
    "OrderKind",
    "OrderRequest",
    "OrderStatus",
    "Origin",
    "Position",
    "PositionMode",
    "Reason",
    "Side",
    "StopKind",
    "Ticker",
    "TimeInForce",
    "TriggerBy",
    "TriggerDirection",
    "Wallet",
]

ZERO = Decimal(0)


class EngineRefusal(Exception):  # noqa: N818 - a refusal is an answer, not a failure
    """The engine refused a request and changed nothing.

    `reason` is for programs; `message` says what was asked, what stands against it and what to do.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
        self.message = message


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks for. `leg` must fit the symbol's position mode (NET in one-way mode).

    `trigger_price` makes it conditional; `trigger_direction` None means: rise where the trigger is above the
    watched price, else fall. `stop_loss` and `take_profit` are attached to the position once the order
    trades. `price` is required for LIMIT and ignored for MARKET (which is IOC).
    """

    symbol: str
    side: Side
    qty: Decimal
    kind: OrderKind = OrderKind.MARKET
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_on_trigger: bool = False
    leg: Leg = Leg.NET
    client_id: str = ""
    trigger_price: Decimal | None = None
    trigger_direction: TriggerDirection | None = None
    trigger_by: TriggerBy = TriggerBy.LAST
    stop_loss: Decimal | None = None
    stop_loss_trigger_by: TriggerBy = TriggerBy.LAST
    take_profit: Decimal | None = None
    take_profit_trigger_by: TriggerBy = TriggerBy.LAST


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it stands; every change makes a new value with the same `order_id`.

    `qty` is the quantity in force (a reduce-only order may have been clipped), `filled_qty` and
    `filled_value` what traded (value in settle coin), `fee` the fees paid for it. `price` is None for market
    orders. Orders attached to a position (`stop_kind` STOP_LOSS, TAKE_PROFIT) always have the position's
    size.
    """

    order_id: str
    account_id: str
    request: OrderRequest
    symbol: str
    side: Side
    leg: Leg
    kind: OrderKind
    qty: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    reduce_only: bool
    close_on_trigger: bool
    client_id: str
    stop_kind: StopKind
    trigger_price: Decimal | None
    trigger_direction: TriggerDirection | None
    trigger_by: TriggerBy
    status: OrderStatus
    created_ms: int
    updated_ms: int
    sequence: int
    triggered: bool = False
    cause: CancelCause = CancelCause.NONE
    origin: Origin = Origin.USER
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    fee: Decimal = ZERO
    last_price_on_created: Decimal = ZERO
    inverse: bool = False

    @property
    def leaves_qty(self) -> Decimal:
        """Quantity that can still trade; 0 once the order has ended."""
        return self.qty - self.filled_qty if self.status.is_open else ZERO

    @property
    def average_price(self) -> Decimal | None:
        """Average price of what traded, None where nothing did."""
        if not self.filled_qty:
            return None
        return self.filled_qty / self.filled_value if self.inverse else self.filled_value / self.filled_qty


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One fill, funding payment or liquidation step of one account.

    `fee` is positive where the account paid; for FUNDING `fee` is the payment and `fee_rate` the funding
    rate. `closed_qty` is the part of `qty` that closed a position, `realised_pnl` what that part earned
    before fees.
    """

    execution_id: str
    order_id: str
    client_id: str
    account_id: str
    symbol: str
    side: Side
    leg: Leg
    kind: ExecutionKind
    qty: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    fee_rate: Decimal
    is_maker: bool
    closed_qty: Decimal
    realised_pnl: Decimal
    mark_price: Decimal
    index_price: Decimal
    order_kind: OrderKind
    order_qty: Decimal
    order_price: Decimal | None
    leaves_qty: Decimal
    stop_kind: StopKind
    sequence: int
    time_ms: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position with its figures at the present mark. A flat leg has `side` None and `size` 0.

    `value` is size x mark, `entry_value` size x entry. `initial_margin` and `maintenance_margin` include the
    fee to close where the venue's terms say so. `isolated_margin` is the wallet money set apart (0 in cross).
    `liquidation_price` is exact, not rounded to the tick; None where no positive price liquidates.
    `bankruptcy_price` is where the margin behind the position is gone, None where no positive price does
    that.
    """

    account_id: str
    symbol: str
    leg: Leg
    side: Side | None
    size: Decimal
    entry_price: Decimal
    mark_price: Decimal
    value: Decimal
    entry_value: Decimal
    leverage: Decimal
    margin_mode: MarginMode
    isolated_margin: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    unrealised_pnl: Decimal
    realised_pnl: Decimal
    """Realised PnL of this position since it was opened, fees and funding included."""
    cumulative_pnl: Decimal
    """Realised PnL of this leg over the account's life, fees and funding included."""
    liquidation_price: Decimal | None
    bankruptcy_price: Decimal | None
    tier_id: int
    tier_cap: Decimal
    stop_loss: Decimal | None
    stop_loss_trigger_by: TriggerBy
    take_profit: Decimal | None
    take_profit_trigger_by: TriggerBy
    created_ms: int
    updated_ms: int
    sequence: int


class CoinBalance(msgspec.Struct, frozen=True, kw_only=True):
    """One coin of a wallet. Coins that have a market here are collateral, and worth their index price.

    `equity` holds what options that settle in it are worth; `unrealised_pnl` does not.
    """

    coin: str
    wallet_balance: Decimal
    equity: Decimal
    unrealised_pnl: Decimal
    available: Decimal
    position_initial_margin: Decimal
    order_initial_margin: Decimal
    maintenance_margin: Decimal
    cumulative_pnl: Decimal
    usd_value: Decimal
    is_collateral: bool


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """The account's figures in its settle coin.

    `equity` is wallet balance plus all unrealised PnL (of options: their value, `option_value`) and
    `coins_worth`, what other coins are worth.
    `margin_balance` is what stands behind the cross positions: wallet less isolated margins plus cross PnL,
    and other coins less their haircut; `maintenance_margin` and `margin_ratio` are of the cross positions
    alone. `margin_ratio` reaches 1 at liquidation; None where there is no margin balance to divide by.
    `position_initial_margin` is of cross positions; `isolated_margin` is the money set apart for isolated
    ones. `available` is what new orders may use (never below 0). `haircut` is what the settle coin is worth
    less by a fault: balance and equity are before it, the margin balance is after it.
    """

    account_id: str
    margin_mode: MarginMode
    wallet_balance: Decimal
    equity: Decimal
    coins_worth: Decimal
    option_value: Decimal
    unrealised_pnl: Decimal
    margin_balance: Decimal
    position_initial_margin: Decimal
    order_initial_margin: Decimal
    isolated_margin: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal
    margin_ratio: Decimal | None
    haircut: Decimal
    coins: tuple[CoinBalance, ...]
    time_ms: int


class AccountInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An account's identity and settings.

    `secret` is needed to verify signatures and never leaves the sandbox.
    """

    account_id: str
    api_key: str
    secret: str
    permissions: frozenset[str]
    read_only: bool
    margin_mode: MarginMode
    position_mode: PositionMode
    """Mode of symbols that were not set one by one."""
    taker_fee: Decimal | None
    maker_fee: Decimal | None
    """The account's own fee tier; None means the instrument's."""
    created_ms: int
    liquidated_ms: int | None
    """Server time of the first liquidation step, None where there was none."""

    def __repr__(self) -> str:
        return f"AccountInfo(account_id={self.account_id!r}, margin_mode={self.margin_mode.value!r})"
