"""The service inside this process: jobs, failures of jobs, housekeeping, and the end."""

import asyncio
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from bot.clock import SystemClock
from bot.daemon.lock import InstanceLock, InstanceLockError
from bot.daemon.service import Service, ServiceTerms
from bot.journal import FullDiskError, JournalError, open_journal
from bot.journal.records import Failure, Kind
from bot.logs import configure_logs
from bot.sandbox.engine.types import Side
from tests.guard.support import Bench, bench
from tests.sandbox.support import until

QUICK = ServiceTerms(
    poll=timedelta(milliseconds=100),
    reconcile=timedelta(milliseconds=300),
    housekeeping=timedelta(seconds=1),
    version="0",
    mode="act",
    network="sandbox",
    rules="digest",
)


def service_of(it: Bench) -> Service:
    """A service of one guard; it closes guard and journal when it ends."""
    it.ended = True
    return Service([it.guard], it.guard.executor.worker, SystemClock(), QUICK)


async def test_polls_reconciles_and_ends(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        service = service_of(it)
        ran = asyncio.create_task(service.run())
        await until(lambda: it.of_kind(Kind.VERIFICATION))
        service.stop("enough")
        service.stop("again")
        assert await asyncio.wait_for(ran, 10) == "enough"
    with open_journal(tmp_path / "journal.sqlite", read_only=True) as journal:
        kinds = [entry.kind for entry in journal.entries()]
    assert kinds[0] == Kind.STARTED
    assert kinds[-1] == Kind.STOPPED


async def test_fills_bring_the_next_poll_at_once(tmp_path: Path) -> None:
    """The next scheduled poll is an hour away, and there are no streams."""
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        it.ended = True
        terms = msgspec.structs.replace(QUICK, poll=timedelta(hours=1), hint=timedelta(milliseconds=1))
        service = Service([it.guard], it.guard.executor.worker, SystemClock(), terms)
        ran = asyncio.create_task(service.run())
        await until(lambda: it.of_kind(Kind.VERIFICATION))
        service.stop("enough")
        await asyncio.wait_for(ran, 10)


async def test_a_job_that_is_late_is_not_skipped(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        service = service_of(it)
        ran = asyncio.create_task(service.run())
        await until(lambda: service._scheduler.get_jobs())
        assert {job.misfire_grace_time for job in service._scheduler.get_jobs()} == {None}
        service.stop("enough")
        await asyncio.wait_for(ran, 10)


async def test_a_job_that_failed_unforeseen_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        calls = 0
        whole = it.guard._cycle

        async def broken() -> Any:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise ZeroDivisionError("nobody foresaw this")
            return await whole()

        monkeypatch.setattr(it.guard, "_cycle", broken)
        service = service_of(it)
        ran = asyncio.create_task(service.run())
        await until(lambda: it.of_kind(Kind.ERROR))
        await until(lambda: calls > 4)
        service.stop("enough")
        await asyncio.wait_for(ran, 10)
        # The worker closed the journal with the service.
    with open_journal(tmp_path / "journal.sqlite", read_only=True) as journal:
        (entry,) = journal.entries(kind=Kind.ERROR)
        assert isinstance(entry.record, Failure)
        assert "nobody foresaw this" in entry.record.message


async def test_a_start_that_cannot_be_recorded_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:

        def full(*_: object, **__: object) -> None:
            raise FullDiskError(it.journal.path, "the disk is full", "Make room.")

        monkeypatch.setattr(it.journal, "append", full)
        with pytest.raises(JournalError, match="disk is full"):
            await service_of(it).run()
        assert it.venue.sandbox.log.listing() == []


async def test_an_account_that_does_not_close_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        service = service_of(it)

        async def stuck() -> None:
            raise OSError("the connection would not close")

        with monkeypatch.context() as patch:
            patch.setattr(it.guard, "close", stuck)
            ran = asyncio.create_task(service.run())
            await until(lambda: it.of_kind(Kind.STARTED))
            service.stop("enough")
            assert await asyncio.wait_for(ran, 10) == "enough"
    with open_journal(tmp_path / "journal.sqlite", read_only=True) as journal:
        assert journal.entries(newest=True, limit=1)[0].kind == Kind.STOPPED


def test_one_daemon_to_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "reef.sqlite"
    with InstanceLock(path), pytest.raises(InstanceLockError, match="already runs"), InstanceLock(path):
        pass
    with InstanceLock(path):
        pass
    lock = InstanceLock(path)
    lock.release()


@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_are_in_no_log_line(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "planted-secret-0123456789"
    for _ in range(2):
        configure_logs(as_json=as_json, level="info", secrets=[secret, "", "abc"])
    log = structlog.get_logger("test")
    log.info(f"said {secret}", listed=[secret], number=5, nothing=None, plain=("a", "b"))
    logging.getLogger("library").error("it holds %s", secret)
    try:
        int(secret)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    log.debug("not shown")
    logging.getLogger("library").info("not shown")
    out, err = capsys.readouterr()
    assert out == ""
    assert secret not in err
    assert err.count("[secret]") >= 5
    assert "not shown" not in err
    if as_json:
        events = [json.loads(line)["event"] for line in err.splitlines()]
        assert events == ["said [secret]", "it holds [secret]", "failed", "failed too"]
