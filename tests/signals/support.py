"""A web server on loopback whose answers the test writes, and a keeper of one signal."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from bot.clock import VirtualClock
from bot.model import CommandSource, FileSource, Number, SignalTerms, Unknown, UrlSource
from bot.signals import SignalKeeper

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Answer every request on a free port; gives the address."""
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def saying(body: str | bytes, status: int = 200, **headers: str) -> Handler:
    """Answer with one text."""

    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        raw = body.encode() if isinstance(body, str) else body
        return web.Response(body=raw, status=status, headers=headers)

    return handle


def terms_of(source: UrlSource | FileSource | CommandSource, **changes: Any) -> SignalTerms:
    """A signal named fear that counts for an hour."""
    wanted = {"max_age": timedelta(hours=1), "timeout": timedelta(seconds=5), **changes}
    return SignalTerms(name="fear", source=source, **wanted)


def keeper_of(terms: SignalTerms, clock: VirtualClock | None = None, **tokens: str) -> SignalKeeper:
    """A keeper of one signal."""
    return SignalKeeper([terms], tokens, clock or VirtualClock(NOW))


async def read(source: UrlSource | FileSource | CommandSource, **changes: Any) -> Number:
    """Read a signal once and return its worth."""
    keeper = keeper_of(terms_of(source, **changes))
    await keeper.read("fear")
    return keeper.value("fear", NOW)


async def failure(source: UrlSource | FileSource | CommandSource, **changes: Any) -> str:
    """Read a signal that cannot be read; return why, as a rule is told it."""
    value = await read(source, **changes)
    assert isinstance(value, Unknown), value
    assert value.reason.startswith("the signal fear could not be read: ")
    return value.reason.removeprefix("the signal fear could not be read: ")
