"""Faults at the protocol: what strikes, where, how often, and what the client then sees."""

from collections.abc import AsyncIterator
from typing import Any

import ccxt.async_support as ccxt
import pytest

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.faults import KINDS
from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport
from tests.sandbox.support import (
    START_MS,
    Running,
    admin,
    call,
    ccxt_client,
    make_engine,
    open_account,
    serving,
    signed,
)

ORDER = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1"}
POSITIONS = ("GET", "/v5/position/list", {"category": "linear", "settleCoin": "USDT"})


@pytest.fixture
def sandbox() -> Sandbox:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    return Sandbox(engine)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


def open_positions(sandbox: Sandbox) -> int:
    (account,) = sandbox.engine.accounts()
    return len(sandbox.engine.positions(account.account_id))


def test_unknown_names_are_refused_with_the_nearest_and_the_list(sandbox: Sandbox) -> None:
    status, body = admin(sandbox, "POST", "fault", {"name": "hangs"})
    assert status == 400
    assert "Did you mean 'hang'?" in body["error"]
    assert all(name in body["error"] for name in KINDS)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "unknown fault None"),
        ({"name": "hang", "probability": 2}, "probability"),
        ({"name": "hang", "count": 0}, "count"),
        ({"name": "hang", "seconds": -1}, "seconds"),
        ({"name": "status", "status": 200}, "status"),
        ({"name": "error_code"}, "code is needed"),
        ({"name": "hang", "second": 1}, "second"),
        ({"name": "hang", "count": "one"}, "count"),
    ],
)
def test_bad_faults_are_refused_with_a_sentence(
    sandbox: Sandbox, body: dict[str, Any], complaint: str
) -> None:
    status, answer = admin(sandbox, "POST", "fault", body)
    assert status == 400
    assert complaint in answer["error"]
    assert admin(sandbox, "GET", "faults")[1] == {"faults": []}


def test_drop_executes_nothing_and_count_ends_it(sandbox: Sandbox) -> None:
    admin(sandbox, "POST", "fault", {"name": "drop", "count": 1})
    dropped = sandbox.handle(signed(sandbox, "POST", "/v5/order/create", ORDER))
    assert dropped.status == 504
    assert open_positions(sandbox) == 0
    assert call(sandbox, "POST", "/v5/order/create", ORDER)["retCode"] == 0
    assert open_positions(sandbox) == 1
    first, second = admin(sandbox, "GET", "orders")[1]["orders"]
    assert (first["executed"], first["code"], first["http_status"]) == (False, None, 504)
    assert (second["executed"], second["code"], second["http_status"]) == (True, 0, 200)
    assert admin(sandbox, "GET", "faults")[1]["faults"][0]["strikes"] == 1


async def test_hang_executes_and_never_answers(sandbox: Sandbox) -> None:
    admin(sandbox, "POST", "fault", {"name": "hang"})
    request = signed(sandbox, "POST", "/v5/order/create", ORDER)
    transport = InProcessTransport(sandbox.handle)
    with pytest.raises(TimeoutError):
        await transport.request("POST", f"http://venue{request.path}", request.headers, request.body)
    assert open_positions(sandbox) == 1


def test_a_short_delay_is_only_a_delay(sandbox: Sandbox) -> None:
    admin(sandbox, "POST", "fault", {"name": "hang", "seconds": 0.5})
    answer = sandbox.handle(signed(sandbox, "POST", "/v5/order/create", ORDER))
    assert (answer.status, answer.delay_s) == (200, 0.5)


def test_corrupt_answers_html_with_200(sandbox: Sandbox) -> None:
    admin(sandbox, "POST", "fault", {"name": "corrupt", "path": "/v5/position/*"})
    answer = sandbox.handle(signed(sandbox, *POSITIONS))
    assert answer.status == 200
    assert answer.text.startswith("<html>")
    assert call(sandbox, "GET", "/v5/account/info")["retCode"] == 0


def test_empty_positions_hide_what_is_open(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/v5/order/create", ORDER)
    admin(sandbox, "POST", "fault", {"name": "empty_positions", "count": 1})
    hidden = call(sandbox, *POSITIONS)
    assert (hidden["retCode"], hidden["result"]["list"]) == (0, [])
    assert len(call(sandbox, *POSITIONS)["result"]["list"]) == 1


@pytest.mark.parametrize(("execute", "opened"), [(False, 0), (True, 1)])
def test_status_with_and_without_executing(sandbox: Sandbox, execute: bool, opened: int) -> None:
    admin(
        sandbox, "POST", "fault", {"name": "status", "status": 500, "path": "/v5/order/*", "execute": execute}
    )
    assert sandbox.handle(signed(sandbox, "POST", "/v5/order/create", ORDER)).status == 500
    assert open_positions(sandbox) == opened


def test_error_code_on_a_path_of_one_account(sandbox: Sandbox) -> None:
    open_account(sandbox.engine, api_key="other", secret="other")
    fault = {"name": "error_code", "code": 10016, "message": "System error.", "api_key": "other"}
    admin(sandbox, "POST", "fault", fault)
    assert call(sandbox, *POSITIONS)["retCode"] == 0
    struck = call(sandbox, *POSITIONS, key="other", secret="other")
    assert (struck["retCode"], struck["retMsg"]) == (10016, "System error.")
    assert admin(sandbox, "DELETE", "faults")[1] == {"cleared": 1}
    assert call(sandbox, *POSITIONS, key="other", secret="other")["retCode"] == 0


def test_probability_is_seeded() -> None:
    def strikes() -> list[int]:
        engine = make_engine(VirtualClock(START_MS))
        open_account(engine)
        seeded = Sandbox(engine, fault_seed=7)
        admin(seeded, "POST", "fault", {"name": "error_code", "code": 10016, "probability": 0.5})
        return [call(seeded, *POSITIONS)["retCode"] for _ in range(40)]

    first = strikes()
    assert first == strikes()
    assert set(first) == {0, 10016}


async def test_ccxt_sees_what_the_design_expects(running: Running) -> None:
    async with ccxt_client(running.url) as client:
        client.has["fetchCurrencies"] = False
        client.options["fetchMarkets"] = {"types": ["linear"]}
        client.timeout = 500
        await client.load_markets()
        admin(running.sandbox, "POST", "fault", {"name": "hang", "count": 1})
        with pytest.raises(ccxt.RequestTimeout):
            await client.create_order("BTC/USDT:USDT", "market", "buy", 0.1)
        assert len(running.engine.positions(running.account.account_id)) == 1
        admin(running.sandbox, "POST", "fault", {"name": "status", "status": 503, "count": 1})
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await client.fetch_positions()
        admin(running.sandbox, "POST", "fault", {"name": "corrupt", "count": 1})
        assert await client.fetch_positions() == []
        admin(running.sandbox, "POST", "fault", {"name": "hang", "seconds": 0.05, "count": 1})
        assert (await client.create_order("BTC/USDT:USDT", "market", "buy", 0.1))["id"]
