"""From kill -9 to reconciled, imports aside, against the round trips that it needs.

The exchange is a process and speaks HTTP; the daemon is killed with an order under way whose answer never
came, and started again. The clock runs from the last import to the `recovery` entry, by the entry's own time.
Neither side waits between requests; how long a start takes with those waits is told beside it.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import ccxt.async_support as ccxt

from benchmarks.cycle import bare_client
from benchmarks.figures import Missed
from benchmarks.venue import KEY, SECRET, post, symbols, venue
from bot.journal import JournalError, open_journal
from bot.journal.records import Kind

POSITIONS = 5
RUNS = 5
MOST = 5.0
PATIENCE_S = 60.0
QUIET = 50.0
"""A leverage that no rule minds."""
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


class Daemon:
    """One daemon after another on one journal."""

    def __init__(self, folder: Path, url: str) -> None:
        self._config = folder / "reef.yaml"
        self._config.write_text(CONFIG.format(url=url))
        self._rules = folder / "rules.yaml"
        self._journal = folder / "journal.sqlite"
        self._imported = folder / "imported"
        self._environ = {**os.environ, "REEF_BENCH_API_KEY": KEY, "REEF_BENCH_SECRET": SECRET}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, limit: float, *, paced: bool = False) -> float:
        """Start it with a limit on leverage; seconds from its last import until it had reconciled."""
        self._rules.write_text(RULES.format(limit=limit, restore=limit * 0.9))
        known = len(self._recoveries())
        environ = self._environ if paced else {**self._environ, "UNPACED": "1"}
        module = [sys.executable, "-m", "benchmarks.unpaced", str(self._imported)]
        self._process = subprocess.Popen(
            [*module, "run", "--config", str(self._config)], env=environ, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + PATIENCE_S
        while len(found := self._recoveries()) <= known:
            if time.monotonic() > end or self._process.poll() is not None:
                raise SystemExit("the daemon did not reconcile")
            time.sleep(0.1)
        return found[-1] - float(self._imported.read_text())

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def _recoveries(self) -> list[float]:
        """When it reconciled, in seconds since 1970."""
        try:
            with open_journal(self._journal, create=False, read_only=True) as journal:
                return [entry.time.timestamp() for entry in journal.entries(kind=Kind.RECOVERY)]
        except JournalError:
            return []


def wait_until_struck(url: str) -> None:
    """Wait until the exchange has taken an order that it does not answer; then disarm."""
    end = time.monotonic() + PATIENCE_S
    while not any(one["strikes"] for one in faults(url, "GET")["faults"]):
        if time.monotonic() > end:
            raise SystemExit("no order came")
        time.sleep(0.02)
    faults(url, "DELETE")


def faults(url: str, method: str) -> dict[str, list[dict[str, int]]]:
    """Ask for the exchange's faults, or disarm them."""
    request = urllib.request.Request(f"{url}/sandbox/faults", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, list[dict[str, int]]] = json.loads(answer.read())
    return found


async def round_trips(url: str, held: list[str]) -> float:
    """Seconds of the bare calls one after the other, over new connections, as a start has them."""
    client = bare_client(url)
    linear = {"category": "linear"}
    try:
        begin = time.perf_counter()
        await client.load_markets()
        await client.fetch_time()
        await client.fetch_positions(None, {"limit": 200})
        await client.fetch_balance({"type": "swap"})
        await client.fetch_open_orders(None, None, None, {"settleCoin": "USDT"})
        await client.fetch_open_orders(None, None, None, {"settleCoin": "USDT", "trigger": True})
        await client.fetch_tickers(held)
        await client.private_get_v5_account_info()
        await client.private_get_v5_account_fee_rate(linear)
        for symbol in held:
            market = client.market_id(symbol)
            await client.public_get_v5_market_risk_limit({**linear, "symbol": market})
        await look_up(client, linear)
        return time.perf_counter() - begin
    finally:
        await client.close()


async def look_up(client: ccxt.bybit, linear: dict[str, str]) -> None:
    """Ask what became of an order, where it may be listed."""
    wanted = {**linear, "orderLinkId": "reef-bench", "symbol": "BTCUSDT"}
    await client.private_get_v5_order_realtime(wanted)
    await client.private_get_v5_order_history(wanted)


def measure(url: str, folder: Path) -> list[str]:
    """Kill and start again, a few times."""
    held = [f"{symbol.removesuffix('USDT')}/USDT:USDT" for symbol, _ in symbols(url, POSITIONS)]
    daemon = Daemon(folder, url)
    ours, bare = [], []
    try:
        daemon.start(QUIET)
        for number in range(RUNS):
            daemon.kill()
            post(url, "/sandbox/fault", {"name": "hang", "count": 1, "path": "/v5/order/create"})
            daemon.start(0.09 * 0.85**number)
            wait_until_struck(url)
            daemon.kill()
            ours.append(daemon.start(QUIET))
            bare.append(asyncio.run(round_trips(url, held)))
        daemon.kill()
        paced = daemon.start(QUIET, paced=True)
    finally:
        daemon.kill()
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    spent, needed = statistics.median(ours) * 1000, statistics.median(bare) * 1000
    lines = [
        f"kill -9 to reconciled: {spent:.0f} ms against {needed:.0f} ms of bare round trips; {ratio:.2f}x",
        f"with the pauses between requests that the venue's limits ask for: {paced * 1000:.0f} ms",
    ]
    if ratio > MOST:
        raise Missed(lines, f"at most {MOST:g}x the round trips were wanted")
    return lines


def run() -> list[str]:
    """Measure and return lines to print."""
    with tempfile.TemporaryDirectory(dir=".") as folder, venue(POSITIONS) as url:
        return measure(url, Path(folder))
