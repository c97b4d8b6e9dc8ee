"""Faults of a market, seen by signed requests."""

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.host import Sandbox
from tests.sandbox.faults.support import (
    BUY,
    CREATE,
    HISTORY,
    OPEN_ORDERS,
    POSITION_STOP,
    POSITIONS,
    SELL_ALL,
    STOP,
    arm,
    code,
    listed,
    make_sandbox,
    position,
    step,
    strikes,
)
from tests.sandbox.support import admin, call

TICKERS, INSTRUMENTS = "/v5/market/tickers", "/v5/market/instruments-info"
WALLET = "/v5/account/wallet-balance"
BTC = {"symbol": "BTCUSDT"}
IOC: dict[str, Any] = {**SELL_ALL, "orderType": "Limit", "timeInForce": "IOC", "price": "99900"}


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


def end(sandbox: Sandbox, name: str) -> None:
    assert admin(sandbox, "DELETE", "faults")[1] == {"cleared": 1}, name


def market(sandbox: Sandbox, path: str = TICKERS, **params: Any) -> list[dict[str, Any]]:
    """The rows of a public list of linear symbols."""
    answer = call(sandbox, "GET", path, {"category": "linear", **params})
    return list(answer["result"].get("list", []))


def equity(sandbox: Sandbox) -> Decimal:
    answer = call(sandbox, "GET", WALLET, {"accountType": "UNIFIED"})
    return Decimal(answer["result"]["list"][0]["totalEquity"])


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ({"name": "thin_book", "share": 0.1}, "symbol is needed"),
        ({"name": "thin_book", "symbol": "BTCUSDT"}, "share is needed"),
        ({"name": "thin_book", "symbol": "NOUSDT", "share": 0.1}, "not listed"),
        ({"name": "price_band", "symbol": "BTCUSDT", "share": 2}, "share must lie"),
        ({"name": "qty_step", "symbol": "BTCUSDT", "value": "few"}, "value must be a decimal"),
        ({"name": "min_notional", "symbol": "BTCUSDT", "value": "-5"}, "positive"),
        ({"name": "wick", "symbol": "BTCUSDT", "share": 0.1, "variant": "left"}, "variant"),
        ({"name": "delisted"}, "symbol is needed"),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_armed(
    sandbox: Sandbox, fault: dict[str, Any], refusal: str
) -> None:
    status, answer = admin(sandbox, "POST", "fault", fault)
    assert status == 400
    assert refusal in answer["error"]
    assert strikes(sandbox) == []


def test_a_thin_book_fills_in_part_until_it_ends(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, {**BUY, "qty": "1"})
    arm(sandbox, "thin_book", **BTC, share="0.0001", seconds=60)
    assert code(sandbox, CREATE, {**IOC, "qty": "1", "orderLinkId": "thin"}) == 0
    (row,) = listed(sandbox, HISTORY, orderLinkId="thin")
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_NoImmediateQtyToFill")
    assert 0 < float(row["cumExecQty"]) < 1
    step(sandbox, 61)
    assert code(sandbox, CREATE, {**IOC, "qty": "0.5"}) == 0
    assert listed(sandbox, HISTORY)[0]["orderStatus"] == "Filled"


