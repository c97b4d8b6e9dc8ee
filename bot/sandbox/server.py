"""The sandbox on a loopback port: HTTP, WebSocket and the timer that moves the market."""

import asyncio
import ipaddress
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from bot.sandbox.http import Request, Response, Send, Stream, lower_headers

TICK_S = 0.1
"""How often the market is brought up to the clock while nobody asks."""

STREAM_LATENCY_S = 0.005
"""How long a stream waits with a message: clients register a subscription just after they sent it."""

OUTBOX_LIMIT = 20_000
"""Messages that may wait for a slow reader before its stream is closed."""

LARGEST_BODY_BYTES = 1_000_000

_encode = msgspec.json.Encoder().encode


class ServerConfigError(ValueError):
    """The server cannot be started like this; the text says what to change."""


class Host(Protocol):
    """What the server puts on a port."""

    @property
    def advances_itself(self) -> bool:
        """Whether the market moves with the wall clock."""

    def handle(self, request: Request) -> Response:
        """Answer one HTTP request."""

    def open_stream(self, path: str, send: Send) -> Stream | None:
        """A stream for this path, or None where the venue has none there."""

    def advance(self) -> None:
        """Bring the market up to the clock."""


def check_loopback(host: str) -> None:
    """Raises ServerConfigError unless `host` is an address of this machine's loopback interface."""
    if host == "localhost":
        return
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    raise ServerConfigError(
        f"the sandbox listens on loopback only, not on {host!r}: use 127.0.0.1, ::1 or localhost"
    )


class SandboxServer:
    """A host on a port, from `start` to `stop`."""

    def __init__(self, host: Host, address: str = "127.0.0.1", port: int = 0) -> None:
        check_loopback(address)
        self._host = host
        self._address = address
        self._port = port
        self._stopping = asyncio.Event()
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._timer: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port in use (after `start` also where 0 was asked for)."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL of REST and admin API."""
        name = f"[{self._address}]" if ":" in self._address else self._address
        return f"http://{name}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises ServerConfigError where the port cannot be had."""
        app = web.Application(client_max_size=LARGEST_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._serve)
        app.on_shutdown.append(self._close_sockets)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ServerConfigError(
                f"cannot listen on {self._address}:{self._port}: {error.strerror or error}; try another port"
            ) from error
        self._port = self._runner.addresses[0][1]
        if self._host.advances_itself:
            self._timer = asyncio.create_task(self._tick())

    async def run_until(self, ended: asyncio.Event) -> None:
        """Serve until the event is set; raises what stopped the market, where something did."""
        waiting = asyncio.create_task(ended.wait())
        watched = {waiting} if self._timer is None else {waiting, self._timer}
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Close every connection and the port; raises what stopped the market, where something did."""
        self._stopping.set()
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.wait({self._timer})
        if self._runner is not None:
            await self._runner.cleanup()
        if self._timer is not None and not self._timer.cancelled():
            self._timer.result()

    async def _tick(self) -> None:
        while True:
            self._host.advance()
            await asyncio.sleep(TICK_S)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_stream(request)
        target, _, query = request.raw_path.partition("?")
        answer = self._host.handle(
            Request(
                method=request.method,
                path=target,
                query=query,
                headers=lower_headers(request.headers),
                body=await request.read(),
            )
        )
        unsent = answer.dropped or (answer.delay_s > 0 and not await self._hold_back(answer.delay_s))
        if unsent and request.transport is not None:
            request.transport.close()
        return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)

    async def _hold_back(self, seconds: float) -> bool:
        """Wait; False where the answer must not be sent (it never was to be, or the server stops)."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), None if math.isinf(seconds) else seconds)
            return False
        return True

    async def _serve_stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=LARGEST_BODY_BYTES)
        outbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def send(message: dict[str, Any]) -> None:
            if outbox.qsize() < OUTBOX_LIMIT:
                outbox.put_nowait(message)
            elif outbox.qsize() == OUTBOX_LIMIT:
                outbox.put_nowait(None)

        stream = self._host.open_stream(request.path, send)
        if stream is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="no stream at this path")
        await socket.prepare(request)
        self._sockets.add(socket)
        writer = asyncio.create_task(_write(socket, outbox.get))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await asyncio.sleep(STREAM_LATENCY_S)
                    stream.receive(message.data)
        finally:
            stream.close()
            self._sockets.discard(socket)
            writer.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await writer
        return socket

    async def _close_sockets(self, _app: web.Application) -> None:
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the sandbox stops")


async def _write(socket: web.WebSocketResponse, take: Callable[[], Awaitable[dict[str, Any] | None]]) -> None:
    while (message := await take()) is not None:
        await socket.send_str(_encode(message).decode())
    await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow a reader")
