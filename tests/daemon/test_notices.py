"""What the service manager is told, on a real socket."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent

from bot.clock import SystemClock, VirtualClock
from bot.daemon.notices import Notices
from bot.daemon.pulse import OFTEN, Pulse
from bot.daemon.service import Service
from bot.guard import FIRST_READ_SECONDS, CycleReport
from bot.sandbox.engine.types import Side
from tests.cli.support import Keys, Venue, running, sandbox, wait, write_config
from tests.daemon.manager import Manager, listening
from tests.daemon.test_service import QUICK
from tests.guard.support import Bench, bench
from tests.sandbox.support import until

WATCHDOG_S = 0.6
SILENCE_S = 5 * WATCHDOG_S / 3
"""Five notices would have come in it."""
UNREACHABLE = "http://127.0.0.1:9"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with listening(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Serve a sandbox for the module."""
    with sandbox(tmp_path_factory.mktemp("venue")) as serving:
        yield serving


@pytest.mark.parametrize("abstract", [False, True] if sys.platform == "linux" else [False])
def test_a_notice_arrives_on_paths_and_abstract_names(tmp_path: Path, abstract: bool) -> None:
    with listening(tmp_path, abstract=abstract) as manager:
        manager.notices().tell(READY=1, STATUS="guards 2 accounts")
        assert manager.take(1.0) == {"READY": "1", "STATUS": "guards 2 accounts"}


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "@"}, {"NOTIFY_SOCKET": "x"}]
)
def test_without_a_manager_nobody_is_told(environ: dict[str, str]) -> None:
    assert Notices.of(environ) is None


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_the_watchdog_is_meant_for_this_process(more: dict[str, str], seconds: float | None) -> None:
    found = Notices.of({"NOTIFY_SOCKET": "/run/x", **more})
    assert found is not None
    assert found.watchdog_seconds == seconds


def test_a_manager_that_is_gone_is_told_of_once(manager: Manager) -> None:
    notices = manager.notices()
    Path(manager.address).rename(f"{manager.address}-gone")
    with structlog.testing.capture_logs() as logs:
        notices.tell(WATCHDOG=1)
        notices.tell(WATCHDOG=1)
        assert len(logs) == 1
        Path(f"{manager.address}-gone").rename(manager.address)
        notices.tell(WATCHDOG=1)
        Path(manager.address).unlink()
        notices.tell(WATCHDOG=1)
    assert len(logs) == 2
    assert manager.drain() == [{"WATCHDOG": "1"}]


def service_of(it: Bench, pulse: Pulse) -> Service:
    """A service of one guard; it closes guard and journal when it ends."""
    it.ended = True
    return Service([it.guard], it.guard.executor.worker, SystemClock(), QUICK, pulse=pulse)


async def test_ready_once_reconciled_then_a_pulse_then_the_end(tmp_path: Path, manager: Manager) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        pulse = Pulse(manager.notices(WATCHDOG_S), ["main"], SystemClock(), QUICK.poll)
        service = service_of(it, pulse)
        ran = asyncio.create_task(service.run())
        await until(lambda: manager.drain() and any("WATCHDOG" in one for one in manager.told))
        service.stop("enough")
        await asyncio.wait_for(ran, 10)
    manager.drain()
    names = [next(iter(one)) for one in manager.told]
    assert names.count("READY") == 1
    assert names[0] == "EXTEND_TIMEOUT_USEC"
    assert set(names[: names.index("READY")]) == {"EXTEND_TIMEOUT_USEC"}
    assert names[-1] == "STOPPING"
    assert set(names[names.index("READY") + 1 : -1]) == {"WATCHDOG"}
    assert manager.told[-1]["STATUS"] == "ends: enough"


