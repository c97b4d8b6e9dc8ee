"""The admin API: accounts, prices, time, records; no secret in any answer."""

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.engine.clocks import ScaledClock, VirtualClock
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request
from tests.sandbox.support import SECRET, START_MS, admin, call, decoded, make_engine, open_account

ACCOUNT = {"api_key": "new", "secret": "new-secret", "deposit": 5000}


@pytest.fixture
def sandbox() -> Sandbox:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    return Sandbox(engine)


def test_an_account_with_positions(sandbox: Sandbox) -> None:
    positions = [
        {"symbol": "BTCUSDT", "side": "long", "qty": "0.05", "leverage": 10, "entry_price": 99_000},
        {"symbol": "ETHUSDT", "side": "short", "qty": 0.5, "leverage": 5},
    ]
    status, body = admin(sandbox, "POST", "account", {**ACCOUNT, "positions": positions})
    assert status == 200
    assert [row["side"] for row in body["positions"]] == ["buy", "sell"]
    rows = call(
        sandbox,
        "GET",
        "/v5/position/list",
        {"category": "linear", "settleCoin": "USDT"},
        key="new",
        secret="new-secret",
    )["result"]["list"]
    assert [(row["symbol"], row["avgPrice"], row["leverage"]) for row in rows] == [
        ("BTCUSDT", "99000", "10"),
        ("ETHUSDT", "4000", "5"),
    ]


def test_modes_and_permissions_of_a_new_account(sandbox: Sandbox) -> None:
    wanted = {
        **ACCOUNT,
        "margin_mode": "isolated",
        "position_mode": "hedge",
        "permissions": ["read", "withdraw"],
    }
    assert admin(sandbox, "POST", "account", wanted)[0] == 200
    key: dict[str, Any] = {"key": "new", "secret": "new-secret"}
    assert call(sandbox, "GET", "/v5/account/info", **key)["result"]["marginMode"] == "ISOLATED_MARGIN"
    assert call(sandbox, "GET", "/v5/user/query-api", **key)["result"]["permissions"]["Wallet"] == [
        "Withdraw"
    ]
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}
    assert call(sandbox, "POST", "/v5/order/create", order, **key)["retCode"] == 10005


@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        ("account", {"api_key": "x"}, "secret"),
        ("account", {**ACCOUNT, "deposit": -1}, "deposit"),
        ("account", {**ACCOUNT, "deposit": "NaN"}, "deposit"),
        ("account", {**ACCOUNT, "api_key": ""}, "empty"),
        ("account", {**ACCOUNT, "permissions": ["fly"]}, "fly"),
        ("account", {**ACCOUNT, "api_key": "sandbox-key"}, "exists already"),
        ("account", {**ACCOUNT, "margin_mode": "both"}, "margin_mode"),
        ("account", {**ACCOUNT, "positions": [{"symbol": "BTCUSDT", "side": "up", "qty": 1}]}, "side"),
        ("account", {**ACCOUNT, "positions": [{"symbol": "BTCUSDT", "side": "long", "qty": 0}]}, "qty"),
        ("account", {**ACCOUNT, "positions": [{"symbol": "NOPE", "side": "long", "qty": 1}]}, "positions[0]"),
        ("mark", {"symbol": "BTCUSDT"}, "price"),
        ("mark", {"symbol": "BTCUSDT", "price": 0}, "price"),
        ("mark", {"symbol": "BTCUSDT", "price": "inf"}, "price"),
        ("mark", {"symbol": "NOPE", "price": 1}, "NOPE"),
        ("mark", {"symbol": "BTCUSDT", "prise": 1}, "prise"),
        ("transfer", {"api_key": "nobody", "amount": 1}, "nobody"),
        ("transfer", {"api_key": "sandbox-key", "amount": -1e9}, ""),
        ("step", {"seconds": -1}, "seconds"),
        ("step", {"seconds": "soon"}, "seconds"),
        ("scenario", {"action": "start"}, "virtual"),
        ("scenario", {"action": "stop"}, "start or pause"),
        ("scenario", [], "object"),
    ],
)
def test_bad_bodies_are_400_with_a_sentence(sandbox: Sandbox, name: str, body: Any, complaint: str) -> None:
    status, answer = admin(sandbox, "POST", name, body)
    assert status == 400
    assert complaint in answer["error"]


def test_bodies_that_are_no_json(sandbox: Sandbox) -> None:
    for payload in (b"", b"{", b"\xff"):
        status, answer = decoded(sandbox.handle(Request("POST", "/sandbox/mark", body=payload)))
        assert status == 400
        assert answer["error"]


