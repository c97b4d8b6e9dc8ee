"""Streams beside the jobs of the real service, on a sandbox over loopback."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.clock import SystemClock
from bot.daemon.hints import hint_job, poll_job
from bot.daemon.service import Service
from bot.journal import open_journal
from bot.journal.records import Kind
from bot.model import Snapshot
from bot.sandbox.engine.types import Side
from tests.daemon.lookout import HINTS_ALONE, OWN, lookout, streams_at
from tests.daemon.test_service import QUICK
from tests.exchange.speaker import PRIVATE, PUBLIC, Steps, speaker
from tests.guard.support import ACCOUNT, bench
from tests.sandbox.support import until


async def test_what_happens_at_the_venue_brings_a_poll_and_what_it_calls_for(tmp_path: Path) -> None:
    async with lookout(tmp_path, HINTS_ALONE) as it:
        await it.followed("tickers.BTCUSDT")
        it.bench.open("BTCUSDT", Side.BUY, "6")  # leverage 8, where 5 is the limit
        await until(lambda: it.bench.of_kind(Kind.VERIFICATION))
        assert it.most_at_once == [1]
    with open_journal(tmp_path / "journal.sqlite", read_only=True) as journal:
        kinds = [entry.kind for entry in journal.entries()]
    assert kinds.index(Kind.PREPARED) < kinds.index(Kind.VERIFICATION)


async def test_a_move_of_the_mark_brings_a_poll(tmp_path: Path) -> None:
    async with lookout(tmp_path, HINTS_ALONE) as it:
        await it.followed("tickers.BTCUSDT")
        seen = len(it.reports)
        it.bench.price("BTCUSDT", "99900")
        it.bench.price("BTCUSDT", "96000")
        await it.polled(seen + 1)
        snapshot = it.reports[-1].snapshot
        assert snapshot is not None
        assert snapshot.marks["BTC/USDT:USDT"].mark == Decimal(96_000)


async def test_a_flood_brings_no_more_polls_than_the_least_interval_allows(tmp_path: Path) -> None:
    terms = msgspec.structs.replace(HINTS_ALONE, hint=timedelta(minutes=10))
    clock = Steps(SystemClock().now())
    async with speaker(clock) as flood, lookout(tmp_path, terms, lambda _: streams_at(flood.url)) as it:
        await until(lambda: flood.topics[PRIVATE] == OWN)
        heard = 0
        tell = it.service._hints._streams[ACCOUNT]._feed.hear  # type: ignore[attr-defined]

        def counting(news: object) -> None:
            nonlocal heard
            heard += 1
            tell(news)

        it.service._hints._streams[ACCOUNT]._feed.hear = counting  # type: ignore[attr-defined]
        for _ in range(2_000):
            await flood.private("order", "BTCUSDT")
        await until(lambda: heard == 2_000)
        assert len(it.reports) == 1
        job = it.service._scheduler.get_job(hint_job(ACCOUNT))
        first = it.reports[0].at
        assert timedelta(minutes=9) < job.next_run_time - first <= timedelta(minutes=10)
        assert it.service._scheduler.get_job(poll_job(ACCOUNT)).next_run_time - first > timedelta(minutes=59)


@pytest.mark.parametrize("how", ["no server", "refused", "hangs"])
async def test_streams_that_cannot_be_had_leave_polls_alone(tmp_path: Path, how: str) -> None:
    async with speaker(Steps()) as venue:
        getattr(venue, {"refused": "closed_to", "hangs": "hangs"}.get(how, "unknown")).update(
            (PUBLIC, PRIVATE)
        )
        url = "http://127.0.0.1:9" if how == "no server" else venue.url
        async with lookout(tmp_path, QUICK, lambda _: streams_at(url)) as it:
            await until(lambda: how == "no server" or len(venue.opened) >= 2)
            await it.polled(8)
            assert {report.error for report in it.reports} == {""}
        if how == "hangs":
            assert venue.hanging == 2


class Raising:
    """Streams that ask without end, or fail as nobody foresaw."""

    account = ACCOUNT

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.asked = 0
        self.snapshots: list[Snapshot] = []

    async def run(self, ask: Callable[[], None], tell: Callable[[str, str], None]) -> None:
        """Ask, every time that others let it."""
        tell("prices", "it is down")
        tell("prices", "")
        if self.fails:
            raise ZeroDivisionError("nobody foresaw this")
        while True:
            self.asked += 1
            ask()
            await asyncio.sleep(0)

    def polled(self, snapshot: Snapshot) -> None:
        """Keep it."""
        self.snapshots.append(snapshot)

    async def close(self) -> None:
        """Fail here as well."""
        raise ZeroDivisionError("nobody foresaw this either")


async def test_streams_that_fail_unforeseen_leave_polls_alone(tmp_path: Path) -> None:
    made = Raising(fails=True)
    async with lookout(tmp_path, QUICK, lambda _: made) as it:
        await it.polled(4)
        assert {report.error for report in it.reports} == {""}
        assert made.snapshots


async def test_nobody_asks_for_more_of_what_fails(tmp_path: Path) -> None:
    made = Raising(fails=False)
    async with lookout(tmp_path, HINTS_ALONE, lambda _: made) as it:
        await it.polled(5)
        it.bench.fault("status", path="/v5/account/wallet-balance")
        await until(lambda: it.bench.of_kind(Kind.ERROR))
        seen, asked = len(made.snapshots), made.asked
        await until(lambda: made.asked > asked + 500)
        assert len(it.bench.of_kind(Kind.ERROR)) == 1
        assert len(made.snapshots) == seen
        assert it.service._scheduler.get_job(hint_job(ACCOUNT)) is None
        it.bench.mend()
        it.service._scheduler.modify_job(poll_job(ACCOUNT), next_run_time=SystemClock().now())
        await until(lambda: len(made.snapshots) > seen + 3)


async def test_a_service_without_streams_asks_for_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.ended = True
        service = Service([it.guard], it.guard.executor.worker, SystemClock(), HINTS_ALONE)
        ran = asyncio.create_task(service.run())
        await until(lambda: it.of_kind(Kind.STARTED))
        assert it.venue.sandbox.topics() == []
        service.stop("enough")
        await asyncio.wait_for(ran, 10)
