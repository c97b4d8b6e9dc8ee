"""From a move of a mark at the venue to the end of the cycle that saw it, with streams and without."""

import asyncio
import statistics
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.figures import Missed
from benchmarks.venue import KEY, SECRET, post, symbols, venue
from bot.bootstrap import build_service, lease_of, prepare
from bot.clock import SystemClock
from bot.daemon.service import Service
from bot.daemon.tenancy import tenancy
from bot.logs import configure_logs
from bot.settings import load_settings

POSITIONS = 5
MOVES = 20
POLL_SECONDS = 2.0
PATIENCE_SECONDS = 30.0
KEYS = {"REEF_BENCH_API_KEY": KEY, "REEF_BENCH_SECRET": SECRET}
CONFIG = """mode: observe
network: sandbox
journal: journal.sqlite
base_url: {url}
poll_interval: 2s
streams: {streams}
accounts:
  - {{name: bench, venue: bybit, rules: balanced}}
"""


class Sight:
    """When each cycle ended, and which mark it saw."""

    def __init__(self, guard: Any) -> None:
        self._cycle = guard._cycle
        self.marks: list[tuple[float, Decimal]] = []

    async def cycle(self) -> Any:
        """Run a cycle and keep what it saw of BTC."""
        report = await self._cycle()
        self.marks.append((time.perf_counter(), report.snapshot.marks["BTC/USDT:USDT"].mark))
        return report

    async def of(self, mark: Decimal) -> float:
        """Wait for a cycle that saw this mark; return when it ended."""
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while time.perf_counter() < deadline:
            for at, seen in self.marks:
                if seen == mark:
                    return at
            await asyncio.sleep(0.002)
        raise SystemExit(f"no cycle saw a mark of {mark}")


def write(folder: Path, url: str, *, streams: bool) -> Path:
    """Write the settings into a folder of their own."""
    folder.mkdir()
    config = folder / "reef.yaml"
    config.write_text(CONFIG.format(url=url, streams=str(streams).lower()))
    return config


async def measure(url: str, folder: Path, *, streams: bool) -> list[float]:
    """Move the mark now and then while the service runs; return the delays in seconds."""
    settings = load_settings(
        write(folder, url, streams=streams), {"REEF_BENCH_API_KEY": KEY, "REEF_BENCH_SECRET": SECRET}
    )
    clock = SystemClock()
    lease = lease_of(settings, clock)
    with tenancy(settings.journal, lease) as tenant:
        service: Service = build_service(prepare(settings), tenant, clock, lease)
        return await _delays(service, url)


async def _delays(service: Service, url: str) -> list[float]:
    """Move the mark now and then and wait for the decision that saw it."""
    (guard,) = service._guards
    sight = Sight(guard)
    guard._cycle = sight.cycle  # type: ignore[method-assign]
    price = Decimal(str(dict(symbols(url, POSITIONS))["BTCUSDT"])).quantize(Decimal("0.1"))
    running = asyncio.create_task(service.run())
    random = Random(1)
    delays = []
    try:
        await sight.of(price)
        await asyncio.sleep(2 * POLL_SECONDS)
        for number in range(MOVES):
            mark = price * (1 + Decimal(4 + number) / 1000 * (-1 if number % 2 else 1))
            mark = mark.quantize(Decimal("0.1"))
            begin = time.perf_counter()
            await asyncio.to_thread(post, url, "/sandbox/mark", {"symbol": "BTCUSDT", "price": str(mark)})
            delays.append(await sight.of(mark) - begin)
            await asyncio.sleep(random.uniform(0.5, 0.5 + POLL_SECONDS))
        await asyncio.to_thread(post, url, "/sandbox/mark", {"symbol": "BTCUSDT", "price": str(price)})
    finally:
        service.stop("measured")
        await running
    return delays


def line(name: str, delays: list[float]) -> str:
    """Say it in one line."""
    middle, worst = statistics.median(delays) * 1000, max(delays) * 1000
    return f"move of a mark to the end of its cycle, {name}: median {middle:.0f} ms, worst {worst:.0f} ms"


def run() -> list[str]:
    """Measure and return lines to print."""
    configure_logs(as_json=False, level="error")
    with tempfile.TemporaryDirectory() as folder, venue(POSITIONS) as url:
        alone = asyncio.run(measure(url, Path(folder) / "alone", streams=False))
        hinted = asyncio.run(measure(url, Path(folder) / "hinted", streams=True))
    lines = [line(f"polls every {POLL_SECONDS:g} s", alone), line("with streams", hinted)]
    if statistics.median(hinted) > statistics.median(alone):
        raise Missed(lines, "streams were to bring decisions forward")
    return lines
