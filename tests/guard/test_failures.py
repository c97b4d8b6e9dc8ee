"""What fails is recorded once, sends nothing, and heals by itself."""

import asyncio
from pathlib import Path

import pytest

from bot.cli.status import troubled
from bot.clock import SystemClock
from bot.exchange.factory import make_gateway
from bot.journal import FullDiskError, verify
from bot.journal.records import Failure, Kind
from bot.model import Unknown
from bot.record import STATUS, Status, remembered_status
from bot.sandbox.engine.types import Side
from tests.guard import support
from tests.guard.support import ACCOUNT, Bench, bench
from tests.sandbox.support import SECRET


def failures(it: Bench) -> list[Failure]:
    """The recorded failures."""
    return [body for entry in it.of_kind(Kind.ERROR) if isinstance(body := entry.record, Failure)]


async def test_a_venue_that_fails_is_recorded_once_while_it_lasts(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        assert (await it.guard.cycle()).error == ""
        it.fault("error_code", path="/v5/position/list", code=10016, message="Server error.")
        reports = [await it.guard.cycle() for _ in range(3)]
        assert all(one.error and one.snapshot is None and one.decision is None for one in reports)
        (failure,) = failures(it)
        assert "main" in failure.message
        it.mend()
        assert (await it.guard.cycle()).error == ""
        it.fault("error_code", path="/v5/position/list", code=10016, message="Server error.")
        assert (await it.guard.cycle()).error
        assert len(failures(it)) == 2


@pytest.mark.parametrize("fault", ["corrupt", "empty_positions"])
async def test_a_broken_answer_is_never_a_flat_account(tmp_path: Path, fault: str) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        assert (await it.guard.cycle()).error == ""
        sent = len(it.of_kind(Kind.PREPARED))
        it.fault(fault, path="/v5/position/list")
        report = await it.guard.cycle()
        assert report.error or (report.decision is not None and not report.decision.plan.steps)
        assert len(it.of_kind(Kind.PREPARED)) == sent


async def test_an_account_that_fails_does_not_hold_up_another(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        stranger = make_gateway(
            account="stranger",
            venue="bybit",
            network="sandbox",
            api_key="no-such-key",
            api_secret="planted-secret-of-nobody",
            clock=SystemClock(),
            base_url=it.venue.url,
        )
        worker = it.guard.executor.worker
        other = support.wire(stranger, worker, SystemClock(), support.LEVERAGE_CAP, True, support.TERMS)
        try:
            refused, fine = await asyncio.gather(other.cycle(), it.guard.cycle())
        finally:
            await other.close()
        assert "stranger" in refused.error
        assert fine.error == ""
        assert fine.execution is not None
        (failure,) = failures(it)
        assert "planted-secret" not in failure.message


async def test_nothing_is_sent_while_the_journal_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "2")
        assert (await it.guard.cycle()).error == ""
        before = len(it.venue.sandbox.log.listing())
        pages = it.journal._db.execute("PRAGMA page_count").fetchone()[0]
        it.journal._db.execute(f"PRAGMA max_page_count = {pages}")
        it.open("ETHUSDT", Side.BUY, "100")
        for _ in range(2):
            report = await it.guard.cycle()
            assert "disk is full" in report.error
        assert len(it.venue.sandbox.log.listing()) == before
        it.journal._db.execute("PRAGMA max_page_count = 1000000")
        healed = await it.guard.cycle()
        assert healed.error == ""
        assert healed.execution is not None
        assert healed.execution.sent
    assert verify(tmp_path / "journal.sqlite").sound


async def test_a_reconciliation_that_fails_is_reported(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.fault("status")
        assert await it.guard.reconcile() is None
        assert failures(it)
        it.mend()
        assert await it.guard.reconcile() is not None


async def test_what_nobody_foresaw_begins_again_from_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        assert (await it.guard.cycle()).error == ""
        recovered = len(it.of_kind(Kind.RECOVERY))

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("nobody foresaw this")

        with monkeypatch.context() as patch:
            patch.setattr("bot.guard.decide", broken)
            for _ in range(3):
                with pytest.raises(ZeroDivisionError):
                    await it.guard.cycle()
                it.guard.begin_again("poll main: ZeroDivisionError('nobody foresaw this')")
        assert (await it.guard.cycle()).error == ""
        (failure,) = failures(it)
        assert failure.code == "UnforeseenError"
        assert "nobody foresaw this" in failure.message
        assert len(it.of_kind(Kind.RECOVERY)) > recovered
        assert (await it.guard.cycle()).error == ""
        assert len(failures(it)) == 1


async def test_a_failure_that_cannot_be_recorded_is_only_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:

        def full(*_: object, **__: object) -> None:
            raise FullDiskError(it.journal.path, "the disk is full", "Make room.")

        it.fault("status")
        with monkeypatch.context() as patch:
            patch.setattr(it.journal, "append", full)
            assert (await it.guard.cycle()).error
        assert failures(it) == []


async def test_secrets_are_in_no_failure(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        for fault in ("corrupt", "status", "drop"):
            it.fault(fault, path="/v5/*")
            report = await it.guard.cycle()
            assert report.error
            assert SECRET not in report.error
            it.mend()
        text = "".join(entry.body for entry in it.journal.entries())
        assert SECRET not in text


async def test_status_tells_of_a_quiet_cycle(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        assert (await it.guard.cycle()).error == ""
        status = remembered_status(it.journal.load_memory("main", STATUS))
        assert status is not None
        assert status.positions == 0
        assert not troubled(status, None, SystemClock().now())


async def test_status_tells_of_a_failure_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")

        def told() -> Status:
            status = remembered_status(it.journal.load_memory(ACCOUNT, STATUS))
            assert status is not None
            return status

        it.fault("status", path="/v5/position/list", status=503)
        assert (await it.guard.cycle()).error
        assert told().error
        assert isinstance(told().equity, Unknown)
        it.mend()
        await it.guard.cycle()
        assert told().error == ""
        seen = told()
        it.fault("status", path="/v5/position/list", status=503)
        await it.guard.cycle()
        assert told().error
        assert (told().equity, told().at) == (seen.equity, seen.at)
