"""A sandbox on an ephemeral port, and other people's clients pointed at it (otherwise unmodified)."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import ccxt.async_support as ccxt_async
import ccxt.pro as ccxt_pro
import msgspec
from pybit.unified_trading import HTTP

from bot.sandbox.engine.clocks import Clock, ScaledClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.instruments import default_instruments
from bot.sandbox.engine.types import AccountInfo, AccountSpec
from bot.sandbox.host import Sandbox
from bot.sandbox.http import Request, Response
from bot.sandbox.server import SandboxServer

KEY, SECRET = "sandbox-key", "sandbox-secret-never-shown"
PRICES = {"BTCUSDT": 100_000.0, "ETHUSDT": 4_000.0, "SOLUSDT": 200.0, "XRPUSDT": 2.5}
START_MS = 1_763_700_000_000


class Running(msgspec.Struct, frozen=True):
    """A sandbox that serves."""

    url: str
    engine: Engine
    sandbox: Sandbox
    server: SandboxServer
    account: AccountInfo

    @property
    def stream_url(self) -> str:
        """The base URL of WebSockets."""
        return self.url.replace("http", "ws", 1)


def make_engine(clock: Clock | None = None, prices: dict[str, float] | None = None) -> Engine:
    """An engine with fixed prices that only `set_price` moves; real time unless a clock is given."""
    used = clock or ScaledClock(START_MS, 1.0)
    return Engine(used, ManualFeed(used.market_ms(), prices or PRICES))


def engine_with_symbols(count: int) -> Engine:
    """An engine that lists many copies of one instrument under names of their own."""
    model = default_instruments()[0]
    listed = [
        msgspec.structs.replace(model, symbol=f"C{number:03d}USDT", base=f"C{number:03d}")
        for number in range(count)
    ]
    clock = ScaledClock(START_MS, 1.0)
    return Engine(clock, ManualFeed(START_MS), listed)


def open_account(engine: Engine, deposit: str = "100000", **settings: Any) -> AccountInfo:
    """An account with the usual key."""
    wanted = {"api_key": KEY, "secret": SECRET, "deposit": Decimal(deposit), **settings}
    return engine.add_account(AccountSpec(**wanted))


@asynccontextmanager
async def serving(engine: Engine | None = None, **settings: Any) -> AsyncIterator[Running]:
    """A sandbox on a free port, with one account."""
    used = engine or make_engine()
    account = used.account_by_key(KEY) or open_account(used, **settings)
    sandbox = Sandbox(used)
    server = SandboxServer(sandbox)
    await server.start()
    try:
        yield Running(server.url, used, sandbox, server, account)
    finally:
        await server.stop()


def configure_ccxt(client: Any, url: str) -> Any:
    """Point a ccxt client (async or pro) at a sandbox."""
    client.urls["api"].update(dict.fromkeys(("spot", "futures", "v2", "public", "private"), url))
    stream = url.replace("http", "ws", 1)
    client.urls["api"]["ws"] = {
        "public": {name: f"{stream}/v5/public/{name}" for name in ("spot", "linear", "inverse", "option")},
        "private": {
            "spot": {"unified": f"{stream}/v5/private", "nonUnified": f"{stream}/v5/private"},
            "contract": f"{stream}/v5/private",
            "usdc": f"{stream}/v5/private",
            "trade": f"{stream}/v5/trade",
        },
    }
    client.options["defaultType"] = "swap"
    return client


def ccxt_settings(key: str = KEY, secret: str = SECRET) -> dict[str, Any]:
    """Constructor arguments of a ccxt client."""
    return {"apiKey": key, "secret": secret, "enableRateLimit": False}


@asynccontextmanager
async def ccxt_client(url: str, key: str = KEY, secret: str = SECRET) -> AsyncIterator[Any]:
    """An unmodified ccxt.async_support client."""
    client = configure_ccxt(ccxt_async.bybit(ccxt_settings(key, secret)), url)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def ccxt_pro_client(url: str, key: str = KEY, secret: str = SECRET) -> AsyncIterator[Any]:
    """An unmodified ccxt.pro client."""
    client = configure_ccxt(ccxt_pro.bybit(ccxt_settings(key, secret)), url)
    try:
        yield client
    finally:
        await client.close()


def pybit_client(url: str, key: str = KEY, secret: str = SECRET) -> HTTP:
    """An unmodified pybit client (synchronous: call it in a thread)."""
    client = HTTP(testnet=False, api_key=key, api_secret=secret, recv_window=5000, max_retries=1)
    client.endpoint = url
    return client


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait until the condition is true and return what it gave; fails after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (value := condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError("the condition did not come true in time")
        await asyncio.sleep(0.01)
    return value


def admin(sandbox: Sandbox, method: str, name: str, body: object = None) -> tuple[int, Any]:
    """One call of the admin API, without a network."""
    payload = b"" if body is None else msgspec.json.encode(body)
    return decoded(sandbox.handle(Request(method, f"/sandbox/{name}", body=payload)))


def decoded(response: Response) -> tuple[int, Any]:
    """Status and body of an answer."""
    return response.status, msgspec.json.decode(response.body)


def signed(
    sandbox: Sandbox,
    method: str,
    path: str,
    params: dict[str, Any] | None = None,
    *,
    key: str = KEY,
    secret: str = SECRET,
    shift_ms: int = 0,
    window: str = "5000",
) -> Request:
    """A request signed as the venue wants it; `shift_ms` moves its timestamp off the server's clock."""
    query = urlencode(params or {}) if method == "GET" else ""
    body = b"" if method == "GET" else msgspec.json.encode(params or {})
    timestamp = sandbox.engine.clock.server_ms() + shift_ms
    origin = f"{timestamp}{key}{window}{query or body.decode()}"
    signature = hmac.new(secret.encode(), origin.encode(), hashlib.sha256).hexdigest()
    headers = {
        "x-bapi-api-key": key,
        "x-bapi-timestamp": str(timestamp),
        "x-bapi-recv-window": window,
        "x-bapi-sign": signature,
    }
    return Request(method, path, query, headers, body)


def call(
    sandbox: Sandbox, method: str, path: str, params: dict[str, Any] | None = None, **how: Any
) -> dict[str, Any]:
    """The body of the answer to a signed request, sent without a network."""
    status, body = decoded(sandbox.handle(signed(sandbox, method, path, params, **how)))
    assert status in (200, 404)
    assert isinstance(body, dict)
    return body