def test_an_empty_book_fills_nothing_and_a_stop_that_triggers_is_gone(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    assert code(sandbox, STOP, POSITION_STOP) == 0
    arm(sandbox, "empty_book", **BTC)
    for name, order in (("market", SELL_ALL), ("limit", {**IOC, "price": "99000"})):
        assert code(sandbox, CREATE, {**order, "orderLinkId": name}) == 0
        (row,) = listed(sandbox, HISTORY, orderLinkId=name)
        assert (row["orderStatus"], row["cumExecQty"]) == ("Cancelled", "0")
    assert market(sandbox, **BTC)[0]["bid1Price"] == ""
    admin(sandbox, "POST", "mark", {**BTC, "price": "89000"})
    (row,) = listed(sandbox, POSITIONS)
    assert (row["size"], row["stopLoss"]) == ("0.1", "")
    ended = {(row["stopOrderType"], row["orderStatus"]) for row in listed(sandbox, HISTORY)}
    assert ("StopLoss", "Cancelled") in ended
    end(sandbox, "empty_book")
    assert code(sandbox, CREATE, SELL_ALL) == 0
    assert listed(sandbox, POSITIONS) == []


def test_a_price_band_refuses_with_the_venues_code(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    arm(sandbox, "price_band", **BTC, share="0.001")
    answer = call(sandbox, "POST", CREATE, {**IOC, "price": "99800"})
    assert (answer["retCode"], "allowable range" in answer["retMsg"]) == (110003, True)
    assert code(sandbox, CREATE, {**IOC, "price": "99950"}) == 0
    end(sandbox, "price_band")
    assert code(sandbox, CREATE, {**BUY, "orderType": "Limit", "price": "105000"}) == 0


def test_filters_change_under_the_clients_hands(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, {**BUY, "qty": "0.115"})
    arm(sandbox, "qty_step", **BTC, value="0.01")
    arm(sandbox, "min_notional", **BTC, value="20000")
    filters = market(sandbox, INSTRUMENTS, **BTC)[0]["lotSizeFilter"]
    assert (filters["qtyStep"], filters["minOrderQty"], filters["minNotionalValue"]) == (
        "0.01",
        "0.01",
        "20000",
    )
    answer = call(sandbox, "POST", CREATE, {**SELL_ALL, "qty": "0.011"})
    assert (answer["retCode"], answer["retMsg"].startswith("Qty invalid")) == (10001, True)
    assert code(sandbox, CREATE, BUY) == 110094
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.05"}) == 0
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.065"}) == 0
    assert position(sandbox) == 0
    assert admin(sandbox, "DELETE", "faults")[1] == {"cleared": 2}
    assert code(sandbox, CREATE, {**BUY, "qty": "0.001"}) == 0


def test_closing_all_with_zero_works_off_the_step(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, {**BUY, "qty": "0.115"})
    arm(sandbox, "qty_step", **BTC, value="0.1")
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0", "closeOnTrigger": True}) == 0
    assert position(sandbox) == 0


def test_one_wick_is_seen_by_one_read(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, {**BUY, "qty": "1"})
    assert code(sandbox, STOP, POSITION_STOP) == 0
    before = equity(sandbox)
    arm(sandbox, "wick", **BTC, share="0.2", variant="down", count=1)
    call(sandbox, "GET", "/v5/market/time")
    market(sandbox, symbol="ETHUSDT")
    row = next(row for row in market(sandbox) if row["symbol"] == "BTCUSDT")
    assert row["markPrice"] == "80000"
    assert row["indexPrice"] == "100000"
    assert float(row["lastPrice"]) > 99_000
    assert market(sandbox, **BTC)[0]["markPrice"] == "100000"
    assert strikes(sandbox) == [1]
    end(sandbox, "wick")
    arm(sandbox, "wick", **BTC, share="0.2", variant="down", seconds=10)
    for _ in range(3):
        (held,) = listed(sandbox, POSITIONS)
        assert (held["markPrice"], held["stopLoss"]) == ("80000", "90000")
        assert equity(sandbox) == before - 20_000
    step(sandbox, 10)
    assert listed(sandbox, POSITIONS)[0]["markPrice"] == "100000"
    assert equity(sandbox) == before
    assert sandbox.engine.liquidations() == []


def test_a_wick_up_and_one_of_a_symbol_that_is_none(sandbox: Sandbox) -> None:
    arm(sandbox, "wick", **BTC, share="0.5")
    assert market(sandbox, **BTC)[0]["markPrice"] == "150000"
    end(sandbox, "wick")
    arm(sandbox, "wick", symbol="NOUSDT", share="0.5")
    assert len(market(sandbox)) > 20
    assert strikes(sandbox) == [0]


@pytest.mark.parametrize(("variant", "shown"), [("zero", "0"), ("blank", "")])
def test_a_mark_of_zero_in_tickers_and_positions(sandbox: Sandbox, variant: str, shown: str) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        code(sandbox, CREATE, {**BUY, "symbol": symbol, "qty": "1"})
    arm(sandbox, "zero_price", **BTC, variant=variant)
    marks = {row["symbol"]: row["markPrice"] for row in market(sandbox)}
    assert (marks["BTCUSDT"], marks["ETHUSDT"]) == (shown, "4000")
    held = {row["symbol"]: row["markPrice"] for row in listed(sandbox, POSITIONS)}
    assert held == {"BTCUSDT": shown, "ETHUSDT": "4000"}
    assert {row["markPrice"] for row in listed(sandbox, "/v5/execution/list")} == {"100000", "4000"}
    end(sandbox, "zero_price")
    assert market(sandbox, **BTC)[0]["markPrice"] == "100000"


def test_a_delisted_market_is_gone_but_for_its_positions(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    code(sandbox, CREATE, {**BUY, "symbol": "ETHUSDT"})
    assert code(sandbox, STOP, POSITION_STOP) == 0
    arm(sandbox, "delisted", **BTC)
    for path in (TICKERS, INSTRUMENTS):
        assert "BTCUSDT" not in {row["symbol"] for row in market(sandbox, path)}
        assert call(sandbox, "GET", path, {"category": "linear", **BTC})["retCode"] == 10001
    assert {row["symbol"] for row in listed(sandbox, POSITIONS)} == {"BTCUSDT", "ETHUSDT"}
    assert listed(sandbox, POSITIONS, **BTC)[0]["stopLoss"] == ""
    assert listed(sandbox, OPEN_ORDERS) == []
    assert {row["cancelType"] for row in listed(sandbox, HISTORY, **BTC)} == {"CancelBySettle", "UNKNOWN"}
    for path, order in ((CREATE, SELL_ALL), (STOP, POSITION_STOP)):
        answer = call(sandbox, "POST", path, order)
        assert (answer["retCode"], "not live" in answer["retMsg"]) == (110074, True)
    assert code(sandbox, CREATE, {**SELL_ALL, "symbol": "ETHUSDT"}) == 0
    end(sandbox, "delisted")
    assert "BTCUSDT" in {row["symbol"] for row in market(sandbox)}
    assert code(sandbox, CREATE, SELL_ALL) == 0
