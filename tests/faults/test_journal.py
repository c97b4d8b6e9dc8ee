"""Row 33: no new intent without a durable write, no evidence lost, and no restart needed."""

import asyncio
import io
import logging
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.execution import halt
from bot.guard import CycleReport
from bot.journal import JournalError, open_journal, verify
from bot.journal.records import Kind
from bot.logs import configure_logs
from bot.record import STATUS, remembered_status
from bot.sandbox.engine.types import Side
from tests.faults.journal import disk_full, disk_locked, slow_fsync, small_disk
from tests.guard.support import ACCOUNT, Bench, bench
from tests.journal.support import START, stopped

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[Bench]:
    """A guard whose first cycle is done, at an account that is about to need a trim."""
    async with bench(folder) as it:
        it.open("BTCUSDT", Side.BUY, "2")
        assert (await it.guard.cycle()).error == ""
        yield it


def sent(it: Bench) -> list[Any]:
    """Client ids of the orders that arrived, stops aside."""
    return [one.client_id for one in it.venue.sandbox.log.listing() if one.path == "/v5/order/create"]


def fall(it: Bench) -> None:
    """Raise leverage above the limit."""
    it.open("BTCUSDT", Side.BUY, "5")


def assert_all_is_told(it: Bench, folder: Path) -> None:
    """Each order was written before it was answered, ended once, and the chain is whole."""
    prepared = [entry.intent for entry in it.of_kind(Kind.PREPARED)]
    ended = [entry.intent for entry in it.of_kind(Kind.OUTCOME)]
    assert set(sent(it)) <= set(prepared)
    assert set(Counter(sent(it)).values()) <= {1}
    assert set(sent(it)) <= set(ended)
    assert verify(folder / "journal.sqlite").sound


@pytest.mark.fault(33)
async def test_a_full_disk_stops_new_intents_and_the_guard_goes_on_when_there_is_room(disk: Path) -> None:
    async with guarded(disk) as it:
        with disk_full(disk):
            fall(it)
            reports = [await it.guard.cycle() for _ in range(3)]
            assert all("the disk is full" in report.error for report in reports)
            assert all("nothing is sent without a record" in report.error for report in reports)
            assert sent(it) == []
        healed = await it.guard.cycle()
        assert healed.error == ""
        assert len(sent(it)) == 1
        await it.guard.cycle()
        assert_all_is_told(it, disk)
        status = remembered_status(it.journal.load_memory(ACCOUNT, STATUS))
        assert status is not None
        assert status.error == ""


@pytest.mark.fault(33)
async def test_what_is_found_out_on_a_full_disk_waits_in_its_order(disk: Path) -> None:
    async with guarded(disk) as it:
        fall(it)
        it.fault("hang", count=1, seconds=0.2)
        cycle = asyncio.create_task(it.guard.cycle())
        while not sent(it):
            await asyncio.sleep(0.005)
        with disk_full(disk):
            await cycle
            assert [intent.intent for intent in await it.guard.executor.open_intents()] == []
            waited = [(draft.kind, draft.intent) for draft in it.guard.executor.waiting]
            assert waited[0][0] == Kind.SUBMITTED
            assert waited[-1][0] == Kind.OUTCOME
            report = await it.guard.cycle()
            assert "the disk is full" in report.error
        before = it.journal.head().seq
        assert (await it.guard.cycle()).error == ""
        written = [(entry.kind, entry.intent) for entry in it.journal.entries(after=before)]
        assert written[: len(waited)] == waited
        assert_all_is_told(it, disk)


@pytest.mark.fault(33)
async def test_an_order_that_is_open_is_pursued_on_a_full_disk(disk: Path) -> None:
    async with guarded(disk) as it:
        fall(it)
        it.fault("hang", count=1, seconds=0.2)
        cycle = asyncio.create_task(it.guard.cycle())
        while not sent(it):
            await asyncio.sleep(0.005)
        it.fault("status", path="/v5/order/realtime")
        await cycle
        (order,) = [one.intent for one in await it.guard.executor.open_intents() if one.is_order]
        with disk_full(disk):
            it.mend()
            await it.guard.cycle()
            assert await it.guard.executor.open_intents() == ()
            assert (Kind.OUTCOME, order) in [(one.kind, one.intent) for one in it.guard.executor.waiting]
            assert not it.journal.ended(order)
        await it.guard.cycle()
        assert_all_is_told(it, disk)


