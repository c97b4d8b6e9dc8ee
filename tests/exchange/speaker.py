"""A venue's streams on loopback that say what a test wants, and a clock that moves when it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from bot.exchange.feed import StreamTerms
from bot.exchange.stream_factory import make_streams
from bot.exchange.streams import AccountStreams
from bot.exchange.values import to_milliseconds
from tests.exchange.stub import KEY, NOW, SECRET
from tests.sandbox.support import until

PUBLIC, PRIVATE = "/v5/public/linear", "/v5/private"


class Steps:
    """A clock that a test moves; whoever sleeps wakes when its time has come."""

    def __init__(self, start: datetime = NOW) -> None:
        self._now = start
        self._sleeping: list[tuple[datetime, asyncio.Future[None]]] = []
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the time."""
        return self._now

    def elapsed(self) -> float:
        """Return the seconds since 1970."""
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Wait until a test has moved the clock so far."""
        self.slept.append(seconds)
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleeping.append((self._now + timedelta(seconds=seconds), waking))
        await waking

    async def step(self, seconds: float = 1.0) -> None:
        """Move the clock, and let everybody who wakes do what there is to do without the network."""
        self._now += timedelta(seconds=seconds)
        due = [one for one in self._sleeping if one[0] <= self._now]
        self._sleeping = [one for one in self._sleeping if one[0] > self._now]
        for _, waking in due:
            if not waking.done():
                waking.set_result(None)
        for _ in range(20):
            await asyncio.sleep(0)


class Speaker:
    """The server. It answers logins, subscriptions and pings; what it says is up to the test."""

    def __init__(self, clock: Steps) -> None:
        self._clock = clock
        self.url = ""
        self.opened: list[str] = []
        """The paths of all connections so far."""
        self.logins: list[list[str]] = []
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.topics: dict[str, set[str]] = {PUBLIC: set(), PRIVATE: set()}
        self.deny = ""
        """Why logins are refused; they are not where it is ''."""
        self.unknown: set[str] = set()
        """Topics that are refused."""
        self.closed_to: set[str] = set()
        """Paths that answer no WebSocket."""
        self.hangs: set[str] = set()
        """Paths that never answer."""
        self.hanging = 0
        self._ending = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection."""
        self.opened.append(request.path)
        if request.path in self.closed_to:
            return web.Response(status=403, text="no")
        if request.path in self.hangs:
            self.hanging += 1
            await self._ending.wait()
            return web.Response(status=500)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets[request.path] = socket
        self.topics[request.path] = set()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(request.path, socket, msgspec.json.decode(message.data))
        self.topics[request.path] = set()
        return socket

    async def _answer(self, path: str, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        reply = {
            "success": True,
            "ret_msg": "",
            "op": message["op"],
            "req_id": str(message.get("req_id", "")),
        }
        if message["op"] == "auth":
            self.logins.append(message["args"])
            if self.deny:
                reply |= {"success": False, "ret_msg": self.deny, "request": {"op": "auth"}}
            del reply["req_id"]
        elif message["op"] == "subscribe":
            if self.unknown & set(message["args"]):
                reply |= {
                    "success": False,
                    "ret_msg": "error:handler not found",
                    "request": {"op": "subscribe"},
                }
            else:
                self.topics[path] |= set(message["args"])
        elif message["op"] == "unsubscribe":
            self.topics[path] -= set(message["args"])
        await socket.send_json(reply)

    async def raw(self, path: str, text: str) -> None:
        """Say anything."""
        await self.sockets[path].send_str(text)

    async def ticker(self, symbol: str, mark: str | None = None, ago: float = 0.0) -> None:
        """Say a price, or something else about a market; `ago` is how old the message is, in seconds."""
        data = {"symbol": symbol} | ({} if mark is None else {"markPrice": mark})
        at = to_milliseconds(self._clock.now() - timedelta(seconds=ago))
        message = {"topic": f"tickers.{symbol}", "type": "delta", "data": data, "ts": at}
        await self.raw(PUBLIC, msgspec.json.encode(message).decode())

    async def private(self, topic: str, *symbols: str, ago: float = 0.0) -> None:
        """Say that something of the account changed."""
        at = to_milliseconds(self._clock.now() - timedelta(seconds=ago))
        rows = [{"symbol": symbol} for symbol in symbols]
        message = {"topic": topic, "id": "1", "creationTime": at, "data": rows}
        await self.raw(PRIVATE, msgspec.json.encode(message).decode())

    async def end(self) -> None:
        """Let go of whoever hangs."""
        self._ending.set()
        for socket in self.sockets.values():
            await socket.close()


class Listening(msgspec.Struct):
    """Streams at a speaker, and what they asked for and told."""

    speaker: Speaker
    clock: Steps
    streams: AccountStreams
    task: asyncio.Task[None]
    asks: list[datetime]
    told: list[tuple[str, str]]

    async def steps(self, count: int, each: Callable[[], Awaitable[None]] | None = None) -> None:
        """Let seconds pass one by one; `each` happens in every one of them."""
        for _ in range(count):
            if each is not None:
                await each()
                await asyncio.sleep(0.005)
            await self.clock.step()

    async def reopened(self, path: str) -> None:
        """Wait until the next connection to a path is made, however long the pause before it."""
        before = self.speaker.opened.count(path)

        async def passing() -> bool:
            await self.clock.step()
            return self.speaker.opened.count(path) > before

        for _ in range(4000):
            if await passing():
                return
            await asyncio.sleep(0.001)
        raise TimeoutError(f"no new connection to {path}")

    async def following(self, path: str, *topics: str) -> None:
        """Wait until exactly these topics are subscribed to."""
        await until(lambda: self.speaker.topics[path] == set(topics))


@asynccontextmanager
async def speaker(clock: Steps) -> AsyncIterator[Speaker]:
    """Serve on a free port."""
    served = Speaker(clock)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await served.end()
        await runner.cleanup()


@asynccontextmanager
async def listening(terms: StreamTerms | None = None) -> AsyncIterator[Listening]:
    """Streams that run at a speaker; they open nothing before the first poll."""
    clock = Steps()
    async with speaker(clock) as served:
        streams = make_streams(
            account="main",
            venue="bybit",
            network="sandbox",
            api_key=KEY,
            api_secret=SECRET,
            clock=clock,
            random=Random(7),
            terms=terms,
            base_url=served.url,
        )
        asks: list[datetime] = []
        told: list[tuple[str, str]] = []
        running = streams.run(lambda: asks.append(clock.now()), lambda name, why: told.append((name, why)))
        it = Listening(served, clock, streams, asyncio.create_task(running), asks, told)
        try:
            yield it
        finally:
            it.task.cancel()
            await asyncio.wait({it.task}, timeout=5)
            await streams.close()
            assert it.task.done()
