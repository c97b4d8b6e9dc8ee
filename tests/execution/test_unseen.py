"""A plan is not made from a view that does not show what the last order did."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor, IntentState, recover
from bot.journal import JournalWorker
from bot.model import NotFound, OrderReport, Side, Snapshot
from tests.execution.fake_gateway import BTC, ETH, FakeGateway, Fault
from tests.execution.support import LONG, plan, trim


def older(snapshot: Snapshot, seconds: float) -> Snapshot:
    """The same view, arrived now, with positions of a while ago."""
    at = snapshot.times.positions - timedelta(seconds=seconds)
    return replace(snapshot, times=replace(snapshot.times, positions=at))


async def test_a_symbol_waits_for_a_view_that_is_newer_than_its_fill(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    before = await gateway.snapshot()
    clock.advance(1)
    await executor.carry_out(plan(trim()), before)
    for view in (before, replace(before, taken_at=clock.now()), older(await gateway.snapshot(), 0.5)):
        await executor.settle(view)
        assert await executor.blocked_symbols() == {BTC}
    await executor.settle(await gateway.snapshot())
    assert await executor.blocked_symbols() == frozenset()


async def test_a_position_that_did_not_fall_is_believed_after_a_while(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    gateway.open(BTC, Side.LONG, "1")
    await executor.settle(await gateway.snapshot())
    assert await executor.blocked_symbols() == {BTC}
    clock.advance(executor.terms.explain_seconds)
    await executor.settle(await gateway.snapshot())
    assert await executor.blocked_symbols() == frozenset()


async def test_a_position_that_nobody_had_seen_needs_only_a_newer_view(
    executor: Executor, gateway: FakeGateway
) -> None:
    snapshot = await gateway.snapshot()
    await executor.carry_out(plan(trim()), replace(snapshot, positions=()))
    assert await executor.blocked_symbols() == {BTC}
    await executor.settle(snapshot)
    assert await executor.blocked_symbols() == frozenset()


async def test_an_order_that_ends_behind_a_snapshot_keeps_its_symbol_blocked_at_start_up(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    gateway.faults.append(Fault.LATE)
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    after = Executor(gateway, worker, clock, armed=True)
    snapshot = await gateway.snapshot()
    clock.advance(4)
    assert (await recover(after, snapshot)).settled == ("reef1",)
    assert snapshot.position(LONG) is not None
    assert await after.blocked_symbols() == {BTC}
    fresh = await gateway.snapshot()
    assert fresh.positions[0].contracts == Decimal("0.5")
    await after.settle(fresh)
    assert await after.blocked_symbols() == frozenset()


async def test_a_look_up_that_hangs_holds_up_no_other(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(gateway, worker, clock, armed=True)
    find = gateway.find_order

    async def hanging(symbol: str, name: str) -> OrderReport | NotFound:
        if symbol == BTC:
            await asyncio.Event().wait()
        return await find(symbol, name)

    for step in (trim(), trim("reef2", symbol=ETH, side=Side.SHORT)):
        gateway.faults.append(Fault.SLOW)
        await executor.carry_out(plan(step), await gateway.snapshot())
    gateway.finish_slow()
    monkeypatch.setattr(gateway, "find_order", hanging)
    after = Executor(
        gateway, worker, clock, armed=True, terms=replace(executor.terms, look_budget_seconds=0.05)
    )
    settled = await asyncio.wait_for(after.settle(await gateway.snapshot()), 10)
    assert [intent.intent for intent in settled.ended] == ["reef2"]
    assert [intent.state for intent in settled.open] == [IntentState.ACCEPTED]
    assert "no answer within 0.05 s" in settled.failures[0]
    assert await after.blocked_symbols() == {BTC}
