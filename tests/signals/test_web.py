"""Signals behind URLs: real HTTP on loopback, and what each kind of failure is called."""

import asyncio
import socket
import time
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.model import UrlSource, may_ask
from bot.signals.web import MAX_REDIRECTS
from tests.signals.support import Handler, failure, keeper_of, read, saying, serving, terms_of


async def test_a_number_from_json() -> None:
    async with serving(saying('{"data": [{"value": "11"}]}')) as url:
        assert await read(UrlSource(f"{url}/fng/?limit=1"), path=("data", "0", "value")) == 11.0


async def test_an_answer_of_exactly_the_bound_is_read() -> None:
    async with serving(saying("5" + " " * (64 * 1024 - 1))) as url:
        assert await read(UrlSource(url)) == 5.0
    async with serving(saying("5" + " " * (64 * 1024))) as url:
        assert await failure(UrlSource(url)) == "the answer is larger than 64 KiB"


async def test_a_megabyte_is_refused_before_it_has_come() -> None:
    sent = 0

    async def flood(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            for _ in range(1024):
                await answer.write(b"1" * 64 * 1024)
                sent += 1
        except ConnectionResetError:
            pass
        return answer

    async with serving(flood) as url:
        assert await failure(UrlSource(url)) == "the answer is larger than 64 KiB"
    assert sent < 1024


async def test_a_packed_answer_is_not_unpacked_without_end() -> None:
    seen: list[str] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers["Accept-Encoding"])
        answer = web.Response(body=b"1" * 5_000_000)
        answer.enable_compression(web.ContentCoding.gzip)
        return answer

    async with serving(handle) as url:
        assert await failure(UrlSource(url)) == "the answer is larger than 64 KiB"
    assert seen == ["identity"]


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 429, 500, 503])
async def test_any_other_status_is_a_failure(status: int) -> None:
    async with serving(saying("" if status in {204, 304} else "63", status)) as url:
        assert await failure(UrlSource(url)) == f"127.0.0.1 answered with HTTP status {status}"


async def test_a_late_answer_is_none() -> None:
    asked = asyncio.Event()

    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(60)
        return web.Response(text="63")

    async with serving(handle) as url:
        started = time.monotonic()
        told = await failure(UrlSource(url), timeout=timedelta(milliseconds=200))
        assert told == "no answer within 0.2 s"
        assert time.monotonic() - started < 5
    assert asked.is_set()


async def test_an_answer_that_comes_drop_by_drop_is_late_as_well() -> None:
    async def drip(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"1")
                await asyncio.sleep(0.01)
        except ConnectionResetError:
            return answer

    async with serving(drip) as url:
        assert await failure(UrlSource(url), timeout=timedelta(milliseconds=200)) == "no answer within 0.2 s"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_a_refused_connection() -> None:
    told = await failure(UrlSource(f"http://127.0.0.1:{free_port()}/secret-path?key=5"))
    assert told == "no answer from 127.0.0.1: Connection refused"


async def test_a_connection_that_breaks() -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n6")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        told = await failure(UrlSource(f"http://127.0.0.1:{port}/"))
    assert told == "no answer from 127.0.0.1: ClientPayloadError"


async def test_text_is_no_number_and_says_what_came() -> None:
    async with serving(saying("<!doctype html><title>busy</title>")) as url:
        assert "is not a number" in await failure(UrlSource(url))
        assert "is not JSON, but begins with '<!doctype html>" in await failure(UrlSource(url), path=("a",))


def redirecting(target: str, seen: list[dict[str, str]]) -> Handler:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(dict(request.headers))
        if request.path == "/end":
            return web.Response(text="7")
        return web.Response(status=302, headers={"Location": target} if target else {})

    return handle


async def test_a_redirect_is_followed_and_a_token_stays_with_its_own_host() -> None:
    there: list[dict[str, str]] = []
    here: list[dict[str, str]] = []
    async with serving(redirecting("", there)) as other, serving(redirecting(f"{other}/end", here)) as url:
        source = UrlSource(url, {"X-Token": "REEF_TOKEN"})
        keeper = keeper_of(terms_of(source), REEF_TOKEN="planted")
        await keeper.read("fear")
        assert keeper.standing("fear").failure == ""
    assert here[0]["X-Token"] == "planted"
    assert "X-Token" not in there[0]
    own: list[dict[str, str]] = []
    async with serving(redirecting("/end", own)) as url:
        keeper = keeper_of(terms_of(UrlSource(url, {"X-Token": "REEF_TOKEN"})), REEF_TOKEN="planted")
        await keeper.read("fear")
    assert [one["X-Token"] for one in own] == ["planted", "planted"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/again", f"127.0.0.1 redirected more than {MAX_REDIRECTS} times"),
        ("", "127.0.0.1 redirected to '', which is no address"),
        ("ftp://files.example/x", "127.0.0.1 redirected to 'ftp://files.example/x', which is no address"),
        ("file:///etc/passwd", "127.0.0.1 redirected to 'file:///etc/passwd', which is no address"),
        ("http://numbers.example/x", "127.0.0.1 redirected to numbers.example without encryption"),
    ],
)
async def test_redirects_are_bounded(target: str, reason: str) -> None:
    seen: list[dict[str, str]] = []
    async with serving(redirecting(target, seen)) as url:
        assert await failure(UrlSource(url)) == reason
    assert len(seen) <= MAX_REDIRECTS + 1


async def test_a_stranger_may_not_lead_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    async with serving(redirecting("/end", seen)) as url, serving(redirecting(f"{url}/end", [])) as first:
        port = first.rsplit(":", 1)[1]
        real = socket.getaddrinfo

        def resolve(host: str, *more: Any, **named: Any) -> Any:
            return real("127.0.0.1" if host == "numbers.example" else host, *more, **named)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        source = UrlSource(f"http://numbers.example:{port}/", plain_http=True)
        assert await failure(source) == "numbers.example redirected to this machine"
    assert seen == []


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://api.example/x", True),
        ("http://127.0.0.1:5/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://api.example/x", False),
        ("http://10.0.0.1/x", False),
        ("http://localhost.example/x", False),
    ],
)
def test_what_may_be_asked_without_encryption(url: str, fine: bool) -> None:
    assert may_ask(url, plain_http=False) is fine
    assert may_ask(url, plain_http=True)
