"""Public market data: /v5/market/*."""

from decimal import Decimal
from typing import Any

from bot.sandbox.bybit import options, spot, words
from bot.sandbox.bybit.contracts import CATEGORIES, OPTION, category_of, in_contracts, of_category, traded
from bot.sandbox.bybit.envelope import BybitError, bad_params
from bot.sandbox.bybit.formats import number, places, ratio
from bot.sandbox.bybit.pages import page
from bot.sandbox.bybit.params import Params
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.types import BookDepth, BookLevel, Candle, CandleKind, Ticker

SYMBOLS_A_PAGE_OF_TIERS = 15


def server_time(engine: Engine, _params: Params) -> dict[str, Any]:
    """/v5/market/time."""
    now = engine.venue_ms()
    return {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}


def system_status(_engine: Engine, _params: Params) -> dict[str, Any]:
    """/v5/system/status: no maintenance is announced."""
    return {"list": []}


def instruments_info(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/instruments-info."""
    category = params.category()
    limit = params.limit(500, 1000)
    if category == OPTION:
        return options.instruments(engine, params)
    if category == "spot":
        rows = [spot.market_row(one) for one in _chosen(engine, params, "linear")]
        return {"category": category, "list": rows, "nextPageCursor": ""}
    chosen: list[Instrument] = []
    if params.text("status", "Trading") == "Trading":
        chosen = _chosen(engine, params, category)
    shown, cursor = page(chosen, _symbol_of, params.text("cursor"), limit)
    return {
        "category": category,
        "list": [_instrument_row(instrument) for instrument in shown],
        "nextPageCursor": cursor,
    }


def tickers(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/tickers."""
    category = params.category()
    if category == OPTION:
        return options.tickers(engine, params)
    chosen = _chosen(engine, params, category)
    return {"category": category, "list": [ticker_row(engine, engine.ticker(one.symbol)) for one in chosen]}


def orderbook(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/orderbook."""
    if params.category() == OPTION:
        return options.orderbook(engine, params)
    symbol = _contract_symbol(engine, params)
    depth = engine.depth(symbol, params.limit(25, 500))
    return {**book_data(engine, depth), "ts": engine.venue_ms(), "cts": engine.venue_ms()}


def kline(engine: Engine, params: Params, kind: CandleKind) -> dict[str, Any]:
    """/v5/market/kline, mark-price-kline and index-price-kline; newest first."""
    if not params.has("category"):
        params = Params({**params.values, "category": "linear"})
    symbol = _contract_symbol(engine, params)
    interval_ms = interval(params.required("interval"))
    limit = params.limit(200, 1000)
    start, end = params.integer("start"), params.integer("end")
    if start is not None and end is None:
        end = start + limit * interval_ms - 1
    candles = engine.candles(symbol, interval_ms, kind, start_ms=start, end_ms=end, limit=limit)
    rows = [_candle_row(candle) for candle in reversed(candles)]
    if kind is CandleKind.LAST:
        for row, candle in zip(rows, reversed(candles), strict=True):
            turnover = _turnover(engine, symbol, candle.turnover, candle.close)
            row += [in_contracts(engine, symbol, candle.volume), number(turnover)]
    return {"symbol": symbol, "category": category_of(engine, symbol), "list": rows}


def last_kline(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/kline."""
    return kline(engine, params, CandleKind.LAST)


def mark_kline(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/mark-price-kline."""
    return kline(engine, params, CandleKind.MARK)


def index_kline(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/index-price-kline."""
    return kline(engine, params, CandleKind.INDEX)


def funding_history(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/funding/history; newest first."""
    symbol = _contract_symbol(engine, params)
    start, end = params.integer("startTime"), params.integer("endTime")
    if start is not None and end is None:
        raise bad_params("Request parameter error: endTime is required with startTime.")
    rates = engine.funding_history(symbol, start_ms=start, end_ms=end, limit=params.limit(200, 200))
    rows = [
        {"symbol": symbol, "fundingRate": number(rate.rate), "fundingRateTimestamp": str(rate.time_ms)}
        for rate in reversed(rates)
    ]
    return {"category": category_of(engine, symbol), "list": rows}


def risk_limit(engine: Engine, params: Params) -> dict[str, Any]:
    """/v5/market/risk-limit: the margin tiers, some symbols a page."""
    category = params.category()
    chosen = _chosen(engine, params, category)
    shown, cursor = page(chosen, _symbol_of, params.text("cursor"), SYMBOLS_A_PAGE_OF_TIERS)
    rows = [row for instrument in shown for row in _tier_rows(instrument)]
    return {"category": category, "list": rows, "nextPageCursor": cursor}


def interval(text: str) -> int:
    """Milliseconds of a kline interval. Raises BybitError 10001 for one that is not offered."""
    if text not in words.INTERVALS_MS:
        raise BybitError(10001, "Invalid period!")
    return words.INTERVALS_MS[text]


def ticker_row(engine: Engine, ticker: Ticker) -> dict[str, Any]:
    """A row of /v5/market/tickers, and the data of the ticker stream."""
    symbol = ticker.symbol
    instrument = engine.instrument(symbol)
    open_value = instrument.value(ticker.open_interest, ticker.mark_price)
    change = ratio(ticker.last_price - ticker.previous_price_24h, ticker.previous_price_24h)
    hours = instrument.funding_interval_min // 60
    return {
        "symbol": symbol,
        "lastPrice": number(ticker.last_price),
        "indexPrice": number(ticker.index_price),
        "markPrice": number(ticker.mark_price),
        "prevPrice24h": number(ticker.previous_price_24h),
        "price24hPcnt": number(round(change, 6)),
        "highPrice24h": number(ticker.high_24h),
        "lowPrice24h": number(ticker.low_24h),
        "prevPrice1h": number(ticker.previous_price_1h),
        "openInterest": in_contracts(engine, symbol, ticker.open_interest),
        "openInterestValue": number(open_value),
        "turnover24h": number(_turnover(engine, symbol, ticker.turnover_24h, ticker.last_price)),
        "volume24h": in_contracts(engine, symbol, ticker.volume_24h),
        "fundingRate": number(ticker.funding_rate),
        "nextFundingTime": str(ticker.next_funding_ms),
        "fundingIntervalHour": str(hours),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "bid1Price": number(ticker.bid_price),
        "bid1Size": in_contracts(engine, symbol, ticker.bid_qty),
        "ask1Price": number(ticker.ask_price),
        "ask1Size": in_contracts(engine, symbol, ticker.ask_qty),
        "basis": "",
        "preOpenPrice": "",
        "preQty": "",
        "curPreListingPhase": "",
    }


def book_data(engine: Engine, depth: BookDepth) -> dict[str, Any]:
    """A book as REST and the stream's snapshots show it."""
    size = traded(engine, depth.symbol).contract_size
    return {
        "s": depth.symbol,
        "b": [_level(level, size) for level in depth.bids],
        "a": [_level(level, size) for level in depth.asks],
        "u": depth.update_id,
        "seq": depth.update_id,
    }


def _level(level: BookLevel, contract_size: Decimal) -> list[str]:
    return [number(level.price), number(level.qty / contract_size)]


def _symbol_of(instrument: Instrument) -> str:
    return instrument.symbol


def _turnover(engine: Engine, symbol: str, priced: Decimal, price: Decimal) -> Decimal:
    """Turnover in the settle coin; the engine's is quantity times price, of inverse contracts too."""
    return priced / price / price if engine.instrument(symbol).inverse else priced


def _chosen(engine: Engine, params: Params, category: str) -> list[Instrument]:
    """The instruments of a category that `symbol` or `baseCoin` ask for (all without either)."""
    symbol, base = params.text("symbol"), params.text("baseCoin")
    if symbol:
        return [_listed(engine, symbol, category)] if category in CATEGORIES else []
    return [one for one in of_category(engine.listed, category) if base in ("", one.base)]


def _listed(engine: Engine, symbol: str, category: str) -> Instrument:
    """An instrument that can be traded; a delisted one is as unknown as one that never was."""
    found = engine.listed.get(symbol)
    if found is None or found not in of_category({symbol: found}, category):
        raise BybitError(10001, f"params error: symbol invalid {symbol}")
    return found


def _contract_symbol(engine: Engine, params: Params) -> str:
    category = params.category()
    return _listed(engine, params.required("symbol"), category).symbol


def _candle_row(candle: Candle) -> list[str]:
    return [
        str(candle.start_ms),
        number(candle.open),
        number(candle.high),
        number(candle.low),
        number(candle.close),
    ]


def _instrument_row(instrument: Instrument) -> dict[str, Any]:
    """`contractSize` is there only where a contract is not one coin, as it always is at the venue."""
    contract = instrument.contract_size
    row: dict[str, Any] = {
        "symbol": instrument.symbol,
        "contractType": "InversePerpetual" if instrument.inverse else "LinearPerpetual",
        "status": "Trading",
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "settleCoin": instrument.settle,
        "symbolType": "",
        "launchTime": str(instrument.launched_ms),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(places(instrument.tick)),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": number(instrument.max_leverage),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": number(instrument.tick),
            "maxPrice": "1999999.8",
            "tickSize": number(instrument.tick),
        },
        "lotSizeFilter": {
            "maxOrderQty": number(instrument.max_qty / contract),
            "minOrderQty": number(instrument.min_qty / contract),
            "qtyStep": number(instrument.qty_step / contract),
            "postOnlyMaxOrderQty": number(instrument.max_qty / contract),
            "maxMktOrderQty": number(instrument.max_market_qty / contract),
            "minNotionalValue": number(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": instrument.funding_interval_min,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "displayName": "",
    }
    if instrument.inverse:
        del row["lotSizeFilter"]["minNotionalValue"]
    return row if contract == 1 else {**row, "contractSize": number(contract)}


def _tier_rows(instrument: Instrument) -> list[dict[str, Any]]:
    return [
        {
            "id": tier.tier_id,
            "symbol": instrument.symbol,
            "riskLimitValue": number(tier.cap),
            "maintenanceMargin": number(tier.maintenance_rate),
            "initialMargin": number(tier.initial_rate),
            "isLowestRisk": int(index == 0),
            "maxLeverage": number(tier.max_leverage),
            "mmDeduction": number(tier.deduction),
        }
        for index, tier in enumerate(instrument.tiers)
    ]
