"""Faults of an account, seen by signed requests."""

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.host import Sandbox
from tests.sandbox.faults.support import (
    BUY,
    CREATE,
    FILLS,
    HISTORY,
    POSITION_STOP,
    POSITIONS,
    SELL_ALL,
    SIDE,
    STOP,
    STOP_ORDER,
    arm,
    code,
    listed,
    make_sandbox,
    position,
    step,
    strikes,
)
from tests.sandbox.support import KEY, admin, call

WALLET = "/v5/account/wallet-balance"
LIMIT_SELL: dict[str, Any] = {**SELL_ALL, "orderType": "Limit", "price": "120000"}


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


def end(sandbox: Sandbox) -> None:
    assert admin(sandbox, "DELETE", "faults")[1] == {"cleared": 1}


def legs(sandbox: Sandbox) -> dict[int, str]:
    return {row["positionIdx"]: row["size"] for row in listed(sandbox, POSITIONS)}


def wallet(sandbox: Sandbox, **how: Any) -> dict[str, Any]:
    answer = call(sandbox, "GET", WALLET, {"accountType": "UNIFIED"}, **how)
    return dict(answer["result"]["list"][0])


def test_the_position_is_closed_just_before_the_order(sandbox: Sandbox) -> None:
    for how in ({}, SIDE):
        code(sandbox, CREATE, BUY, **how)
    arm(sandbox, "closed_outside", api_key=KEY)
    answer = call(sandbox, "POST", CREATE, SELL_ALL)
    assert (answer["retCode"], "position is zero" in answer["retMsg"]) == (110017, True)
    assert position(sandbox) == 0
    row = listed(sandbox, FILLS)[0]
    assert (row["execType"], row["createType"], row["orderLinkId"]) == ("Trade", "CreateByUser", "")
    assert (row["side"], row["closedSize"]) == ("Sell", "0.1")
    assert strikes(sandbox) == [1]
    assert code(sandbox, CREATE, SELL_ALL) == 110017
    assert strikes(sandbox) == [1]
    assert code(sandbox, CREATE, SELL_ALL, **SIDE) == 0