def test_unknown_calls_and_methods(sandbox: Sandbox) -> None:
    status, answer = admin(sandbox, "GET", "nowhere")
    assert (status, "POST /sandbox/mark" in answer["error"]) == (404, True)
    status, answer = admin(sandbox, "GET", "mark")
    assert (status, answer["error"]) == (405, "/sandbox/mark takes POST, not GET")


def test_marks_hold_until_released(sandbox: Sandbox) -> None:
    _, body = admin(sandbox, "POST", "mark", {"symbol": "BTCUSDT", "price": "90000.5", "index": 90_010})
    assert (body["ticker"]["mark_price"], body["ticker"]["index_price"]) == ("90000.5", "90010")
    admin(sandbox, "POST", "step", {"seconds": 5})
    ticker = call(sandbox, "GET", "/v5/market/tickers", {"category": "linear", "symbol": "BTCUSDT"})
    assert ticker["result"]["list"][0]["markPrice"] == "90000.5"
    admin(sandbox, "POST", "mark", {"symbol": "BTCUSDT", "release": True})
    admin(sandbox, "POST", "step", {"seconds": 5})
    ticker = call(sandbox, "GET", "/v5/market/tickers", {"category": "linear", "symbol": "BTCUSDT"})
    assert ticker["result"]["list"][0]["lastPrice"] == "100000"


def test_virtual_time_moves_by_steps_alone(sandbox: Sandbox) -> None:
    before = call(sandbox, "GET", "/v5/account/info")["time"]
    _, moved = admin(sandbox, "POST", "step", {"seconds": 90})
    assert moved["server_ms"] == before + 90_000
    assert call(sandbox, "GET", "/v5/account/info")["time"] == before + 90_000
    assert not sandbox.advances_itself


def test_a_held_scenario_starts_when_asked() -> None:
    held = Sandbox(make_engine(ScaledClock(START_MS, 1000.0, paused=True)))
    assert held.advances_itself
    assert admin(held, "GET", "state")[1]["paused"]
    assert admin(held, "POST", "step", {"seconds": 1})[0] == 400
    assert admin(held, "POST", "scenario", {"action": "start"})[1]["paused"] is False
    assert admin(held, "POST", "scenario", {"action": "pause"})[1]["paused"] is True
    assert admin(held, "GET", "state")[1]["market_ms"] >= START_MS


def test_transfers_liquidations_and_state(sandbox: Sandbox) -> None:
    _, body = admin(sandbox, "POST", "transfer", {"api_key": "sandbox-key", "amount": "-99000"})
    assert body["entry"]["balance"] == "1000"
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.09"}
    assert call(sandbox, "POST", "/v5/position/set-leverage", {
        "category": "linear", "symbol": "BTCUSDT", "buyLeverage": "50", "sellLeverage": "50",
    })["retCode"] == 0  # fmt: skip
    assert call(sandbox, "POST", "/v5/order/create", order)["retCode"] == 0
    admin(sandbox, "POST", "mark", {"symbol": "BTCUSDT", "price": 80_000})
    (step, *_) = admin(sandbox, "GET", "liquidations")[1]["liquidations"]
    assert step["symbol"] == "BTCUSDT"
    _, state = admin(sandbox, "GET", "state")
    assert state["accounts"][0]["liquidated_ms"] == START_MS
    executions = call(sandbox, "GET", "/v5/execution/list", {"category": "linear", "execType": "BustTrade"})
    assert executions["result"]["list"]
    assert abs(Decimal(state["totals"]["difference"])) < Decimal("1e-6")


def test_no_secret_is_ever_told(sandbox: Sandbox) -> None:
    admin(sandbox, "POST", "account", ACCOUNT)
    told = [
        sandbox.handle(Request("GET", f"/sandbox/{name}")).text
        for name in ("state", "orders", "liquidations")
    ]
    told.append(str(call(sandbox, "GET", "/v5/user/query-api")))
    told.append(repr(sandbox.engine.accounts()))
    assert not any(secret in text for text in told for secret in (SECRET, "new-secret"))


def test_the_order_log_keeps_every_request(sandbox: Sandbox) -> None:
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1"}
    call(sandbox, "POST", "/v5/order/create", {**order, "orderLinkId": "one", "price": "90000"})
    call(sandbox, "POST", "/v5/order/create", {**order, "orderLinkId": "one", "price": "90000"})
    call(
        sandbox, "POST", "/v5/order/cancel", {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "one"}
    )
    call(sandbox, "POST", "/v5/order/create", order, secret="wrong")
    records = admin(sandbox, "GET", "orders")[1]["orders"]
    assert [record["code"] for record in records] == [0, 110072, 0, 10004]
    assert [record["executed"] for record in records] == [True, True, True, False]
    assert records[0]["client_id"] == "one"
    assert records[0]["order_id"] == records[2]["order_id"]
    assert records[0]["time_ms"] == START_MS
    assert records[0]["body"]["price"] == "90000"
