"""Category option: markets, positions and deliveries as the venue's rows.

`baseCoin` is BTC where a call for instruments or tickers names neither a symbol nor a coin, and All stands
for every coin.
"""

from datetime import UTC, datetime
from typing import Any

from bot.sandbox.bybit import words
from bot.sandbox.bybit.contracts import OPTION
from bot.sandbox.bybit.envelope import BybitError
from bot.sandbox.bybit.formats import number, number_or_blank
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import LAST_MS, Params
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.options.values import Delivery, OptionExecution, OptionPosition, OptionQuote
from bot.sandbox.engine.types import AccountInfo, BookLevel

LARGEST_BOOK = 25
LONGEST_WINDOW_MS = 30 * 86_400_000
_DEFAULT_COIN, _ALL = "BTC", "All"


def instruments(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/instruments-info."""
    chosen = _chosen(engine, params) if params.text("status", "Trading") == "Trading" else []
    shown, cursor = page(chosen, lambda one: one.symbol, params.text("cursor"), params.limit(500, 1000))
    return {"category": OPTION, "list": [_instrument_row(one) for one in shown], "nextPageCursor": cursor}


def tickers(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/tickers; `expDate` narrows it to one day."""
    day = params.text("expDate")
    chosen = [one for one in _chosen(engine, params) if day in ("", _day(one))]
    return {"category": OPTION, "list": [_ticker_row(engine.options.quote(one.symbol)) for one in chosen]}


def orderbook(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/orderbook; one level unless `limit` asks for more."""
    symbol = _listed(engine, params.required("symbol")).symbol
    depth, now = engine.options.depth(symbol, params.limit(1, LARGEST_BOOK)), engine.venue_ms()
    return {
        "s": symbol,
        "b": [_level(one) for one in depth.bids],
        "a": [_level(one) for one in depth.asks],
        "u": depth.update_id,
        "seq": depth.update_id,
        "ts": now,
        "cts": now,
    }


def positions(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/position/list: what is open, of all coins unless `baseCoin`, `settleCoin` or `symbol` narrow it."""
    symbol, base, settle = params.text("symbol"), params.text("baseCoin"), params.text("settleCoin")
    if symbol:
        engine.options.contract(symbol)
    found = [
        one
        for one in engine.options.positions(account.account_id)
        if symbol in ("", one.contract.symbol)
        and base in ("", one.contract.base)
        and settle in ("", one.contract.settle)
    ]
    limit = params.limit(20, 200)
    shown, cursor = page(found, lambda one: one.contract.symbol, params.text("cursor"), limit)
    rows = [position_row(position) for position in shown]
    return {"category": OPTION, "list": rows, "nextPageCursor": cursor}


def deliveries(engine: Engine, account: AccountInfo, params: Params) -> dict[str, Any]:
    """/v5/asset/delivery-record; newest first. Only options are ever delivered here."""
    category, symbol, day = params.category(), params.text("symbol"), params.text("expDate")
    start, end = _window(params)
    found: list[Delivery] = []
    if category == OPTION:
        found = [
            one
            for one in engine.options.deliveries(account.account_id)
            if symbol in ("", one.contract.symbol)
            and day in ("", _day(one.contract))
            and start <= one.time_ms <= end
        ]
    shown, cursor = page(found, _delivery_key, params.text("cursor"), params.limit(20, 50), descending=True)
    return {
        "category": category,
        "list": [_delivery_row(one) for one in shown],
        "nextPageCursor": cursor,
    }


def position_row(position: OptionPosition) -> dict[str, Any]:
    """A row of /v5/position/list and of the position stream; a long option needs no margin.

    `positionValue` is at the mark.
    """
    flat, greeks = not position.size, position.greeks
    return {
        "positionIdx": 0,
        "riskId": 0,
        "riskLimitValue": "",
        "symbol": position.contract.symbol,
        "side": "" if flat else "Buy",
        "size": number(position.size),
        "avgPrice": number(position.entry_price),
        "positionValue": number(position.value),
        "tradeMode": 0,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": "",
        "markPrice": number(position.mark_price),
        "liqPrice": "",
        "bustPrice": "",
        "positionIM": "0",
        "positionIMByMp": "0",
        "positionMM": "0",
        "positionMMByMp": "0",
        "positionBalance": "0",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "",
        "tpslMode": "",
        "sessionAvgPrice": "",
        "delta": _figure(greeks.delta),
        "gamma": _figure(greeks.gamma),
        "vega": _figure(greeks.vega),
        "theta": _figure(greeks.theta),
        "unrealisedPnl": number(position.unrealised_pnl),
        "curRealisedPnl": number(position.realised_pnl),
        "cumRealisedPnl": number(position.cumulative_pnl),
        "adlRankIndicator": 0,
        "createdTime": str(position.created_ms),
        "updatedTime": str(position.updated_ms),
        "seq": position.sequence,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
    }


def fee_rows(engine: Engine, base: str) -> list[dict[str, Any]]:
    """Rows of /v5/account/fee-rate, one a coin; an account's own rates are those of perpetuals."""
    models = {one.base: one for one in engine.options.listed() if base in ("", one.base)}
    return [
        {
            "symbol": "",
            "baseCoin": coin,
            "takerFeeRate": number(one.taker_fee),
            "makerFeeRate": number(one.maker_fee),
        }
        for coin, one in models.items()
    ]


def execution_figures(execution: OptionExecution) -> dict[str, Any]:
    """What a fill of an option tells beside what every fill does."""
    return {
        "underlyingPrice": number(execution.forward),
        "tradeIv": _volatility(execution.volatility),
        "markIv": _volatility(execution.mark_volatility),
    }


def _chosen(engine: Engine, params: Params) -> list[OptionContract]:
    if params.has("symbol"):
        return [_listed(engine, params.text("symbol"))]
    base = params.text("baseCoin", _DEFAULT_COIN)
    return [one for one in engine.options.listed() if base in (_ALL, one.base)]


def _listed(engine: Engine, symbol: str) -> OptionContract:
    """A contract that is shown as listed; one that has expired is as unknown as one that never was."""
    if engine.options.knows(symbol):
        contract = engine.options.contract(symbol)
        if engine.options.shows(contract):
            return contract
    raise BybitError(10001, f"params error: symbol invalid {symbol}")


def _instrument_row(contract: OptionContract) -> dict[str, Any]:
    return {
        "symbol": contract.symbol,
        "status": "Trading",
        "baseCoin": contract.base,
        "quoteCoin": contract.settle,
        "settleCoin": contract.settle,
        "optionsType": "Call" if contract.is_call else "Put",
        "launchTime": str(contract.launched_ms),
        "deliveryTime": str(contract.expiry_ms),
        "deliveryFeeRate": number(contract.delivery_fee),
        "priceFilter": {
            "minPrice": number(contract.tick),
            "maxPrice": "10000000",
            "tickSize": number(contract.tick),
        },
        "lotSizeFilter": {
            "maxOrderQty": number(contract.max_qty),
            "minOrderQty": number(contract.min_qty),
            "qtyStep": number(contract.qty_step),
        },
        "displayName": contract.symbol,
    }


def _ticker_row(quote: OptionQuote) -> dict[str, Any]:
    """There is no history of options here: figures of the last day are 0."""
    return {
        "symbol": quote.contract.symbol,
        "bid1Price": number(quote.bid) or "0",
        "bid1Size": number(quote.bid_qty),
        "bid1Iv": _volatility(quote.bid_volatility),
        "ask1Price": number(quote.ask) or "0",
        "ask1Size": number(quote.ask_qty),
        "ask1Iv": _volatility(quote.ask_volatility),
        "lastPrice": number(quote.last),
        "highPrice24h": "0",
        "lowPrice24h": "0",
        "markPrice": number(quote.mark),
        "indexPrice": number(quote.index),
        "markIv": _volatility(quote.mark_volatility),
        "underlyingPrice": number(quote.forward),
        "openInterest": number(quote.open_interest),
        "turnover24h": "0",
        "volume24h": "0",
        "totalVolume": "0",
        "totalTurnover": "0",
        "delta": _figure(quote.greeks.delta),
        "gamma": _figure(quote.greeks.gamma),
        "vega": _figure(quote.greeks.vega),
        "theta": _figure(quote.greeks.theta),
        "predictedDeliveryPrice": number_or_blank(quote.expected_settlement) or "0",
        "change24h": "0",
    }


def _delivery_row(record: Delivery) -> dict[str, Any]:
    return {
        "deliveryTime": record.time_ms,
        "symbol": record.contract.symbol,
        "side": words.SIDE_WORDS[record.side],
        "position": number(record.qty),
        "entryPrice": number(record.entry_price),
        "deliveryPrice": number(record.settlement),
        "strike": number(record.contract.strike),
        "fee": number(record.fee),
        "deliveryRpl": number(record.realised_pnl),
    }


def _delivery_key(record: Delivery) -> str:
    return f"{record.time_ms:013d},{record.contract.symbol}"


def _window(params: Params) -> tuple[int, int]:
    """`startTime` and `endTime`; one alone is taken for thirty days."""
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is None:
        return (0, LAST_MS) if end is None else (end - LONGEST_WINDOW_MS, end)
    return start, start + LONGEST_WINDOW_MS if end is None else end


def _day(contract: OptionContract) -> str:
    moment = datetime.fromtimestamp(contract.expiry_ms / 1000, UTC)
    return f"{moment.day}{moment:%b%y}".upper()


def _level(level: BookLevel) -> list[str]:
    return [number(level.price), number(level.qty)]


def _figure(value: float) -> str:
    """A greek as the venue writes it, to eight places."""
    return f"{value:.8f}".rstrip("0").rstrip(".") if value else "0"


def _volatility(value: float) -> str:
    """A volatility as the venue writes it, to four places."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if value else "0"