@pytest.mark.fault(33)
async def test_a_journal_that_is_held_by_another_process_is_waited_for(tmp_path: Path) -> None:
    async with guarded(tmp_path) as it:
        it.journal._db.execute("PRAGMA busy_timeout = 100")
        with disk_locked(it.journal.path):
            fall(it)
            report = await it.guard.cycle()
            assert "another process holds it" in report.error
            assert sent(it) == []
        assert (await it.guard.cycle()).error == ""
        assert len(sent(it)) == 1
        await it.guard.cycle()
        assert_all_is_told(it, tmp_path)


@pytest.mark.fault(33)
async def test_a_slow_fsync_delays_and_loses_nothing(tmp_path: Path) -> None:
    async with guarded(tmp_path) as it:
        fall(it)
        with slow_fsync(it.journal, 0.3):
            loop = asyncio.get_running_loop()
            begun, ticks = loop.time(), 0
            cycle = asyncio.create_task(it.guard.cycle())
            while not cycle.done():
                await asyncio.sleep(0.01)
                ticks += 1
            assert loop.time() - begun > 0.9
            assert ticks > 30, "the event loop must not wait for the disk"
        assert cycle.result().error == ""
        await it.guard.cycle()
        assert_all_is_told(it, tmp_path)


@pytest.mark.fault(33)
async def test_where_the_owner_allows_it_trims_go_on_once_each_and_are_written_later(disk: Path) -> None:
    async with guarded(disk) as it:
        it.guard.executor._admission.unrecorded_reduce = True
        with disk_full(disk):
            fall(it)
            first = await it.guard.cycle()
            assert first.error == ""
            assert len(sent(it)) == 1
            it.open("BTCUSDT", Side.BUY, "3")
            again = await cycles_until(it, 2)
            assert again.error == ""
            assert it.of_kind(Kind.VERIFICATION) == []
        quiet = await it.guard.cycle()
        assert quiet.error == ""
        await it.guard.cycle()
        assert_all_is_told(it, disk)
        decided = [entry.seq for entry in it.of_kind(Kind.DECISION)]
        prepared = [entry.seq for entry in it.of_kind(Kind.PREPARED) if entry.intent in sent(it)]
        assert len(prepared) == 2
        assert all(any(seq < one for seq in decided) for one in prepared)
        assert it.guard.executor.waiting == ()


async def cycles_until(it: Bench, orders: int) -> CycleReport:
    """Run cycles until so many orders have arrived."""
    for _ in range(100):  # for five seconds a fill is awaited that the position does not show
        report = await it.guard.cycle()
        if len(sent(it)) >= orders:
            return report
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(sent(it))} orders, not {orders}: {report.error}")


async def test_a_halt_holds_also_where_nothing_can_be_recorded(disk: Path) -> None:
    async with guarded(disk) as it:
        it.guard.executor._admission.unrecorded_reduce = True
        halt(it.journal, ACCOUNT, who="ada", why="by hand", at=START)
        with disk_full(disk):
            fall(it)
            await it.guard.cycle()
            assert sent(it) == []


def test_a_log_without_room_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(logging.getLogger().handlers)
    with io.TextIOWrapper(Path("/dev/full").open("wb", buffering=0), write_through=True) as full:
        with pytest.raises(OSError, match="No space left"):
            full.write("there is really no room")
        monkeypatch.setattr(sys, "stderr", full)
        configure_logs(as_json=True, level="info")
        try:
            structlog.get_logger("test").error("a plain sentence")
            logging.getLogger("library").error("a library's")
        finally:
            structlog.reset_defaults()
            logging.getLogger().handlers[:] = before


LIMITED = """
import sys
from pathlib import Path
from bot.journal import open_journal
from tests.journal.support import stopped
journal = open_journal(Path(sys.argv[1]))
try:
    for number in range(10_000):
        journal.append([stopped("x" * 1000)])
except Exception as error:
    print(number, type(error).__name__, error)
"""


def test_a_limit_on_the_size_of_files_is_told_in_words_and_leaves_the_chain_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with open_journal(path) as journal:
        journal.append([stopped()])

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        preexec_fn=limit,
    )
    written, kind, text = done.stdout.split(maxsplit=2)
    assert kind in {"UnwritableJournalError", "FullDiskError"}
    assert "Nothing was written" in text
    with open_journal(path) as journal:
        assert journal.head().seq == int(written) + 1
        journal.append([stopped("there is room again")])
    assert verify(path).sound


def test_a_writer_that_is_kept_waiting_is_told_who_may_be_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with open_journal(path, wait_seconds=0.1) as journal:
        with disk_locked(path), pytest.raises(JournalError, match="another process holds it"):
            journal.append([stopped()])
        journal.append([stopped()])
