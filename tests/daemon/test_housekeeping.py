"""Room on the disk is watched, and old inputs go, while the daemon lives."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog
from msgspec.structs import replace

from bot.clock import SystemClock, VirtualClock
from bot.daemon.housekeeping import MOST_PARTS, Housekeeping
from bot.daemon.service import Service
from bot.journal import Journal, JournalWorker, Pruning, open_journal, verify
from bot.journal.records import Kind
from bot.sandbox.engine.types import Side
from tests.daemon.test_service import QUICK
from tests.guard.support import bench, refusal
from tests.sandbox.support import until

DAY = timedelta(days=1)


class Room(NamedTuple):
    """What is left of a disk."""

    free: int


def far_ahead(days: int) -> VirtualClock:
    """A clock that shows a day so many days from now."""
    return VirtualClock(SystemClock().now() + days * DAY)


async def test_tells_of_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(_folder: Path) -> Room:
        return Room(1000)

    monkeypatch.setattr(shutil, "disk_usage", small)
    with open_journal(tmp_path / "journal.db") as journal:
        keeper = Housekeeping(JournalWorker(journal), SystemClock(), None)
        with structlog.testing.capture_logs() as logs:
            await keeper.keep()
    assert [one["free_bytes"] for one in logs] == [1000]


async def test_a_daemon_prunes_what_it_only_watched(tmp_path: Path) -> None:
    async with bench(tmp_path, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(3):
            assert (await it.guard.cycle()).error == ""
        assert it.of_kind(Kind.DECISION)
        worker = it.guard.executor.worker
        await Housekeeping(worker, far_ahead(30), 90 * DAY).keep()
        assert it.of_kind(Kind.PRUNED) == []
        terms = replace(QUICK, keep_decisions=90 * DAY)
        it.ended = True
        service = Service([it.guard], worker, SystemClock(), terms)
        service._housekeeping._clock = far_ahead(100)
        ran = asyncio.create_task(service.run())
        await until(lambda: it.of_kind(Kind.PRUNED))
        service.stop("enough")
        await asyncio.wait_for(ran, 10)
    report = verify(tmp_path / "journal.sqlite")
    assert report.sound
    assert report.pruned > 0


async def test_a_round_is_bounded_and_a_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def endless(_self: Journal, *_: object, **__: object) -> Pruning:
        nonlocal calls
        calls += 1
        return Pruning((1,), ("x",), 10, calls, ended=False)

    def failing(_self: Journal, *_: object, **__: object) -> Pruning:
        raise refusal(tmp_path)

    with open_journal(tmp_path / "journal.db") as journal:
        keeper = Housekeeping(JournalWorker(journal), SystemClock(), DAY)
        monkeypatch.setattr(Journal, "prune", endless)
        await keeper.keep()
        assert calls == MOST_PARTS
        monkeypatch.setattr(Journal, "prune", failing)
        with structlog.testing.capture_logs() as logs:
            await keeper.keep()
    assert [one["log_level"] for one in logs] == ["error"]
