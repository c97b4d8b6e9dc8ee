"""Faults of what the venue shows: the lists lie, the account is as it is."""

from typing import Any

import pytest

from bot.sandbox.host import Sandbox
from tests.sandbox.faults.support import (
    BID,
    BUY,
    CREATE,
    FILLS,
    HISTORY,
    LINEAR,
    OPEN_ORDERS,
    POSITIONS,
    SELL_ALL,
    SIDE,
    arm,
    body_of,
    code,
    decode,
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


def opened(sandbox: Sandbox, *symbols: str) -> None:
    for symbol in symbols:
        assert code(sandbox, CREATE, {**BUY, "symbol": symbol, "qty": "5"}) == 0


def names(rows: list[dict[str, Any]], field: str = "symbol") -> list[str]:
    return [str(row[field]) for row in rows]


def test_hidden_orders_work_but_are_in_no_list(sandbox: Sandbox) -> None:
    assert code(sandbox, CREATE, {**BID, "orderLinkId": "before"}) == 0
    arm(sandbox, "hidden_orders", seconds=10, count=2)
    assert code(sandbox, CREATE, {**BID, "orderLinkId": "bid"}) == 0
    assert code(sandbox, CREATE, {**BUY, "orderLinkId": "taken"}) == 0
    assert code(sandbox, CREATE, {**BID, "orderLinkId": "after"}) == 0
    assert float(position(sandbox)) == 0.1
    assert len(listed(sandbox, POSITIONS)) == 1
    assert sorted(names(listed(sandbox, OPEN_ORDERS), "orderLinkId")) == ["after", "before"]
    for path in (OPEN_ORDERS, HISTORY, FILLS):
        assert listed(sandbox, path, orderLinkId="taken") == []
    assert code(sandbox, CREATE, {**BID, "orderLinkId": "bid"}) == 110072
    assert strikes(sandbox) == [2]
    step(sandbox, 9.5)
    assert listed(sandbox, OPEN_ORDERS, orderLinkId="bid") == []
    step(sandbox, 0.5)
    for path in (HISTORY, FILLS):
        assert names(listed(sandbox, path, orderLinkId="taken"), "orderLinkId") == ["taken"]
    assert sorted(names(listed(sandbox, OPEN_ORDERS), "orderLinkId")) == ["after", "before", "bid"]


def test_hidden_orders_show_when_the_fault_ends(sandbox: Sandbox) -> None:
    arm(sandbox, "hidden_orders")
    assert code(sandbox, CREATE, BID) == 0
    assert code(sandbox, CREATE, {**BID, "qty": "0.00001"}) == 10001
    assert listed(sandbox, OPEN_ORDERS) == []
    sandbox.faults.clear("hidden_orders")
    assert len(listed(sandbox, OPEN_ORDERS)) == 1


def test_fills_repeated_and_out_of_order() -> None:
    def shown() -> list[list[str]]:
        sandbox = make_sandbox(seed=5)
        for _ in range(6):
            assert code(sandbox, CREATE, BUY) == 0
        true = names(listed(sandbox, FILLS), "execId")
        arm(sandbox, "shuffled_fills", count=1)
        bent = names(listed(sandbox, FILLS), "execId")
        assert sorted(bent) == sorted(true * 2)
        order = [true.index(one) for one in dict.fromkeys(bent)]
        assert order != sorted(order)
        assert names(listed(sandbox, FILLS), "execId") == true
        return [[str(true.index(one)) for one in bent]]

    assert shown() == shown()


def test_fills_of_one_symbol_repeated(sandbox: Sandbox) -> None:
    opened(sandbox, "ETHUSDT", "SOLUSDT")
    arm(sandbox, "shuffled_fills", symbol="ETHUSDT")
    assert sorted(names(listed(sandbox, FILLS))) == ["ETHUSDT", "ETHUSDT", "SOLUSDT"]


def test_positions_without_one_symbol(sandbox: Sandbox) -> None:
    opened(sandbox, "ETHUSDT", "SOLUSDT", "XRPUSDT")
    arm(sandbox, "empty_positions", symbol="SOLUSDT")
    assert names(listed(sandbox, POSITIONS)) == ["ETHUSDT", "XRPUSDT"]


def test_a_cut_page_whose_cursor_leads_on(sandbox: Sandbox) -> None:
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]
    opened(sandbox, *symbols[1:])
    assert code(sandbox, CREATE, BUY) == 0
    arm(sandbox, "cut_page", value="3")
    pages: list[list[str]] = []
    cursor = ""
    while not pages or cursor:
        answer = call(sandbox, "GET", POSITIONS, {**LINEAR, "limit": "200", "cursor": cursor})["result"]
        pages.append(names(answer["list"]))
        cursor = answer["nextPageCursor"]
    assert pages == [symbols[:3], symbols[3:]]


