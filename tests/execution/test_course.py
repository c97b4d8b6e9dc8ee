"""What holds back the rest of a plan, and for how long."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import ExecutionReport, Executor, Held, IntentState, halt, halted, resume
from bot.execution.gate import Barred
from bot.execution.pause import LONGEST, Pause
from bot.journal import JournalWorker
from bot.journal.records import Kind
from bot.model import Answer, Side, Step, Verdict
from tests.execution.fake_gateway import ETH, START, FakeGateway, Fault
from tests.execution.support import cancel, order, plan, stop, trim


def held(report: ExecutionReport) -> list[Held | None]:
    """Why each step was held back; None for what was sent."""
    return [result.held for result in report.results]


async def carry(executor: Executor, gateway: FakeGateway, *steps: Step) -> ExecutionReport:
    """Carry out steps on a fresh snapshot."""
    return await executor.carry_out(plan(*steps), await gateway.snapshot())


async def test_orders_wait_once_the_data_is_too_old_and_stops_do_not(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    snapshot = await gateway.snapshot()
    gateway.before_submit = lambda request: clock.advance(6)
    other = trim("reef2", symbol=ETH, side=Side.SHORT)
    report = await executor.carry_out(plan(trim(), other), snapshot, max_age_seconds=5)
    assert held(report) == [None, Held.STALE]
    assert not report.complete
    assert held(await executor.protect([stop()], snapshot)) == [None]
    report = await executor.carry_out(plan(other), await gateway.snapshot(), max_age_seconds=5)
    assert held(report) == [None]


async def test_an_old_view_is_read_again_however_late_it_arrived(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    old = await gateway.snapshot()
    clock.advance(3)
    await executor.carry_out(plan(trim("reef1", "0.1")), replace(old, taken_at=clock.now()))
    assert gateway.rereads == 1


async def test_a_cancel_that_is_not_answered_holds_up_no_trim(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.resting.extend([order("o1"), order("o2")])
    gateway.faults.append(Fault.DROP)
    report = await carry(executor, gateway, cancel("c1"), cancel("c2", "o2"), trim("reef1", "0.1"))
    assert held(report) == [None, Held.UNANSWERED, None]
    assert report.results[2].state is IntentState.FILLED
    report = await carry(executor, gateway, cancel("c3"), trim("reef2", "0.1"))
    assert [result.step.request.client_order_id for result in report.results] == ["reef2", "c3"]
    report = await carry(executor, gateway, cancel("c4", "o2"), trim("reef3", "0.1"))
    assert [result.step.request.client_order_id for result in report.results] == ["c4", "reef3"]


async def test_orders_pause_after_the_venue_turned_the_account_away(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.faults.extend([Fault.MAINTENANCE] * 3)
    assert held(await carry(executor, gateway, trim("r1", "0.1"))) == [None]
    paused = await executor.barred()
    assert paused is not None
    assert paused.held is Held.VENUE_CLOSED
    assert "maintenance" in paused.why
    assert held(await carry(executor, gateway, trim("r2", "0.1"))) == [Held.VENUE_CLOSED]
    clock.advance(2)
    assert await executor.barred() is None
    assert held(await carry(executor, gateway, trim("r3", "0.1"))) == [None]
    clock.advance(2)
    assert held(await carry(executor, gateway, trim("r4", "0.1"))) == [Held.VENUE_CLOSED]
    clock.advance(2)
    assert held(await carry(executor, gateway, trim("r5", "0.1"))) == [None]
    clock.advance(8)
    report = await carry(executor, gateway, trim("r6", "0.1"))
    assert report.results[0].state is IntentState.FILLED
    assert await executor.barred() is None
    assert len(gateway.submitted) == 4


async def test_one_stop_is_tried_in_each_pause_and_ends_it_where_it_is_taken(
    executor: Executor, gateway: FakeGateway
) -> None:
    gateway.faults.extend([Fault.THROTTLE] * 2)
    await carry(executor, gateway, trim("r1", "0.1"))
    snapshot = await gateway.snapshot()
    assert held(await executor.protect([stop("s1"), stop("s2", "84000")], snapshot)) == [
        None,
        Held.VENUE_CLOSED,
    ]
    assert held(await executor.protect([stop("s3")], snapshot)) == [None]
    assert held(await carry(executor, gateway, trim("r2", "0.1"))) == [None]


async def test_a_second_stop_in_a_pause_waits(executor: Executor, gateway: FakeGateway) -> None:
    gateway.faults.extend([Fault.THROTTLE, Fault.DROP])
    await carry(executor, gateway, trim("r1", "0.1"))
    report = await executor.protect([stop("s1"), stop("s2", "84000")], await gateway.snapshot())
    assert held(report) == [None, Held.VENUE_CLOSED]


def test_a_pause_grows_to_its_longest_and_does_not_outlast_a_clock_that_is_set_back() -> None:
    pause, now = Pause(), START
    answer = Answer(Verdict.THROTTLED, "", "10006", "too many visits", now)
    lengths = []
    for _ in range(6):
        pause.begin(answer, now)
        step = timedelta(0)
        while pause.holds_orders(now + step):
            step += timedelta(seconds=1)
        lengths.append(step.total_seconds())
    assert lengths == [2, 4, 8, 16, 30, LONGEST.total_seconds()]
    assert pause.holds_orders(now - timedelta(hours=1)) == ""
    assert pause.holds_stops(now) == ""
    assert "too many visits" in pause.holds_stops(now)
    pause.end()
    assert pause.holds_orders(now) == ""


async def test_what_bars_orders_is_told_before_a_plan_is_carried_out(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    assert await executor.barred() is None
    halt(worker.journal, "main", who="ada", why="by hand", at=START)
    found = await executor.barred()
    assert found is not None
    report = await executor.carry_out(plan(trim(), halt="x"), await gateway.snapshot(), barred=found)
    assert held(report) == [Held.HALTED]
    assert "by hand" in report.halted
    executor.armed = False
    found = await executor.barred()
    assert found == Barred(Held.DISARMED, "disarmed: planned, not sent")
    report = await executor.carry_out(plan(trim()), await gateway.snapshot(), barred=found)
    assert (held(report), report.halted) == ([Held.DISARMED], "")
    assert not gateway.submitted


async def test_an_episode_halts_once(executor: Executor, gateway: FakeGateway, worker: JournalWorker) -> None:
    journal = worker.journal

    async def ask(*episodes: str) -> str:
        asked = plan(halt="drawdown 26 %", halt_episodes=episodes)
        return (await executor.carry_out(asked, await gateway.snapshot())).halted

    assert await ask("e1") == "drawdown 26 %"
    assert await ask("e1") == ""
    assert len(journal.entries(kind=Kind.WORD)) == 1
    assert resume(journal, "main", who="ada", why="looked at it", at=START)
    assert await ask("e1") == ""
    assert halted(journal, "main") is None
    assert await ask("e1", "e2") == "drawdown 26 %"
    assert len(journal.entries(kind=Kind.WORD)) == 3


@pytest.mark.parametrize("fault", [Fault.REJECT, Fault.MAINTENANCE])
async def test_what_the_venue_refused_uses_up_no_cap(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, fault: Fault
) -> None:
    gateway.faults.append(fault)
    await carry(executor, gateway, trim("r1", "0.1"))
    assert worker.journal.usage("main", clock.now()).actions_last_hour == 0
    snapshot = await gateway.snapshot()
    clock.advance(3)
    gateway.broken_reads = 1
    await executor.carry_out(plan(trim("r2", "0.1")), snapshot)
    assert worker.journal.usage("main", clock.now()).actions_last_hour == 0
    gateway.faults.append(Fault.DROP)
    await carry(executor, gateway, trim("r3", "0.1"))
    assert worker.journal.usage("main", clock.now()).actions_last_hour == 1
    await carry(executor, gateway, trim("r4", "1", symbol=ETH, side=Side.SHORT))
    assert worker.journal.usage("main", clock.now()).actions_last_hour == 2
    assert worker.journal.usage("main", clock.now()).notional_today > Decimal(45000)
