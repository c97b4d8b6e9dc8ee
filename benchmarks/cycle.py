"""One cycle (20 positions, 20 rules, durable journal) against bare ccxt calls for the same data."""

import asyncio
import tempfile
from pathlib import Path

import ccxt.async_support as ccxt

from benchmarks.figures import Missed, Pair, fdatasync_p50_ms, paired
from benchmarks.venue import KEY, SECRET, venue
from bot.clock import SystemClock
from bot.exchange.budget import Allowance, Budget
from bot.exchange.factory import make_gateway
from bot.execution import Executor
from bot.facts import GuardTerms
from bot.guard import Guard
from bot.journal import JournalWorker, open_journal
from bot.logs import configure_logs
from bot.market_stats import StatsKeeper
from bot.model import Caps, ProtectionTerms
from bot.rules import load_rules_text

RULES = 20
POSITIONS = 20
RUNS = 200
MOST_WALL, MOST_CPU = 1.3, 1.5
UNBOUND = Allowance(rate=1e9, burst=1e9, reserve=0.0)
"""Nothing waits for the venue's limits: such pauses would hide what is compared."""
METRICS = (
    ("account.leverage", "max: 50", "restore: 40"),
    ("account.net_leverage", "max: 50", "restore: 40"),
    ("account.margin_ratio", "max: 90%", "restore: 80%"),
    ("account.joint_distance", "min: 1%", "restore: 2%"),
    ("account.drawdown", "max: 90%", "restore: 80%"),
    ("account.daily_loss", "max: 90%", "restore: 80%"),
    ("position.leverage", "max: 50", "restore: 40"),
    ("position.liquidation_distance", "min: 1%", "restore: 2%"),
    ("position.equity_share", "max: 900%", "restore: 800%"),
    ("account.stress_loss", "max: 99%", "restore: 90%\n    scenarios: [{BTC: -20%}, {BTC: -30%, ETH: -40%}]"),
)


def rules_text() -> str:
    """Write twenty quiet rules over every kind of metric."""
    lines = ["version: 1", "rules:"]
    for number in range(RULES):
        metric, limit, restore = METRICS[number % len(METRICS)]
        action = "notify" if metric in ("account.drawdown", "account.daily_loss") else "trim"
        lines += [f"  - name: rule {number}", f"    metric: {metric}", f"    {limit}", f"    {restore}"]
        lines += [f"    do: [{action}]"]
    return "\n".join(lines) + "\n"


def bare_client(url: str) -> ccxt.bybit:
    """Make ccxt as anybody would, without its limiter: it would hide what is compared."""
    client = ccxt.bybit({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False})
    client.urls["api"].update(dict.fromkeys(("spot", "futures", "v2", "public", "private"), url))
    client.has["fetchCurrencies"] = False
    client.options["fetchMarkets"] = {"types": ["linear"]}
    client.options["defaultType"] = "swap"
    client.options["enableUnifiedMargin"], client.options["enableUnifiedAccount"] = False, True
    client.options["unifiedMarginStatus"] = 5
    return client


async def bare_calls(client: ccxt.bybit, held: list[str]) -> None:
    """Ask for what a snapshot holds, through ccxt's unified methods."""
    await asyncio.gather(
        client.fetch_positions(None, {"limit": 200}),
        client.fetch_balance({"type": "swap"}),
        client.fetch_open_orders(None, None, None, {"settleCoin": "USDT"}),
        client.fetch_open_orders(None, None, None, {"settleCoin": "USDT", "trigger": True}),
        client.fetch_tickers(held),
    )


async def measure(url: str, folder: Path) -> Pair:
    """Measure both against one venue."""
    clock = SystemClock()
    gateway = make_gateway(
        account="bench",
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        clock=clock,
        base_url=url,
        budget=Budget(UNBOUND, clock),
    )
    for client in (gateway._reader, gateway._looker, gateway._trader):
        client.enableRateLimit = False
    worker = JournalWorker(open_journal(folder / "journal.sqlite"))
    guard = Guard(
        gateway=gateway,
        executor=Executor(gateway, worker, clock, armed=True),
        worker=worker,
        clock=clock,
        rules=load_rules_text(rules_text(), "bench"),
        stats=StatsKeeper(gateway, "BTC/USDT:USDT", "BTC", clock.now()),
        terms=GuardTerms(Caps(), ProtectionTerms(tolerance=0.05), max_age_seconds=10.0),
    )
    bare = bare_client(url)
    try:
        await bare.load_markets()
        first = await guard.cycle()
        if first.error or first.snapshot is None:
            raise SystemExit(f"the first cycle failed: {first.error}")
        await guard.cycle()
        held = [position.symbol for position in first.snapshot.positions]
        if len(held) != POSITIONS:
            raise SystemExit(f"{len(held)} positions are held, wanted {POSITIONS}")

        async def ours() -> None:
            report = await guard.cycle()
            await worker.call(worker.journal.append, (), {("bench", "durable"): "1"}, at=clock.now())
            if report.error:
                raise SystemExit(f"a cycle failed: {report.error}")

        return await paired(
            f"one cycle, {POSITIONS} positions, {RULES} rules", ours, lambda: bare_calls(bare, held), RUNS
        )
    finally:
        await bare.close()
        await guard.close()
        await worker.close()


def run() -> list[str]:
    """Measure and return lines to print."""
    configure_logs(as_json=False, level="error")
    with tempfile.TemporaryDirectory(dir=".") as folder, venue(POSITIONS) as url:
        pair = asyncio.run(measure(url, Path(folder)))
        lines = [pair.line(), f"fdatasync p50 {fdatasync_p50_ms(Path(folder)):.2f} ms"]
        if pair.wall_ratio > MOST_WALL or pair.cpu_ratio > MOST_CPU:
            raise Missed(lines, f"at most wall {MOST_WALL}x and cpu {MOST_CPU}x were wanted")
        return lines