async def test_cycles_that_hang_are_silence(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        pulse = Pulse(manager.notices(WATCHDOG_S), ["main"], SystemClock(), QUICK.poll)
        pulse._bound = 0.5
        hangs = asyncio.Event()
        whole = it.guard._cycle

        async def cycle() -> Any:
            if hangs.is_set():
                await asyncio.sleep(3600)
            return await whole()

        monkeypatch.setattr(it.guard, "_cycle", cycle)
        service = service_of(it, pulse)
        ran = asyncio.create_task(service.run())
        await until(lambda: manager.drain() and any("WATCHDOG" in one for one in manager.told))
        hangs.set()
        with structlog.testing.capture_logs() as logs:
            await until(lambda: pulse._silent)
        assert [one["log_level"] for one in logs if "watchdog" in one["event"]] == ["critical"]
        manager.drain()
        assert await asyncio.to_thread(manager.take, SILENCE_S) is None
        ran.cancel()
        it.guard._turn = asyncio.Lock()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(ran, 10)


class Watched(Pulse):
    """A pulse by a clock that a test moves."""

    def __init__(self, notices: Notices, clock: VirtualClock, *accounts: str) -> None:
        super().__init__(notices, accounts, clock, timedelta(seconds=2))
        self.clock = clock

    def cycle(self, account: str, error: str = "") -> None:
        """A cycle of an account ended."""
        now = self.clock.now()
        report = CycleReport(account, now, None, None, None, error)
        self._took_place(JobExecutionEvent(EVENT_JOB_EXECUTED, f"poll {account}", "default", now, report))


@pytest.fixture
def pulse(manager: Manager) -> Watched:
    return Watched(manager.notices(30.0), VirtualClock(SystemClock().now()), "main", "fund")


async def test_ready_waits_for_the_last_account(manager: Manager, pulse: Watched) -> None:
    pulse.cycle("main")
    pulse.cycle("fund", "the venue is down")
    await pulse.tell()
    (told,) = manager.drain()
    assert int(told["EXTEND_TIMEOUT_USEC"]) >= 30_000_000
    assert told["STATUS"] == "guards 2 accounts; not reconciled yet: fund; last cycle failed: fund"
    pulse.cycle("fund")
    assert manager.drain() == [{"READY": "1", "STATUS": "guards 2 accounts"}]
    pulse.cycle("fund")
    assert manager.drain() == []


async def test_a_venue_that_is_down_is_no_reason_to_end_the_daemon(manager: Manager, pulse: Watched) -> None:
    pulse.cycle("main")
    pulse.cycle("fund")
    manager.drain()
    for _ in range(100):
        pulse.clock.advance(10)
        pulse.cycle("main", "no answer")
        pulse.cycle("fund", "no answer")
        await pulse.tell()
    assert {"WATCHDOG" in one for one in manager.drain()} == {True}


async def test_one_account_that_hangs_is_told_and_does_not_end_the_others(
    manager: Manager, pulse: Watched
) -> None:
    pulse.cycle("main")
    pulse.cycle("fund")
    pulse.clock.advance(FIRST_READ_SECONDS + 3)
    pulse.cycle("main")
    await pulse.tell()
    assert manager.drain()[-1]["STATUS"] == "guards 2 accounts; not looked at: fund"
    pulse.clock.advance(FIRST_READ_SECONDS + 3)
    await pulse.tell()
    await pulse.tell()
    assert manager.drain() == []
    pulse.cycle("fund")
    await pulse.tell()
    assert manager.drain() == [{"WATCHDOG": "1", "STATUS": "guards 2 accounts; not looked at: main"}]


def test_the_pace_fits_the_managers_patience(manager: Manager) -> None:
    clock = SystemClock()
    for seconds, every in ((None, OFTEN), (600.0, OFTEN), (3.0, timedelta(seconds=1))):
        assert Pulse(manager.notices(seconds), ["main"], clock, QUICK.poll).every == every


def test_a_process_that_is_stopped_says_nothing(venue: Venue, tmp_path: Path) -> None:
    keys = venue.account()
    config = write_config(tmp_path, venue.url)
    with listening(tmp_path) as manager:
        environ = keys.environ("main") | manager.environ(WATCHDOG_S)
        with running(tmp_path / "run", "run", "--config", config, environ=environ) as daemon:
            assert "guards 1 account" in manager.wait_for("READY")["STATUS"]
            manager.wait_for("WATCHDOG")
            daemon.process.send_signal(signal.SIGSTOP)
            wait(lambda: _stopped(daemon.process.pid), "the stop")
            manager.drain()
            assert manager.take(SILENCE_S) is None
            daemon.process.send_signal(signal.SIGCONT)
            manager.wait_for("WATCHDOG")
            assert daemon.end(signal.SIGTERM).code == 0
            manager.drain()
            assert manager.told[-1] == {"STOPPING": "1", "STATUS": "ends: signal SIGTERM"}


def _stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def test_an_account_that_was_never_seen_is_not_ready(tmp_path: Path) -> None:
    config = write_config(tmp_path, UNREACHABLE)
    environ = Keys("planted-key", "planted-secret").environ("main")
    with listening(tmp_path) as manager:
        environ |= manager.environ(WATCHDOG_S)
        with running(tmp_path / "run", "run", "--config", config, environ=environ) as daemon:
            wait(lambda: "last cycle failed: main" in str(manager.drain()), "a cycle that failed")
            assert daemon.end(signal.SIGTERM).code == 0
        manager.drain()
    assert not any("READY" in one or "WATCHDOG" in one for one in manager.told)
