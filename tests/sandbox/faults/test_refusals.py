"""Faults that refuse: which requests, with which codes, and for how long."""

from typing import Any

import pytest

from bot.sandbox.host import Sandbox
from tests.sandbox.faults.support import (
    AMEND,
    BID,
    BUY,
    CANCEL,
    CREATE,
    LINEAR,
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
from tests.sandbox.support import call


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


def placed(sandbox: Sandbox, order: dict[str, Any]) -> str:
    answer = call(sandbox, "POST", CREATE, order)
    assert answer["retCode"] == 0, answer
    return str(answer["result"]["orderId"])


def test_overload_leaves_the_reducing_lane_open(sandbox: Sandbox) -> None:
    assert code(sandbox, CREATE, {**BUY, "qty": "0.3"}) == 0
    bid = placed(sandbox, BID)
    offer = placed(sandbox, {**SELL_ALL, "orderType": "Limit", "price": "110000"})
    arm(sandbox, "overload")
    assert code(sandbox, CREATE, BUY) == 10429
    assert code(sandbox, STOP, POSITION_STOP) == 10429
    named = {"category": "linear", "symbol": "BTCUSDT"}
    assert code(sandbox, AMEND, {**named, "orderId": bid, "price": "89000"}) == 10429
    assert strikes(sandbox) == [3]
    assert code(sandbox, AMEND, {**named, "orderId": offer, "price": "111000"}) == 0
    assert code(sandbox, CREATE, SELL_ALL) == 0
    assert code(sandbox, CREATE, STOP_ORDER) == 0
    assert code(sandbox, CANCEL, {**named, "orderId": bid}) == 0
    assert len(listed(sandbox, POSITIONS)) == 1
    assert strikes(sandbox) == [3]
    assert float(position(sandbox)) == 0.2


def test_overload_refuses_amendments_of_nobody_and_of_nothing(sandbox: Sandbox) -> None:
    arm(sandbox, "overload")
    unknown = {"category": "linear", "symbol": "BTCUSDT", "orderId": "no-such-order", "price": "1"}
    assert code(sandbox, AMEND, unknown) == 10429
    assert code(sandbox, AMEND, unknown, key="nobody") == 10429


def test_duplicate_takes_the_order_first(sandbox: Sandbox) -> None:
    arm(sandbox, "duplicate", count=1)
    order = {**BUY, "orderLinkId": "mine-1"}
    assert code(sandbox, CREATE, order) == 110072
    assert float(position(sandbox)) == 0.1
    assert code(sandbox, CREATE, order) == 110072
    assert float(position(sandbox)) == 0.1
    assert code(sandbox, CREATE, {**order, "orderLinkId": "mine-2"}) == 0


def test_duplicate_does_not_cover_a_true_refusal(sandbox: Sandbox) -> None:
    arm(sandbox, "duplicate")
    assert code(sandbox, CREATE, {**BUY, "qty": "0.00001"}) == 10001


def test_maintenance_refuses_what_is_private_while_it_lasts(sandbox: Sandbox) -> None:
    arm(sandbox, "maintenance", seconds=60)
    for _ in range(2):
        assert call(sandbox, "GET", POSITIONS, LINEAR)["retCode"] == 110066
        assert code(sandbox, CREATE, BUY) == 110066
    assert call(sandbox, "GET", "/v5/market/time")["retCode"] == 0
    assert call(sandbox, "GET", "/v5/market/tickers", {"category": "linear"})["retCode"] == 0
    step(sandbox, 59)
    assert code(sandbox, CREATE, BUY) == 110066
    step(sandbox, 1)
    assert code(sandbox, CREATE, BUY) == 0
    assert strikes(sandbox) == []


def test_maintenance_with_another_code(sandbox: Sandbox) -> None:
    arm(sandbox, "maintenance", code=10016, message="Service is restarting.")
    answer = call(sandbox, "GET", POSITIONS, LINEAR)
    assert (answer["retCode"], answer["retMsg"]) == (10016, "Service is restarting.")


def test_post_only_stage(sandbox: Sandbox) -> None:
    arm(sandbox, "post_only", api_key="sandbox-key")
    assert code(sandbox, CREATE, BUY) == 110103
    assert code(sandbox, CREATE, BID) == 110103
    assert code(sandbox, CREATE, {**BID, "timeInForce": "PostOnly"}) == 0
    assert listed(sandbox, POSITIONS) == []
    assert code(sandbox, CREATE, BUY, **SIDE) == 0
    assert strikes(sandbox) == [2]


def test_position_stops_refused(sandbox: Sandbox) -> None:
    assert code(sandbox, CREATE, BUY) == 0
    assert code(sandbox, STOP, POSITION_STOP) == 0
    arm(sandbox, "refused_order_type")
    assert code(sandbox, STOP, {**POSITION_STOP, "stopLoss": "91000"}) == 110099
    assert code(sandbox, CREATE, {**BUY, "stopLoss": "91000"}) == 110099
    assert strikes(sandbox) == [2]
    assert code(sandbox, STOP, {**POSITION_STOP, "stopLoss": "0"}) == 0
    assert code(sandbox, CREATE, STOP_ORDER) == 0
    assert code(sandbox, CREATE, BUY) == 0
    assert strikes(sandbox) == [2]


def test_conditional_orders_refused(sandbox: Sandbox) -> None:
    assert code(sandbox, CREATE, BUY) == 0
    arm(sandbox, "refused_order_type", variant="conditional", code=10001)
    assert code(sandbox, CREATE, STOP_ORDER) == 10001
    assert code(sandbox, STOP, POSITION_STOP) == 0
    assert code(sandbox, CREATE, SELL_ALL) == 0


@pytest.mark.parametrize(("given", "seen"), [({}, 10010), ({"code": 10003}, 10003), ({"code": 10005}, 10005)])
def test_permission_lost_by_one_key(sandbox: Sandbox, given: dict[str, Any], seen: int) -> None:
    arm(sandbox, "permission_lost", api_key="sandbox-key", **given)
    assert call(sandbox, "GET", POSITIONS, LINEAR)["retCode"] == seen
    assert code(sandbox, CREATE, BUY) == seen
    assert code(sandbox, CREATE, BUY, **SIDE) == 0
    assert call(sandbox, "GET", "/v5/market/time")["retCode"] == 0
