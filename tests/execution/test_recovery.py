"""Start-up: what was left open is settled, what is not ours to know is told."""

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor, Held, IntentState, abandon, recover
from bot.journal import JournalWorker
from bot.journal.records import Kind
from bot.model import CancelRequest, Fill, OrderReport, OrderSide, OrderStatus, Side
from tests.execution.fake_gateway import BTC, ETH, START, FakeGateway, Fault, Listed
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
    assert (first.open, second.settled, second.open) == (("reeflost",), (), ("reeflost",))
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


def lost(name: str, status: OrderStatus, filled: str) -> Listed:
    """An order that the venue lists."""
    report = OrderReport(
        "o7", name, BTC, status, Decimal("0.3"), Decimal(filled), Decimal(90000), Decimal(0), "", START
    )
    return Listed(report, START)


async def test_an_adopted_order_is_followed_until_it_ends_and_blocks_its_symbol_meanwhile(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    resting = replace(order("o7", client_order_id="reeflost"), side=OrderSide.SELL)
    gateway.resting.append(resting)
    gateway.listed["reeflost"] = lost("reeflost", OrderStatus.OPEN, "0")
    recovered = await recover(executor, await gateway.snapshot())
    assert (recovered.adopted, recovered.open) == (("reeflost",), ("reeflost",))
    assert await executor.blocked_symbols() == {BTC}
    (result,) = (await executor.carry_out(plan(trim()), await gateway.snapshot())).results
    assert result.held is Held.UNKNOWN_OUTCOME
    again = Executor(gateway, worker, clock, armed=True)
    assert await again.blocked_symbols() == {BTC}
    assert worker.journal.usage("main", START).actions_last_hour == 0
    gateway.resting.clear()
    gateway.listed["reeflost"] = lost("reeflost", OrderStatus.FILLED, "0.3")
    await again.settle(await gateway.snapshot())
    assert [entry.kind for entry in worker.journal.entries(intent="reeflost")] == [
        "adopted",
        "progress",
        "outcome",
    ]
    assert await again.open_intents() == ()


async def test_the_operator_may_give_an_adopted_order_up(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    gateway.resting.append(order("o7", client_order_id="reeflost"))
    await recover(executor, await gateway.snapshot())
    abandon(worker.journal, "reeflost", who="ada", why="cancelled by hand", at=START)
    assert await executor.open_intents() == ()


async def test_a_stop_that_outlived_its_position_is_cancelled_once(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    sol = "SOL/USDT:USDT"
    orphan = replace(order("s9", client_order_id="reefold", symbol=sol), trigger_price=Decimal(100))
    gateway.stops += [orphan, order("s8", attached=True, symbol=sol)]
    gateway.faults.append(Fault.DROP)
    recovered = await recover(executor, await gateway.snapshot())
    assert recovered.orphan_stops == ("s9", "s8")
    await recover(executor, await gateway.snapshot(), known=recovered)
    (sent,) = gateway.submitted
    assert isinstance(sent, CancelRequest)
    assert (sent.order_id, sent.conditional) == ("s9", True)
    clock.advance(60)
    await recover(executor, await gateway.snapshot(), known=recovered)
    assert [request.client_order_id for request in gateway.submitted] == [
        sent.client_order_id,
        f"{sent.client_order_id}.2",
    ]


@pytest.mark.parametrize("allowed", [True, False])
async def test_what_was_sent_unrecorded_before_a_crash_is_adopted_with_its_outcome(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, allowed: bool
) -> None:
    gateway.listed["reeflost"] = lost("reeflost", OrderStatus.FILLED, "0.3")
    for number, contracts in enumerate(("0.1", "0.2")):
        gateway.executions.append(
            Fill(
                f"f{number}",
                "o7",
                "reeflost",
                BTC,
                OrderSide.SELL,
                Decimal(contracts),
                Decimal(90000),
                Decimal(0),
                False,
                START,
            )
        )
    executor = Executor(gateway, worker, clock, armed=True, unrecorded_reduce=allowed)
    recovered = await recover(executor, await gateway.snapshot())
    assert recovered.adopted == recovered.settled == (("reeflost",) if allowed else ())
    again = await recover(executor, await gateway.snapshot(), known=recovered)
    assert (again.adopted, again.settled) == ((), ())
    if allowed:
        known = worker.journal.entries(intent="reeflost")
        assert [entry.kind for entry in known] == ["adopted", "outcome"]


async def test_executions_that_cannot_be_read_are_told_and_read_again(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    executor = Executor(gateway, worker, clock, armed=True, unrecorded_reduce=True)
    snapshot = await gateway.snapshot()
    gateway.broken_reads = 1
    recovered = await recover(executor, snapshot)
    assert len(recovered.failures) == 1
    assert (await recover(executor, snapshot, known=recovered)).failures == ()
    assert {position.symbol for position in snapshot.positions} == {BTC, ETH}
