"""Who may run on a journal: the lock in good days, the lease where a process is stopped."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from bot.bootstrap import gateway_of, lease_of
from bot.clock import SystemClock, VirtualClock
from bot.daemon.lock import InstanceLock, InstanceLockError, LockHeldError
from bot.daemon.service import Service
from bot.daemon.tenancy import tenancy
from bot.execution import Lease
from bot.journal import FullDiskError, JournalError, SupersededError, open_journal, verify
from bot.journal.records import Kind, Started
from bot.model import Side as PositionSide
from bot.model import StopRequest, Verdict
from bot.sandbox.engine.types import Side
from bot.settings import load_settings
from tests.cli.support import Running, running, sandbox, wait, write_config
from tests.daemon.test_service import QUICK
from tests.guard.support import bench
from tests.journal.support import START, stopped
from tests.sandbox.support import KEY, SECRET, serving, until

HOLDER = """
import sys
from pathlib import Path
from bot.daemon.lock import InstanceLock
with InstanceLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


def fresh(clock: VirtualClock) -> Lease:
    return Lease(clock, 30.0, 15.0)


def test_each_daemon_takes_the_next_epoch_at_once(tmp_path: Path, clock: VirtualClock) -> None:
    path = tmp_path / "reef.sqlite"
    for epoch in (1, 2, 3):
        lease = fresh(clock)
        with tenancy(path, lease) as tenant, tenant.journal as journal:
            assert tenant.epoch == epoch
            assert lease.seconds_to_send == 15.0
            journal.append([stopped()])
    assert InstanceLock(path).path.read_text() == f"{os.getpid()}\n"


@pytest.mark.fault(35)
def test_a_lock_that_is_held_is_taken_over_only_once_the_lease_has_ended(
    tmp_path: Path, clock: VirtualClock
) -> None:
    path = tmp_path / "reef.sqlite"
    with tenancy(path, fresh(clock)) as first, first.journal:
        clock.advance(20)
        with (
            pytest.raises(LockHeldError, match=r"already runs .* its lease has 10 s left"),
            tenancy(path, fresh(clock)),
        ):
            pass
        clock.advance(10)
        with tenancy(path, fresh(clock)) as second, second.journal:
            assert second.epoch == 2
            with pytest.raises(SupersededError):
                first.journal.append([stopped()])
            with (
                pytest.raises(LockHeldError, match="its lease has 30 s left"),
                tenancy(path, fresh(clock)),
            ):
                pass
    with tenancy(path, fresh(clock)) as third, third.journal:
        assert third.epoch == 3
    assert not list(tmp_path.glob(f"*{os.getpid()}"))


def test_a_lock_without_a_lease_is_respected(tmp_path: Path, clock: VirtualClock) -> None:
    path = tmp_path / "reef.sqlite"
    with InstanceLock(path):
        with pytest.raises(LockHeldError, match="already runs"), tenancy(path, fresh(clock)):
            pass
        open_journal(path).close()
        with pytest.raises(LockHeldError, match="already runs"), tenancy(path, fresh(clock)):
            pass


def test_a_take_over_that_cannot_be_written_takes_nothing(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reef.sqlite"
    with tenancy(path, fresh(clock)) as first, first.journal as journal:
        clock.advance(30)

        def full(*_: object, **__: object) -> int:
            raise FullDiskError(path, "the disk is full", "Make room.")

        with monkeypatch.context() as patch:
            patch.setattr("bot.journal.journal.Journal.take_lease", full)
            with pytest.raises(FullDiskError), tenancy(path, fresh(clock)):
                pass
        journal.append([stopped("still the first one")])
        with pytest.raises(LockHeldError):
            InstanceLock(path).acquire()
    with monkeypatch.context() as patch:
        patch.setattr("bot.journal.journal.Journal.take_lease", full)
        with pytest.raises(FullDiskError), tenancy(path, fresh(clock)):
            pass
    with InstanceLock(path):
        pass


def test_a_lock_on_a_file_that_was_replaced_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reef.sqlite"
    lock = InstanceLock(path)
    looked: list[bool] = []
    there = InstanceLock._is_there

    def replaced(self: InstanceLock, handle: int) -> bool:
        if not looked:
            self.path.unlink()
        looked.append(there(self, handle))
        return looked[-1]

    monkeypatch.setattr(InstanceLock, "_is_there", replaced)
    with lock, pytest.raises(LockHeldError):
        InstanceLock(path).acquire()
    assert looked == [False, True]


def test_a_lock_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstanceLockError, match="cannot be opened"):
        InstanceLock(tmp_path / "nowhere" / "reef.sqlite").acquire()


