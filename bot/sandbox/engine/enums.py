"""Enumerations of the engine; `types.py` offers them together with the values that use them."""

from enum import Enum, IntEnum


class Side(Enum):
    """Side of an order or of an open position."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for buy (long), -1 for sell (short)."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Leg(IntEnum):
    """Which position of a symbol: the net one (one-way mode) or one leg of hedge mode."""

    NET = 0
    LONG = 1
    SHORT = 2


class OrderKind(Enum):
    """Market or limit."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(Enum):
    """How long an order may rest."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class TriggerBy(Enum):
    """The price that a conditional order watches."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class TriggerDirection(IntEnum):
    """Whether the trigger fires when the price rises to it or falls to it."""

    RISE = 1
    FALL = 2


class StopKind(Enum):
    """What sort of conditional order: none, a free one, or one attached to the position."""

    NONE = "none"
    CONDITIONAL = "conditional"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class OrderStatus(Enum):
    """State of an order."""

    UNTRIGGERED = "untriggered"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    DEACTIVATED = "deactivated"
    """A conditional order that was cancelled before its trigger fired."""

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade (resting or waiting for its trigger)."""
        return self in {OrderStatus.UNTRIGGERED, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}


class Origin(Enum):
    """Who made an order."""

    USER = "user"
    POSITION_STOP = "position_stop"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    ADMIN = "admin"


class CancelCause(Enum):
    """Why an order ended without being wholly filled."""

    NONE = "none"
    USER = "user"
    IOC_REMAINDER = "ioc_remainder"
    FOK_UNFILLABLE = "fok_unfillable"
    POST_ONLY_WOULD_TAKE = "post_only_would_take"
    NO_LIQUIDITY = "no_liquidity"
    REDUCE_ONLY = "reduce_only"
    POSITION_CLOSED = "position_closed"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    LIQUIDATION = "liquidation"
    DELISTED = "delisted"
    EXPIRED = "expired"


class MarginMode(Enum):
    """Whether a position shares the account's balance or has its own."""

    CROSS = "cross"
    ISOLATED = "isolated"


class PositionMode(Enum):
    """One net position a symbol, or a long and a short leg."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class ExecutionKind(Enum):
    """What produced an execution."""

    TRADE = "trade"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    """Auto-deleveraging: the venue closed a part of the position against its owner's will."""
    DELIVERY = "delivery"
    """An option was settled at its expiry."""


class LogKind(Enum):
    """Kind of a transaction-log entry; every change of a wallet has exactly one entry."""

    TRADE = "trade"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"
    LIQUIDATION_FEE = "liquidation_fee"
    ADL = "adl"
    INSURANCE = "insurance"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    SPOT = "spot"
    DELIVERY = "delivery"


class CandleKind(Enum):
    """Which price a candle is made of."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class Reason(Enum):
    """Why the engine refused a request; a protocol maps each onto its venue's code."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    DELISTED = "delisted"
    """The symbol is known, but nobody can trade it any more."""
    UNKNOWN_ACCOUNT = "unknown_account"
    UNKNOWN_COIN = "unknown_coin"
    ACCOUNT_EXISTS = "account_exists"
    INVALID_VALUE = "invalid_value"
    QTY_BELOW_MINIMUM = "qty_below_minimum"
    QTY_ABOVE_MAXIMUM = "qty_above_maximum"
    QTY_NOT_A_STEP = "qty_not_a_step"
    PRICE_NOT_A_TICK = "price_not_a_tick"
    PRICE_OUT_OF_BAND = "price_out_of_band"
    NOTIONAL_BELOW_MINIMUM = "notional_below_minimum"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    RISK_LIMIT_EXCEEDED = "risk_limit_exceeded"
    REDUCE_ONLY_REJECTED = "reduce_only_rejected"
    """A reduce-only order on the side that would increase the position."""
    REDUCE_ONLY_COVERED = "reduce_only_covered"
    """Resting reduce-only orders cover the position already (where the venue counts them)."""
    POSITION_FLAT = "position_flat"
    """A reduce-only order or a position stop where there is no position."""
    POSITION_MODE_MISMATCH = "position_mode_mismatch"
    HAS_POSITION_OR_ORDERS = "has_position_or_orders"
    """A mode cannot change while the symbol (or account) has positions or open orders."""
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    DUPLICATE_TRANSFER = "duplicate_transfer"
    ORDER_NOT_FOUND = "order_not_found"
    TOO_LATE_TO_CHANGE = "too_late_to_change"
    """The order is already filled or cancelled."""
    NOT_MODIFIED = "not_modified"
    IMMEDIATE_TRIGGER = "immediate_trigger"
    POST_ONLY_WOULD_TAKE = "post_only_would_take"
    STOP_ON_WRONG_SIDE = "stop_on_wrong_side"
    LEVERAGE_OUT_OF_RANGE = "leverage_out_of_range"
    LEVERAGE_MUST_MATCH = "leverage_must_match"
    """Buy and sell leverage must be equal here (one-way mode, or cross margin)."""
    NOT_ISOLATED = "not_isolated"
    MARGIN_TOO_LOW = "margin_too_low"
    """Isolated margin cannot be taken out below what the position needs."""
