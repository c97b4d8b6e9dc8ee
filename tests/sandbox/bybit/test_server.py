"""The server: loopback only, ports, signals, streams' manners, options."""

import asyncio
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.sandbox.command import (
    EXIT_MISUSE,
    OptionsError,
    SandboxOptions,
    build,
    parse_account,
    parse_candles,
    run,
    serve,
)
from bot.sandbox.engine.clocks import ScaledClock, VirtualClock
from bot.sandbox.engine.types import OrderRequest, Side
from bot.sandbox.host import Sandbox
from bot.sandbox.server import SandboxServer, ServerConfigError, check_loopback
from bot.sandbox.transport import InProcessTransport
from tests.sandbox.support import KEY, SECRET, START_MS, make_engine, open_account, serving, signed, until

ROOT = Path(__file__).resolve().parents[3]
CALM = """\
name: calm
start: 2025-11-21T00:00:00Z
duration: 10m
symbols:
  BTCUSDT:
    path:
      - [0m, 100000]
      - [10m, 100500]
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_is_allowed(host: str) -> None:
    check_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "", "::"])
def test_anything_else_is_refused(host: str) -> None:
    with pytest.raises(ServerConfigError, match="loopback only"):
        SandboxServer(Sandbox(make_engine()), host)


async def test_a_port_in_use_is_said_plainly() -> None:
    async with serving() as running:
        second = SandboxServer(running.sandbox, port=running.server.port)
        with pytest.raises(ServerConfigError, match=str(running.server.port)):
            await second.start()


async def test_the_market_moves_by_itself_in_scaled_time() -> None:
    engine = make_engine(ScaledClock(START_MS, 1000.0))
    async with serving(engine):
        await until(lambda: engine.market_ms > START_MS + 60_000)


async def test_plain_requests_and_paths() -> None:
    async with serving() as running, aiohttp.ClientSession() as session:
        async with session.get(f"{running.url}/v5/market/time") as answer:
            assert (await answer.json())["retCode"] == 0
            assert "Timenow" in answer.headers
        async with session.get(f"{running.url}/elsewhere") as answer:
            assert answer.status == 404
        async with session.get(f"{running.url}/sandbox/state") as answer:
            assert answer.status == 200
        for path in ("/v5/elsewhere", "/v5/public/nothing"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(running.url + path)


async def receive(socket: aiohttp.ClientWebSocketResponse, **wanted: Any) -> dict[str, Any]:
    """The next message that has these fields."""
    while True:
        message = await asyncio.wait_for(socket.receive_json(), 10)
        if all(message.get(name) == value for name, value in wanted.items()):
            return dict(message)


async def test_public_stream_manners() -> None:
    async with serving() as running, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{running.url}/v5/public/linear") as socket:
            await socket.send_json({"op": "ping", "req_id": "p1"})
            pong = await receive(socket, req_id="p1")
            assert (pong["success"], pong["ret_msg"], pong["op"]) == (True, "pong", "ping")
            for bad in (
                "{",
                "[]",
                '{"op": 5}',
                '{"op": "fly"}',
                '{"op": "subscribe"}',
                '{"op": "subscribe", "args": ["tickers.NOPE"]}',
                '{"op": "subscribe", "args": ["orderbook.7.BTCUSDT"]}',
                '{"op": "subscribe", "args": ["kline.7.BTCUSDT"]}',
                '{"op": "subscribe", "args": ["tickers.BTCUSDT", "x"]}',
            ):
                await socket.send_str(bad)
                assert (await receive(socket))["success"] is False
            assert running.sandbox.topics() == []
            await socket.send_json({"op": "subscribe", "args": ["tickers.BTCUSDT"], "req_id": "s1"})
            assert (await receive(socket))["req_id"] == "s1"
            assert (await receive(socket))["type"] == "snapshot"
            await socket.send_json({"op": "subscribe", "args": ["tickers.BTCUSDT"]})
            assert "already subscribed" in (await receive(socket, op="subscribe"))["ret_msg"]
            await socket.send_json({"op": "unsubscribe", "args": ["tickers.BTCUSDT", "never.BTCUSDT"]})
            assert (await receive(socket, op="unsubscribe"))["success"] is True
            assert running.sandbox.topics() == []
        async with session.ws_connect(f"{running.url}/v5/public/spot") as socket:
            await socket.send_json({"op": "subscribe", "args": ["tickers.BTCUSDT"]})
            assert (await receive(socket))["success"] is False


async def test_private_and_trade_stream_manners() -> None:
    async with serving() as running, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{running.url}/v5/private") as socket:
            await socket.send_json({"op": "subscribe", "args": ["order"]})
            assert (await receive(socket))["ret_msg"] == "Request not authorized"
            for args in ([], ["nobody", 1, "x"], ["sandbox-key", 1, "x"], ["sandbox-key", 10**13, "x"]):
                await socket.send_json({"op": "auth", "args": args})
                assert (await receive(socket, op="auth"))["success"] is False
            await socket.send_json({"op": "ping", "req_id": "9"})
            assert (await receive(socket, req_id="9"))["op"] == "pong"
            expires = str(running.engine.clock.server_ms() + 5_000)
            signature = hmac.new(
                SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256
            ).hexdigest()
            await socket.send_json({"op": "auth", "args": [KEY, expires, signature]})
            assert (await receive(socket, op="auth"))["success"] is True
            await socket.send_json({"op": "subscribe", "args": ["order", "prices"]})
            assert (await receive(socket, op="subscribe"))["success"] is False
            await socket.send_json({"op": "subscribe", "args": ["order.linear", "order.spot", "wallet"]})
            assert (await receive(socket, op="subscribe"))["success"] is True
            await socket.send_json({"op": "unsubscribe", "args": ["wallet", "prices"]})
            assert (await receive(socket, op="unsubscribe"))["success"] is True
            assert running.sandbox.topics() == ["order.linear", "order.spot"]
            request = OrderRequest(symbol="BTCUSDT", side=Side.BUY, qty=Decimal("0.1"))
            placed = running.engine.place(running.account.account_id, request)
            told = await receive(socket, topic="order.linear")
            assert told["data"][0]["orderId"] == placed.order_id
        async with session.ws_connect(f"{running.url}/v5/trade") as socket:
            await socket.send_json({"op": "order.create", "reqId": "1", "args": [{}]})
            assert (await receive(socket, reqId="1"))["retCode"] == 10003
            await socket.send_json({"op": "order.create", "reqId": "2", "args": []})
            assert (await receive(socket, reqId="2"))["retCode"] == 10001
            await socket.send_json({"op": "order.fly", "reqId": "3"})
            assert (await receive(socket, reqId="3"))["retCode"] == 10404
            await socket.send_json({"op": "auth", "args": ["nobody", 1, "x"]})
            assert (await receive(socket, op="auth"))["retCode"] == 10004
            await socket.send_json({"op": "ping"})
            assert (await receive(socket))["op"] == "pong"


async def test_open_streams_are_closed_when_the_server_stops() -> None:
    async with aiohttp.ClientSession() as session:
        async with serving() as running:
            socket = await session.ws_connect(f"{running.url}/v5/public/linear")
            await until(lambda: running.server is not None)
        message = await asyncio.wait_for(socket.receive(), 10)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        await socket.close()


async def test_in_process_transport_answers_like_the_network() -> None:
    engine = make_engine(VirtualClock(START_MS))
    open_account(engine)
    sandbox = Sandbox(engine)
    transport = InProcessTransport(sandbox.handle)
    request = signed(sandbox, "GET", "/v5/position/list", {"category": "linear", "settleCoin": "USDT"})
    url = f"http://127.0.0.1{request.path}?{request.query}"
    status, reason, headers, text = await transport.request("GET", url, dict(request.headers), None)
    assert (status, reason) == (200, "OK")
    assert json.loads(text)["result"]["list"] == []
    assert headers["Content-Type"].startswith("application/json")
    body = json.dumps({"symbol": "BTCUSDT", "price": 90_000})
    status, *_ = await transport.request("post", "http://127.0.0.1/sandbox/mark", {}, body)
    assert status == 200


def test_all_wrong_options_are_told_at_once() -> None:
    wrong = SandboxOptions(
        venue="nowhere",
        time="soon",
        speed=-1,
        port=70_000,
        start=datetime(2025, 1, 1),  # noqa: DTZ001
        accounts=("no-colons", "a:secret-of-a:lots", "b:secret-of-b:-5"),
        scenario=Path("a.yaml"),
        candles={"BTCUSDT": Path("b.csv")},
    )
    with pytest.raises(OptionsError) as caught:
        build(wrong)
    assert len(caught.value.problems) == 10
    assert "secret-of" not in str(caught.value)


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(OptionsError, match="paused"):
        build(SandboxOptions(time="virtual", paused=True))
    with pytest.raises(OptionsError, match=r"b\.csv"):
        build(SandboxOptions(time="virtual", candles={"BTCUSDT": Path("no/such/b.csv")}))
    with pytest.raises(OptionsError):
        build(SandboxOptions(accounts=("a:b:1", "a:c:1")))
    assert run(SandboxOptions(venue="nowhere")) == EXIT_MISUSE
    assert run(SandboxOptions(host="0.0.0.0")) == EXIT_MISUSE


def test_options_choose_the_clock() -> None:
    start = datetime(2025, 11, 21, tzinfo=UTC)
    virtual = build(SandboxOptions(time="virtual", start=start, accounts=("k:s:10",)))
    assert virtual.engine.clock.server_ms() == 1_763_683_200_000
    assert virtual.engine.account_by_key("k") is not None
    scaled = build(SandboxOptions(time="scaled", speed=50, start=start, paused=True))
    assert scaled.engine.clock.market_ms() == 1_763_683_200_000
    assert isinstance(build(SandboxOptions()).engine.clock, ScaledClock)


def test_arguments_as_people_write_them() -> None:
    account = parse_account("demo:demo-secret:10000")
    assert (account.api_key, account.deposit) == ("demo", Decimal(10_000))
    assert parse_candles("BTCUSDT=data/a.csv.gz") == ("BTCUSDT", Path("data/a.csv.gz"))
    with pytest.raises(ValueError, match="SYMBOL=FILE"):
        parse_candles("BTCUSDT")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_tells_its_url_and_ends_cleanly(number: signal.Signals) -> None:
    code = (
        "import sys; from bot.sandbox.command import *; "
        "sys.exit(run(SandboxOptions(accounts=('key:process-secret:5',))))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["url"] == f"http://127.0.0.1:{told['port']}"
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "process-secret" not in out + err


async def test_a_reader_that_never_reads_loses_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.sandbox.server.OUTBOX_LIMIT", 0)
    async with serving() as running, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{running.url}/v5/public/linear")
        await socket.send_json({"op": "ping"})
        message = await asyncio.wait_for(socket.receive(), 10)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.TRY_AGAIN_LATER)
        await socket.close()


async def test_a_market_that_breaks_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(make_engine())
    server = SandboxServer(sandbox)

    def broken() -> int:
        raise ArithmeticError("the market broke")

    monkeypatch.setattr(sandbox.engine, "advance", broken)
    await server.start()
    with pytest.raises(ArithmeticError, match="the market broke"):
        await asyncio.wait_for(server.run_until(asyncio.Event()), 10)
    with pytest.raises(ArithmeticError):
        await server.stop()


async def test_a_hanging_answer_does_not_hold_up_the_stop() -> None:
    async with aiohttp.ClientSession() as session:
        async with serving() as running:
            running.sandbox.faults.arm({"name": "hang", "path": "/v5/market/time"})
            hanging = asyncio.create_task(session.get(f"{running.url}/v5/market/time"))
            await until(lambda: running.sandbox.faults.listing()[0]["strikes"] == 1)
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(hanging, 10)


def test_prices_from_files(shared_dir: Path, tmp_path: Path) -> None:
    file = shared_dir / "data" / "btcusdt-perp-1m-2025-10-10T2045_2159.csv.gz"
    options = SandboxOptions(time="virtual", candles={"BTCUSDT": file})
    sandbox = build(options)
    before = sandbox.engine.ticker("BTCUSDT").last_price
    clock = sandbox.engine.clock
    assert isinstance(clock, VirtualClock)
    clock.advance(1800)
    sandbox.advance()
    assert sandbox.engine.ticker("BTCUSDT").last_price != before
    with pytest.raises(OptionsError, match="start"):
        build(
            SandboxOptions(time="scaled", candles={"BTCUSDT": file}, start=datetime(2020, 1, 1, tzinfo=UTC))
        )
    with pytest.raises(OptionsError, match="did you mean BTCUSDT"):
        build(SandboxOptions(time="virtual", candles={"BTCUSDTT": file}))
    with pytest.raises(OptionsError, match="there are BTCUSDT"):
        build(SandboxOptions(time="virtual", candles={"QQQ": file}))
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: x\nsymbols: 5\n")
    with pytest.raises(OptionsError, match=r"broken\.yaml"):
        build(SandboxOptions(scenario=broken))


def test_a_scenario_cannot_begin_before_its_prices(tmp_path: Path) -> None:
    file = tmp_path / "calm.yaml"
    file.write_text(CALM)
    early = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(OptionsError, match="before the prices"):
        build(SandboxOptions(time="scaled", scenario=file, start=early))
    sandbox = build(SandboxOptions(time="virtual", scenario=file))
    assert sandbox.engine.clock.market_ms() == 1_763_683_200_000


async def test_a_signal_ends_the_run_in_this_process() -> None:
    told: list[str] = []
    options = SandboxOptions(accounts=("k:s:1",))
    running = asyncio.create_task(serve(build(options), options, told.append))
    await until(lambda: told)
    async with (
        aiohttp.ClientSession() as session,
        session.get(json.loads(told[0])["url"] + "/v5/market/time") as answer,
    ):
        assert answer.status == 200
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 10) == 0
