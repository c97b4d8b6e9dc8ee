"""ccxt.pro as a carrier of topics: connections, logging in, pings and subscriptions are its own.

Its `watch_*` methods are not used: they load all markets, keep caches and merge updates, and what is wanted
is each message of a topic with the exchange's own time. Messages are taken where ccxt would parse them.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import ccxt
from ccxt.pro.bybit import bybit

from bot.clock import Clock
from bot.exchange.client import shared_tls
from bot.exchange.failures import VENUE_FAILURES
from bot.exchange.feed import News
from bot.exchange.values import to_milliseconds

DIAL_MS = 8_000
"""Shorter than a channel waits, so that no connection is made after it was given up."""
_ENDED = "reef:ended"
"""A hash that no message has: ccxt rejects what waits for it when the connection ends."""


class BybitStreamClient(bybit):  # type: ignore[misc]  # ccxt is not typed
    """ccxt.pro's Bybit, which hands messages on instead of parsing them."""

    asyncio_loop: asyncio.AbstractEventLoop | None
    session: aiohttp.ClientSession | None
    closed_by_user: bool
    clients: dict[str, Any]

    def __init__(
        self,
        config: Mapping[str, Any],
        clock: Clock,
        read: Callable[[Mapping[str, object]], News | None],
    ) -> None:
        self._guard_clock = clock
        self._guard_read = read
        self.offset = timedelta(0)
        self.hear: Callable[[News], None] = _nobody
        super().__init__(dict(config))

    def milliseconds(self) -> int:
        """Return the venue's time: a login says until when it is good."""
        return to_milliseconds(self._guard_clock.now() + self.offset)

    def ws_dial_delay(self, url: str) -> float:
        """Return no delay: the channel makes the pauses."""
        return 0.0

    def open(self, lazy: bool = False) -> None:
        """Open the connection pool when it is first needed."""
        if self.session is None:
            self.closed_by_user = False
            self.asyncio_loop = asyncio.get_running_loop()
            self.tcp_connector = aiohttp.TCPConnector(ssl=shared_tls(self.cafile))
            self.session = aiohttp.ClientSession(
                connector=self.tcp_connector, trust_env=self.aiohttp_trust_env
            )

    def client(self, url: str) -> Any:
        """Return the socket of a URL; one that cannot read a message ends instead of falling silent."""
        known = self.clients.get(url) if self.clients else None
        socket = super().client(url)
        if socket is not known:
            socket.handle_message = partial(_handled, socket, socket.handle_message)
        return socket

    def handle_message(self, client: Any, message: object) -> None:
        """Hand news on, and leave the rest (logins, subscriptions, pongs, refusals) to ccxt."""
        if not isinstance(message, dict):
            return
        if "topic" not in message:
            super().handle_message(client, message)
        elif (news := self._guard_read(message)) is not None:
            self.hear(news)


class ProLine:
    """A `Line` over ccxt.pro: one URL, one socket at a time."""

    def __init__(self, client: BybitStreamClient, url: str, *, private: bool) -> None:
        self._client = client
        self._url = url
        self._private = private
        self._socket: Any = None
        self._ended: asyncio.Future[None] | None = None
        self._topics: dict[str, asyncio.Future[object]] = {}
        self._leaving: set[asyncio.Future[object]] = set()

    async def open(self) -> None:
        """Connect, and log in where the stream is private."""
        self._socket = self._client.client(self._url)
        self._ended = _noted(self._socket.future(_ENDED))
        await self._first(self._socket.connect(self._client.session))
        if self._private:
            await self._first(_noted(asyncio.ensure_future(self._client.authenticate(self._url))))

    def follow(self, topics: frozenset[str]) -> None:
        """Subscribe to these topics and to no others, each by a request of its own."""
        for topic in sorted(topics - self._topics.keys()):
            watching = self._client.watch_topics(self._url, [topic], [topic])
            self._topics[topic] = _noted(asyncio.ensure_future(watching))
        for topic in self._topics.keys() - topics:
            self._topics.pop(topic).cancel()
            leave = f"unsubscribe:{topic}"
            unwatching = self._client.un_watch_topics(self._url, "", [], [leave], [topic], [topic])
            leaving = _noted(asyncio.ensure_future(unwatching))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def refused(self) -> dict[str, str]:
        """Return the topics that the venue refused since `open`, with its reasons."""
        return {topic: _why(task) for topic, task in self._topics.items() if task.done()}

    async def ended(self) -> None:
        """Wait until the connection ends, and raise why it did."""
        if self._ended is not None:
            await self._first(self._ended)

    async def close(self) -> None:
        """Close the connection, in whatever state it is."""
        socket, self._socket = self._socket, None
        for task in (*self._topics.values(), *self._leaving):
            task.cancel()
        self._topics.clear()
        if socket is not None:
            if self._client.clients.get(self._url) is socket:
                del self._client.clients[self._url]
            await socket.close()

    async def _first(self, wanted: "asyncio.Future[Any]") -> None:
        """Wait for `wanted` or the end of the connection; raise what went wrong.

        ccxt cancels its futures when it closes a socket: that must not look as if the caller was cancelled.
        """
        ends = self._ended or wanted
        await asyncio.wait({wanted, ends}, return_when=asyncio.FIRST_COMPLETED)
        for one in (ends, wanted):
            if one.cancelled():
                raise ccxt.NetworkError("the connection was closed")
            if one.done():
                one.result()


def _handled(socket: Any, handle: Callable[[Any], None], message: Any) -> None:
    try:
        handle(message)
    except VENUE_FAILURES as error:
        socket.on_error(ccxt.NetworkError(f"a message could not be read: {error}"))


def _nobody(_news: News) -> None:
    """Hear news before somebody listens."""


def _noted(future: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
    """Take note of how a future ends, so that asyncio does not complain that nobody did."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


def _why(task: "asyncio.Future[object]") -> str:
    error = None if task.cancelled() else task.exception()
    return str(error) if error is not None else "it ended"
