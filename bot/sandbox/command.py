"""`reef sandbox serve`: options, what they build, and the run until a signal ends it."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from bot.sandbox.engine.candles import load_candles
from bot.sandbox.engine.clocks import Clock, RealClock, ScaledClock, VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import Feed, FeedError, ManualFeed
from bot.sandbox.engine.instruments import default_instruments
from bot.sandbox.engine.script import ScenarioFeed
from bot.sandbox.engine.types import AccountSpec, EngineRefusal
from bot.sandbox.faults.schedule import Planned
from bot.sandbox.faults.script import load_script
from bot.sandbox.host import Sandbox
from bot.sandbox.server import SandboxServer, ServerConfigError

VENUES = ("bybit",)
TIMES = ("real", "scaled", "virtual")
EXIT_OK, EXIT_MISUSE = 0, 2


class OptionsError(ValueError):
    """Options that cannot be served; `problems` lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class SandboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `reef sandbox serve` was asked for.

    `candles` maps symbols to CSV files, `accounts` holds texts KEY:SECRET:DEPOSIT, `start` is the
    market time to begin at (default: where the prices begin, or now), `speed` counts only in scaled
    time, `paused` holds the market until POST /sandbox/scenario starts it, `rate_limit` is calls a
    second for each key and path (None: no limit).
    """

    venue: str = "bybit"
    host: str = "127.0.0.1"
    port: int = 0
    scenario: Path | None = None
    candles: dict[str, Path] = {}
    time: str = "real"
    speed: float = 1.0
    start: datetime | None = None
    seed: int = 0
    accounts: tuple[str, ...] = ()
    paused: bool = False
    rate_limit: int | None = None

    def __repr__(self) -> str:
        return (
            f"SandboxOptions(venue={self.venue!r}, host={self.host!r}, port={self.port}, time={self.time!r})"
        )


def parse_account(text: str) -> AccountSpec:
    """An account from KEY:SECRET:DEPOSIT. Raises ValueError without repeating the secret."""
    parts = text.split(":")
    if len(parts) != 3 or not all(parts):
        raise ValueError("an account is given as KEY:SECRET:DEPOSIT, for example demo:demo-secret:10000")
    try:
        deposit = Decimal(parts[2])
    except InvalidOperation:
        raise ValueError(f"account {parts[0]!r}: the deposit {parts[2]!r} is not a number") from None
    if not deposit.is_finite() or deposit < 0:
        raise ValueError(f"account {parts[0]!r}: the deposit must be 0 or more, got {parts[2]}")
    return AccountSpec(api_key=parts[0], secret=parts[1], deposit=deposit)


def parse_candles(text: str) -> tuple[str, Path]:
    """Symbol and file from SYMBOL=FILE. Raises ValueError."""
    symbol, separator, file = text.partition("=")
    if not (symbol and separator and file):
        raise ValueError(f"candles are given as SYMBOL=FILE, got {text!r}")
    return symbol, Path(file)


def build(options: SandboxOptions) -> Sandbox:
    """The sandbox that the options describe. Raises OptionsError with everything that is wrong."""
    problems = _problems(options)
    accounts: list[AccountSpec] = []
    for text in options.accounts:
        try:
            accounts.append(parse_account(text))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise OptionsError(problems)
    try:
        feed, planned = _feed(options)
    except FeedError as error:
        raise OptionsError(str(error).splitlines()) from error
    _check_start(options, feed)
    _check_symbols(feed)
    chains = feed.scenario.options if isinstance(feed, ScenarioFeed) else None
    # who buys options reads their expiry by a clock of his own, so they must lie ahead of it
    begins_now = options.time == "real" or (
        options.time == "scaled" and chains is not None and options.start is None
    )
    engine = Engine(
        _clock(options, None if begins_now else feed),
        feed or ManualFeed(_wall_ms()),
        seed=options.seed,
        rebase_feed=begins_now,
        options=chains,
    )
    for account in accounts:
        try:
            engine.add_account(account)
        except EngineRefusal as refusal:
            raise OptionsError([refusal.message]) from refusal
    # where the feed was shifted to begin now, its faults go with it
    shift_ms = engine.market_ms - feed.start_ms if feed is not None and begins_now else 0
    return Sandbox(
        engine,
        fault_seed=options.seed,
        rate_limit=options.rate_limit,
        planned=[one.later(shift_ms) for one in planned],
    )


def run(options: SandboxOptions, write: Callable[[str], Any] = sys.stdout.write) -> int:
    """Serve until SIGTERM or SIGINT; one JSON line tells the URL when ready. Returns the exit code."""
    try:
        sandbox = build(options)
        return asyncio.run(serve(sandbox, options, write))
    except OptionsError as error:
        for problem in error.problems:
            sys.stderr.write(f"sandbox: {problem}\n")
    except ServerConfigError as error:
        sys.stderr.write(f"sandbox: {error}\n")
    return EXIT_MISUSE


async def serve(sandbox: Sandbox, options: SandboxOptions, write: Callable[[str], Any]) -> int:
    """Serve a sandbox until SIGTERM or SIGINT (in the main thread). Raises ServerConfigError."""
    server = SandboxServer(sandbox, options.host, options.port)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await server.start()
    try:
        write(json.dumps({"url": server.url, "port": server.port, "venue": options.venue}) + "\n")
        sys.stdout.flush()
        await server.run_until(ended)
    finally:
        await server.stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return EXIT_OK


def _problems(options: SandboxOptions) -> list[str]:
    problems = []
    if options.venue not in VENUES:
        problems.append(f"venue {options.venue!r} is not offered; there is {', '.join(VENUES)}")
    if options.time not in TIMES:
        problems.append(f"time must be {', '.join(TIMES)}, got {options.time!r}")
    if not 0 < options.speed <= 1_000_000:
        problems.append(f"speed must lie between 0 and 1,000,000, got {options.speed}")
    if options.speed != 1.0 and options.time != "scaled":
        problems.append("speed counts only with --time scaled")
    if not 0 <= options.port <= 65_535:
        problems.append(f"port must lie between 0 and 65535, got {options.port}")
    if options.scenario is not None and options.candles:
        problems.append("prices come from a scenario or from candles, not from both")
    if options.start is not None and options.start.tzinfo is None:
        problems.append("start needs a time zone, for example 2025-11-21T00:00:00Z")
    if options.paused and options.time == "virtual":
        problems.append("virtual time moves by POST /sandbox/step alone; it cannot be paused")
    return problems


def _feed(options: SandboxOptions) -> tuple[Feed | None, tuple[Planned, ...]]:
    if options.scenario is not None:
        return load_script(options.scenario, options.seed)
    if options.candles:
        return load_candles(options.candles, _start_ms(options)), ()
    return None, ()


def _start_ms(options: SandboxOptions) -> int | None:
    return None if options.start is None else round(options.start.timestamp() * 1000)


def _check_start(options: SandboxOptions, feed: Feed | None) -> None:
    start_ms = _start_ms(options)
    if feed is not None and start_ms is not None and start_ms < feed.start_ms:
        begins = datetime.fromtimestamp(feed.start_ms / 1000, UTC).isoformat()
        raise OptionsError([f"start lies before the prices, which begin at {begins}"])


def _check_symbols(feed: Feed | None) -> None:
    listed = [instrument.symbol for instrument in default_instruments()]
    problems = []
    for symbol in feed.symbols if feed is not None else ():
        if symbol not in listed:
            near = get_close_matches(symbol, listed, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(listed)}"
            problems.append(f"symbol {symbol} is not listed here{hint}")
    if problems:
        raise OptionsError(problems)


def _clock(options: SandboxOptions, feed: Feed | None) -> Clock:
    """Real time is now, with the prices shifted to it; others begin at `start`, with prices, or now."""
    if options.time == "real":
        return RealClock(paused=options.paused)
    begins_ms = _wall_ms() if feed is None else feed.start_ms
    start_ms = _start_ms(options)
    start_ms = begins_ms if start_ms is None else start_ms
    if options.time == "virtual":
        return VirtualClock(start_ms)
    return ScaledClock(start_ms, options.speed, paused=options.paused)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
