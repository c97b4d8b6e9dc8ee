"""The only place that makes ccxt clients."""

import asyncio
import functools
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import ccxt
import msgspec
from ccxt.async_support.base.throttler import Throttler
from ccxt.async_support.bybit import bybit

from bot.clock import Clock
from bot.exchange.failures import VENUE_FAILURES, AnsweredError, VenueRefusalError
from bot.exchange.gate import Admit
from bot.exchange.transport import Transport
from bot.exchange.values import figure, to_milliseconds

Leave = Callable[[], None]
"""Asked once a request that changes something is signed; raises NotSentError where it may not leave."""
EnvelopeCheck = Callable[[int, object, str], None]
"""Status, decoded body and raw text in; raises VenueRefusalError or BrokenAnswerError."""

Client = TypeVar("Client")

THROTTLE_PAUSE_S: Final = 0.005
_LONGEST_WAIT_S: Final = 3600.0

_SILENT = logging.Logger("ccxt", level=logging.CRITICAL + 1)  # ccxt logs headers, and with them the key


class LaneThrottler(Throttler):  # type: ignore[misc]  # ccxt is not typed
    """ccxt's leaky bucket, which also refills while nothing waits."""

    def __init__(self, config: dict[str, Any], loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__({**config, "delay": THROTTLE_PAUSE_S}, loop)
        self._idle_since = time.monotonic()

    async def looper(self) -> None:
        """Serve the queue; remember when it became empty."""
        await super().looper()
        self._idle_since = time.monotonic()

    def __call__(self, cost: float | None = None) -> "asyncio.Future[None]":
        """Queue one request; the future ends when it may be sent."""
        if not self.running:
            idle_ms = (time.monotonic() - self._idle_since) * 1000
            refilled = self.config["tokens"] + idle_ms * self.config["refillRate"]
            self.config["tokens"] = min(refilled, self.config["capacity"])
        future: asyncio.Future[None] = super().__call__(cost)
        return future


class BybitClient(bybit):  # type: ignore[misc]  # ccxt is not typed
    """ccxt's Bybit, with the guard's clock, a replaceable network, and every answer checked."""

    asyncio_loop: asyncio.AbstractEventLoop | None
    session: aiohttp.ClientSession | None
    closed_by_user: bool

    def __init__(
        self,
        config: Mapping[str, Any],
        clock: Clock,
        transport: Transport | None,
        check: EnvelopeCheck,
        admit: Admit | None = None,
        leave: Leave | None = None,
    ) -> None:
        self._guard_clock = clock
        self._guard_transport = transport
        self._guard_check = check
        self._guard_admit = admit
        self._guard_leave = leave
        self._guard_resync = asyncio.Lock()
        super().__init__(dict(config))

    def init_throttler(self, cost: float | None = None) -> None:
        """Make the limiter of this client's own lane."""
        self.throttler = LaneThrottler(self.tokenBucket, self.asyncio_loop)

    def milliseconds(self) -> int:
        """Return the guard's time, which signs requests."""
        return to_milliseconds(self._guard_clock.now())

    def open(self, lazy: bool = False) -> None:
        """Open the connection pool when it is first needed."""
        if lazy and self.closed_by_user:
            raise ccxt.ExchangeClosedByUser(f"{self.id} was closed")
        self.closed_by_user = False
        if self.session is None:
            self.asyncio_loop = asyncio.get_running_loop()
            self.throttler.loop = self.asyncio_loop
            self.tcp_connector = aiohttp.TCPConnector(ssl=shared_tls(self.cafile))
            self.session = aiohttp.ClientSession(
                connector=self.tcp_connector, trust_env=self.aiohttp_trust_env
            )

    async def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> object:
        """Send one request, signed already, and return its decoded and checked body."""
        if self._guard_leave is not None and method == "POST":
            self._guard_leave()
        if self._guard_transport is None:
            return await super().fetch(url, method, headers, body)
        wanted = self.prepare_request_headers(headers)
        where = f"{self.id} {method} {urlsplit(url).path}"
        try:
            status, reason, got, text = await self._guard_transport.request(method, url, wanted, body)
        except TimeoutError as error:
            raise ccxt.RequestTimeout(where) from error
        except OSError as error:
            raise ccxt.ExchangeNotAvailable(where) from error
        decoded = self.parse_json(text)
        self.handle_errors(status, reason, url, method, got, text, decoded, wanted, body)
        return decoded

    def parse_json(self, http_response: str) -> object:
        """Decode strictly: truncated text, NaN and trailing rubbish are no JSON."""
        try:
            return msgspec.json.decode(http_response)
        except (msgspec.DecodeError, UnicodeError):
            return None

    def handle_errors(
        self,
        httpCode: int,  # noqa: N803
        reason: str,
        url: str,
        method: str,
        headers: object,
        body: str,
        response: object,
        requestHeaders: object,  # noqa: N803
        requestBody: object,  # noqa: N803
    ) -> None:
        """Refuse whatever is not the venue's envelope with its code of success."""
        try:
            self._guard_check(httpCode, response, body or "")
        except AnsweredError as error:
            error.wait = self._wait_of(headers)
            raise

    def _wait_of(self, headers: object) -> timedelta | None:
        """Read how long the venue asks to wait: seconds, or its own time at which the limit is lifted."""
        sent = headers if isinstance(headers, Mapping) else {}
        row = {str(key).lower(): text for key, text in sent.items()}
        seconds = figure(row, "retry-after")
        if isinstance(seconds, Decimal):
            return timedelta(seconds=min(float(seconds), _LONGEST_WAIT_S))
        lifted = figure(row, self.options["limitResetHeader"])
        if isinstance(lifted, Decimal):
            ahead = float(lifted) - self.milliseconds() + self.options["timeDifference"]
            return timedelta(seconds=min(ahead / 1000, _LONGEST_WAIT_S)) if ahead > 0 else None
        return None

    async def fetch2(
        self,
        path: str,
        api: object = "public",
        method: str = "GET",
        params: Mapping[str, object] | None = None,
        config: Mapping[str, object] | None = None,
    ) -> object:
        """Wait for a turn, sign and send. A clock that is off is set once, and the request signed again."""
        offset = self.options["timeDifference"]
        await self._take_turn(path, api, method, params or {}, config or {})
        try:
            return await super().fetch2(path, api, method, params or {}, config or {})
        except VenueRefusalError as refusal:
            if refusal.code != self.options["clockCode"] or path == self.options["clockPath"]:
                raise
            await self._set_clock(offset, refusal)
        await self._take_turn(path, api, method, params or {}, config or {})
        return await super().fetch2(path, api, method, params or {}, config or {})

    async def throttle(self, cost: float | None = None) -> None:
        """Let pass: `fetch2` has taken the turn already."""

    async def _take_turn(
        self,
        path: str,
        api: object,
        method: str,
        params: Mapping[str, object],
        config: Mapping[str, object],
    ) -> None:
        """Wait for the account's own limit, then for the host's: its word must be fresh when all leaves."""
        if self.enableRateLimit:
            await self.throttler(self.calculate_rate_limiter_cost(api, method, path, params, config))
        if self._guard_admit is not None:
            await self._guard_admit()

    async def _set_clock(self, offset: int, refusal: VenueRefusalError) -> None:
        async with self._guard_resync:
            if self.options["timeDifference"] != offset:
                return  # another request has just set it
            try:
                await self.load_time_difference()
            except VENUE_FAILURES as error:
                raise refusal from error


@functools.cache
def shared_tls(cafile: str) -> ssl.SSLContext:
    """Make one TLS context for all accounts: each costs memory and tens of milliseconds."""
    return ssl.create_default_context(cafile=cafile)


def quiet(client: Client) -> Client:
    """Stop ccxt from logging requests and from keeping the last ones."""
    untyped: Any = client
    untyped.logger = _SILENT
    untyped.enableLastHttpResponse = False
    untyped.enableLastResponseHeaders = False
    return client