def test_a_cut_page_whose_rest_is_lost(sandbox: Sandbox) -> None:
    opened(sandbox, "ETHUSDT", "SOLUSDT", "XRPUSDT")
    arm(sandbox, "cut_page", value="2", variant="lost", count=1)
    answer = call(sandbox, "GET", POSITIONS, {**LINEAR, "limit": "3"})["result"]
    assert (names(answer["list"]), answer["nextPageCursor"]) == (["ETHUSDT", "SOLUSDT"], "")
    assert len(listed(sandbox, POSITIONS)) == 3


def test_cut_pages_of_other_lists(sandbox: Sandbox) -> None:
    arm(sandbox, "cut_page", value="2", path="/v5/market/*")
    listing = call(sandbox, "GET", "/v5/market/instruments-info", {"category": "linear"})["result"]
    assert len(listing["list"]) == 2
    assert listing["nextPageCursor"]
    assert call(sandbox, "GET", "/v5/market/time")["retCode"] == 0


def test_an_old_body_shows_what_is_gone(sandbox: Sandbox) -> None:
    def look(**how: Any) -> Any:
        return decode(body_of(sandbox, "GET", POSITIONS, LINEAR, **how))

    opened(sandbox, "ETHUSDT")
    first = look()
    step(sandbox, 20)
    second = look()
    assert code(sandbox, CREATE, {**SELL_ALL, "symbol": "ETHUSDT", "qty": "5"}) == 0
    step(sandbox, 20)
    arm(sandbox, "old_body", seconds=25)
    assert look() == first
    assert look(**SIDE)["result"]["list"] == []
    assert strikes(sandbox) == [1]
    step(sandbox, 5)
    assert look() == second
    sandbox.faults.clear()
    assert look()["result"]["list"] == []


def test_an_old_body_is_the_oldest_where_none_is_old_enough(sandbox: Sandbox) -> None:
    first = body_of(sandbox, "GET", POSITIONS, LINEAR)
    step(sandbox, 5)
    body_of(sandbox, "GET", POSITIONS, LINEAR)
    opened(sandbox, "ETHUSDT")
    arm(sandbox, "old_body", seconds=3600, path="/v5/position/*")
    assert body_of(sandbox, "GET", POSITIONS, LINEAR) == first
    assert len(listed(sandbox, POSITIONS, limit="7")) == 1
    assert strikes(sandbox) == [1]


@pytest.mark.parametrize("value", ["", "0", "16900000"])
def test_liquidation_prices_that_say_nothing(sandbox: Sandbox, value: str) -> None:
    assert code(sandbox, CREATE, {**BUY, "qty": "5"}) == 0
    opened(sandbox, "ETHUSDT")
    true = listed(sandbox, POSITIONS)
    arm(sandbox, "liquidation_price", value=value, symbol="BTCUSDT")
    bitcoin, ether = listed(sandbox, POSITIONS)
    assert bitcoin == {**true[0], "liqPrice": value}
    assert true[0]["liqPrice"] not in ("", value)
    assert ether == true[1]


def test_views_leave_refusals_and_other_answers_as_they_are(sandbox: Sandbox) -> None:
    arm(sandbox, "empty_positions", path="/v5/*")
    assert call(sandbox, "GET", POSITIONS, {"category": "linear"})["retCode"] == 10001
    assert call(sandbox, "GET", "/v5/account/info")["result"]["marginMode"] == "REGULAR_MARGIN"
