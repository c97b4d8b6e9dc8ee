"""The engine's refusals in the venue's codes and words."""

from bot.sandbox.bybit.envelope import BybitError
from bot.sandbox.engine.types import EngineRefusal, Reason

_ANYWHERE: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (10001, "params error: symbol invalid"),
    Reason.DELISTED: (110074, "This contract is not live"),
    Reason.UNKNOWN_ACCOUNT: (10003, "API key is invalid."),
    Reason.UNKNOWN_COIN: (110050, "Coin is not in the range of selected"),
    Reason.ACCOUNT_EXISTS: (10001, "account exists"),
    Reason.INVALID_VALUE: (10001, "params error"),
    Reason.QTY_BELOW_MINIMUM: (10001, "The number of contracts exceeds minimum limit allowed"),
    Reason.QTY_ABOVE_MAXIMUM: (10001, "The number of contracts exceeds maximum limit allowed: too large"),
    Reason.QTY_NOT_A_STEP: (10001, "Qty invalid"),
    Reason.PRICE_NOT_A_TICK: (10001, "Price invalid"),
    Reason.PRICE_OUT_OF_BAND: (110003, "Order price exceeds the allowable range."),
    Reason.NOTIONAL_BELOW_MINIMUM: (110094, "Order does not meet minimum order value"),
    Reason.INSUFFICIENT_MARGIN: (110007, "ab not enough for new order"),
    Reason.INSUFFICIENT_BALANCE: (110012, "Insufficient available balance."),
    Reason.RISK_LIMIT_EXCEEDED: (110016, "The requested quantity of contracts exceeds the risk limit"),
    Reason.REDUCE_ONLY_REJECTED: (110017, "Reduce-only rule not satisfied"),
    Reason.REDUCE_ONLY_COVERED: (110017, "orderQty will be truncated to zero"),
    Reason.POSITION_FLAT: (110017, "current position is zero, cannot fix reduce-only order qty"),
    Reason.POSITION_MODE_MISMATCH: (10001, "position idx not match position mode"),
    Reason.HAS_POSITION_OR_ORDERS: (
        110024,
        "You have an existing position, so position mode cannot be switched",
    ),
    Reason.DUPLICATE_CLIENT_ID: (110072, "OrderLinkedID is duplicate"),
    Reason.ORDER_NOT_FOUND: (110001, "order not exists or too late to cancel"),
    Reason.TOO_LATE_TO_CHANGE: (110001, "order not exists or too late to cancel"),
    Reason.DUPLICATE_TRANSFER: (131214, "TransferId exist"),
    Reason.NOT_MODIFIED: (34040, "not modified"),
    Reason.IMMEDIATE_TRIGGER: (110093, "expect Falling, but trigger_price >= current"),
    Reason.POST_ONLY_WOULD_TAKE: (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    Reason.STOP_ON_WRONG_SIDE: (10001, "StopLoss or TakeProfit lies on the wrong side of base_price"),
    Reason.LEVERAGE_OUT_OF_RANGE: (110013, "cannot set leverage gt maxLeverage by risk limit"),
    Reason.LEVERAGE_MUST_MATCH: (10001, "buyLeverage must be equal to sellLeverage"),
    Reason.NOT_ISOLATED: (110015, "the position is in cross_margin"),
    Reason.MARGIN_TOO_LOW: (110011, "Any adjustments made will trigger immediate liquidation"),
}

_BY_CALL: dict[tuple[str, Reason], tuple[int, str]] = {
    ("/v5/order/amend", Reason.NOT_MODIFIED): (
        10001,
        "The order remains unchanged as the parameters entered match the existing ones.",
    ),
    ("/v5/order/amend", Reason.ORDER_NOT_FOUND): (110001, "order not exists or too late to replace"),
    ("/v5/order/amend", Reason.TOO_LATE_TO_CHANGE): (110001, "order not exists or too late to replace"),
    ("/v5/position/set-leverage", Reason.NOT_MODIFIED): (110043, "leverage not modified"),
    ("/v5/position/set-leverage", Reason.INSUFFICIENT_MARGIN): (110044, "Available margin is insufficient."),
    ("/v5/position/switch-mode", Reason.NOT_MODIFIED): (110025, "Position mode is not modified"),
    ("/v5/account/set-margin-mode", Reason.NOT_MODIFIED): (
        110026,
        "Cross/isolated margin mode is not modified",
    ),
    ("/v5/account/set-margin-mode", Reason.HAS_POSITION_OR_ORDERS): (3400045, "Set margin mode failed"),
    ("/v5/account/set-margin-mode", Reason.INSUFFICIENT_MARGIN): (3400045, "Set margin mode failed"),
    ("/v5/position/trading-stop", Reason.POSITION_FLAT): (10001, "can not set tp/sl/ts for zero position"),
    ("/v5/asset/transfer/inter-transfer", Reason.INSUFFICIENT_BALANCE): (131212, "user insufficient balance"),
    ("/v5/asset/transfer/inter-transfer", Reason.INVALID_VALUE): (131203, "Request parameter error"),
    ("/v5/position/add-margin", Reason.POSITION_FLAT): (
        110033,
        "You can't set margin without an open position",
    ),
    ("/v5/position/add-margin", Reason.INSUFFICIENT_MARGIN): (
        110014,
        "Available balance is not enough to add margin",
    ),
    ("/v5/position/add-margin", Reason.INSUFFICIENT_BALANCE): (
        110014,
        "Available balance is not enough to add margin",
    ),
}


def translate(refusal: EngineRefusal, call: str) -> BybitError:
    """The venue's answer to `call` for what the engine refused; the engine's own words follow the venue's."""
    code, words = _BY_CALL.get((call, refusal.reason)) or _ANYWHERE[refusal.reason]
    return BybitError(code, f"{words} [{refusal.message}]")
