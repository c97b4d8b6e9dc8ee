"""How long an order takes while polls are queued, against the same through one stock ccxt client."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import count
from pathlib import Path

import ccxt.async_support as ccxt

from benchmarks.figures import Missed
from benchmarks.line import line
from benchmarks.venue import KEY, SECRET, venue
from bot.clock import SystemClock
from bot.exchange.factory import make_budget, make_gateway
from bot.logs import configure_logs
from bot.model import OrderRequest, OrderSide, Side, Style, Verdict

LEVELS = (0, 20, 50)
ROUNDS = 7
SETTLE_SECONDS = 0.3
"""Between two rounds, so that the limiters are as they are after a rest."""
MOST = 1.2
ROUND_TRIP_MS = 20
"""As from a machine near the venue. Without it the polls' own processor time would be most of the wait."""
SYMBOL, AMOUNT, FAR = "BTC/USDT:USDT", "0.01", 1.04

Work = Callable[[], Awaitable[object]]


async def taken(order: Work, poll: Work, polls: int) -> float:
    """Queue polls, then send one order; seconds until it is answered."""
    queued = [asyncio.ensure_future(poll()) for _ in range(polls)]
    await asyncio.sleep(0)
    begin = time.perf_counter()
    await order()
    seconds = time.perf_counter() - begin
    await asyncio.gather(*queued)
    await asyncio.sleep(SETTLE_SECONDS)
    return seconds


async def measure(url: str, folder: Path) -> dict[str, dict[int, float]]:
    """Measure both at every level in turn; medians in seconds."""
    clock = SystemClock()
    budget = make_budget(venue="bybit", network="sandbox", clock=clock, base_url=url, folder=folder)
    gateway = make_gateway(
        account="bench",
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        clock=clock,
        base_url=url,
        budget=budget,
    )
    stock = ccxt.bybit({"apiKey": KEY, "secret": SECRET, "enableRateLimit": True})
    stock.urls["api"].update(dict.fromkeys(("spot", "futures", "v2", "public", "private"), url))
    stock.has["fetchCurrencies"] = False
    stock.options["fetchMarkets"] = {"types": ["linear"]}
    stock.options["enableUnifiedMargin"], stock.options["enableUnifiedAccount"] = False, True
    try:
        mark = (await gateway.snapshot()).marks[SYMBOL].mark
        await stock.load_markets()
        if not isinstance(mark, Decimal):
            raise SystemExit(f"the mark price of {SYMBOL} is not known: {mark.reason}")
        price = f"{float(mark) * FAR:.1f}"  # nobody bids so much: the order is cancelled at once
        numbers = count()

        async def ours() -> None:
            name = f"lane-{next(numbers)}"
            side, size = OrderSide.SELL, Decimal(AMOUNT)
            request = OrderRequest(name, SYMBOL, side, Side.LONG, 0, size, Style.IOC, Decimal(price))
            answer = await gateway.submit(request)
            if answer.verdict is not Verdict.ACCEPTED:
                raise SystemExit(f"the order was not taken: {answer.message}")

        async def theirs() -> None:
            terms = {"timeInForce": "IOC", "reduceOnly": True}
            await stock.create_order(SYMBOL, "limit", "sell", float(AMOUNT), float(price), terms)

        pairs: dict[str, tuple[Work, Work]] = {
            "ours": (ours, lambda: gateway.candles(SYMBOL, "1m", 1)),
            "stock ccxt": (theirs, lambda: stock.fetch_ohlcv(SYMBOL, "1m", None, 1)),
        }
        found: dict[str, dict[int, list[float]]] = {name: {level: [] for level in LEVELS} for name in pairs}
        for _ in range(ROUNDS + 1):
            for level in LEVELS:
                for name, (order, poll) in pairs.items():
                    found[name][level].append(await taken(order, poll, level))
        return {
            name: {level: statistics.median(runs[1:]) for level, runs in levels.items()}
            for name, levels in found.items()
        }
    finally:
        await stock.close()
        await gateway.close()


def run() -> list[str]:
    """Measure and return lines to print."""
    configure_logs(as_json=False, level="error")
    with tempfile.TemporaryDirectory(dir=".") as folder, venue(1) as url, line(url, ROUND_TRIP_MS) as far:
        found = asyncio.run(measure(far, Path(folder)))
    lines = []
    for level in LEVELS:
        parts = [
            f"{name} {levels[level] * 1000:.1f} ms ({levels[level] / levels[0]:.2f}x)"
            for name, levels in found.items()
        ]
        lines.append(f"one order, {level} polls queued, {ROUND_TRIP_MS} ms away: {' against '.join(parts)}")
    worst = max(found["ours"][level] / found["ours"][0] for level in LEVELS)
    if worst > MOST:
        raise Missed(lines, f"at most {MOST}x of the wait without polls was wanted, it is {worst:.2f}x")
    return lines
