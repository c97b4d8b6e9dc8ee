"""What the guard makes of late answers, old views, refusals, halts and repetition."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bot.execution import halted, resume
from bot.facts import last_stops
from bot.guard import CycleReport
from bot.journal.records import Kind, Prepared
from bot.model import Answer, OrderRequest, Request, Snapshot, Step, StepKind, StopRequest, Verdict
from bot.sandbox.engine.types import Side
from tests.guard.support import LEVERAGE_CAP, TERMS, Bench, bench

BTC = "BTC/USDT:USDT"
LONG = f"{BTC}#long"
LOW = LEVERAGE_CAP.replace("max: 5", "max: 2").replace("restore: 4", "restore: 1")
DRAWDOWN = """
version: 1
rules:
  - {name: stop, metric: account.drawdown, max: 5%, restore: 4%, cooldown: 0s, do: [close_all, halt]}
"""


def prepared(it: Bench) -> list[Step]:
    """Steps that were prepared, oldest first."""
    return [body.step for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)]


def trims(it: Bench) -> list[Decimal]:
    """Sizes of the orders that were prepared."""
    return [step.request.contracts for step in prepared(it) if isinstance(step.request, OrderRequest)]


def leverage(report: CycleReport) -> float:
    """The leverage that a cycle saw."""
    assert report.decision is not None
    (finding,) = report.decision.evaluation.findings
    assert isinstance(finding.value, float)
    return finding.value


async def test_an_order_that_lands_late_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        submit, find = it.gateway.submit, it.gateway.find_order
        late: list[Request] = []

        async def lost(request: Request) -> Answer:
            if isinstance(request, OrderRequest) and not late:
                late.append(request)
                return Answer(Verdict.UNKNOWN, "", "timeout", "", datetime.now(UTC))
            return await submit(request)

        async def arriving(symbol: str, name: str) -> Any:
            if len(late) == 2:
                late.append(late[0])
                await submit(late[0])
            return await find(symbol, name)

        monkeypatch.setattr(it.gateway, "submit", lost)
        monkeypatch.setattr(it.gateway, "find_order", arriving)
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        late.append(late[0])
        for _ in range(3):
            report = await it.guard.cycle()
            assert report.error == ""
        assert len(trims(it)) == 1
        assert 3.5 < leverage(report) <= 4


async def test_an_old_view_is_not_traded_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(tmp_path) as it:
        take = it.gateway.snapshot
        old: list[Snapshot] = []

        async def replayed() -> Snapshot:
            now = await take()
            return replace(old[0], taken_at=now.taken_at) if old else now

        monkeypatch.setattr(it.gateway, "snapshot", replayed)
        it.open("BTCUSDT", Side.BUY, "8")
        first = await it.guard.cycle()
        assert first.snapshot is not None
        old.append(first.snapshot)
        same = await it.guard.cycle()
        assert same.decision is not None
        assert "unknown_outcome" in {refusal.code for refusal in same.decision.plan.refusals}
        old.clear()
        assert (await it.guard.cycle()).error == ""
        old.append(first.snapshot)
        refused = await it.guard.cycle()
        assert "had been seen" in refused.error
        for part in ("positions", "balance"):
            seen = it.guard._seen
            assert seen is not None
            at = getattr(seen.times, part) - timedelta(seconds=1)
            old[:] = [replace(seen, times=replace(seen.times, **{part: at}))]
            assert part in (await it.guard.cycle()).error
        old.clear()
        fine = await it.guard.cycle()
        assert fine.error == ""
        assert len(trims(it)) == 1


async def test_a_view_is_compared_only_with_a_young_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        take = it.gateway.snapshot
        shift = [0.0]

        async def shifted() -> Snapshot:
            now = await take()
            at = now.times.positions - timedelta(seconds=60)
            return replace(
                now,
                taken_at=now.taken_at + timedelta(seconds=shift[0]),
                times=replace(now.times, positions=at),
            )

        assert (await it.guard.cycle()).error == ""
        monkeypatch.setattr(it.gateway, "snapshot", shifted)
        assert (await it.guard.cycle()).error
        shift[0] = TERMS.max_age_seconds + 1
        assert (await it.guard.cycle()).error == ""


async def test_a_look_up_that_hangs_holds_up_only_its_symbol(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "5.5")
        it.fault("drop", count=1)
        it.fault("hang", path="/v5/order/history")
        assert (await it.guard.cycle()).error == ""
        it.open("ETHUSDT", Side.BUY, "60")
        report = await asyncio.wait_for(it.guard.cycle(), 8)
        assert report.decision is not None
        symbols = {step.request.symbol for step in report.decision.plan.steps}
        assert "ETH/USDT:USDT" in symbols
        assert {one.code for one in report.decision.plan.refusals} >= {"unknown_outcome"}


async def test_the_owners_resume_holds_for_the_episode(tmp_path: Path) -> None:
    async with bench(tmp_path, DRAWDOWN) as it:
        it.open("BTCUSDT", Side.BUY, "3")
        await it.guard.cycle()
        it.price("BTCUSDT", "96000")
        for _ in range(4):
            await it.guard.cycle()
        assert halted(it.journal, "main") is not None
        decisions = len(it.of_kind(Kind.DECISION))
        await it.guard.cycle()
        assert len(it.of_kind(Kind.WORD)) == 1
        assert len(it.of_kind(Kind.DECISION)) == decisions
        assert resume(it.journal, "main", who="ann", why="looked at it", at=datetime.now(UTC))
        await it.guard.cycle()
        assert halted(it.journal, "main") is None


async def test_a_stop_that_was_refused_leaves_the_old_one_the_guards_own(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        for _ in range(2):
            await it.guard.cycle()
        (placed,) = last_stops(it.journal, "main", LONG)
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(100_000))
        it.fault("error_code", path="/v5/position/trading-stop", code=10006, message="no", count=2)
        for _ in range(2):
            await it.guard.cycle()
            assert placed in last_stops(it.journal, "main", LONG)
        it.mend()
        for _ in range(2):
            report = await it.guard.cycle()
        assert report.snapshot is not None
        moved = report.snapshot.positions[0].stop_price
        assert isinstance(moved, Decimal)
        assert moved < placed
        assert last_stops(it.journal, "main", LONG) == (moved,)


async def test_a_stop_without_an_answer_may_rest_in_either_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        for _ in range(2):
            await it.guard.cycle()
        (placed,) = last_stops(it.journal, "main", LONG)
        submit = it.gateway.submit

        async def lost(request: Request) -> Answer:
            return Answer(Verdict.UNKNOWN, "", "timeout", "", datetime.now(UTC))

        monkeypatch.setattr(it.gateway, "submit", lost)
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(100_000))
        await it.guard.cycle()
        assert len(last_stops(it.journal, "main", LONG)) == 2
        monkeypatch.setattr(it.gateway, "submit", submit)
        for _ in range(2):
            report = await it.again().cycle()
        assert report.snapshot is not None
        moved = report.snapshot.positions[0].stop_price
        assert isinstance(moved, Decimal)
        assert moved < placed


async def test_what_is_not_sent_is_decided_on_record_once(tmp_path: Path) -> None:
    async with bench(tmp_path, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(4):
            await it.guard.cycle()
        assert len(it.of_kind(Kind.DECISION)) == 1
        it.open("ETHUSDT", Side.BUY, "60")
        for _ in range(2):
            await it.guard.cycle()
        assert len(it.of_kind(Kind.DECISION)) == 2


async def test_a_reconciliation_that_finds_nothing_new_is_not_recorded(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        await it.guard.cycle()
        for _ in range(2):
            assert await it.guard.reconcile() is not None
        assert len(it.of_kind(Kind.RECOVERY)) == 1
        it.open("BTCUSDT", Side.BUY, "1")
        for _ in range(2):
            await it.guard.reconcile()
        assert len(it.of_kind(Kind.RECOVERY)) == 2


async def test_missing_stops_come_before_a_long_list_of_orders(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, LOW) as it:
        for symbol, size in (("BTCUSDT", "2"), ("ETHUSDT", "60"), ("SOLUSDT", "1000"), ("XRPUSDT", "60000")):
            it.open(symbol, Side.BUY, size)
        it.fault("drop", path="/v5/order/create")
        await it.guard.cycle()
        kinds = [step.kind for step in prepared(it)]
        assert kinds[:4] == [StepKind.PROTECT] * 4
        assert len(kinds) == 5
        it.mend()


async def test_stops_that_are_not_answered_come_last_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path, LOW) as it:
        submit = it.gateway.submit

        async def lost(request: Request) -> Answer:
            if isinstance(request, StopRequest) or len(prepared(it)) < 7:
                return Answer(Verdict.UNKNOWN, "", "timeout", "", datetime.now(UTC))
            return await submit(request)

        monkeypatch.setattr(it.gateway, "submit", lost)
        for symbol, size in (("BTCUSDT", "1"), ("ETHUSDT", "30"), ("SOLUSDT", "600"), ("XRPUSDT", "60000")):
            it.open(symbol, Side.BUY, size)
        it.open("DOGEUSDT", Side.BUY, "200000")
        await it.guard.cycle()
        first = len(prepared(it))
        await it.guard.cycle()
        assert prepared(it)[first].kind is not StepKind.PROTECT
