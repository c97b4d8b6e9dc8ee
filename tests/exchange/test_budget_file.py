"""The shared file of a budget: two real processes, crashes, and files that are not ours."""

import fcntl
import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.bootstrap import Budgets
from bot.clock import SystemClock, VirtualClock
from bot.exchange.budget import NEW, Allowance, Budget, Lane, OwnRecord, Standing
from bot.exchange.budget_file import SIZE, FileRecord, default_folder, open_record, packed, read
from bot.exchange.factory import make_budget
from bot.exchange.failures import HeldError
from bot.model import Caps, PriceTerms, ProtectionTerms
from bot.settings import (
    AccountSettings,
    IfJournalFails,
    LogFormat,
    LogLevel,
    LogSettings,
    Mode,
    Network,
    Settings,
    StreamSettings,
)
from tests.exchange.stub import NOW

ALLOWANCE = Allowance(rate=200.0, burst=100.0, reserve=30.0)
START = NOW.timestamp()

STORM = """
import asyncio, sys
from pathlib import Path
from bot.clock import SystemClock
from bot.exchange.budget import Allowance, Budget, Lane
from bot.exchange.budget_file import FileRecord
from bot.exchange.failures import HeldError

async def main():
    allowance = Allowance(rate=200.0, burst=100.0, reserve=30.0)
    budget = Budget(allowance, SystemClock(), FileRecord(Path(sys.argv[1])))
    sent = 0
    async def storm():
        nonlocal sent
        while True:
            await budget.admit(Lane.POLL)
            sent += 1
            if sent == 80:
                print("started", flush=True)
    try:
        await asyncio.gather(*(storm() for _ in range(50)))
    except HeldError as error:
        print(sent, error.code, flush=True)

asyncio.run(main())
"""


