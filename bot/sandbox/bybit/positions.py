"""Positions and their settings: /v5/position/*."""

from typing import Any

from bot.sandbox.bybit import options, words
from bot.sandbox.bybit.contracts import (
    CATEGORIES,
    LINEAR,
    OPTION,
    category_of,
    contract_category,
    contract_symbol,
    of_category,
)
from bot.sandbox.bybit.envelope import bad_params
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import Params
from bot.sandbox.bybit.views import position_row
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import AccountInfo, Leg, Position


def positions(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/list: with `symbol` also flat legs, with `settleCoin` or `baseCoin` what is open."""
    category = params.category()
    if category == OPTION:
        return options.positions(engine, account, params)
    limit = params.limit(20, 200)
    found: list[Position] = []
    if category in CATEGORIES:
        found = _wanted(engine, account, params, category)
    shown, cursor = page(found, _key, params.text("cursor"), limit)
    return {
        "category": category,
        "list": [position_row(engine, position) for position in shown],
        "nextPageCursor": cursor,
    }


def set_leverage(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/set-leverage."""
    symbol = contract_symbol(engine, params)
    buy, sell = params.required_decimal("buyLeverage"), params.required_decimal("sellLeverage")
    engine.set_leverage(account.account_id, symbol, buy, sell)
    return {}


def switch_mode(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/switch-mode: of one symbol, or of all that settle in `coin`."""
    if contract_category(params) != LINEAR:
        raise bad_params("params error: inverse contracts are in one-way mode, and stay in it.")
    mode = params.required_choice("mode", words.POSITION_MODES)
    if params.has("symbol"):
        symbol: str | None = engine.instrument(params.text("symbol")).symbol
    elif params.has("coin"):
        symbol = None
    else:
        raise bad_params("Request parameter error: symbol or coin is required.")
    engine.set_position_mode(account.account_id, mode, symbol)
    return {}


def trading_stop(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/trading-stop: stop loss and take profit of the whole position (0 removes one)."""
    symbol = contract_symbol(engine, params)
    _refuse_unoffered_stops(params)
    stop_loss, take_profit = params.decimal("stopLoss"), params.decimal("takeProfit")
    if stop_loss is None and take_profit is None:
        raise bad_params("Request parameter error: stopLoss or takeProfit is required.")
    engine.set_trading_stop(
        account.account_id,
        symbol,
        leg(params),
        stop_loss=stop_loss,
        take_profit=take_profit,
        stop_loss_trigger_by=params.choice("slTriggerBy", words.TRIGGERS),
        take_profit_trigger_by=params.choice("tpTriggerBy", words.TRIGGERS),
    )
    return {}


def add_margin(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/add-margin: a negative margin is taken out."""
    symbol = contract_symbol(engine, params)
    margin = params.required_decimal("margin")
    position = engine.add_isolated_margin(account.account_id, symbol, margin, leg(params))
    return {"category": category_of(engine, symbol), **position_row(engine, position)}


def leg(params: Params) -> Leg:
    """`positionIdx`; 0 where absent."""
    chosen = params.choice("positionIdx", words.LEGS, "0")
    return Leg(chosen)


def _wanted(engine: Engine, account: AccountInfo, params: Params, category: str) -> list[Position]:
    """Open positions by settle coin or base; of the inverse category both may be left out."""
    base, settle = params.text("baseCoin"), params.text("settleCoin")
    if params.has("symbol"):
        return engine.positions(account.account_id, contract_symbol(engine, params), flat=True)
    if not base and not settle and category == LINEAR:
        raise bad_params("Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")
    listed = {one.symbol: one for one in of_category(engine.instruments, category)}
    return [
        position
        for position in engine.positions(account.account_id)
        if position.symbol in listed
        and base in ("", listed[position.symbol].base)
        and settle in ("", listed[position.symbol].settle)
    ]


def _key(position: Position) -> str:
    return f"{position.symbol},{int(position.leg)}"


def _refuse_unoffered_stops(params: Params) -> None:
    partial = params.text("tpslMode", "Full") != "Full"
    sized = [name for name in ("slSize", "tpSize", "slLimitPrice", "tpLimitPrice") if params.decimal(name)]
    if partial or sized or params.decimal("trailingStop") or params.decimal("activePrice"):
        raise bad_params("params error: only tpslMode Full with market stops is offered here.")
