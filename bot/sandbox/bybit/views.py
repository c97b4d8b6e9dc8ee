"""Orders, positions, executions and wallets as the venue's rows (REST and streams use the same)."""

from decimal import Decimal
from typing import Any

from bot.sandbox.bybit import words
from bot.sandbox.bybit.contracts import in_contracts, traded
from bot.sandbox.bybit.formats import number, number_or_blank
from bot.sandbox.bybit.options import execution_figures
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.options.values import OptionExecution
from bot.sandbox.engine.types import (
    CoinBalance,
    Execution,
    MarginMode,
    Order,
    Position,
    StopKind,
    Wallet,
)

ZERO_TEXT = "0"
ZERO = Decimal(0)
SETTLE = "USDT"


def order_row(engine: Engine, order: Order) -> dict[str, Any]:
    """A row of /v5/order/realtime, /v5/order/history and the order stream."""
    return {
        **_order_identity(engine, order),
        **_order_progress(engine, order),
        **_order_stops(order),
        "blockTradeId": "",
        "isLeverage": "",
        "orderIv": "",
        "marketUnit": "",
        "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "0",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "placeType": "",
        "extraFees": "",
    }


def _order_identity(engine: Engine, order: Order) -> dict[str, Any]:
    created_by = words.CREATE_WORDS[order.stop_kind]
    return {
        "orderId": order.order_id,
        "orderLinkId": order.client_id,
        "symbol": order.symbol,
        "side": words.SIDE_WORDS[order.side],
        "orderType": words.ORDER_KIND_WORDS[order.kind],
        "price": number(order.price) or ZERO_TEXT,
        "qty": in_contracts(engine, order.symbol, order.qty),
        "timeInForce": words.TIME_IN_FORCE_WORDS[order.time_in_force],
        "positionIdx": int(order.leg),
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": order.close_on_trigger,
        "createType": words.ORIGIN_WORDS.get(order.origin, created_by),
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "lastPriceOnCreated": number_or_blank(order.last_price_on_created),
    }


def _order_progress(engine: Engine, order: Order) -> dict[str, Any]:
    leaves = order.leaves_qty
    fee = number(order.fee)
    return {
        "orderStatus": words.STATUS_WORDS[order.status],
        "cancelType": words.CANCEL_WORDS[order.cause],
        "rejectReason": words.REJECT_WORDS[order.cause],
        "avgPrice": number(order.average_price),
        "leavesQty": in_contracts(engine, order.symbol, leaves),
        "leavesValue": number(
            traded(engine, order.symbol).value(leaves, order.price or order.last_price_on_created)
        ),
        "cumExecQty": in_contracts(engine, order.symbol, order.filled_qty),
        "cumExecValue": number(order.filled_value),
        "cumExecFee": fee,
        "cumFeeDetail": {traded(engine, order.symbol).settle: fee} if order.filled_qty else {},
    }


def _order_stops(order: Order) -> dict[str, Any]:
    request = order.request
    conditional = order.trigger_price is not None
    attached = order.stop_kind in (StopKind.STOP_LOSS, StopKind.TAKE_PROFIT)
    return {
        "stopOrderType": words.STOP_WORDS[order.stop_kind],
        "triggerPrice": number(order.trigger_price),
        "triggerDirection": int(order.trigger_direction) if order.trigger_direction is not None else 0,
        "triggerBy": words.TRIGGER_WORDS[order.trigger_by] if conditional else "",
        "takeProfit": number(request.take_profit),
        "stopLoss": number(request.stop_loss),
        "tpTriggerBy": words.TRIGGER_WORDS[request.take_profit_trigger_by] if request.take_profit else "",
        "slTriggerBy": words.TRIGGER_WORDS[request.stop_loss_trigger_by] if request.stop_loss else "",
        "tpLimitPrice": "0",
        "slLimitPrice": "0",
        "tpslMode": "Full" if attached or request.stop_loss or request.take_profit else "",
        "ocoTriggerBy": "",
    }


def position_row(engine: Engine, position: Position) -> dict[str, Any]:
    """A row of /v5/position/list; a flat position has no side and size 0.

    `positionValue` is at entry, as at the venue. The liquidation price is exact, not rounded to the
    tick, and '' where there is none.
    """
    flat = position.side is None
    isolated = position.margin_mode is MarginMode.ISOLATED
    return {
        "positionIdx": int(position.leg),
        "riskId": position.tier_id,
        "riskLimitValue": number(position.tier_cap),
        "symbol": position.symbol,
        "side": words.SIDE_WORDS[position.side] if position.side is not None else "",
        "size": in_contracts(engine, position.symbol, position.size),
        "avgPrice": number(position.entry_price),
        "positionValue": "" if flat else number(position.entry_value),
        "tradeMode": int(isolated),
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": number(position.leverage),
        "markPrice": number(position.mark_price),
        "liqPrice": number(position.liquidation_price),
        "bustPrice": number(position.bankruptcy_price) if isolated else "",
        "positionIM": number(position.initial_margin),
        "positionIMByMp": number(position.initial_margin),
        "positionMM": number(position.maintenance_margin),
        "positionMMByMp": number(position.maintenance_margin),
        "positionBalance": number(position.isolated_margin),
        "takeProfit": number(position.take_profit),
        "stopLoss": number(position.stop_loss),
        "trailingStop": "0",
        "tpslMode": "Full",
        "sessionAvgPrice": "",
        "delta": "",
        "gamma": "",
        "vega": "",
        "theta": "",
        "unrealisedPnl": "" if flat else number(position.unrealised_pnl),
        "curRealisedPnl": number(position.realised_pnl),
        "cumRealisedPnl": number(position.cumulative_pnl),
        "adlRankIndicator": 0 if flat else 2,
        "createdTime": str(position.created_ms),
        "updatedTime": str(position.updated_ms),
        "seq": position.sequence,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
    }


