"""Parameters and filters of single calls, without a network."""

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request
from tests.sandbox.support import START_MS, admin, call, decoded, make_engine, open_account

LINEAR = {"category": "linear"}
USDT = {**LINEAR, "settleCoin": "USDT"}
BTC = {**LINEAR, "symbol": "BTCUSDT"}
BUY = {**BTC, "side": "Buy", "orderType": "Market", "qty": "0.1"}
DAY_MS = 86_400_000
FUNDING_MS = START_MS // (DAY_MS // 3) * (DAY_MS // 3) + DAY_MS // 3


@pytest.fixture
def sandbox() -> Sandbox:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    return Sandbox(engine)


def public(sandbox: Sandbox, path: str, query: str) -> dict[str, Any]:
    body = decoded(sandbox.handle(Request("GET", path, query)))[1]
    assert isinstance(body, dict)
    return body


def listed(sandbox: Sandbox, path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    body = call(sandbox, "GET", path, params)
    assert body["retCode"] == 0, body
    found = body["result"]["list"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v5/market/tickers", ""),
        ("/v5/market/tickers", "category=margin"),
        ("/v5/market/tickers", "category=linear&symbol=NOPE"),
        ("/v5/market/orderbook", "category=linear"),
        ("/v5/market/orderbook", "category=spot&symbol=BTCUSDT"),
        ("/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=0"),
        ("/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=many"),
        ("/v5/market/kline", "category=linear&symbol=BTCUSDT"),
        ("/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=7"),
        ("/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=5&start=soon"),
        ("/v5/market/funding/history", "category=linear&symbol=BTCUSDT&startTime=1"),
    ],
)
def test_bad_queries(sandbox: Sandbox, path: str, query: str) -> None:
    assert public(sandbox, path, query)["retCode"] == 10001


def test_a_kline_without_category_is_linear(sandbox: Sandbox) -> None:
    assert len(public(sandbox, "/v5/market/kline", "symbol=BTCUSDT&interval=5")["result"]["list"]) == 200


def test_lists_of_a_base_coin(sandbox: Sandbox) -> None:
    tickers = public(sandbox, "/v5/market/tickers", "category=linear&baseCoin=ETH")["result"]["list"]
    assert [row["symbol"] for row in tickers] == ["ETHUSDT"]
    fees = listed(sandbox, "/v5/account/fee-rate", {**LINEAR, "baseCoin": "ETH"})
    assert [(row["symbol"], row["takerFeeRate"]) for row in fees] == [("ETHUSDT", "0.00055")]
    assert listed(sandbox, "/v5/account/fee-rate", {"category": "spot"}) == []


