"""Faults of an option chain, seen by requests."""

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.host import Sandbox
from tests.sandbox.bybit.test_options import PUT_ID, buy, option_engine, rows
from tests.sandbox.faults.support import arm
from tests.sandbox.support import admin, call, make_engine, open_account

TICKERS, INSTRUMENTS = "/v5/market/tickers", "/v5/market/instruments-info"
CALL_ID = PUT_ID.replace("-P-", "-C-")
STALE_ID = "BTC-13NOV25-90000-P-USDT"


@pytest.fixture
def sandbox() -> Sandbox:
    engine = option_engine()
    open_account(engine)
    return Sandbox(engine)


def ticker(sandbox: Sandbox, symbol: str = PUT_ID) -> dict[str, Any]:
    (row,) = rows(sandbox, TICKERS, symbol=symbol)
    return row


def book(sandbox: Sandbox) -> dict[str, Any]:
    found = call(sandbox, "GET", "/v5/market/orderbook", {"category": "option", "symbol": PUT_ID, "limit": 5})
    result = found["result"]
    assert isinstance(result, dict)
    return result


def end(sandbox: Sandbox) -> None:
    assert admin(sandbox, "DELETE", "faults")[1] == {"cleared": 1}


def test_crossed_quotes_are_shown_and_orders_meet_the_true_book(sandbox: Sandbox) -> None:
    true = ticker(sandbox)
    arm(sandbox, "option_crossed", symbol="*-P-USDT")
    shown = ticker(sandbox)
    assert (shown["bid1Price"], shown["ask1Price"]) == (true["ask1Price"], true["bid1Price"])
    assert Decimal(book(sandbox)["b"][0][0]) > Decimal(book(sandbox)["a"][0][0])
    assert Decimal(ticker(sandbox, CALL_ID)["bid1Price"]) < Decimal(ticker(sandbox, CALL_ID)["ask1Price"])
    assert buy(sandbox, PUT_ID)["retCode"] == 0
    (fill,) = rows(sandbox, "/v5/execution/list")
    assert fill["execPrice"] == true["ask1Price"]
    end(sandbox)
    assert Decimal(ticker(sandbox)["bid1Price"]) < Decimal(ticker(sandbox)["ask1Price"])


def test_absent_quotes_leave_a_mark_and_nothing_to_trade_with(sandbox: Sandbox) -> None:
    arm(sandbox, "option_unquoted", symbol=PUT_ID)
    shown = ticker(sandbox)
    assert [shown[name] for name in ("bid1Price", "bid1Size", "ask1Price", "ask1Size", "ask1Iv")] == ["0"] * 5
    assert Decimal(shown["markPrice"]) > 0
    assert (book(sandbox)["a"], book(sandbox)["b"]) == ([], [])
    assert buy(sandbox, PUT_ID)["retCode"] == 0
    (order,) = rows(sandbox, "/v5/order/history")
    assert (order["orderStatus"], order["rejectReason"]) == ("Cancelled", "EC_NoImmediateQtyToFill")


def test_a_volatility_of_zero_comes_with_the_true_prices(sandbox: Sandbox) -> None:
    true = ticker(sandbox)
    arm(sandbox, "option_zero_iv")
    shown = ticker(sandbox)
    zero = ("markIv", "bid1Iv", "ask1Iv", "delta", "gamma", "vega", "theta")
    assert {shown[name] for name in zero} == {"0"}
    assert {name for name in true if shown[name] != true[name]} == set(zero)


def test_holes_take_every_second_strike_out_of_the_lists(sandbox: Sandbox) -> None:
    whole = {one["symbol"] for one in rows(sandbox, TICKERS)}
    buy(sandbox, PUT_ID)
    arm(sandbox, "option_holes")
    for path in (TICKERS, INSTRUMENTS):
        left = {one["symbol"] for one in rows(sandbox, path)}
        assert left < whole
        assert 0.4 < len(left) / len(whole) < 0.6
        assert PUT_ID not in left
    assert call(sandbox, "GET", TICKERS, {"category": "option", "symbol": PUT_ID})["retCode"] == 10001
    assert [one["symbol"] for one in rows(sandbox, "/v5/position/list")] == [PUT_ID]
    sell: dict[str, Any] = {"side": "Sell", "reduceOnly": True, "orderLinkId": "out"}
    assert buy(sandbox, PUT_ID, **sell)["retCode"] == 0
    assert rows(sandbox, "/v5/position/list") == []


def test_an_expiry_in_the_past_is_listed_and_quoted_but_refuses_orders(sandbox: Sandbox) -> None:
    arm(sandbox, "option_expired", symbol="*-P-USDT")
    listed = {one["symbol"]: one for one in rows(sandbox, INSTRUMENTS)}
    assert listed[STALE_ID]["status"] == "Trading"
    assert int(listed[STALE_ID]["deliveryTime"]) < sandbox.engine.market_ms
    assert STALE_ID.replace("-P-", "-C-") not in listed
    dear = ticker(sandbox, STALE_ID.replace("90000", "120000"))
    assert (dear["bid1Price"], dear["ask1Price"]) == ("20000", "20005")
    assert ticker(sandbox, STALE_ID)["ask1Price"] == "5"
    assert buy(sandbox, STALE_ID)["retCode"] == 110074
    end(sandbox)
    assert STALE_ID not in {one["symbol"] for one in rows(sandbox, INSTRUMENTS)}


def test_a_fault_that_meets_no_option_is_not_armed(sandbox: Sandbox) -> None:
    for name, one in (("option_crossed", sandbox), ("option_expired", Sandbox(make_engine()))):
        status, body = admin(one, "POST", "fault", {"name": name, "symbol": "DOGE*"})
        assert status == 400
        assert "no option here matches" in body["error"]
    assert admin(sandbox, "GET", "faults")[1] == {"faults": []}


def test_two_of_one_kind_end_one_by_one(sandbox: Sandbox) -> None:
    arm(sandbox, "option_zero_iv", seconds=60)
    arm(sandbox, "option_zero_iv", seconds=120)
    for seconds, expected in ((90, "0"), (60, None)):
        admin(sandbox, "POST", "step", {"seconds": seconds})
        assert (ticker(sandbox)["markIv"] == "0") is (expected == "0")
