"""Recorded payloads of positions, balances, orders and risk limits: right, unknown, or a clear error."""

import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.exchange.failures import MalformedDataError
from bot.exchange.scrub import Scrubber
from bot.exchange.values import from_milliseconds
from bot.exchange.venues.bybit_codes import check_envelope
from bot.exchange.venues.bybit_evidence import contradiction, open_legs
from bot.exchange.venues.bybit_markets import parse_tiers
from bot.exchange.venues.bybit_orders import parse_order
from bot.exchange.venues.bybit_parse import parse_balance, unified_row
from bot.exchange.venues.bybit_positions import parse_position_mode, parse_positions
from bot.model import MarginMode, OrderKind, OrderSide, Position, PositionMode, Side, Tier, Unknown

D = Decimal


@pytest.fixture(scope="session")
def recorded(shared_dir: Path) -> list[dict[str, Any]]:
    payloads: list[dict[str, Any]] = json.loads((shared_dir / "fixtures" / "bybit.json").read_text())
    return payloads


def rows_of(payload: dict[str, Any]) -> list[dict[str, Any]]:
    answer = payload["httpResponse"]
    rows: list[dict[str, Any]] = answer["result"]["list"] if "result" in answer else [answer]
    return rows


class Coins:
    """Contracts of one coin under the venue's own names."""

    def symbol_of(self, venue_symbol: str) -> str:
        return venue_symbol

    def contract_size(self, venue_symbol: str) -> Decimal:
        return Decimal(1)


def positions_of(payload: dict[str, Any]) -> tuple[Position, ...]:
    return parse_positions(rows_of(payload), Coins(), MarginMode.CROSS, from_milliseconds(1))


def test_every_envelope_passes_the_check(recorded: list[dict[str, Any]]) -> None:
    for payload in recorded:
        if "retCode" in payload["httpResponse"]:
            check_envelope(Scrubber(), 200, payload["httpResponse"], json.dumps(payload["httpResponse"]))


def test_every_recorded_position_agrees_with_its_row(recorded: list[dict[str, Any]]) -> None:
    seen = 0
    for payload in recorded:
        if "osition" not in payload["method"] or "size" not in rows_of(payload)[0]:
            continue
        held = {(position.symbol, position.side.value): position for position in positions_of(payload)}
        for row in rows_of(payload):
            if D(row["size"]) == 0:
                assert not [key for key in held if key[0] == row["symbol"]]
                continue
            seen += 1
            position = held[row["symbol"], {"Buy": "long", "Sell": "short"}[row["side"]]]
            assert position.contracts == D(row["size"])
            assert position.entry_price == D(row.get("avgPrice", row.get("entryPrice", "")))
            same_or_unknown(position.mark_price, row.get("markPrice", ""))
            same_or_unknown(position.liquidation_price, row.get("liqPrice", ""))
            same_or_unknown(position.maintenance_margin, row.get("positionMM", ""))
            same_or_unknown(position.unrealised_pnl, row.get("unrealisedPnl", ""), zero_is_known=True)
            same_or_unknown(position.leverage, row["leverage"])
    assert seen >= 8


def same_or_unknown(value: Decimal | Unknown, raw: str, *, zero_is_known: bool = False) -> None:
    if raw == "" or (D(raw) == 0 and not zero_is_known):
        assert isinstance(value, Unknown)
    else:
        assert value == D(raw)


def test_a_position_in_full(recorded: list[dict[str, Any]]) -> None:
    (position,) = positions_of(recorded[0])
    assert (position.side, position.contracts, position.entry_price) == (
        Side.LONG,
        D("1.2"),
        D("64.59947917"),
    )
    assert (position.maintenance_margin, position.unrealised_pnl) == (D("0.81072399"), D("7.800625"))
    assert (position.margin_mode, position.isolated_margin, position.stop_price) == (
        MarginMode.CROSS,
        None,
        None,
    )
    assert isinstance(position.liquidation_price, Unknown)
    assert position.updated_at == from_milliseconds(1699948800031)
    assert parse_position_mode(rows_of(recorded[0])) is PositionMode.ONE_WAY


def test_isolated_by_the_row_or_by_the_account(recorded: list[dict[str, Any]]) -> None:
    (by_row,) = positions_of(recorded[11])
    assert (by_row.margin_mode, by_row.isolated_margin) == (MarginMode.ISOLATED, D("28.58931118"))
    (by_account,) = parse_positions(rows_of(recorded[0]), Coins(), MarginMode.ISOLATED, from_milliseconds(1))
    assert (by_account.margin_mode, by_account.isolated_margin) == (MarginMode.ISOLATED, D("11.699649"))


