"""Markets whose contract is not one coin: every quantity on the wire is in contracts, all money is right."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.sandbox.host import Sandbox
from tests.sandbox.faults.support import arm, listed, make_sandbox
from tests.sandbox.support import admin, call

CREATE, AMEND = "/v5/order/create", "/v5/order/amend"
ETH: dict[str, Any] = {"category": "linear", "symbol": "ETHUSDT"}
COINS = Decimal(20)


@pytest.fixture(params=["0.01", "10", "100"])
def contract(request: pytest.FixtureRequest) -> Decimal:
    return Decimal(request.param)


@pytest.fixture
def sandbox(contract: Decimal) -> Sandbox:
    made = make_sandbox()
    arm(made, "contract_size", symbol="ETHUSDT", value=str(contract))
    return made


def text(value: Decimal) -> str:
    return format(value.normalize(), "f")


def send(sandbox: Sandbox, contracts: Decimal, path: str = CREATE, **more: Any) -> dict[str, Any]:
    order = {**ETH, "side": "Buy", "orderType": "Market", "qty": text(contracts), **more}
    answer = call(sandbox, "POST", path, order)
    assert answer["retCode"] == 0, answer
    return dict(answer["result"])


def public(sandbox: Sandbox, name: str, **more: Any) -> dict[str, Any]:
    return dict(call(sandbox, "GET", f"/v5/market/{name}", {**ETH, **more})["result"])


def test_filters_are_in_contracts_and_the_size_is_told(sandbox: Sandbox, contract: Decimal) -> None:
    (row,) = public(sandbox, "instruments-info")["list"]
    assert row["contractSize"] == text(contract)
    assert row["lotSizeFilter"]["qtyStep"] == text(Decimal("0.01") / contract)
    assert row["lotSizeFilter"]["minOrderQty"] == text(Decimal("0.01") / contract)
    assert row["lotSizeFilter"]["maxOrderQty"] == text(Decimal(7240) / contract)
    assert row["lotSizeFilter"]["minNotionalValue"] == "5"
    others = call(sandbox, "GET", "/v5/market/instruments-info", {"category": "linear"})["result"]["list"]
    assert [one["symbol"] for one in others if "contractSize" in one] == ["ETHUSDT"]


def test_positions_fills_and_orders_are_in_contracts_and_money_is_not(
    sandbox: Sandbox, contract: Decimal
) -> None:
    contracts = COINS / contract
    send(sandbox, contracts)
    (position,) = listed(sandbox, "/v5/position/list")
    assert Decimal(position["size"]) == contracts
    value = Decimal(position["avgPrice"]) * COINS
    assert Decimal(position["positionValue"]) == value
    assert Decimal(position["markPrice"]) == 4_000
    fills = listed(sandbox, "/v5/execution/list")
    assert sum(Decimal(one["execQty"]) for one in fills) == contracts
    assert sum(Decimal(one["execValue"]) for one in fills) == value
    (order,) = listed(sandbox, "/v5/order/history")
    assert (Decimal(order["qty"]), Decimal(order["cumExecQty"])) == (contracts, contracts)
    assert Decimal(order["cumExecValue"]) == value
    assert order["avgPrice"] == position["avgPrice"]
    log = call(sandbox, "GET", "/v5/account/transaction-log", {"type": "TRADE"})["result"]["list"]
    assert sum(Decimal(one["qty"]) for one in log) == contracts
    assert abs(sandbox.engine.totals().difference) < Decimal("1e-5")


def test_resting_orders_are_amended_and_reduced_in_contracts(sandbox: Sandbox, contract: Decimal) -> None:
    contracts = COINS / contract
    ids = send(sandbox, contracts, orderType="Limit", price="3000")
    (order,) = listed(sandbox, "/v5/order/realtime")
    assert Decimal(order["qty"]) == Decimal(order["leavesQty"]) == contracts
    assert Decimal(order["leavesValue"]) == COINS * 3000
    call(sandbox, "POST", AMEND, {**ETH, **ids, "qty": text(contracts / 2)})
    (order,) = listed(sandbox, "/v5/order/realtime")
    assert Decimal(order["qty"]) == contracts / 2
    send(sandbox, contracts)
    send(sandbox, contracts / 4, side="Sell", reduceOnly=True)
    (position,) = listed(sandbox, "/v5/position/list")
    assert Decimal(position["size"]) == contracts * 3 / 4
    last = listed(sandbox, "/v5/execution/list")[0]
    assert Decimal(last["closedSize"]) == Decimal(last["execQty"])
    send(sandbox, Decimal(0), side="Sell", reduceOnly=True, closeOnTrigger=True)
    assert listed(sandbox, "/v5/position/list") == []


def test_the_market_is_in_contracts(sandbox: Sandbox, contract: Decimal) -> None:
    plain = make_sandbox()
    for one, contracts in ((plain, COINS), (sandbox, COINS / contract)):
        send(one, contracts)
    (mine,), (theirs,) = public(sandbox, "tickers")["list"], public(plain, "tickers")["list"]
    for name in ("openInterest", "volume24h", "bid1Size", "ask1Size"):
        assert Decimal(mine[name]) * contract == Decimal(theirs[name]) > 0
    for name in ("openInterestValue", "turnover24h", "markPrice", "ask1Price"):
        assert mine[name] == theirs[name]
    book, other = public(sandbox, "orderbook"), public(plain, "orderbook")
    assert [[price, Decimal(size) * contract] for price, size in book["a"]] == [
        [price, Decimal(size)] for price, size in other["a"]
    ]
    candle, same = (public(one, "kline", interval="1")["list"][0] for one in (sandbox, plain))
    assert (Decimal(candle[5]) * contract, candle[6]) == (Decimal(same[5]), same[6])
    assert len(public(sandbox, "mark-price-kline", interval="1")["list"][0]) == 5


def test_streams_are_in_contracts(sandbox: Sandbox, contract: Decimal) -> None:
    received: list[dict[str, Any]] = []
    stream = sandbox.open_stream("/v5/public/linear", received.append)
    assert stream is not None
    topics = ["publicTrade.ETHUSDT", "kline.1.ETHUSDT", "tickers.ETHUSDT"]
    stream.receive(msgspec.json.encode({"op": "subscribe", "args": topics}).decode())
    send(sandbox, COINS / contract)
    trades = [one["data"][0] for one in received if one.get("topic") == topics[0]]
    assert sum(Decimal(one["v"]) for one in trades) == COINS / contract
    candle = [one["data"][0] for one in received if one.get("topic") == topics[1]][-1]
    assert Decimal(candle["volume"]) >= COINS / contract
    ticker = {
        key: value for one in received if one.get("topic") == topics[2] for key, value in one["data"].items()
    }
    assert Decimal(ticker["openInterest"]) == COINS / contract


def test_a_step_is_given_in_contracts_and_the_end_gives_coins_again(
    sandbox: Sandbox, contract: Decimal
) -> None:
    arm(sandbox, "qty_step", symbol="ETHUSDT", value="1")
    (row,) = public(sandbox, "instruments-info")["list"]
    assert row["lotSizeFilter"]["qtyStep"] == "1"
    assert sandbox.engine.instrument("ETHUSDT").qty_step == contract
    arm(sandbox, "manual_trade", symbol="ETHUSDT", value="1", count=1)
    (position,) = listed(sandbox, "/v5/position/list")
    assert position["size"] == "1"
    assert admin(sandbox, "DELETE", "faults")[1] == {"cleared": 3}
    (position,) = listed(sandbox, "/v5/position/list")
    assert position["size"] == text(contract)
