"""Positions and their settings: /v5/position/*."""

from typing import Any

from bot.sandbox.bybit import words
from bot.sandbox.bybit.envelope import bad_params
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import Params
from bot.sandbox.bybit.views import position_row
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.types import AccountInfo, Leg, Position


def positions(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/list: with `symbol` also flat legs, with `settleCoin` or `baseCoin` what is open."""
    category = params.category()
    limit = params.limit(20, 200)
    found: list[Position] = []
    if category == "linear":
        found = _wanted(engine, account, params)
    shown, cursor = page(found, _key, params.text("cursor"), limit)
    return {
        "category": category,
        "list": [position_row(engine, position) for position in shown],
        "nextPageCursor": cursor,
    }


def set_leverage(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/set-leverage."""
    symbol = linear_symbol(engine, params)
    buy, sell = params.required_decimal("buyLeverage"), params.required_decimal("sellLeverage")
    engine.set_leverage(account.account_id, symbol, buy, sell)
    return {}


def switch_mode(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/switch-mode: of one symbol, or of all that settle in `coin`."""
    _only_linear(params)
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
    symbol = linear_symbol(engine, params)
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
    symbol = linear_symbol(engine, params)
    margin = params.required_decimal("margin")
    position = engine.add_isolated_margin(account.account_id, symbol, margin, leg(params))
    return {"category": "linear", **position_row(engine, position)}


def linear_symbol(engine: Engine, params: Params) -> str:
    """The symbol of a private call. Raises BybitError where the category or the symbol is not listed."""
    _only_linear(params)
    return engine.instrument(params.required("symbol")).symbol


def leg(params: Params) -> Leg:
    """`positionIdx`; 0 where absent."""
    chosen = params.choice("positionIdx", words.LEGS, "0")
    return Leg(chosen)


def _only_linear(params: Params) -> None:
    category = params.category()
    if category != "linear":
        raise bad_params(f"params error: category {category} has no symbols here; only linear has.")


def _wanted(engine: Engine, account: AccountInfo, params: Params) -> list[Position]:
    symbol, base, settle = params.text("symbol"), params.text("baseCoin"), params.text("settleCoin")
    if symbol:
        return engine.positions(account.account_id, engine.instrument(symbol).symbol, flat=True)
    if not base and not settle:
        raise bad_params("Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")
    listed = engine.instruments
    return [
        position
        for position in engine.positions(account.account_id)
        if base in ("", listed[position.symbol].base) and settle in ("", listed[position.symbol].settle)
    ]


def _key(position: Position) -> str:
    return f"{position.symbol},{int(position.leg)}"


def _refuse_unoffered_stops(params: Params) -> None:
    partial = params.text("tpslMode", "Full") != "Full"
    sized = [name for name in ("slSize", "tpSize", "slLimitPrice", "tpLimitPrice") if params.decimal(name)]
    if partial or sized or params.decimal("trailingStop") or params.decimal("activePrice"):
        raise bad_params("params error: only tpslMode Full with market stops is offered here.")
