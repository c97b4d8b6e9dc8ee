"""A signal behind a URL: one GET, with bounds on where it may lead and how much may come."""

import os
from collections.abc import Mapping
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp

from bot.model import UrlSource, is_loopback, may_ask
from bot.signals.answers import MAX_BYTES, SignalError

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200


async def fetch(source: UrlSource, headers: Mapping[str, str]) -> bytes:
    """Return the body. Raises `SignalError`; the caller bounds the time."""
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
            return await _follow(session, source, headers)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise SignalError(f"no answer from {host_of(source.url)}: {_words(error)}") from None


async def _follow(session: aiohttp.ClientSession, source: UrlSource, headers: Mapping[str, str]) -> bytes:
    url, sent = source.url, {"Accept-Encoding": "identity", **headers}
    for _ in range(MAX_REDIRECTS + 1):
        async with session.get(url, headers=sent, allow_redirects=False) as answer:
            if answer.status in _REDIRECTS:
                url = _next(url, answer.headers.get("Location", ""), source)
                if _origin(urlsplit(url)) != _origin(urlsplit(source.url)):
                    sent = {"Accept-Encoding": "identity"}  # a token is for its own host alone
                continue
            if answer.status != _OK:
                raise SignalError(f"{host_of(url)} answered with HTTP status {answer.status}")
            return await _bounded(answer.content)
    raise SignalError(f"{host_of(source.url)} redirected more than {MAX_REDIRECTS} times")


def _next(url: str, location: str, source: UrlSource) -> str:
    """Return where a redirect leads. Only what was on this machine already may lead to this machine."""
    target = urljoin(url, location)
    parts = urlsplit(target)
    if not location or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SignalError(f"{host_of(url)} redirected to {location[:60]!r}, which is no address")
    if is_loopback(parts.hostname) and not is_loopback(urlsplit(source.url).hostname or ""):
        raise SignalError(f"{host_of(url)} redirected to this machine")
    if not may_ask(target, plain_http=source.plain_http):
        raise SignalError(f"{host_of(url)} redirected to {parts.hostname} without encryption")
    return target


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while chunk := await content.read(MAX_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MAX_BYTES:
            raise SignalError(f"the answer is larger than {MAX_BYTES // 1024} KiB")
    return body


def host_of(url: str) -> str:
    """Return the host of a URL for messages: the rest may hold secrets."""
    return urlsplit(url).hostname or "the address"


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


def _words(error: Exception) -> str:
    """Say what went wrong by the system's words, without what the library adds: it may quote the address."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = cause.errno if isinstance(cause, OSError) else None
    return os.strerror(number) if number is not None and number > 0 else type(error).__name__
