"""What waits for the journal counts like what is in it."""

from decimal import Decimal

import pytest

from bot.clock import VirtualClock
from bot.execution import Executor, IntentNotRecordedError, recover, waiting
from bot.journal import CorruptJournalError, Draft, FullDiskError, JournalWorker
from bot.journal.records import IntentState, Outcome, Prepared, Progress
from bot.model import Step, Usage
from tests.execution.fake_gateway import START, FakeGateway
from tests.execution.support import EPISODE, LONG, plan, stop, trim
from tests.execution.test_lease import Disk

USED = Usage(actions_last_hour=3, notional_today=Decimal(1000), loss_today=Decimal(10))


def prepared(step: Step) -> Draft:
    return Draft(START, "main", Prepared(step, None), step.episode, step.request.client_order_id)


def ended(name: str, notional: int, loss: int) -> Draft:
    body = Outcome(state=IntentState.FILLED, evidence="it is", notional=Decimal(notional), loss=Decimal(loss))
    return Draft(START, "main", body, EPISODE, name)


def test_caps_count_what_is_only_in_memory() -> None:
    drafts = (prepared(trim("reef1")), ended("reef1", 44_000, 70), prepared(trim("reef2")), prepared(stop()))
    assert waiting.usage(USED, drafts) == Usage(5, Decimal(1000 + 44_000 + 45_000), Decimal(80))
    assert waiting.usage(USED, ()) == USED


def test_the_next_step_of_an_episode_gets_a_number_of_its_own() -> None:
    drafts = (prepared(trim("reef1", number=4)), prepared(trim("reef0", number=2)), prepared(stop()))
    assert waiting.steps_taken({EPISODE: 3, "other": 1}, drafts) == {EPISODE: 5, "other": 1}
    assert waiting.steps_taken({}, drafts) == {}


def test_evidence_about_an_intent_that_ended_or_is_not_known_changes_nothing() -> None:
    late = Draft(START, "main", Progress(state=IntentState.UNKNOWN, evidence="late"), EPISODE, "reef1")
    drafts = (prepared(trim("reef1")), prepared(trim("reef2")), late, ended("reef1", 1, 1), late, late)
    stranger = Draft(START, "main", late.body, EPISODE, "reef9")
    assert [one.intent for one in waiting.with_waiting((), (*drafts, stranger))] == ["reef2"]


async def test_without_the_owners_word_a_second_record_that_fails_stops_the_order(
    executor: Executor,
    gateway: FakeGateway,
    worker: JournalWorker,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot = await gateway.snapshot()
    gateway.trade_outside(LONG, Decimal("0.7"))
    clock.advance(3)
    disk = Disk(worker, monkeypatch)
    positions = gateway.positions

    async def and_then_full(symbol: str) -> object:
        disk.full = True
        return await positions(symbol)

    monkeypatch.setattr(gateway, "positions", and_then_full)
    with pytest.raises(IntentNotRecordedError):
        await executor.carry_out(plan(trim()), snapshot)
    assert not gateway.submitted


async def test_a_damaged_journal_is_not_worked_around(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    full = FullDiskError(worker.journal.path, "the disk is full", "Make room.")
    damaged = CorruptJournalError(worker.journal.path, "the file is damaged", "Keep it.")
    draft = prepared(trim())
    for allowed in (True, False):
        executor = Executor(gateway, worker, clock, armed=True, unrecorded_reduce=allowed)
        assert not executor.keep_unrecorded(damaged, (draft,), ())
        assert executor.keep_unrecorded(full, (draft,), (b"blob",)) is allowed
        assert executor.waiting == ((draft,) if allowed else ())


async def test_what_nobody_foresaw_is_not_taken_for_a_venue_that_fails(
    gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(gateway, worker, clock, armed=True, unrecorded_reduce=True)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(gateway, "fills", broken)
    with pytest.raises(ZeroDivisionError):
        await recover(executor, await gateway.snapshot())


async def test_what_waits_is_written_by_a_commit_of_nothing(
    executor: Executor, worker: JournalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(worker, monkeypatch)
    disk.full = True
    await executor.record((ended("reef1", 1, 1),))
    with pytest.raises(FullDiskError):
        await executor.commit(())
    disk.full = False
    await executor.commit(())
    assert [entry.intent for entry in worker.journal.entries()] == ["reef1"]
    await executor.commit(())
    assert worker.journal.head().seq == 1