def test_the_kernel_frees_the_lock_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "reef.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockHeldError, match=f"process {holder.pid}"):
            InstanceLock(path).acquire()
        holder.kill()
        holder.wait(10)
    with InstanceLock(path):
        pass


def test_what_must_be_left_of_a_lease_is_a_round_trip_and_the_receive_window(tmp_path: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9", more="lease: 40s\n")
    lease = lease_of(load_settings(config, {}, connect=False), SystemClock())
    assert (lease.length, lease.reserve) == (40.0, 15.0)


@pytest.mark.parametrize("lasts", [True, False])
async def test_what_waited_for_its_turn_past_the_lease_does_not_leave(tmp_path: Path, lasts: bool) -> None:
    clock = SystemClock()
    lease = Lease(clock, 30.0, 15.0)
    async with serving() as venue:
        config = write_config(tmp_path, venue.url, mode="act")
        settings = load_settings(config, {"REEF_MAIN_API_KEY": KEY, "REEF_MAIN_SECRET": SECRET})
        gateway = gateway_of(settings, settings.accounts[0], clock, lease=lease)
        try:
            await gateway.snapshot()  # it may look all the same
            if lasts:
                lease.lasts_until(lease.next_end())
            request = StopRequest("reefstop", "BTC/USDT:USDT", PositionSide.LONG, 0, Decimal(90_000))
            answer = await gateway.submit(request)
        finally:
            await gateway.close()
        if lasts:
            assert answer.verdict is Verdict.NOTHING_TO_DO, "the venue said that there is no position"
        else:
            assert (answer.verdict, answer.code) == (Verdict.REJECTED, "not_sent")
            assert "lease may end" in answer.message


async def test_the_service_renews_its_lease_and_ends_where_another_daemon_takes_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        lease = Lease(SystemClock(), 1.3, 1.0)
        it.journal.take_lease("process 1", lease.next_end(), over=0)
        it.ended = True
        service = Service([it.guard], it.guard.executor.worker, SystemClock(), QUICK, lease=lease)
        ran = asyncio.create_task(service.run())
        first = await until(it.journal.lease)
        await until(lambda: (row := it.journal.lease()) and row.expires > first.expires + 0.3)
        assert lease.seconds_to_send > 0
        with open_journal(it.journal.path) as second:
            second.take_lease("process 2", 0.0, over=1)
            seq = second.head().seq
            with pytest.raises(SupersededError, match="protective stops stay where they are"):
                await asyncio.wait_for(ran, 10)
            assert second.head().seq == seq


async def test_a_lease_that_cannot_be_renewed_runs_out_and_the_service_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        lease = Lease(SystemClock(), 1.2, 1.0)
        it.ended = True
        service = Service([it.guard], it.guard.executor.worker, SystemClock(), QUICK, lease=lease)
        tried: list[float] = []

        def full(end: float) -> None:
            tried.append(end)
            raise FullDiskError(it.journal.path, "the disk is full", "Make room.")

        with monkeypatch.context() as patch:
            patch.setattr(it.journal, "renew_lease", full)
            ran = asyncio.create_task(service.run())
            await until(lambda: len(tried) > 1)
            assert lease.seconds_to_send < 0
        await until(lambda: lease.seconds_to_send > 0)
        service.stop("enough")
        assert await asyncio.wait_for(ran, 10) == "enough"


def stop_between_writes(daemon: Running, journal: Path) -> None:
    """SIGSTOP a daemon at a moment at which it does not write: what it holds then nobody else can have."""
    handle = os.open(journal.with_name(journal.name + ".lock"), os.O_RDWR)
    try:
        while True:
            daemon.process.send_signal(signal.SIGSTOP)
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            daemon.process.send_signal(signal.SIGCONT)
    finally:
        os.close(handle)


def started(path: Path) -> list[Started]:
    """The daemons that began on a journal."""
    try:
        with open_journal(path, create=False, read_only=True) as journal:
            bodies = [entry.record for entry in journal.entries(kind=Kind.STARTED)]
    except JournalError:
        return []
    return [body for body in bodies if isinstance(body, Started)]


def seqs(path: Path, kind: Kind) -> list[int]:
    with open_journal(path, read_only=True) as journal:
        return [entry.seq for entry in journal.entries(kind=kind, limit=10_000)]


@pytest.mark.timeout(180)
@pytest.mark.fault(35)
def test_a_daemon_that_was_stopped_past_its_lease_is_replaced_and_ends(tmp_path: Path) -> None:
    with sandbox(tmp_path / "venue") as venue:
        keys = venue.account()
        config = write_config(tmp_path, venue.url, mode="act", more="lease: 20s\n")
        journal = tmp_path / "reef.sqlite"
        environ = keys.environ("main")
        command = ("run", "--config", config)
        with running(tmp_path / "first", *command, environ=environ) as first:
            wait(lambda: started(journal) and seqs(journal, Kind.VERIFICATION), "a trim")
            wait(lambda: len(seqs(journal, Kind.PROTECTION)) >= 3, "stops")
            stop_between_writes(first, journal)
            before = len(venue.orders_of(keys))
            with running(tmp_path / "early", *command, environ=environ) as early:
                assert early.process.wait(20) == 1
                assert f"process {first.process.pid}" in early.log()
                assert "s left" in early.log()

            with open_journal(journal, read_only=True) as opened:
                lease = opened.lease()
            assert lease is not None
            wait(lambda: SystemClock().elapsed() > lease.expires, "the end of the lease", 30)
            venue.call("POST", "transfer", {"api_key": keys.api_key, "amount": "-30000"})
            with running(tmp_path / "second", *command, environ=environ) as second:
                wait(lambda: len(seqs(journal, Kind.RECOVERY)) == 2, "the second daemon's reconciliation")
                wait(lambda: len(venue.orders_of(keys)) > before, "a trim by the second daemon")
                first.process.send_signal(signal.SIGCONT)
                assert first.process.wait(30) == 1
                assert "a newer daemon took it over (epoch 2, this one had 1)" in first.log()
                assert "Traceback" not in first.log()
                with running(tmp_path / "third", *command, environ=environ) as third:
                    assert third.process.wait(20) == 1
                    assert "already runs on this journal" in third.log()
                    assert f"process {second.process.pid}" in third.log()
                    assert "Traceback" not in third.log()
                assert second.process.poll() is None
                done = second.end(signal.SIGTERM)
            assert done.code == 0
        assert [one.epoch for one in started(journal)] == [1, 2]
        assert len(seqs(journal, Kind.STOPPED)) == 1, "the first one ends without a word in the journal"
        orders = [one for one in venue.orders_of(keys) if one["path"] == "/v5/order/create"]
        assert set(Counter(one["client_id"] for one in orders).values()) == {1}
        with open_journal(journal, read_only=True) as opened:
            prepared = {entry.intent for entry in opened.entries(kind=Kind.PREPARED, limit=10_000)}
        assert {one["client_id"] for one in orders} <= prepared
        assert verify(journal).sound
        held = [one for one in venue.call("GET", "state")["accounts"] if one["api_key"] == keys.api_key]
        assert all(float(one["stop_loss"] or 0) > 0 for one in held[0]["positions"])
