"""Recorded answers played back by a stub venue, and what the guard makes of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from bot.model import MarketStats, Number, Snapshot, Unknown
from bot.risk.assemble import build_portfolio
from bot.risk.context import MetricContext, UnitView
from bot.risk.metrics import measure
from bot.risk.portfolio import Portfolio
from bot.risk.terms import venue_terms
from tests.exchange.stub import NOW, StubVenue, gateway, instrument, listed, ticker

POSITIONS, WALLET = "/v5/position/list", "/v5/account/wallet-balance"
NOT_KEPT = Unknown("no unit ledger is kept here")

Row = Mapping[str, Any]


class Seen(Struct, frozen=True):
    """A snapshot of recorded answers and the portfolio made of it."""

    snapshot: Snapshot
    portfolio: Portfolio

    def metric(self, name: str, key: str | None = None) -> Number:
        """Measure a metric; scenarios are not asked for."""
        context = MetricContext(statistics(), UnitView(NOT_KEPT, NOT_KEPT, NOT_KEPT))
        return measure(name, self.portfolio, context, key)

    def known(self, name: str, key: str | None = None) -> float:
        """Measure a metric that must be known."""
        value = self.metric(name, key)
        assert not isinstance(value, Unknown), value.reason
        return value


def statistics() -> MarketStats:
    """Statistics of a market of which nothing was measured."""
    return MarketStats(reference="BTC", betas={}, atr={}, daily_sigma={}, at=NOW)


def recorded(shared: Path) -> list[dict[str, Any]]:
    """Every recorded payload of Bybit."""
    payloads: list[dict[str, Any]] = json.loads((shared / "fixtures" / "bybit.json").read_text())
    return payloads


def rows(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a payload; a sample that is a row by itself is the only one."""
    answer = payload["httpResponse"]
    found: list[dict[str, Any]] = answer["result"]["list"] if "result" in answer else [answer]
    return found


def linear_positions(payloads: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every recorded open position of a USDT perpetual."""
    return [
        row
        for payload in payloads
        if "osition" in payload["method"]
        for row in rows(payload)
        if float(row.get("size") or 0) and row["symbol"].endswith("USDT")
    ]


async def look(positions: Sequence[Row], wallet: Row) -> Seen:
    """Read recorded rows through the gateway and assess them; marks are the positions' own."""
    venue = StubVenue()
    venue.set(POSITIONS, listed(*positions))
    venue.set(WALLET, listed(_silent(wallet) if positions else wallet))
    held = {row["symbol"]: row.get("markPrice", "") for row in positions if row["symbol"].endswith("USDT")}
    fine = {"priceFilter": {"tickSize": "0.0001", "minPrice": "0.0001", "maxPrice": "1999999"}}
    venue.set(
        "/v5/market/instruments-info",
        listed(*(instrument(symbol.removesuffix("USDT"), **fine) for symbol in held or {"BTCUSDT": ""})),
    )
    venue.set("/v5/market/tickers", listed(*(_ticker(symbol, mark) for symbol, mark in held.items())))
    made = gateway(venue)
    try:
        snapshot = await made.snapshot()
    finally:
        await made.close()
    return Seen(snapshot, build_portfolio(snapshot, statistics(), venue_terms("bybit"), 0.0))


def _silent(wallet: Row) -> Row:
    """The wallet without its sums over positions: it was not recorded in the same moment as they were."""
    sums = dict.fromkeys(("unrealisedPnl", "totalPositionIM", "totalPositionMM"), "")
    return {**wallet, "totalPerpUPL": "", "coin": [{**coin, **sums} for coin in wallet["coin"]]}


def _ticker(symbol: str, mark: str) -> dict[str, object]:
    prices = dict.fromkeys(("lastPrice", "indexPrice", "markPrice", "bid1Price", "ask1Price"), mark)
    return ticker(symbol, **prices)