def test_a_flat_row_is_no_position(recorded: list[dict[str, Any]]) -> None:
    assert positions_of(recorded[1]) == ()


def test_stops_attached_to_positions(recorded: list[dict[str, Any]]) -> None:
    assert [position.stop_price for position in positions_of(recorded[3])] == [D("48000.00"), D("3100.00")]


def test_a_closed_trade_is_no_position(recorded: list[dict[str, Any]]) -> None:
    with pytest.raises(MalformedDataError, match="size"):
        positions_of(recorded[15])


def test_every_recorded_wallet(recorded: list[dict[str, Any]]) -> None:
    for index in (5, 6, 7, 8, 18):
        row = rows_of(recorded[index])[0]
        balance = parse_balance(unified_row(rows_of(recorded[index])))
        assert balance.equity == D(row["totalEquity"])
        assert balance.margin_balance == D(row["totalMarginBalance"])
        assert balance.maintenance_margin == D(row["totalMaintenanceMargin"])
        assert balance.wallet == D(row["totalWalletBalance"])


def test_other_accounts_are_no_unified_wallet(recorded: list[dict[str, Any]]) -> None:
    for index in (16, 17):
        with pytest.raises(MalformedDataError):
            unified_row([recorded[index]["httpResponse"]["result"]])


def test_recorded_orders(recorded: list[dict[str, Any]]) -> None:
    bid, ask = (parse_order(row, "ETH/USDT:USDT") for row in rows_of(recorded[9]))
    assert (bid.side, bid.kind, bid.price, bid.contracts) == (
        OrderSide.BUY,
        OrderKind.LIMIT,
        D("3930.41"),
        D("0.010"),
    )
    assert (ask.side, ask.client_order_id, ask.trigger_by) == (OrderSide.SELL, "client-open-2", "")
    assert not ask.reduce_only
    assert not ask.attached


def test_recorded_risk_limit_in_percent(recorded: list[dict[str, Any]]) -> None:
    assert parse_tiers(rows_of(recorded[10])) == (Tier(D(0), D(150), D("0.005"), D(0)),)


def test_deductions_follow_from_continuity() -> None:
    rates = (("100", "0.01", "50"), ("300", "0.02", "25"), ("600", "0.05", "10"))
    rows = [
        {
            "symbol": "X",
            "riskLimitValue": cap,
            "maintenanceMargin": rate,
            "initialMargin": str(1 / D(lever)),
            "maxLeverage": lever,
        }
        for cap, rate, lever in rates
    ]
    tiers = parse_tiers(reversed(rows))
    assert [(tier.floor, tier.deduction) for tier in tiers] == [(D(0), D(0)), (D(100), D(1)), (D(300), D(10))]
    with pytest.raises(MalformedDataError, match="no risk limits"):
        parse_tiers([])


def wallet_over(rows: Collection[Mapping[str, Any]], move: Decimal) -> dict[str, Any]:
    """The wallet that sums up recorded rows, after prices moved."""

    def total(key: str) -> Decimal:
        return sum((D(row.get(key) or "0") for row in rows), D(0))

    coin = {
        "coin": "USDT",
        "totalPositionIM": str(total("positionIM") * move),
        "totalPositionMM": str(total("positionMM") * move),
        "unrealisedPnl": str(total("unrealisedPnl") + (move - 1) * total("positionValue")),
    }
    return {"accountType": "UNIFIED", "totalPerpUPL": coin["unrealisedPnl"], "coin": [coin]}


@pytest.mark.parametrize("move", ["0.96", "1", "1.04"])
def test_recorded_lists_agree_with_a_wallet_of_their_own(recorded: list[dict[str, Any]], move: str) -> None:
    seen = 0
    for payload in recorded:
        if "osition" not in payload["method"]:
            continue
        rows = [row for row in rows_of(payload) if D(row.get("positionIM") or "0")]
        legs = open_legs(rows)
        assert contradiction(wallet_over(legs.values(), D(move)), legs, {"USDT"}) == ""
        for leg in legs:
            fewer = {other: row for other, row in legs.items() if other != leg}
            told = contradiction(wallet_over(legs.values(), D(move)), fewer, {"USDT"})
            assert "incomplete" in told or "empty" in told
            seen += 1
    assert seen >= 4