async def test_a_process_that_polls_wildly_starves_no_order_of_another(tmp_path: Path) -> None:
    path = tmp_path / "x.budget"
    clock = SystemClock()
    budget = Budget(ALLOWANCE, clock, FileRecord(path))
    command = [sys.executable, "-c", STORM, str(path)]
    began = clock.now()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "started\n"
        waits = []
        for _ in range(60):
            asked = clock.now()
            await budget.admit(Lane.ORDER)
            waits.append((clock.now() - asked).total_seconds())
            await clock.sleep(0.01)
        budget.turned_away(60.0, 0.0)
        told, _ = other.communicate(timeout=30)
    sent, code = told.split()
    assert code == "banned"
    assert sorted(waits)[len(waits) // 2] < 0.005
    passed = (clock.now() - began).total_seconds()
    assert int(sent) + len(waits) <= ALLOWANCE.burst + ALLOWANCE.rate * passed
    with pytest.raises(HeldError):
        await budget.admit(Lane.ORDER)


async def test_a_budget_outlives_its_process(tmp_path: Path) -> None:
    clock = VirtualClock(NOW)
    first = FileRecord(tmp_path / "x.budget")
    budget = Budget(ALLOWANCE, clock, first)
    for _ in range(70):
        await budget.admit(Lane.POLL)
    first.close()
    await Budget(ALLOWANCE, clock, FileRecord(tmp_path / "x.budget")).admit(Lane.POLL)
    assert clock.now() > NOW


@pytest.mark.parametrize(
    "found",
    [
        b"not a budget",
        packed(Standing(3.0, START))[: SIZE - 3],
        packed(Standing(3.0, START)) + b"more",
        b"\0" * SIZE,
        packed(Standing(3.0, START)).replace(b"REEF", b"OARS"),
    ],
)
async def test_a_torn_or_foreign_file_is_begun_anew(tmp_path: Path, found: bytes) -> None:
    path = tmp_path / "x.budget"
    path.write_bytes(found)
    clock = VirtualClock(NOW)
    budget = Budget(ALLOWANCE, clock, FileRecord(path))
    for _ in range(30):
        await budget.admit(Lane.ORDER)
    assert clock.now() == NOW
    await budget.admit(Lane.POLL)
    assert clock.now() - NOW > timedelta(milliseconds=100)
    with path.open("rb") as handle:
        assert isinstance(read(handle.fileno()), Standing)


async def test_a_removed_file_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "x.budget"
    clock = VirtualClock(NOW)
    record = FileRecord(path)
    path.unlink()
    await Budget(ALLOWANCE, clock, record).admit(Lane.POLL)
    with path.open("rb") as handle:
        assert read(handle.fileno()) == Standing(ALLOWANCE.burst - 1, START)


def test_a_file_that_another_holds_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "x.budget"
    record = FileRecord(path)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not record.change(lambda _: NEW)
    assert record.change(lambda _: NEW)


def test_a_file_that_cannot_be_used_any_more_stops_nothing(tmp_path: Path) -> None:
    record = FileRecord(tmp_path / "x.budget")
    record.change(lambda _: Standing(7.0, START))
    record.close()
    seen: list[Standing | None] = []

    def step(standing: Standing | None) -> Standing:
        seen.append(standing)
        return Standing(6.0, START)

    assert record.change(step)
    assert record.change(step)
    assert seen == [Standing(7.0, START), Standing(6.0, START)]


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = FileRecord(tmp_path / "x.budget")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    assert record.change(lambda _: Standing(7.0, START))
    record.change_alone(lambda last: last or NEW)


def test_the_folder_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "reef"
    elsewhere = default_folder({"XDG_RUNTIME_DIR": str(tmp_path / "absent")})
    assert elsewhere.name == f"reef-{os.geteuid()}"
    mine = tmp_path / "reef"
    mine.mkdir(mode=0o755)
    monkeypatch.setattr("bot.exchange.budget_file.default_folder", lambda: mine)
    assert isinstance(open_record(None, "x"), FileRecord)
    assert mine.stat().st_mode & 0o777 == 0o700
    assert (mine / "x.budget").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_used_gives_a_budget_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    assert isinstance(open_record(tmp_path / "file", "x"), OwnRecord)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    monkeypatch.setattr("bot.exchange.budget_file.default_folder", lambda: link)
    assert isinstance(open_record(None, "x"), OwnRecord)
    (tmp_path / "y.budget").symlink_to(tmp_path / "file")
    assert isinstance(open_record(tmp_path, "y"), OwnRecord)
    assert isinstance(open_record(tmp_path / "new", "x"), FileRecord)


def test_each_venue_network_and_sandbox_has_its_file(tmp_path: Path) -> None:
    settings = Settings(
        path=tmp_path / "reef.yaml",
        mode=Mode.OBSERVE,
        network=Network.SANDBOX,
        journal=tmp_path / "reef.db",
        accounts=(),
        poll_interval=timedelta(seconds=1),
        reconcile_interval=timedelta(seconds=1),
        housekeeping_interval=timedelta(seconds=1),
        max_age=timedelta(seconds=1),
        lease=timedelta(seconds=30),
        if_journal_fails=IfJournalFails.STOP,
        streams=StreamSettings(
            False, timedelta(seconds=1), Decimal("0.01"), timedelta(seconds=1), timedelta(hours=1)
        ),
        prices=PriceTerms(),
        budget_dir=tmp_path,
        budget_share=0.5,
        budget_reserve=0.1,
        caps=Caps(),
        protection=ProtectionTerms(),
        log=LogSettings(LogFormat.PEOPLE, LogLevel.INFO),
    )
    account = AccountSettings(
        "a", "bybit", SecretStr("k"), SecretStr("s"), "observe", "http://127.0.0.1:7001"
    )
    other = AccountSettings("b", "bybit", SecretStr("k"), SecretStr("s"), "observe", "http://127.0.0.1:7001")
    elsewhere = AccountSettings(
        "c", "bybit", SecretStr("k"), SecretStr("s"), "observe", "http://localhost:7002"
    )
    budgets = Budgets(settings, VirtualClock(NOW))
    assert budgets.of(account) is budgets.of(other)
    assert budgets.of(account) is not budgets.of(elsewhere)
    make_budget(venue="bybit", network="live", clock=VirtualClock(NOW), folder=tmp_path)
    names = sorted(path.name for path in tmp_path.glob("*.budget"))
    assert names == ["bybit-live.budget", "bybit-sandbox-7001.budget", "bybit-sandbox-7002.budget"]
    assert budgets.of(account)._allowance.burst == pytest.approx(100.0)
