"""Real HTTP on loopback against a server that breaks in every way."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.clock import SystemClock
from bot.exchange import Gateway, GatewayError
from bot.exchange.factory import make_gateway
from bot.exchange.gateway import CcxtGateway
from bot.model import Verdict
from tests.exchange.stub import BTC, KEY, SECRET, Sent, StubVenue, envelope, listed, position
from tests.exchange.test_answers import ORDER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HANG_TIMEOUT_MS = 1500


async def html(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>busy</html>", content_type="text/html")


async def null(_: web.Request) -> web.StreamResponse:
    return web.Response(text="null", content_type="application/json")


async def truncated(_: web.Request) -> web.StreamResponse:
    return web.Response(text='{"retCode":0,"result":{"orderId":"o-', content_type="application/json")


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"retCode":0')
    if request.transport is not None:
        request.transport.abort()
    return response


async def gateway_timeout(_: web.Request) -> web.StreamResponse:
    return web.Response(status=504, text="gateway timeout")


async def forbidden(_: web.Request) -> web.StreamResponse:
    return web.Response(status=403, text="<html>access too frequent</html>", content_type="text/html")


async def reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


@asynccontextmanager
async def against(broken: str, handler: Handler) -> AsyncIterator[CcxtGateway]:
    """A gateway onto a server that answers as the stub does, but for one path."""
    venue = StubVenue()
    venue.set("/v5/position/list", listed(position()))
    venue.set("/v5/order/create", envelope({"orderId": "o-1"}))

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == broken:
            return await handler(request)
        sent = Sent(request.method, request.path, dict(request.query), {}, None)
        reply = venue.reply_to(sent)
        assert not isinstance(reply, Exception)
        return web.Response(status=reply[0], text=reply[1], content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gateway = make_gateway(
        account="main",
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        base_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
        clock=SystemClock(),
    )
    if handler is hang:
        for client in (gateway._reader, gateway._looker, gateway._trader):
            client.timeout = HANG_TIMEOUT_MS
    try:
        yield gateway
    finally:
        await gateway.close()
        await runner.cleanup()


FAULTS: list[tuple[Handler, Verdict]] = [
    (html, Verdict.UNKNOWN),
    (null, Verdict.UNKNOWN),
    (truncated, Verdict.UNKNOWN),
    (cut, Verdict.UNKNOWN),
    (gateway_timeout, Verdict.UNKNOWN),
    (forbidden, Verdict.THROTTLED),
    (reset, Verdict.UNKNOWN),
    (hang, Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("handler", "verdict"), FAULTS)
async def test_a_broken_read_is_an_error_and_never_flat(handler: Handler, verdict: Verdict) -> None:
    async with against("/v5/position/list", handler) as gateway:
        with pytest.raises(GatewayError) as caught:
            await gateway.snapshot()
        assert (caught.value.verdict, caught.value.call) == (verdict, "privateGetV5PositionList")


@pytest.mark.parametrize(("handler", "verdict"), FAULTS)
async def test_a_broken_answer_to_an_order_proves_nothing(handler: Handler, verdict: Verdict) -> None:
    async with against("/v5/order/create", handler) as gateway:
        answer = await gateway.submit(ORDER)
        assert (answer.verdict, answer.order_id) == (verdict, "")


async def test_over_a_real_connection_everything_else_works() -> None:
    async with against("/nowhere", html) as gateway:
        snapshot = await gateway.snapshot()
        assert len(snapshot.positions) == 1
        assert (await gateway.submit(ORDER)).verdict is Verdict.ACCEPTED


async def test_a_real_connection_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with against("/nowhere", html) as gateway:
        protocol: Gateway = gateway
        await protocol.snapshot()
        await protocol.submit(ORDER)
    assert KEY not in caplog.text
    assert "X-BAPI-SIGN" not in caplog.text


@pytest.mark.fault(32)
async def test_a_name_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with against("/nowhere", html) as gateway:
        await gateway.snapshot()
        for client in (gateway._reader, gateway._looker, gateway._trader):
            client.urls["api"] = dict.fromkeys(client.urls["api"], "http://venue.invalid")
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
        with pytest.raises(GatewayError, match="ExchangeNotAvailable") as caught:
            await gateway.snapshot()
        assert caught.value.verdict is Verdict.UNKNOWN
        with pytest.raises(GatewayError):
            await gateway.find_order(BTC, "reef-1")
        assert (await gateway.submit(ORDER)).verdict is Verdict.UNKNOWN


async def test_a_server_that_is_not_there() -> None:
    async with against("/nowhere", html) as gateway:
        await gateway.snapshot()
        for client in (gateway._reader, gateway._looker, gateway._trader):
            client.urls["api"] = dict.fromkeys(client.urls["api"], "http://127.0.0.1:1")
        with pytest.raises(GatewayError, match="ExchangeNotAvailable"):
            await gateway.snapshot()
        assert (await gateway.submit(ORDER)).verdict is Verdict.UNKNOWN
