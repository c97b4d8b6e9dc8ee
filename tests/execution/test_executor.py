"""Carrying out plans: what is recorded, what is sent, and what becomes of it."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import (
    Executor,
    Held,
    IntentNotRecordedError,
    IntentState,
    StepResult,
    abandon,
    halt,
    halted,
    resume,
)
from bot.journal import Draft, FullDiskError, Head, Journal, JournalWorker, verify
from bot.journal.records import Command, Failure, Kind, Submitted, Word
from bot.model import Side, Verdict
from tests.execution.fake_gateway import BTC, ETH, START, FakeGateway, Fault
from tests.execution.support import EPISODE, LONG, cancel, intents, order, plan, stop, trim


async def carry(executor: Executor, gateway: FakeGateway, *steps: object, why: str = "") -> list[StepResult]:
    """Carry out steps on a fresh snapshot."""
    report = await executor.carry_out(plan(*steps, halt=why), await gateway.snapshot())  # type: ignore[arg-type]
    return list(report.results)


def kinds(journal: Journal) -> list[str]:
    """Kinds of all entries in their order."""
    return [entry.kind for entry in journal.entries()]


async def test_a_trim_is_prepared_sent_once_and_filled(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    prepared: list[str] = []
    gateway.before_submit = lambda request: prepared.extend(kinds(worker.journal))
    (result,) = await carry(executor, gateway, trim())
    assert prepared == ["prepared"]
    assert result.sent
    assert result.complete
    assert (result.state, result.executed, result.average_price) == (
        IntentState.FILLED,
        Decimal("0.5"),
        Decimal(90000),
    )
    assert gateway.held[LONG].contracts == Decimal("0.5")
    assert kinds(worker.journal) == ["prepared", "submitted", "progress", "outcome"]
    assert [entry.episode for entry in worker.journal.entries()] == [EPISODE] * 4
    assert (result.fee, result.loss) == (Decimal("24.75"), Decimal("5024.75"))
    usage = worker.journal.usage("main", START)
    assert (usage.actions_last_hour, usage.notional_today, usage.loss_today) == (
        1,
        Decimal(45000),
        Decimal("5024.75"),
    )


async def test_gains_are_not_counted_as_room_for_losses(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.open(BTC, Side.LONG, "1", entry="50000")
    (result,) = await carry(executor, gateway, trim())
    assert result.loss == result.fee


async def test_disarmed_prepares_and_sends_nothing(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    executor.armed = False
    results = await carry(executor, gateway, cancel(), trim(), stop(), why="drawdown")
    assert [result.held for result in results] == [Held.DISARMED] * 3
    assert not gateway.submitted
    assert not worker.journal.entries()
    assert halted(worker.journal, "main") is None


async def test_a_halt_stops_everything_but_protection(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    halt(worker.journal, "main", who="ada", why="looking into it", at=START)
    report = await executor.carry_out(plan(trim(), cancel()), await gateway.snapshot())
    assert [result.held for result in report.results] == [Held.HALTED] * 2
    assert "looking into it" in report.halted
    protected = await executor.protect([stop()], await gateway.snapshot())
    assert protected.complete
    assert gateway.held[LONG].stop_price == Decimal(85000)
    assert resume(worker.journal, "main", who="ada", why="fine", at=START)
    assert not resume(worker.journal, "main", who="ada", why="fine", at=START)
    (result,) = await carry(executor, gateway, trim())
    assert result.state is IntentState.FILLED
    words = [entry.record for entry in worker.journal.entries(kind=Kind.WORD)]
    assert words == [Word(Command.HALT, "ada", "looking into it"), Word(Command.RESUME, "ada", "fine")]


async def test_a_halt_of_all_accounts_holds_for_each(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    halt(worker.journal, "", who="ada", why="all of it", at=START)
    (result,) = await carry(executor, gateway, trim())
    assert result.held is Held.HALTED


async def test_a_plan_halts_the_account_once_all_is_done(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    gateway.faults.append(Fault.PARTIAL)
    await carry(executor, gateway, trim("reef1", "1"), why="drawdown 26 %")
    assert halted(worker.journal, "main") is None
    report = await executor.carry_out(plan(trim("reef2"), halt="drawdown 26 %"), await gateway.snapshot())
    assert report.halted == "drawdown 26 %"
    found = halted(worker.journal, "main")
    assert found is not None
    assert (found.who, found.why) == ("the rules", "drawdown 26 %")


async def test_a_halt_that_cannot_be_recorded_is_told(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(worker, monkeypatch, after=0)
    report = await executor.carry_out(plan(halt="drawdown"), await gateway.snapshot())
    assert (report.halted, report.unrecorded) == ("", 1)


@pytest.mark.parametrize(
    ("fault", "state", "verdict"),
    [
        (Fault.REJECT, IntentState.REJECTED, Verdict.REJECTED),
        (Fault.THROTTLE, IntentState.REJECTED, Verdict.THROTTLED),
        (Fault.AUTH, IntentState.REJECTED, Verdict.AUTH),
        (Fault.MAINTENANCE, IntentState.REJECTED, Verdict.MAINTENANCE),
    ],
)
async def test_a_refusal_ends_the_intent(
    executor: Executor,
    gateway: FakeGateway,
    worker: JournalWorker,
    fault: Fault,
    state: IntentState,
    verdict: Verdict,
) -> None:
    gateway.faults.append(fault)
    report = await executor.carry_out(
        plan(trim(), trim("reef2", symbol=ETH, side=Side.SHORT)), await gateway.snapshot()
    )
    first, second = report.results
    assert (first.state, first.code, first.complete) == (state, fault.value, False)
    if verdict is Verdict.REJECTED:
        assert report.stopped is None
        assert second.state is IntentState.FILLED
    else:
        assert report.stopped is not None
        assert report.stopped.verdict is verdict
        assert second.held is Held.VENUE_CLOSED
        assert len(gateway.submitted) == 1
    assert worker.journal.ended("reef1")


async def test_a_lost_answer_is_found_by_client_id(executor: Executor, gateway: FakeGateway) -> None:
    gateway.faults.append(Fault.LOSE_ANSWER)
    (result,) = await carry(executor, gateway, trim())
    assert result.state is IntentState.FILLED
    assert len(gateway.submitted) == 1


async def test_an_unknown_order_blocks_its_symbol_only(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    gateway.open(ETH, Side.LONG, "10")
    gateway.resting.append(order())
    gateway.faults.append(Fault.DROP)
    results = await carry(
        executor,
        gateway,
        trim("reef1"),
        trim("reef2"),
        cancel("reef3"),
        stop("reef4"),
        trim("reef5", symbol=ETH),
    )
    assert [(result.state, result.held) for result in results] == [
        (IntentState.UNKNOWN, None),
        (None, Held.UNANSWERED),
        (None, Held.UNANSWERED),
        (IntentState.ACCEPTED, None),
        (None, Held.UNANSWERED),
    ]
    assert await executor.blocked_symbols() == {BTC}
    assert not results[0].complete
    again = await carry(executor, gateway, trim("reef6"), trim("reef7", symbol=ETH), cancel("reef8"))
    assert [(result.state, result.held) for result in again] == [
        (None, Held.UNKNOWN_OUTCOME),
        (IntentState.FILLED, None),
        (IntentState.ACCEPTED, None),
    ]
    assert worker.journal.usage("main", START).notional_today == Decimal(45000) + Decimal(1500)


async def test_the_same_intent_is_never_sent_twice(executor: Executor, gateway: FakeGateway) -> None:
    await carry(executor, gateway, trim("reef1", "0.1"))
    (result,) = await carry(executor, gateway, trim("reef1", "0.1"))
    assert result.held is Held.ALREADY_PREPARED
    assert len(gateway.submitted) == 1


async def test_the_index_is_the_last_line_against_a_second_preparation(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await carry(executor, gateway, trim("reef1", "0.1"))
    monkeypatch.setattr(Journal, "attempts", lambda self, intent: 0)
    (result,) = await carry(executor, gateway, trim("reef1", "0.1"))
    assert result.held is Held.ALREADY_PREPARED
    assert len(gateway.submitted) == 1


async def test_an_old_snapshot_makes_the_position_be_read_again(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    snapshot = await gateway.snapshot()
    gateway.trade_outside(LONG, Decimal("0.7"))
    clock.advance(3)
    report = await executor.carry_out(plan(trim()), snapshot)
    (result,) = report.results
    assert gateway.rereads == 1
    assert (result.state, result.executed) == (IntentState.FILLED, Decimal("0.3"))
    assert kinds(worker.journal)[:2] == ["prepared", "clipped"]
    assert intents(worker.journal)["reef1"].contracts == Decimal("0.3")
    assert not gateway.held.get(LONG)


async def test_a_fresh_snapshot_is_trusted_and_an_unchanged_position_not_clipped(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    snapshot = await gateway.snapshot()
    await executor.carry_out(plan(trim("reef1", "0.1")), snapshot)
    assert gateway.rereads == 0
    clock.advance(3)
    await executor.carry_out(plan(trim("reef2", "0.1")), snapshot)
    assert gateway.rereads == 1
    assert "clipped" not in kinds(worker.journal)


async def test_a_position_that_the_snapshot_lacks_is_read_again(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    snapshot = await gateway.snapshot()
    empty = replace(snapshot, positions=())
    (result,) = (await executor.carry_out(plan(trim()), empty)).results
    assert (result.state, gateway.rereads) == (IntentState.FILLED, 1)
    assert intents(worker.journal)["reef1"].prepared.before is None
    assert (await executor.protect([stop()], empty)).complete


@pytest.mark.parametrize("flipped", [False, True])
async def test_a_position_that_is_gone_or_flipped_is_left_alone(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, flipped: bool
) -> None:
    snapshot = await gateway.snapshot()
    gateway.trade_outside(LONG, Decimal(1))
    if flipped:
        gateway.open(BTC, Side.SHORT, "1")
    clock.advance(3)
    (result,) = (await executor.carry_out(plan(trim()), snapshot)).results
    assert (result.state, result.sent, result.complete) == (IntentState.CANCELLED, False, True)
    assert ("other side" in result.evidence) is flipped
    assert not gateway.submitted


async def test_nothing_is_sent_where_the_position_cannot_be_read_again(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    snapshot = await gateway.snapshot()
    clock.advance(3)
    gateway.broken_reads = 1
    (result,) = (await executor.carry_out(plan(trim()), snapshot)).results
    assert (result.state, result.code, result.complete) == (IntentState.CANCELLED, "not_read", False)
    assert not gateway.submitted


async def test_the_venue_says_that_there_is_nothing_to_do(executor: Executor, gateway: FakeGateway) -> None:
    snapshot = await gateway.snapshot()
    gateway.trade_outside(LONG, Decimal(1))
    report = await executor.carry_out(plan(trim(), cancel(), stop()), snapshot)
    assert [result.state for result in report.results] == [IntentState.CANCELLED] * 3
    assert report.complete
    assert len(report.sent) == 3


async def test_a_partial_fill_ends_the_intent_with_what_was_filled(
    executor: Executor, gateway: FakeGateway
) -> None:
    gateway.faults.append(Fault.PARTIAL)
    (result,) = await carry(executor, gateway, trim())
    assert (result.state, result.executed) == (IntentState.CANCELLED, Decimal("0.25"))
    assert not result.complete


async def test_an_order_that_stays_open_is_followed_up_next_cycle(
    executor: Executor, gateway: FakeGateway
) -> None:
    gateway.faults.append(Fault.SLOW)
    (result,) = await carry(executor, gateway, trim())
    assert (result.state, gateway.looks) == (IntentState.ACCEPTED, executor.terms.look_tries)
    assert await executor.blocked_symbols() == {BTC}
    gateway.finish_slow()
    settled = await executor.settle(await gateway.snapshot())
    assert [intent.state for intent in settled.ended] == [IntentState.FILLED]
    assert await executor.blocked_symbols() == frozenset()


async def test_a_look_up_that_fails_leaves_the_order_to_the_next_cycle(
    executor: Executor, gateway: FakeGateway
) -> None:
    snapshot = await gateway.snapshot()
    gateway.broken_reads = 1
    (result,) = (await executor.carry_out(plan(trim()), snapshot)).results
    assert (result.state, gateway.looks) == (IntentState.ACCEPTED, 0)


async def test_a_stop_may_be_asked_for_again(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    for _ in range(3):
        report = await executor.protect([stop()], await gateway.snapshot())
        assert report.complete
    assert list(intents(worker.journal)) == ["reefstop", "reefstop.2", "reefstop.3"]


def break_journal(worker: JournalWorker, monkeypatch: pytest.MonkeyPatch, *, after: int) -> list[int]:
    """Let the disk be full from the n-th append on; appending to the returned list repairs it."""
    journal, append = worker.journal, worker.journal.append
    repaired: list[int] = []
    calls: list[int] = []

    def full(drafts: object, *args: object, **kwargs: object) -> Head:
        calls.append(1)
        if len(calls) > after and not repaired:
            raise FullDiskError(journal.path, "the disk is full", "Make room.")
        return append(drafts, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "append", full)
    return repaired


async def test_nothing_is_sent_without_a_durable_record(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_journal(worker, monkeypatch, after=3)
    with pytest.raises(IntentNotRecordedError, match=r"trim .* was not sent.*disk is full") as caught:
        await carry(executor, gateway, trim("reef1", "0.1"), trim("reef2", "0.1"))
    assert [request.client_order_id for request in gateway.submitted] == ["reef1"]
    assert [result.state for result in caught.value.report.results] == [IntentState.FILLED]


async def test_an_answer_that_cannot_be_recorded_is_kept_and_recorded_later(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    repaired = break_journal(worker, monkeypatch, after=1)
    report = await executor.carry_out(plan(trim("reef1", "0.1")), await gateway.snapshot())
    assert report.results[0].state is IntentState.FILLED
    assert report.unrecorded == 3
    with pytest.raises(IntentNotRecordedError):
        await carry(executor, gateway, trim("reef2", "0.1"))
    settled = await executor.settle(await gateway.snapshot())
    assert (settled.ended, settled.open, await executor.open_intents()) == ((), (), ())
    assert (len(gateway.submitted), len(executor.waiting)) == (1, 3)
    repaired.append(1)
    settled = await executor.settle(await gateway.snapshot())
    assert not settled.open
    assert not settled.ended
    assert kinds(worker.journal) == ["prepared", "submitted", "progress", "outcome"]
    assert verify(worker.journal.path).sound


async def test_the_operators_word_beats_evidence_that_comes_later(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    gateway.before_submit = lambda request: abandon(
        worker.journal, "reef1", who="ada", why="the venue is gone", at=START
    )
    (result,) = await carry(executor, gateway, trim())
    assert result.state is IntentState.FILLED
    (failure,) = worker.journal.entries(kind=Kind.ERROR)
    assert isinstance(failure.record, Failure)
    assert failure.record.code == "already_ended"
    assert isinstance(worker.journal.entries(kind=Kind.SUBMITTED)[0].record, Submitted)


async def test_entries_of_the_guard_share_the_order(executor: Executor, worker: JournalWorker) -> None:
    body = Failure("snapshot", Verdict.UNKNOWN, "timeout", "nothing came")
    await executor.record([Draft(START, "main", body)])
    assert [entry.record for entry in worker.journal.entries()] == [body]
