"""Faults of the wire: what is executed, and what comes back."""

from typing import Any

import aiohttp
import msgspec
import pytest

from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport
from tests.sandbox.faults.support import (
    BUY,
    CREATE,
    LINEAR,
    POSITIONS,
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
from tests.sandbox.support import admin, call, serving, signed


@pytest.fixture
def sandbox() -> Sandbox:
    return make_sandbox()


def test_server_error_executes_by_a_seeded_coin() -> None:
    def sizes(seed: int) -> list[str]:
        sandbox, seen = make_sandbox(seed), []
        arm(sandbox, "server_error")
        for _ in range(12):
            assert sandbox.handle(signed(sandbox, "POST", CREATE, BUY)).status == 503
            seen.append(str(position(sandbox)))
        return seen

    first = sizes(3)
    assert first == sizes(3)
    assert first != sizes(4)
    assert 0 < float(first[-1]) < 1.2


def test_server_error_leaves_other_calls_alone(sandbox: Sandbox) -> None:
    arm(sandbox, "server_error")
    assert listed(sandbox, POSITIONS) == []
    assert strikes(sandbox) == [0]


@pytest.mark.parametrize(
    ("variant", "begins"),
    [("", b"<html>"), ("html", b"<html>"), ("empty", b""), ("null", b"null"), ("cut", b'{"retCode":0')],
)
def test_corrupt_bodies_that_are_no_answer(sandbox: Sandbox, variant: str, begins: bytes) -> None:
    arm(sandbox, "corrupt", variant=variant, path=CREATE)
    answer = sandbox.handle(signed(sandbox, "POST", CREATE, BUY))
    assert answer.status == 200
    assert answer.body.startswith(begins)
    assert position(sandbox) > 0
    if variant == "null":
        assert decode(answer.body) is None
    else:
        with pytest.raises(msgspec.DecodeError):
            decode(answer.body)


def test_corrupt_as_a_success_without_a_result(sandbox: Sandbox) -> None:
    arm(sandbox, "corrupt", variant="error_in_200", count=1)
    broken = decode(body_of(sandbox, "GET", POSITIONS, LINEAR))
    assert (broken["retCode"], broken["result"]) == (0, None)
    assert broken["time"] > 0
    assert listed(sandbox, POSITIONS) == []


async def test_a_refused_connection_inside_the_process(sandbox: Sandbox) -> None:
    arm(sandbox, "refused_connection", count=1)
    request = signed(sandbox, "POST", CREATE, BUY)
    transport = InProcessTransport(sandbox.handle)
    with pytest.raises(ConnectionResetError, match=CREATE):
        await transport.request("POST", f"http://venue{request.path}", request.headers, request.body)
    assert position(sandbox) == 0
    (record,) = admin(sandbox, "GET", "orders")[1]["orders"]
    assert (record["executed"], record["http_status"]) == (False, None)
    assert code(sandbox, CREATE, BUY) == 0


async def test_a_refused_connection_over_http() -> None:
    async with serving() as running, aiohttp.ClientSession() as session:
        arm(running.sandbox, "refused_connection", count=1)
        request = signed(running.sandbox, "POST", CREATE, BUY)
        url = f"{running.url}{CREATE}"
        sent: dict[str, Any] = {"headers": request.headers, "data": request.body}
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(url, timeout=aiohttp.ClientTimeout(total=10), **sent)
        assert running.engine.positions(running.account.account_id) == []
        async with session.post(url, **sent) as answer:
            assert (await answer.json())["retCode"] == 0


async def test_a_reading_client_that_tries_twice_is_refused_twice() -> None:
    async with serving() as running, aiohttp.ClientSession() as session:
        arm(running.sandbox, "refused_connection", path="/v5/market/*")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get(f"{running.url}/v5/market/time", timeout=aiohttp.ClientTimeout(total=10))
        assert strikes(running.sandbox) == [2]


def test_a_fault_strikes_its_key_and_symbol_only(sandbox: Sandbox) -> None:
    arm(sandbox, "drop", api_key="other", symbol="ETHUSDT")
    ether = {**BUY, "symbol": "ETHUSDT"}
    assert code(sandbox, CREATE, BUY, **SIDE) == 0
    assert code(sandbox, CREATE, ether) == 0
    assert sandbox.handle(signed(sandbox, "POST", CREATE, ether, **SIDE)).status == 504
    assert strikes(sandbox) == [1]


def test_a_symbol_in_the_query_counts_too(sandbox: Sandbox) -> None:
    arm(sandbox, "error_code", code=10016, symbol="BTCUSDT")
    assert call(sandbox, "GET", POSITIONS, {"category": "linear", "symbol": "BTCUSDT"})["retCode"] == 10016
    assert call(sandbox, "GET", POSITIONS, LINEAR)["retCode"] == 0
    assert call(sandbox, "GET", "/v5/market/time")["retCode"] == 0


def test_what_cannot_be_read_is_still_struck(sandbox: Sandbox) -> None:
    arm(sandbox, "error_code", code=10016, path="/v5/order/*")
    for body in (b"\xff", b"[1]", b'{"triggerPrice": "x", "symbol": 5}'):
        request = msgspec.structs.replace(signed(sandbox, "POST", CREATE, {}), body=body)
        assert decode(sandbox.handle(request).body)["retCode"] == 10016
    assert strikes(sandbox) == [3]


def test_the_first_that_strikes_answers(sandbox: Sandbox) -> None:
    arm(sandbox, "drop", count=1)
    arm(sandbox, "error_code", code=10016, path=CREATE)
    assert sandbox.handle(signed(sandbox, "POST", CREATE, BUY)).status == 504
    assert strikes(sandbox) == [1, 0]
    assert code(sandbox, CREATE, BUY) == 10016
    assert strikes(sandbox) == [1, 1]
    step(sandbox, 3_600)
    assert strikes(sandbox) == [1, 1]
