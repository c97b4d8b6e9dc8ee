"""From kill -9 to reconciled, imports aside, against the round trips that it needs.

The exchange is a process and speaks HTTP; the daemon is killed with an order under way whose answer never
came, and started again. The clock runs from the start of the process to the `recovery` entry.
"""

import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import ccxt.async_support as ccxt

from benchmarks.cycle import bare_client
from benchmarks.figures import Missed
from benchmarks.venue import KEY, SECRET, post, symbols, venue

POSITIONS = 5
RUNS = 5
MOST = 5.0
PATIENCE_S = 60.0
CONFIG = """mode: act
network: sandbox
journal: journal.sqlite
base_url: {url}
rules: ./rules.yaml
poll_interval: 200ms
caps: {{actions_per_hour: 10000}}
accounts:
  - {{name: bench, venue: bybit}}
"""
RULES = """version: 1
rules:
  - name: cap
    metric: account.leverage
    max: {limit}
    restore: {restore}
    cooldown: 0s
    do: [trim]
"""
IMPORTS = "import bot.cli.run, bot.bootstrap, ccxt.async_support.bybit, sqlalchemy.dialects.sqlite"


class Daemon:
    """One daemon after another on one journal."""

    def __init__(self, folder: Path, url: str) -> None:
        self._config = folder / "reef.yaml"
        self._config.write_text(CONFIG.format(url=url))
        self._rules = folder / "rules.yaml"
        self._journal = folder / "journal.sqlite"
        self._environ = {**os.environ, "REEF_BENCH_API_KEY": KEY, "REEF_BENCH_SECRET": SECRET}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, limit: float) -> float:
        """Start it; seconds until it has reconciled."""
        self._rules.write_text(RULES.format(limit=limit, restore=limit * 0.9))
        before = self.count("recovery")
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "run", "--config", str(self._config)],
            env=self._environ,
            stderr=subprocess.DEVNULL,
        )
        self.wait_for("recovery", before)
        return time.perf_counter() - begin

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def count(self, kind: str) -> int:
        """Count the journal's entries of a kind; cheap enough to ask every millisecond."""
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True)) as opened,
        ):
            row = opened.execute("SELECT count(*) FROM entries WHERE kind = ?", (kind,)).fetchone()
            return int(row[0])
        return 0

    def wait_for(self, kind: str, more_than: int) -> None:
        """Wait until there are more entries of a kind."""
        end = time.monotonic() + PATIENCE_S
        while self.count(kind) <= more_than:
            if time.monotonic() > end or (self.process is not None and self.process.poll() is not None):
                raise SystemExit(f"no {kind} entry came")
            time.sleep(0.001)


def wait_until_struck(url: str) -> None:
    """Wait until the exchange has taken an order that it does not answer; then disarm."""
    end = time.monotonic() + PATIENCE_S
    while not any(one["strikes"] for one in call(url, "GET")["faults"]):
        if time.monotonic() > end:
            raise SystemExit("no order came")
        time.sleep(0.002)
    call(url, "DELETE")


def call(url: str, method: str) -> dict[str, list[dict[str, int]]]:
    """Ask for the exchange's faults, or disarm them."""
    request = urllib.request.Request(f"{url}/sandbox/faults", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, list[dict[str, int]]] = json.loads(answer.read())
    return found


def import_seconds() -> float:
    """How long a process takes to start and to import what the daemon imports."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - begin


async def round_trips(url: str, held: list[str], client_id: str) -> tuple[float, float]:
    """The bare calls, one after the other and side by side where none needs another; seconds of each."""
    client = bare_client(url)
    try:
        await client.load_markets()
        await calls(client, held, client_id, together=False)
        begin = time.perf_counter()
        await calls(client, held, client_id, together=False)
        middle = time.perf_counter()
        await calls(client, held, client_id, together=True)
        return middle - begin, time.perf_counter() - middle
    finally:
        await client.close()


async def calls(client: ccxt.bybit, held: list[str], client_id: str, *, together: bool) -> None:
    """Ask for everything that a start must know."""
    linear = {"category": "linear"}
    await client.load_markets(True)
    wanted = [
        client.fetch_time(),
        client.fetch_positions(None, {"limit": 200}),
        client.fetch_balance({"type": "swap"}),
        client.fetch_open_orders(None, None, None, {"settleCoin": "USDT"}),
        client.fetch_open_orders(None, None, None, {"settleCoin": "USDT", "trigger": True}),
        client.fetch_tickers(),
        client.private_get_v5_account_info(),
        client.private_get_v5_account_fee_rate(linear),
        client.private_get_v5_order_realtime({**linear, "orderLinkId": client_id, "symbol": "BTCUSDT"}),
        *(client.public_get_v5_market_risk_limit({**linear, "symbol": symbol}) for symbol in held),
    ]
    if together:
        await asyncio.gather(*wanted)
        return
    for one in wanted:
        await one


def measure(url: str, folder: Path) -> list[str]:
    """Kill and start again, a few times."""
    held = [symbol for symbol, _ in symbols(url, POSITIONS)]
    daemon = Daemon(folder, url)
    ours, imports, bare, side = [], [], [], []
    daemon.start(50.0)
    try:
        for number in range(RUNS):
            daemon.kill()
            post(url, "/sandbox/fault", {"name": "hang", "count": 1, "path": "/v5/order/create"})
            daemon.start(0.09 * 0.85**number)
            wait_until_struck(url)
            daemon.kill()
            imports.append(import_seconds())
            ours.append(daemon.start(50.0))
            one, other = asyncio.run(round_trips(url, held, "reef-bench"))
            bare.append(one)
            side.append(other)
    finally:
        daemon.kill()
    spent = statistics.median(a - b for a, b in zip(ours, imports, strict=True))
    needed = statistics.median(bare)
    whole, imported, together = (statistics.median(one) * 1000 for one in (ours, imports, side))
    lines = [
        f"start to reconciled after kill -9: {whole:.0f} ms, of it {imported:.0f} ms imports",
        f"the rest {spent * 1000:.0f} ms, the round trips alone {needed * 1000:.0f} ms (side by side "
        f"{together:.0f} ms): {spent / needed:.2f}x",
    ]
    if spent / needed > MOST:
        raise Missed(lines, f"at most {MOST:g}x the round trips were wanted")
    return lines


def run() -> list[str]:
    """Measure and return lines to print."""
    with tempfile.TemporaryDirectory(dir=".") as folder, venue(POSITIONS) as url:
        return measure(url, Path(folder))
