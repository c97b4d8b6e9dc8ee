"""An order that never arrived is sent once more under its own id, and nothing else is."""

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor, Intent, IntentState, halt, recover
from bot.execution.evidence import answered_again
from bot.journal import FullDiskError, Journal, JournalWorker
from bot.journal.records import Kind, Resent, Submitted
from bot.model import Answer, Side, Verdict
from tests.execution.fake_gateway import BTC, START, FakeGateway, Fault
from tests.execution.support import LONG, intents, plan, trim


async def lose(executor: Executor, gateway: FakeGateway, fault: Fault = Fault.DROP) -> None:
    """Send a trim that never arrives, or of which nothing is heard."""
    gateway.faults.append(fault)
    await executor.carry_out(plan(trim()), await gateway.snapshot())


async def later(executor: Executor, clock: VirtualClock, seconds: float = 6.5) -> tuple[Intent, ...]:
    """Look up what is open after a while, and send again what is lost."""
    clock.advance(seconds)
    await executor.settle_orders()
    return await executor.resend()


async def test_a_lost_order_is_sent_once_more_under_its_own_id(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await lose(executor, gateway)
    assert await later(executor, clock, 5.2) == ()
    recorded: list[int] = []
    gateway.before_submit = lambda request: recorded.append(len(worker.journal.entries(kind=Kind.RESENT)))
    (intent,) = await later(executor, clock, 0.1)
    assert intent.state is IntentState.FILLED
    assert recorded == [1]
    first, second = gateway.submitted
    assert first == second
    assert gateway.held[LONG].contracts == Decimal("0.5")
    assert await executor.blocked_symbols() == {BTC}
    await executor.settle(await gateway.snapshot())
    assert await executor.blocked_symbols() == frozenset()
    (entry,) = worker.journal.entries(kind=Kind.RESENT)
    assert entry.record == Resent(contracts=Decimal("0.5"), sends=2)
    assert intents(worker.journal)["reef1"] == intent


async def test_it_is_sent_twice_in_all_and_given_up_after_both(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await lose(executor, gateway)
    gateway.faults.append(Fault.DROP)
    (intent,) = await later(executor, clock)
    assert (intent.state, intent.sends) == (IntentState.UNKNOWN, 2)
    assert await later(executor, clock) == ()
    assert await later(executor, clock, 29) == ()
    assert [one.state for one in await executor.open_intents()] == [IntentState.UNKNOWN]
    clock.advance(2)
    await executor.settle_orders()
    assert await executor.open_intents() == ()
    assert len(gateway.submitted) == 2
    assert intents(worker.journal)["reef1"].state is IntentState.REJECTED


async def test_an_order_that_had_arrived_after_all_is_a_duplicate(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await lose(executor, gateway, Fault.HIDE_EMPTY)
    (intent,) = await later(executor, clock)
    assert intent.state is IntentState.ACCEPTED
    answers = [body.answer for one in worker.journal.entries() if isinstance(body := one.record, Submitted)]
    assert [answer.verdict for answer in answers] == [Verdict.UNKNOWN, Verdict.DUPLICATE]
    assert gateway.accepted["reef1"] == 1
    clock.advance(20)
    settled = await executor.settle_orders()
    assert [one.state for one in settled.ended] == [IntentState.CANCELLED]


async def test_a_position_that_changed_says_that_it_may_have_arrived(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await lose(executor, gateway, Fault.HIDE)
    assert await later(executor, clock) == ()
    assert len(gateway.submitted) == 1


@pytest.mark.parametrize("contracts", ["0.4", "1.2"])
async def test_somebody_else_who_traded_keeps_it_back(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, contracts: str
) -> None:
    await lose(executor, gateway)
    gateway.open(BTC, Side.LONG, contracts)
    assert await later(executor, clock) == ()
    assert len(gateway.submitted) == 1


async def test_a_position_that_cannot_be_read_keeps_it_back_for_a_cycle(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await lose(executor, gateway)
    clock.advance(6.5)
    await executor.settle_orders()
    gateway.broken_reads = 1
    assert await executor.resend() == ()
    assert [one.state for one in await later(executor, clock, 1)] == [IntentState.FILLED]


async def test_a_failed_look_up_proves_nothing(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await lose(executor, gateway)
    clock.advance(6.5)
    gateway.broken_reads = 1
    await executor.settle_orders()
    assert await executor.resend() == ()


async def test_an_order_of_long_ago_is_planned_anew(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await lose(executor, gateway)
    assert await later(executor, clock, 20) == ()
    assert len(gateway.submitted) == 1


async def test_only_where_orders_may_be_sent(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await lose(executor, gateway)
    executor.armed = False
    assert await later(executor, clock) == ()
    executor.armed = True
    gateway.guards_client_ids = False
    assert await later(executor, clock, 1) == ()
    gateway.guards_client_ids = True
    halt(worker.journal, "main", who="ada", why="wait", at=START)
    assert await later(executor, clock, 1) == ()
    assert len(gateway.submitted) == 1


async def test_nothing_is_sent_again_without_a_durable_record(
    executor: Executor,
    gateway: FakeGateway,
    worker: JournalWorker,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await lose(executor, gateway)
    clock.advance(6.5)
    await executor.settle_orders()

    def full(*_: object, **__: object) -> None:
        raise FullDiskError(worker.journal.path, "the disk is full", "Make room.")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        with pytest.raises(FullDiskError):
            await executor.resend()
    assert len(gateway.submitted) == 1
    (intent,) = await executor.resend()
    assert intent.state is IntentState.FILLED


@pytest.mark.parametrize("fault", [Fault.REJECT, Fault.THROTTLE])
async def test_a_refused_copy_proves_nothing_of_the_first(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, fault: Fault
) -> None:
    await lose(executor, gateway)
    (before,) = await executor.open_intents()
    gateway.faults.append(fault)
    (intent,) = await later(executor, clock)
    assert (intent.state, intent.asked_at) == (IntentState.UNKNOWN, before.asked_at)
    assert (await executor.barred() is None) is (fault is Fault.REJECT)
    clock.advance(30)
    await executor.settle_orders()
    clock.advance(2)
    await executor.settle_orders()
    assert intents(worker.journal)["reef1"].state is IntentState.REJECTED


async def test_a_crash_before_and_one_after_it_was_sent_again(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    gateway.faults.append(Fault.CRASH_BEFORE)
    with pytest.raises(asyncio.CancelledError):
        await executor.carry_out(plan(trim()), await gateway.snapshot())
    after = Executor(gateway, worker, clock, armed=True)
    await recover(after, await gateway.snapshot())
    gateway.faults.append(Fault.CRASH_AFTER)
    with pytest.raises(asyncio.CancelledError):
        await later(after, clock)
    last = Executor(gateway, worker, clock, armed=True)
    assert (await recover(last, await gateway.snapshot())).settled == ("reef1",)
    assert gateway.accepted["reef1"] == 1
    assert intents(worker.journal)["reef1"].sends == 2


async def test_an_order_without_a_known_position_waits_for_proof(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.faults.append(Fault.DROP)
    bare = replace(await gateway.snapshot(), positions=())
    await executor.carry_out(plan(trim()), bare)
    assert await later(executor, clock) == ()


async def test_a_gone_position_is_never_traded_again(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await lose(executor, gateway)
    gateway.trade_outside(LONG, Decimal(1))
    assert await later(executor, clock) == ()


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_the_answer_to_a_second_copy_proves(verdict: Verdict) -> None:
    found = answered_again(Answer(verdict, "", "7", "words", START), START)
    arrived = verdict in {Verdict.ACCEPTED, Verdict.DUPLICATE}
    assert found.state is (IntentState.ACCEPTED if arrived else IntentState.UNKNOWN)
    assert (found.looked_at is None) is (arrived or verdict is Verdict.UNKNOWN)