def test_nothing_is_closed_for_strangers_and_symbols_that_are_none(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    arm(sandbox, "closed_outside")
    assert code(sandbox, CREATE, {**SELL_ALL, "symbol": "NOUSDT"}) == 10001
    assert code(sandbox, CREATE, SELL_ALL, key="nobody") == 10003
    assert float(position(sandbox)) == 0.1


@pytest.mark.parametrize(("value", "left"), [("0.05", "0.15"), ("-0.05", "0.05"), ("-0.3", "0.2")])
def test_the_owner_trades_by_hand(sandbox: Sandbox, value: str, left: str) -> None:
    code(sandbox, CREATE, BUY)
    arm(sandbox, "manual_trade", symbol="BTCUSDT", value=value, count=1)
    (row,) = listed(sandbox, POSITIONS)
    assert (row["size"], row["side"]) == (left, "Sell" if value == "-0.3" else "Buy")
    fill = listed(sandbox, FILLS)[0]
    assert (fill["execType"], fill["createType"]) == ("Trade", "CreateByUser")
    assert len(listed(sandbox, FILLS)) == 2
    assert strikes(sandbox) == [1]


def test_an_owner_whom_the_venue_refuses_does_not_trade(sandbox: Sandbox) -> None:
    arm(sandbox, "manual_trade", symbol="BTCUSDT", value="0.00001")
    arm(sandbox, "manual_trade", symbol="BTCUSDT", value="1000")
    arm(sandbox, "manual_trade", symbol="NOUSDT", value="1")
    assert listed(sandbox, POSITIONS) == []
    call(sandbox, "GET", "/v5/market/time")
    assert strikes(sandbox) == [0, 0, 0]


def test_deleveraging_is_told_as_such(sandbox: Sandbox) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        code(sandbox, CREATE, {**BUY, "symbol": symbol})
    arm(sandbox, "adl", symbol="BTCUSDT", share="0.4", count=1)
    sizes = {row["symbol"]: row["size"] for row in listed(sandbox, POSITIONS)}
    assert sizes == {"BTCUSDT": "0.06", "ETHUSDT": "0.1"}
    (fill,) = listed(sandbox, FILLS, execType="AdlTrade")
    assert (fill["createType"], fill["execQty"], fill["execFee"]) == ("CreateByAdl_PassThrough", "0.04", "0")
    (order,) = listed(sandbox, HISTORY, orderId=fill["orderId"])
    assert order["createType"] == "CreateByAdl_PassThrough"
    log = call(sandbox, "GET", "/v5/account/transaction-log", {"type": "ADL"})["result"]["list"]
    assert [row["qty"] for row in log] == ["0.04"]
    end(sandbox)
    arm(sandbox, "adl", share="1", count=1)
    assert listed(sandbox, POSITIONS) == []
    assert strikes(sandbox) == [1]


def test_reduce_only_orders_are_blocked_by_resting_ones(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    code(sandbox, STOP, POSITION_STOP)
    arm(sandbox, "reduce_only_blocked", api_key=KEY)
    assert code(sandbox, CREATE, {**LIMIT_SELL, "qty": "0.04"}) == 0
    answer = call(sandbox, "POST", CREATE, {**SELL_ALL, "qty": "0.07"})
    assert answer["retCode"] == 110017
    assert "position is zero" not in answer["retMsg"]
    assert "zero position" not in answer["retMsg"]
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.06"}) == 0
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.01"}) == 110017
    end(sandbox)
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.01"}) == 0


def test_a_waiting_stop_order_blocks_and_a_position_stop_does_not(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    arm(sandbox, "reduce_only_blocked", seconds=30)
    assert code(sandbox, CREATE, STOP_ORDER) == 0
    assert code(sandbox, CREATE, SELL_ALL) == 110017
    step(sandbox, 30)
    assert code(sandbox, CREATE, SELL_ALL) == 0


def test_the_position_mode_changes_at_run_time_and_back(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    arm(sandbox, "position_mode", api_key=KEY)
    assert legs(sandbox) == {1: "0.1"}
    answer = call(sandbox, "POST", CREATE, SELL_ALL)
    assert (answer["retCode"], "position idx not match position mode" in answer["retMsg"]) == (10001, True)
    assert code(sandbox, STOP, POSITION_STOP) == 10001
    assert code(sandbox, STOP, {**POSITION_STOP, "positionIdx": 1}) == 0
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.04", "positionIdx": 1}) == 0
    assert code(sandbox, CREATE, BUY, **SIDE) == 0
    end(sandbox)
    assert legs(sandbox) == {0: "0.06"}
    assert code(sandbox, CREATE, SELL_ALL) == 0


def test_the_position_mode_of_one_market(sandbox: Sandbox) -> None:
    arm(sandbox, "position_mode", symbol="BTCUSDT", seconds=10)
    assert code(sandbox, CREATE, BUY) == 10001
    assert code(sandbox, CREATE, {**BUY, "positionIdx": 2, "side": "Sell"}) == 0
    assert code(sandbox, CREATE, {**BUY, "symbol": "ETHUSDT"}) == 0
    assert code(sandbox, CREATE, {**BUY, "positionIdx": 1}) == 0
    step(sandbox, 10)
    assert sorted(legs(sandbox)) == [0, 1, 2]


def test_a_reduction_opens_the_opposite_side(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    arm(sandbox, "opposite_side", api_key=KEY)
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.04", "orderLinkId": "turned"}) == 0
    (row,) = listed(sandbox, HISTORY, orderLinkId="turned")
    assert (row["reduceOnly"], row["positionIdx"], row["orderStatus"]) == (False, 2, "Filled")
    assert legs(sandbox) == {1: "0.1", 2: "0.04"}
    end(sandbox)
    assert code(sandbox, CREATE, {**SELL_ALL, "qty": "0.04", "positionIdx": 1}) == 0
    assert legs(sandbox) == {1: "0.06", 2: "0.04"}


def test_a_haircut_takes_value_and_leaves_coins_and_positions(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, BUY)
    before, other = wallet(sandbox), wallet(sandbox, **SIDE)
    (held,) = listed(sandbox, POSITIONS)
    arm(sandbox, "haircut", api_key=KEY, share="0.25")
    after = wallet(sandbox)
    cut = Decimal(before["totalWalletBalance"]) / 4
    for name in ("totalWalletBalance", "totalEquity", "totalMarginBalance"):
        assert Decimal(after[name]) == Decimal(before[name]) - cut
    (coin,) = after["coin"]
    assert coin["walletBalance"] == before["coin"][0]["walletBalance"]
    assert coin["equity"] == before["coin"][0]["equity"]
    assert Decimal(coin["usdValue"]) == Decimal(before["totalEquity"]) - cut
    assert after["totalMaintenanceMargin"] == before["totalMaintenanceMargin"]
    assert Decimal(after["accountMMRate"]) > Decimal(before["accountMMRate"])
    (still,) = listed(sandbox, POSITIONS)
    assert still["size"] == held["size"]
    assert wallet(sandbox, **SIDE) == other
    end(sandbox)
    assert wallet(sandbox) == before


def test_a_haircut_can_liquidate(sandbox: Sandbox) -> None:
    code(sandbox, CREATE, {**BUY, "qty": "9"})
    arm(sandbox, "haircut", share="0.99")
    assert sandbox.engine.liquidations()
    assert position(sandbox) < 9


@pytest.mark.parametrize("name", ["reduce_only_blocked", "position_mode", "opposite_side"])
def test_an_account_that_is_none_is_refused(sandbox: Sandbox, name: str) -> None:
    status, answer = admin(sandbox, "POST", "fault", {"name": name, "api_key": "nobody"})
    assert (status, "belongs to no account" in answer["error"]) == (400, True)
    assert strikes(sandbox) == []
