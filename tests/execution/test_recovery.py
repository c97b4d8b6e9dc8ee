"""Start-up: what was left open is settled, what is not ours to know is told."""

import asyncio
from decimal import Decimal

import pytest

from bot.clock import VirtualClock
from bot.execution import Executor, IntentState, recover
from bot.journal import JournalWorker
from bot.journal.records import Kind
from bot.model import Side
from tests.execution.fake_gateway import BTC, FakeGateway, Fault
from tests.execution.support import LONG, intents, order, plan, trim


async def restarted(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, fault: Fault
) -> Executor:
    """A process that died while it was sending, and the one after it."""
    gateway.faults.append(fault)
    with pytest.raises(asyncio.CancelledError):
        await executor.carry_out(plan(trim()), await gateway.snapshot())
    assert intents(worker.journal)["reef1"].state is IntentState.PREPARED
    return Executor(gateway, worker, clock, armed=True)


async def test_an_order_sent_before_the_crash_is_found(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    after = await restarted(executor, gateway, worker, clock, Fault.CRASH_AFTER)
    recovered = await recover(after, await gateway.snapshot())
    assert (recovered.settled, recovered.open) == (("reef1",), ())
    story = [entry.kind for entry in worker.journal.entries(intent="reef1")]
    assert story == ["prepared", "progress", "outcome"]
    assert intents(worker.journal)["reef1"].state is IntentState.FILLED


async def test_an_order_never_sent_blocks_until_that_is_proven(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    after = await restarted(executor, gateway, worker, clock, Fault.CRASH_BEFORE)
    recovered = await recover(after, await gateway.snapshot())
    assert recovered.open == ("reef1",)
    assert await after.blocked_symbols() == {BTC}
    clock.advance(40)
    recovered = await recover(after, await gateway.snapshot())
    assert recovered.settled == ("reef1",)
    assert intents(worker.journal)["reef1"].state is IntentState.REJECTED
    assert len(gateway.submitted) == 1


async def test_recovering_twice_is_recovering_once(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    gateway.resting.append(order("o7", client_order_id="reeflost"))
    after = await restarted(executor, gateway, worker, clock, Fault.CRASH_AFTER)
    first = await recover(after, await gateway.snapshot())
    states = intents(worker.journal)
    positions = dict(gateway.held)
    second = await recover(Executor(gateway, worker, clock, armed=True), await gateway.snapshot())
    assert intents(worker.journal) == states
    assert gateway.held == positions
    assert (first.adopted, second.adopted) == (("reeflost",), ())
    assert (second.settled, second.open) == ((), ())
    assert len(worker.journal.entries(kind=Kind.ADOPTED)) == 1
    assert len(gateway.submitted) == 1


async def test_what_is_unprotected_is_listed(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    gateway.stops.append(order("s1", attached=True))
    gateway.stops.append(order("s2", attached=True, symbol="SOL/USDT:USDT"))
    gateway.resting.append(order("o1"))
    recovered = await recover(executor, await gateway.snapshot())
    assert recovered.unprotected == ("ETH/USDT:USDT#short",)
    assert recovered.orphan_stops == ("s2",)
    assert recovered.adopted == ()
    assert [entry.record for entry in worker.journal.entries(kind=Kind.RECOVERY)] == [recovered]


async def test_what_the_journal_knows_is_not_adopted(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    gateway.faults.append(Fault.SLOW)
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    gateway.resting.append(order("v-reef1", client_order_id="reef1"))
    recovered = await recover(executor, await gateway.snapshot())
    assert recovered.adopted == ()
    assert recovered.open == ("reef1",)


async def test_look_ups_that_fail_are_told(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    gateway.faults.append(Fault.DROP)
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    snapshot = await gateway.snapshot()
    gateway.broken_reads = 1
    recovered = await recover(executor, snapshot)
    assert recovered.open == ("reef1",)
    assert "find_order failed" in recovered.failures[0]


async def test_the_position_before_the_crash_is_remembered(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await restarted(executor, gateway, worker, clock, Fault.CRASH_AFTER)
    before = intents(worker.journal)["reef1"].prepared.before
    assert before is not None
    assert (before.contracts, gateway.held[LONG].contracts) == (Decimal(1), Decimal("0.5"))
    assert gateway.held[LONG].side is Side.LONG