def execution_row(engine: Engine, execution: Execution) -> dict[str, Any]:
    """A row of /v5/execution/list and the execution stream."""
    symbol, created_by = execution.symbol, words.CREATE_WORDS[execution.stop_kind]
    return {
        "symbol": symbol,
        "orderId": execution.order_id,
        "orderLinkId": execution.client_id,
        "side": words.SIDE_WORDS[execution.side],
        "orderPrice": number(execution.order_price) or ZERO_TEXT,
        "orderQty": in_contracts(engine, symbol, execution.order_qty),
        "leavesQty": in_contracts(engine, symbol, execution.leaves_qty),
        "createType": words.EXECUTION_ORIGINS.get(execution.kind, created_by),
        "orderType": words.ORDER_KIND_WORDS[execution.order_kind],
        "stopOrderType": words.STOP_WORDS[execution.stop_kind] or "UNKNOWN",
        "execId": execution.execution_id,
        "execType": words.EXECUTION_WORDS[execution.kind],
        "execPrice": number(execution.price),
        "execQty": in_contracts(engine, symbol, execution.qty),
        "execValue": number(execution.value),
        "execFee": number(execution.fee),
        "execPnl": number(execution.realised_pnl),
        "execTime": str(execution.time_ms),
        "feeCurrency": traded(engine, symbol).settle,
        "feeRate": number(execution.fee_rate),
        "isMaker": execution.is_maker,
        "closedSize": in_contracts(engine, symbol, execution.closed_qty),
        "markPrice": number(execution.mark_price),
        "indexPrice": number(execution.index_price),
        **_volatilities(execution),
        "blockTradeId": "",
        "isLeverage": "",
        "extraFees": "",
        "seq": execution.sequence,
    }


def _volatilities(execution: Execution) -> dict[str, Any]:
    if isinstance(execution, OptionExecution):
        return execution_figures(execution)
    return {"underlyingPrice": "", "tradeIv": "", "markIv": ""}


def wallet_row(wallet: Wallet, coins: frozenset[str] | None = None) -> dict[str, Any]:
    """The one row of /v5/account/wallet-balance; one settle coin is worth one USD here, less any haircut.

    In isolated margin mode the account-wide margin figures are '', as at the venue.
    """
    shared = wallet.margin_mode is MarginMode.CROSS
    rate = number(wallet.margin_ratio) if wallet.maintenance_margin else ZERO_TEXT
    initial_rate = (
        number(wallet.initial_margin / wallet.margin_balance) if wallet.margin_balance > 0 else ZERO_TEXT
    )
    return {
        "accountType": "UNIFIED",
        "accountLTV": "",
        "accountIMRate": initial_rate if shared else "",
        "accountMMRate": rate if shared else "",
        "accountIMRateByMp": initial_rate if shared else "",
        "accountMMRateByMp": rate if shared else "",
        "totalEquity": number(wallet.equity - wallet.haircut),
        "totalWalletBalance": number(wallet.wallet_balance + wallet.coins_worth - wallet.haircut),
        "totalMarginBalance": number(wallet.margin_balance) if shared else "",
        "totalAvailableBalance": number(wallet.available) if shared else "",
        "totalPerpUPL": number(wallet.unrealised_pnl),
        "totalInitialMargin": number(wallet.initial_margin) if shared else "",
        "totalMaintenanceMargin": number(wallet.maintenance_margin) if shared else "",
        "totalInitialMarginByMp": number(wallet.initial_margin) if shared else "",
        "totalMaintenanceMarginByMp": number(wallet.maintenance_margin) if shared else "",
        "coin": [
            _coin_row(coin, wallet.haircut if coin.coin == SETTLE else ZERO)
            for coin in wallet.coins
            if coins is None or coin.coin in coins
        ],
    }


def _coin_row(coin: CoinBalance, haircut: Decimal) -> dict[str, Any]:
    return {
        "coin": coin.coin,
        "equity": number(coin.equity),
        "usdValue": number(coin.usd_value - haircut),
        "walletBalance": number(coin.wallet_balance),
        "locked": "0",
        "spotHedgingQty": "0",
        "borrowAmount": "0",
        "availableToBorrow": "",
        "availableToWithdraw": "",
        "accruedInterest": "0",
        "totalOrderIM": number(coin.order_initial_margin),
        "totalPositionIM": number(coin.position_initial_margin),
        "totalPositionMM": number(coin.maintenance_margin),
        "unrealisedPnl": number(coin.unrealised_pnl),
        "cumRealisedPnl": number(coin.cumulative_pnl),
        "bonus": "0",
        "marginCollateral": coin.is_collateral,
        "collateralSwitch": coin.is_collateral,
    }
