"""The venue's words for the engine's enumerations, and back."""

from bot.sandbox.engine.types import (
    CancelCause,
    ExecutionKind,
    Leg,
    LogKind,
    MarginMode,
    OrderKind,
    OrderStatus,
    Origin,
    PositionMode,
    Side,
    StopKind,
    TimeInForce,
    TriggerBy,
    TriggerDirection,
)

SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
SIDE_WORDS = {side: word for word, side in SIDES.items()}

ORDER_KINDS = {"Market": OrderKind.MARKET, "Limit": OrderKind.LIMIT}
ORDER_KIND_WORDS = {kind: word for word, kind in ORDER_KINDS.items()}

TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.POST_ONLY,
}
TIME_IN_FORCE_WORDS = {value: word for word, value in TIMES_IN_FORCE.items()}

TRIGGERS = {"LastPrice": TriggerBy.LAST, "MarkPrice": TriggerBy.MARK, "IndexPrice": TriggerBy.INDEX}
TRIGGER_WORDS = {value: word for word, value in TRIGGERS.items()}

DIRECTIONS = {"1": TriggerDirection.RISE, "2": TriggerDirection.FALL}

LEGS = {"0": Leg.NET, "1": Leg.LONG, "2": Leg.SHORT}

POSITION_MODES = {"0": PositionMode.ONE_WAY, "3": PositionMode.HEDGE}

MARGIN_MODES = {"REGULAR_MARGIN": MarginMode.CROSS, "ISOLATED_MARGIN": MarginMode.ISOLATED}
MARGIN_MODE_WORDS = {value: word for word, value in MARGIN_MODES.items()}

STATUS_WORDS = {
    OrderStatus.UNTRIGGERED: "Untriggered",
    OrderStatus.NEW: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELLED: "Cancelled",
    OrderStatus.DEACTIVATED: "Deactivated",
}

STOP_WORDS = {
    StopKind.NONE: "",
    StopKind.CONDITIONAL: "Stop",
    StopKind.STOP_LOSS: "StopLoss",
    StopKind.TAKE_PROFIT: "TakeProfit",
}

CREATE_WORDS = {
    StopKind.NONE: "CreateByUser",
    StopKind.CONDITIONAL: "CreateByUser",
    StopKind.STOP_LOSS: "CreateByStopLoss",
    StopKind.TAKE_PROFIT: "CreateByTakeProfit",
}

ORIGIN_WORDS = {
    Origin.LIQUIDATION: "CreateByLiq",
    Origin.ADL: "CreateByAdl_PassThrough",
    Origin.ADMIN: "CreateByAdmin",
}
"""For orders that neither the user nor a stop of theirs made."""

EXECUTION_WORDS = {
    ExecutionKind.TRADE: "Trade",
    ExecutionKind.FUNDING: "Funding",
    ExecutionKind.LIQUIDATION: "BustTrade",
    ExecutionKind.ADL: "AdlTrade",
    ExecutionKind.DELIVERY: "Delivery",
}
EXECUTION_ORIGINS = {
    ExecutionKind.LIQUIDATION: ORIGIN_WORDS[Origin.LIQUIDATION],
    ExecutionKind.ADL: ORIGIN_WORDS[Origin.ADL],
}
EXECUTIONS = {word: kind for kind, word in EXECUTION_WORDS.items()}

LOG_WORDS = {
    LogKind.TRADE: "TRADE",
    LogKind.FUNDING: "SETTLEMENT",
    LogKind.LIQUIDATION: "LIQUIDATION",
    LogKind.LIQUIDATION_FEE: "LIQUIDATION",
    LogKind.ADL: "ADL",
    LogKind.INSURANCE: "BONUS",
    LogKind.TRANSFER_IN: "TRANSFER_IN",
    LogKind.TRANSFER_OUT: "TRANSFER_OUT",
    LogKind.SPOT: "TRADE",
    LogKind.DELIVERY: "DELIVERY",
}

CANCEL_WORDS = {
    CancelCause.NONE: "UNKNOWN",
    CancelCause.USER: "CancelByUser",
    CancelCause.IOC_REMAINDER: "UNKNOWN",
    CancelCause.FOK_UNFILLABLE: "UNKNOWN",
    CancelCause.POST_ONLY_WOULD_TAKE: "UNKNOWN",
    CancelCause.NO_LIQUIDITY: "UNKNOWN",
    CancelCause.REDUCE_ONLY: "CancelByReduceOnly",
    CancelCause.POSITION_CLOSED: "CancelByTpSlTsClear",
    CancelCause.INSUFFICIENT_MARGIN: "UNKNOWN",
    CancelCause.LIQUIDATION: "CancelAllBeforeLiq",
    CancelCause.DELISTED: "CancelBySettle",
    CancelCause.EXPIRED: "CancelBySettle",
}

REJECT_WORDS = {
    CancelCause.NONE: "EC_NoError",
    CancelCause.USER: "EC_PerCancelRequest",
    CancelCause.IOC_REMAINDER: "EC_NoImmediateQtyToFill",
    CancelCause.FOK_UNFILLABLE: "EC_CancelForNoFullFill",
    CancelCause.POST_ONLY_WOULD_TAKE: "EC_PostOnlyWillTakeLiquidity",
    CancelCause.NO_LIQUIDITY: "EC_NoImmediateQtyToFill",
    CancelCause.REDUCE_ONLY: "EC_PerCancelRequest",
    CancelCause.POSITION_CLOSED: "EC_PerCancelRequest",
    CancelCause.INSUFFICIENT_MARGIN: "EC_NotEnoughBalance",
    CancelCause.LIQUIDATION: "EC_PerCancelRequest",
    CancelCause.DELISTED: "EC_PerCancelRequest",
    CancelCause.EXPIRED: "EC_PerCancelRequest",
}

INTERVALS_MS = {
    "1": 60_000,
    "3": 180_000,
    "5": 300_000,
    "15": 900_000,
    "30": 1_800_000,
    "60": 3_600_000,
    "120": 7_200_000,
    "240": 14_400_000,
    "360": 21_600_000,
    "720": 43_200_000,
    "D": 86_400_000,
}
