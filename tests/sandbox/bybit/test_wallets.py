"""Wallets, transfers and spot as the venue words them, and through other people's client."""

import uuid
from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.host import Sandbox
from tests.sandbox.support import START_MS, admin, call, ccxt_client, make_engine, open_account, serving

MOVE, LIST = "/v5/asset/transfer/inter-transfer", "/v5/asset/transfer/query-inter-transfer-list"
COINS = "/v5/asset/transfer/query-account-coins-balance"
NAME = str(uuid.UUID(int=7))
OUT = {
    "transferId": NAME,
    "coin": "USDT",
    "amount": "250",
    "fromAccountType": "UNIFIED",
    "toAccountType": "FUND",
}
SELL = {
    "category": "spot",
    "symbol": "ETHUSDT",
    "side": "Sell",
    "orderType": "Market",
    "qty": "0.5",
    "orderLinkId": "mine",
}
ASK: dict[str, Any] = {"category": "spot", "symbol": "ETHUSDT", "orderLinkId": "mine"}


@pytest.fixture
def sandbox() -> Sandbox:
    engine = make_engine(VirtualClock(START_MS))
    account = open_account(engine, permissions=frozenset({"read", "trade", "transfer"}))
    sandbox = Sandbox(engine)
    engine.transfer(account.account_id, "ETH", Decimal(2))
    return sandbox


def test_a_transfer_is_made_once_and_listed(sandbox: Sandbox) -> None:
    answer = call(sandbox, "POST", MOVE, OUT)
    assert answer["result"] == {"transferId": NAME, "status": "SUCCESS"}
    assert call(sandbox, "POST", MOVE, OUT)["retCode"] == 131214
    (row,) = call(sandbox, "GET", LIST, {"transferId": NAME})["result"]["list"]
    assert (row["amount"], row["status"], row["toAccountType"]) == ("250", "SUCCESS", "FUND")
    for nothing in ({"transferId": "x"}, {"coin": "BTC"}, {"status": "PENDING"}, {"startTime": START_MS + 1}):
        assert call(sandbox, "GET", LIST, nothing)["result"]["list"] == []
    balance = call(sandbox, "GET", COINS, {"accountType": "FUND"})["result"]["balance"]
    assert [(one["coin"], one["walletBalance"]) for one in balance] == [("USDT", "250")]
    assert call(sandbox, "GET", COINS, {"accountType": "FUND", "coin": "BTC"})["result"]["balance"] == []
    assert call(sandbox, "GET", COINS, {"accountType": "SPOT"})["retCode"] == 10001


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"transferId": "seven"}, 131203),
        ({"transferId": ""}, 10001),
        ({"amount": "1e9"}, 131212),
        ({"amount": "-1"}, 131203),
        ({"toAccountType": "UNIFIED"}, 131203),
        ({"toAccountType": "SPOT"}, 10001),
    ],
)
def test_transfers_that_are_refused(sandbox: Sandbox, wrong: dict[str, str], code: int) -> None:
    assert call(sandbox, "POST", MOVE, {**OUT, **wrong})["retCode"] == code


def test_a_transfer_needs_its_own_permission() -> None:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    assert call(Sandbox(engine), "POST", MOVE, OUT)["retCode"] == 10005


def test_the_wallet_values_every_coin(sandbox: Sandbox) -> None:
    (row,) = call(sandbox, "GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"})["result"]["list"]
    assert (row["totalEquity"], row["totalWalletBalance"]) == ("108000", "108000")
    assert row["totalMarginBalance"] == "107600"
    assert {one["coin"]: one["usdValue"] for one in row["coin"]} == {"ETH": "8000", "USDT": "100000"}


def test_a_spot_order_is_found_in_every_list(sandbox: Sandbox) -> None:
    placed = call(sandbox, "POST", "/v5/order/create", SELL)["result"]
    assert placed["orderLinkId"] == "mine"
    for path in ("/v5/order/realtime", "/v5/order/history"):
        (row,) = call(sandbox, "GET", path, ASK)["result"]["list"]
        assert (row["orderId"], row["orderStatus"], row["cumExecQty"]) == (placed["orderId"], "Filled", "0.5")
    (fill,) = call(sandbox, "GET", "/v5/execution/list", ASK)["result"]["list"]
    assert (fill["execQty"], fill["feeCurrency"]) == ("0.5", "USDT")
    log = call(sandbox, "GET", "/v5/account/transaction-log", {"accountType": "UNIFIED"})["result"]["list"]
    trades = {(one["currency"], one["category"]) for one in log if one["type"] == "TRADE"}
    assert trades == {("USDT", "spot"), ("ETH", "spot")}
    assert call(sandbox, "GET", "/v5/order/history", {**ASK, "orderLinkId": "no"})["result"]["list"] == []
    assert call(sandbox, "POST", "/v5/order/create", SELL)["retCode"] == 170141


def test_a_limit_that_is_not_met_is_listed_as_cancelled(sandbox: Sandbox) -> None:
    far = {**SELL, "orderType": "Limit", "timeInForce": "IOC", "price": "5000"}
    assert call(sandbox, "POST", "/v5/order/create", far)["retCode"] == 0
    (row,) = call(sandbox, "GET", "/v5/order/history", ASK)["result"]["list"]
    assert (row["orderStatus"], row["rejectReason"]) == ("Cancelled", "EC_NoImmediateQtyToFill")
    assert call(sandbox, "GET", "/v5/execution/list", ASK)["result"]["list"] == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"qty": "9"}, 170131),
        ({"qty": "0.00000001"}, 170137),
        ({"qty": "0.000001"}, 170136),
        ({"qty": "0.0001"}, 170140),
        ({"symbol": "NOPE"}, 170121),
        ({"orderType": "Limit", "price": "4000"}, 10001),
        ({"orderType": "Limit", "timeInForce": "IOC"}, 10001),
        ({"marketUnit": "quoteCoin"}, 10001),
    ],
)
def test_spot_orders_that_are_refused(sandbox: Sandbox, wrong: dict[str, str], code: int) -> None:
    assert call(sandbox, "POST", "/v5/order/create", {**SELL, **wrong})["retCode"] == code


def test_an_account_may_open_with_coins(sandbox: Sandbox) -> None:
    body = {"api_key": "new", "secret": "s", "deposit": 5000, "coins": {"BTC": "0.5"}}
    status, made = admin(sandbox, "POST", "account", body)
    assert status == 200
    assert {one["coin"]: one["wallet_balance"] for one in made["wallet"]["coins"]} == {
        "BTC": "0.5",
        "USDT": "5000",
    }
    for wrong in ({"BTC": "-1"}, {"BTC": "1e99"}):
        assert admin(sandbox, "POST", "account", {**body, "api_key": "other", "coins": wrong})[0] == 400


async def test_an_unmodified_client_moves_money_and_sells_coins() -> None:
    async with serving(permissions=frozenset({"read", "trade", "transfer"})) as running:
        running.engine.transfer(running.account.account_id, "ETH", Decimal(2))
        async with ccxt_client(running.url) as client:
            made = await client.transfer("USDT", 100, "UNIFIED", "FUND")
            assert made["status"] == "ok"
            (listed,) = await client.fetch_transfers("USDT")
            assert (listed["id"], listed["amount"]) == (made["id"], 100.0)
            sold = await client.create_order("ETH/USDT", "market", "sell", 0.5)
            found = await client.fetch_closed_order(sold["id"], "ETH/USDT")
            assert (found["status"], found["filled"]) == ("closed", 0.5)
