"""Nothing is sent that could be answered after the lease: another daemon may act by then."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from bot.clock import VirtualClock
from bot.execution import Executor, Held, IntentState, Lease
from bot.journal import Draft, FullDiskError, Head, JournalWorker, open_journal
from bot.journal.records import Kind, Stopped
from bot.model import StepKind
from tests.execution.fake_gateway import BTC, START, FakeGateway, Fault
from tests.execution.support import LONG, cancel, intents, order, plan, stop, trim

LENGTH, RESERVE = 30.0, 15.0


@pytest.fixture
def lease(worker: JournalWorker, clock: VirtualClock) -> Lease:
    made = Lease(clock, LENGTH, RESERVE)
    end = made.next_end()
    worker.journal.take_lease("process 1", end, over=0)
    made.lasts_until(end)
    return made


@pytest.fixture
def leased(gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, lease: Lease) -> Executor:
    return Executor(gateway, worker, clock, armed=True, lease=lease)


def test_a_lease_that_was_never_taken_lets_nothing_out(clock: VirtualClock) -> None:
    assert Lease(clock, LENGTH, RESERVE).seconds_to_send < 0


async def test_sending_stops_before_the_lease_ends_and_goes_on_once_it_is_renewed(
    leased: Executor, lease: Lease, gateway: FakeGateway, clock: VirtualClock, worker: JournalWorker
) -> None:
    clock.advance(LENGTH - RESERVE - 0.5)
    assert await leased.barred() is None
    (result,) = (await leased.carry_out(plan(trim("reef1", "0.1")), await gateway.snapshot())).results
    assert result.state is IntentState.FILLED
    clock.advance(0.5)
    gateway.resting.append(order())
    snapshot = await gateway.snapshot()
    bar = await leased.barred()
    assert bar is not None
    assert bar.held is Held.NO_LEASE
    steps = (trim("reef2", "0.1"), cancel())
    report = await leased.carry_out(plan(*steps), snapshot)
    report_of_stops = await leased.protect([stop()], snapshot)
    assert {result.held for result in (*report.results, *report_of_stops.results)} == {Held.NO_LEASE}
    assert list(intents(worker.journal)) == ["reef1"]
    assert len(gateway.submitted) == 1
    lease.lasts_until(lease.next_end())
    report = await leased.carry_out(plan(*steps), snapshot)
    assert [result.held for result in report.results] == [None, None]


async def test_a_record_that_took_too_long_is_not_followed_by_an_order(
    leased: Executor,
    gateway: FakeGateway,
    clock: VirtualClock,
    worker: JournalWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = worker.journal.append

    def slow(drafts: Sequence[Draft], *args: object, **kwargs: object) -> Head:
        clock.advance(LENGTH)
        return append(drafts, *args, **kwargs)  # type: ignore[arg-type]

    snapshot = await gateway.snapshot()
    monkeypatch.setattr(worker.journal, "append", slow)
    (result,) = (await leased.carry_out(plan(trim()), snapshot)).results
    assert (result.held, result.state, result.code) == (
        Held.NO_LEASE,
        IntentState.CANCELLED,
        "no_lease",
    )
    assert not gateway.submitted
    assert worker.journal.usage("main", clock.now()).actions_last_hour == 0


class Disk:
    """A journal on a disk that is full on demand."""

    def __init__(self, worker: JournalWorker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        journal, append = worker.journal, worker.journal.append

        def tried(drafts: Sequence[Draft], *args: object, **kwargs: object) -> Head:
            if self.full:
                raise FullDiskError(journal.path, "the disk is full", "Make room.")
            return append(drafts, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(journal, "append", tried)


async def test_without_room_only_the_journals_own_word_lets_reduce_only_orders_outlive_the_lease(
    gateway: FakeGateway,
    worker: JournalWorker,
    clock: VirtualClock,
    lease: Lease,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    executor = Executor(gateway, worker, clock, armed=True, lease=lease, unrecorded_reduce=True)
    disk = Disk(worker, monkeypatch)
    disk.full = True
    clock.advance(LENGTH * 2)
    (first,) = (await executor.carry_out(plan(trim("reef1", "0.1")), await gateway.snapshot())).results
    assert first.held is Held.NO_LEASE  # nothing was to be written yet, so nobody knows that there is no room
    await executor.record([Draft(START, "main", Stopped("something waits"))])
    (second,) = (await executor.carry_out(plan(trim("reef1", "0.1")), await gateway.snapshot())).results
    assert second.state is IntentState.FILLED
    with open_journal(worker.journal.path) as other:
        other.take_lease("process 2", 0.0, over=1)
    clock.advance(1)
    (third,) = (await executor.carry_out(plan(trim("reef2", "0.1")), await gateway.snapshot())).results
    assert third.held is Held.NO_LEASE
    assert [request.client_order_id for request in gateway.submitted] == ["reef1"]


async def test_unrecorded_orders_are_sent_once_and_written_in_their_order_later(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(gateway, worker, clock, armed=True, unrecorded_reduce=True)
    disk = Disk(worker, monkeypatch)
    gateway.resting.append(order())
    disk.full = True
    steps = (trim("reef1", "0.1"), trim("reef1", "0.1"), cancel("reefc"), trim("reef2", "0.1"))
    report = await executor.carry_out(plan(*steps), await gateway.snapshot())
    assert [(result.state, result.held) for result in report.results] == [
        (IntentState.FILLED, None),
        (None, Held.ALREADY_PREPARED),
        (None, Held.NOT_RECORDED),
        (IntentState.FILLED, None),
    ]
    for _ in range(2):
        assert (await executor.protect([stop()], await gateway.snapshot())).complete
    assert [request.client_order_id for request in gateway.submitted] == [
        "reef1",
        "reef2",
        "reefstop",
        "reefstop.2",
    ]
    clock.advance(1)
    settled = await executor.settle(await gateway.snapshot())
    assert [intent.intent for intent in settled.ended] == ["reefstop", "reefstop.2"]
    assert not worker.journal.entries()
    waited = [(draft.kind, draft.intent) for draft in executor.waiting]
    disk.full = False
    await executor.settle(await gateway.snapshot())
    assert [(entry.kind, entry.intent) for entry in worker.journal.entries()] == waited
    assert executor.waiting == ()
    known = intents(worker.journal)
    assert {name: intent.state for name, intent in known.items()} == {
        "reef1": IntentState.FILLED,
        "reef2": IntentState.FILLED,
        "reefstop": IntentState.FILLED,
        "reefstop.2": IntentState.FILLED,
    }
    (again,) = (await executor.carry_out(plan(trim("reef1", "0.1")), await gateway.snapshot())).results
    assert again.held is Held.ALREADY_PREPARED


async def test_an_unrecorded_order_that_hangs_blocks_its_symbol(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(gateway, worker, clock, armed=True, unrecorded_reduce=True)
    Disk(worker, monkeypatch).full = True
    gateway.faults.append(Fault.DROP)
    await executor.carry_out(plan(trim("reef1", "0.1")), await gateway.snapshot())
    assert await executor.blocked_symbols() == {BTC}
    (result,) = (await executor.carry_out(plan(trim("reef2", "0.1")), await gateway.snapshot())).results
    assert result.held is Held.UNKNOWN_OUTCOME


async def test_a_position_that_shrank_is_clipped_also_where_only_memory_tells(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(gateway, worker, clock, armed=True, unrecorded_reduce=True)
    snapshot = await gateway.snapshot()
    gateway.trade_outside(LONG, Decimal("0.7"))
    clock.advance(3)
    disk = Disk(worker, monkeypatch)
    disk.full = True
    (result,) = (await executor.carry_out(plan(trim()), snapshot)).results
    assert (result.state, result.executed) == (IntentState.FILLED, Decimal("0.3"))
    disk.full = False
    await executor.settle(await gateway.snapshot())
    assert [entry.kind for entry in worker.journal.entries()][:2] == [Kind.PREPARED, Kind.CLIPPED]
    assert intents(worker.journal)["reef1"].prepared.step.kind is StepKind.TRIM
