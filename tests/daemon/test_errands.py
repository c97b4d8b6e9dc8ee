"""Errands of the daemon: beside the accounts, each by itself, and cut short at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from bot.clock import SystemClock
from bot.daemon.errands import Errand
from bot.daemon.service import Service
from bot.guard import CycleReport
from bot.journal.records import Kind
from bot.sandbox.engine.types import Side
from tests.daemon.test_service import QUICK
from tests.guard.support import ACCOUNT, Bench, bench
from tests.sandbox.support import until

OFTEN = timedelta(milliseconds=50)


async def while_it_runs(it: Bench, errands: list[Errand], look: Callable[[], Awaitable[None]]) -> None:
    it.ended = True
    service = Service([it.guard], it.guard.executor.worker, SystemClock(), QUICK, errands=errands)
    ran = asyncio.create_task(service.run())
    try:
        await look()
    finally:
        service.stop("enough")
        assert await asyncio.wait_for(ran, 15) == "enough"


async def test_an_errand_that_hangs_holds_up_neither_cycles_nor_others_and_is_cut_short(
    tmp_path: Path,
) -> None:
    told: list[str] = []

    async def hang() -> None:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            told.append("cleaned up")

    async def quick() -> None:
        told.append("quick")

    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")

        async def look() -> None:
            await until(lambda: told.count("quick") >= 3)
            await until(lambda: it.of_kind(Kind.VERIFICATION))
            assert told.count("begun") == 1

        await while_it_runs(it, [Errand("hang", OFTEN, hang), Errand("quick", OFTEN, quick)], look)
    assert told.count("cleaned up") == 1


async def test_an_errand_that_fails_unforeseen_is_no_failure_of_an_account_of_its_name(
    tmp_path: Path,
) -> None:
    calls = 0

    async def broken() -> None:
        nonlocal calls
        calls += 1
        raise ZeroDivisionError("nobody foresaw this")

    async with bench(tmp_path) as it:
        began: list[str] = []
        it.guard.begin_again = began.append  # type: ignore[method-assign, assignment]
        reports: list[CycleReport] = []
        whole = it.guard._cycle

        async def counted() -> CycleReport:
            reports.append(await whole())
            return reports[-1]

        it.guard._cycle = counted  # type: ignore[method-assign]

        async def look() -> None:
            await until(lambda: calls >= 3)
            await until(lambda: len(reports) >= 3)

        await while_it_runs(it, [Errand(f"signal {ACCOUNT}", OFTEN, broken)], look)
    assert began == []