def test_funding_settles_and_is_told() -> None:
    engine = make_engine(VirtualClock(FUNDING_MS - 5_000))
    open_account(engine)
    sandbox = Sandbox(engine)
    assert call(sandbox, "POST", "/v5/order/create", BUY)["retCode"] == 0
    admin(sandbox, "POST", "step", {"seconds": 10})
    rates = public(sandbox, "/v5/market/funding/history", "category=linear&symbol=BTCUSDT")["result"]["list"]
    assert rates[0]["fundingRate"] == "0.0001"
    (paid,) = listed(sandbox, "/v5/execution/list", {**LINEAR, "execType": "Funding"})
    assert Decimal(paid["execFee"]) == pytest.approx(Decimal("0.1") * 100_000 * Decimal("0.0001"))
    (entry,) = listed(sandbox, "/v5/account/transaction-log", {"type": "SETTLEMENT", "currency": "USDT"})
    assert Decimal(entry["funding"]) == Decimal(entry["change"]) == -Decimal(paid["execFee"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": ""},
        {"side": "Long"},
        {"side": True},
        {"orderType": "Stop"},
        {"orderType": "Limit"},
        {"qty": "lots"},
        {"qty": "NaN"},
        {"qty": "1e400"},
        {"qty": "0"},
        {"qty": "-1"},
        {"qty": "0.00001"},
        {"qty": ["1"]},
        {"positionIdx": 1},
        {"positionIdx": 7},
        {"timeInForce": "DAY"},
        {"reduceOnly": "perhaps"},
        {"triggerBy": "OraclePrice"},
        {"triggerDirection": 3},
        {"tpslMode": "Partial", "stopLoss": "90000"},
        {"slLimitPrice": "90000"},
        {"orderLinkId": "x" * 37},
        {"symbol": "NOPE"},
        {"category": "inverse"},
        {"category": ""},
    ],
)
def test_orders_that_cannot_be_read(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    answer = call(sandbox, "POST", "/v5/order/create", {**BUY, **wrong})
    assert answer["retCode"] == 10001, answer
    assert sandbox.engine.executions(sandbox.engine.accounts()[0].account_id) == []


def test_flags_as_text_and_stops_on_the_wrong_side(sandbox: Sandbox) -> None:
    assert call(sandbox, "POST", "/v5/order/create", {**BUY, "reduceOnly": "false"})["retCode"] == 0
    assert (
        call(sandbox, "POST", "/v5/order/create", {**BUY, "side": "Sell", "reduceOnly": "true"})["retCode"]
        == 0
    )
    late = {**BUY, "triggerPrice": "90000", "triggerDirection": 1}
    assert call(sandbox, "POST", "/v5/order/create", late)["retCode"] == 110092
    early = {**BUY, "triggerPrice": "110000", "triggerDirection": 2}
    assert call(sandbox, "POST", "/v5/order/create", early)["retCode"] == 110093
    none = {**BUY, "qty": "0", "reduceOnly": True, "closeOnTrigger": True}
    assert call(sandbox, "POST", "/v5/order/create", none)["retCode"] == 110017


def test_order_filters(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/v5/order/create", BUY)
    stop = {**BUY, "side": "Sell", "triggerPrice": "95000", "triggerDirection": 2, "orderLinkId": "stop"}
    rest = {**BUY, "orderType": "Limit", "price": "90000", "orderLinkId": "rest"}
    for order in (stop, rest):
        assert call(sandbox, "POST", "/v5/order/create", order)["retCode"] == 0
    attached = {**BTC, "takeProfit": "120000", "tpslMode": "Full", "positionIdx": 0}
    assert call(sandbox, "POST", "/v5/position/trading-stop", attached)["retCode"] == 0
    found = {
        name: {
            row["stopOrderType"]
            for row in listed(sandbox, "/v5/order/realtime", {**USDT, "orderFilter": name})
        }
        for name in ("Order", "StopOrder", "tpslOrder")
    }
    assert found == {"Order": {""}, "StopOrder": {"Stop", "TakeProfit"}, "tpslOrder": {"TakeProfit"}}
    assert len(listed(sandbox, "/v5/order/realtime", {**LINEAR, "baseCoin": "BTC"})) == 3
    assert len(listed(sandbox, "/v5/order/realtime", {**USDT, "openOnly": 1})) == 4
    assert [
        row["orderLinkId"] for row in listed(sandbox, "/v5/order/realtime", {**LINEAR, "orderLinkId": "rest"})
    ] == ["rest"]
    assert call(sandbox, "GET", "/v5/order/realtime", LINEAR)["retCode"] == 10001
    assert call(sandbox, "GET", "/v5/order/realtime", {**USDT, "orderFilter": "Any"})["retCode"] == 10001
    assert listed(sandbox, "/v5/order/realtime", {"category": "option"}) == []
    closed = call(sandbox, "POST", "/v5/order/cancel-all", {**USDT, "orderFilter": "Order"})["result"]["list"]
    assert [row["orderLinkId"] for row in closed] == ["rest"]
    assert call(sandbox, "POST", "/v5/order/cancel-all", {"category": "spot"})["result"]["list"] == []
    assert call(sandbox, "POST", "/v5/order/cancel-all", LINEAR)["retCode"] == 10001
    history = listed(sandbox, "/v5/order/history", {**BTC, "orderStatus": "Cancelled"})
    assert [row["orderLinkId"] for row in history] == ["rest"]
    assert listed(sandbox, "/v5/order/history", {"category": "spot"}) == []
    assert listed(sandbox, "/v5/execution/list", {"category": "spot"}) == []


def test_amending_a_stop(sandbox: Sandbox) -> None:
    stop = {
        **BUY,
        "triggerPrice": "110000",
        "triggerDirection": 1,
        "triggerBy": "MarkPrice",
        "orderLinkId": "up",
    }
    call(sandbox, "POST", "/v5/order/create", stop)
    change = {**BTC, "orderLinkId": "up", "triggerPrice": "111000"}
    assert call(sandbox, "POST", "/v5/order/amend", {**change, "triggerBy": "LastPrice"})["retCode"] == 10001
    assert call(sandbox, "POST", "/v5/order/amend", {**change, "stopLoss": "1"})["retCode"] == 10001
    assert call(sandbox, "POST", "/v5/order/amend", {**BTC, "orderLinkId": "up"})["retCode"] == 10001
    assert call(sandbox, "POST", "/v5/order/amend", {**change, "triggerBy": "MarkPrice"})["retCode"] == 0
    (row,) = listed(sandbox, "/v5/order/realtime", USDT)
    assert (row["triggerPrice"], row["triggerBy"]) == ("111000", "MarkPrice")


def test_windows_of_at_most_seven_days(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/v5/order/create", BUY)
    long = {**LINEAR, "startTime": START_MS - 8 * DAY_MS, "endTime": START_MS}
    for path in ("/v5/execution/list", "/v5/order/history", "/v5/account/transaction-log"):
        assert call(sandbox, "GET", path, long)["retCode"] == 10001
        assert len(listed(sandbox, path, {**LINEAR, "startTime": START_MS - DAY_MS})) >= 1
        assert len(listed(sandbox, path, {**LINEAR, "endTime": START_MS + DAY_MS})) >= 1
        assert listed(sandbox, path, {**LINEAR, "startTime": 0, "endTime": DAY_MS}) == []


def test_position_calls_with_missing_parameters(sandbox: Sandbox) -> None:
    assert call(sandbox, "GET", "/v5/position/list", LINEAR)["retCode"] == 10001
    assert call(sandbox, "GET", "/v5/position/list", {"category": "inverse"})["result"]["list"] == []
    assert listed(sandbox, "/v5/position/list", {**LINEAR, "baseCoin": "BTC"}) == []
    assert call(sandbox, "POST", "/v5/position/switch-mode", {**LINEAR, "mode": 3})["retCode"] == 10001
    assert call(sandbox, "POST", "/v5/position/switch-mode", {**BTC, "mode": 1})["retCode"] == 10001
    stop = {**BTC, "tpslMode": "Full", "positionIdx": 0}
    assert call(sandbox, "POST", "/v5/position/trading-stop", stop)["retCode"] == 10001
    flat = call(sandbox, "POST", "/v5/position/trading-stop", {**stop, "stopLoss": "90000"})
    assert (flat["retCode"], "zero position" in flat["retMsg"]) == (10001, True)
    trailing = call(sandbox, "POST", "/v5/position/trading-stop", {**stop, "trailingStop": "100"})
    assert trailing["retCode"] == 10001
    assert call(sandbox, "POST", "/v5/position/set-leverage", BTC)["retCode"] == 10001
    assert call(sandbox, "POST", "/v5/order/cancel", BTC)["retCode"] == 10001


def test_coins_of_the_wallet(sandbox: Sandbox) -> None:
    rows = call(sandbox, "GET", "/v5/asset/coin/query-info", {"coin": "BTC"})["result"]["rows"]
    assert [row["coin"] for row in rows] == ["BTC"]
    (wallet,) = listed(sandbox, "/v5/account/wallet-balance", {"accountType": "UNIFIED", "coin": "BTC"})
    assert wallet["coin"] == []
    assert wallet["totalEquity"] == "100000"


def test_account_names_that_are_no_numbers_have_a_user_id() -> None:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine, account_id="fund-a")
    answer = call(Sandbox(engine), "GET", "/v5/user/query-api")
    assert answer["result"]["userID"] > 0
