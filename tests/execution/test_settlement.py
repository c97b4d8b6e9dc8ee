"""Unknown intents: only the venue's evidence settles them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor, IntentState, NothingOpenError, abandon
from bot.execution.evidence import doubt, expired_for, from_fills, money, seen_in
from bot.journal import JournalWorker
from bot.journal.records import Kind, Outcome, Progress
from bot.model import OrderSide, Side, Unknown
from tests.execution.fake_gateway import BTC, ETH, MARKS, START, FakeGateway, Fault
from tests.execution.support import LONG, cancel, intents, order, plan, stop, trim


async def send(executor: Executor, gateway: FakeGateway, fault: Fault) -> None:
    """Send a trim with a fault."""
    gateway.faults.append(fault)
    await executor.carry_out(plan(trim()), await gateway.snapshot())


async def settle(executor: Executor, gateway: FakeGateway) -> list[IntentState]:
    """Settle once on a fresh snapshot."""
    settled = await executor.settle(await gateway.snapshot())
    return [intent.state for intent in (*settled.ended, *settled.open)]


async def test_a_lost_request_is_given_up_only_after_the_window_twice_and_with_reason(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await send(executor, gateway, Fault.DROP)
    clock.advance(33)
    assert await settle(executor, gateway) == [IntentState.UNKNOWN]
    clock.advance(4)
    assert await settle(executor, gateway) == [IntentState.UNKNOWN]
    clock.advance(0.5)
    assert await settle(executor, gateway) == [IntentState.UNKNOWN]
    clock.advance(1)
    assert await settle(executor, gateway) == [IntentState.REJECTED]
    (entry,) = worker.journal.entries(kind=Kind.OUTCOME)
    assert isinstance(entry.record, Outcome)
    assert entry.record.code == "never_arrived"
    assert entry.record.evidence == (
        "not found in open, past and executed orders 34 s after its request expired"
    )
    assert len(gateway.submitted) == 1


async def test_time_alone_settles_nothing(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await send(executor, gateway, Fault.DROP)
    for _ in range(5):
        clock.advance(3600)
        snapshot = await gateway.snapshot()
        gateway.broken_reads = 1
        settled = await executor.settle(snapshot)
        assert [intent.state for intent in settled.open] == [IntentState.UNKNOWN]
        assert "find_order failed" in settled.failures[0]


@pytest.mark.parametrize("fault", [Fault.HIDE, Fault.HIDE_ACKNOWLEDGED, Fault.LATE])
async def test_an_order_that_shows_up_late_is_adopted(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, fault: Fault
) -> None:
    await send(executor, gateway, fault)
    clock.advance(3)
    state = IntentState.ACCEPTED if fault is Fault.HIDE_ACKNOWLEDGED else IntentState.UNKNOWN
    assert await settle(executor, gateway) == [state]
    clock.advance(30)
    assert await settle(executor, gateway) == [IntentState.FILLED]


async def test_an_unexplained_fall_of_the_position_keeps_it_unknown(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await send(executor, gateway, Fault.DROP)
    gateway.trade_outside(LONG, Decimal("0.5"), listed=False)
    clock.advance(60)
    for _ in range(3):
        assert await settle(executor, gateway) == [IntentState.UNKNOWN]
        clock.advance(2)
    assert not executor.settler.awaits_second_look
    doubts = [
        entry.record
        for entry in worker.journal.entries(kind=Kind.PROGRESS)
        if isinstance(entry.record, Progress) and "not given up" in entry.record.evidence
    ]
    assert len(doubts) == 1
    abandon(worker.journal, "reef1", who="ada", why="asked the venue's support", at=clock.now())
    assert await executor.open_intents() == ()
    assert intents(worker.journal)["reef1"].state is IntentState.ABANDONED
    with pytest.raises(NothingOpenError, match="reef1 is not open"):
        abandon(worker.journal, "reef1", who="ada", why="again", at=clock.now())
    with pytest.raises(NothingOpenError):
        abandon(worker.journal, "reef9", who="ada", why="no such", at=clock.now())


async def test_a_fall_that_others_executions_explain_does_not(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await send(executor, gateway, Fault.DROP)
    gateway.trade_outside(LONG, Decimal("0.5"))
    clock.advance(60)
    await settle(executor, gateway)
    clock.advance(2)
    assert await settle(executor, gateway) == [IntentState.REJECTED]


@pytest.mark.parametrize(("closed", "state"), [("0.5", IntentState.REJECTED), ("0", IntentState.UNKNOWN)])
async def test_what_opened_the_other_leg_explains_no_fall(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, closed: str, state: IntentState
) -> None:
    """In hedge mode a sale may open the short leg: it has taken nothing off the long one."""
    await send(executor, gateway, Fault.DROP)
    gateway.trade_outside(LONG, Decimal("0.5"))
    gateway.executions[-1] = replace(gateway.executions[-1], closed=Decimal(closed))
    clock.advance(60)
    await settle(executor, gateway)
    clock.advance(2)
    assert await settle(executor, gateway) == [state]


@pytest.mark.parametrize(("filled", "state"), [("0.5", IntentState.FILLED), ("0.2", IntentState.CANCELLED)])
async def test_executions_prove_what_the_lists_of_orders_forgot(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, filled: str, state: IntentState
) -> None:
    await send(executor, gateway, Fault.DROP)
    gateway._execution("reef1", gateway.held[LONG], Decimal(filled))
    gateway._shrink(gateway.held[LONG], Decimal(filled))
    gateway.executions.append(gateway.executions[0])
    clock.advance(60)
    await settle(executor, gateway)
    clock.advance(2)
    settled = await executor.settle(await gateway.snapshot())
    (intent,) = settled.ended
    assert intent.standing is not None
    assert (intent.state, intent.standing.filled, intent.standing.average_price) == (
        state,
        Decimal(filled),
        MARKS[BTC],
    )


async def test_a_slow_order_is_not_written_down_again_every_cycle(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    await send(executor, gateway, Fault.SLOW)
    before = worker.journal.head()
    for _ in range(3):
        assert await settle(executor, gateway) == [IntentState.ACCEPTED]
    assert worker.journal.head() == before


async def test_a_cancel_ends_when_the_order_rests_no_more(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.resting.append(order())
    snapshot = await gateway.snapshot()
    await executor.carry_out(plan(cancel()), snapshot)
    assert [intent.state for intent in (await executor.settle(snapshot)).open] == [IntentState.ACCEPTED]
    clock.advance(1)
    assert await settle(executor, gateway) == [IntentState.FILLED]


async def test_a_cancel_that_never_arrived_ends_after_the_window(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.resting.append(order())
    gateway.faults.append(Fault.DROP)
    await executor.carry_out(plan(cancel()), await gateway.snapshot())
    clock.advance(10)
    assert await settle(executor, gateway) == [IntentState.UNKNOWN]
    clock.advance(30)
    assert await settle(executor, gateway) == [IntentState.REJECTED]


async def test_a_stop_ends_when_it_is_read_back(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await executor.protect([stop()], await gateway.snapshot())
    clock.advance(1)
    assert await settle(executor, gateway) == [IntentState.FILLED]


async def test_a_stop_of_a_position_that_is_gone_ends_with_it(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.faults.append(Fault.DROP)
    await executor.protect([stop()], await gateway.snapshot())
    gateway.trade_outside(LONG, Decimal(1))
    clock.advance(1)
    assert await settle(executor, gateway) == [IntentState.CANCELLED]


async def test_a_stop_that_was_replaced_ends_after_the_window(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await executor.protect([stop()], await gateway.snapshot())
    gateway.held[LONG] = replace(gateway.held[LONG], stop_price=Decimal(70000))
    clock.advance(20)
    assert await settle(executor, gateway) == [IntentState.ACCEPTED]
    clock.advance(20)
    assert await settle(executor, gateway) == [IntentState.CANCELLED]


async def test_a_stop_of_a_market_without_steps_must_rest_exactly(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await executor.protect([stop(trigger="85000.05")], await gateway.snapshot())
    gateway.held[LONG] = replace(gateway.held[LONG], stop_price=Decimal(85000))
    clock.advance(1)
    bare = replace(await gateway.snapshot(), markets={})
    assert [intent.state for intent in (await executor.settle(bare)).open] == [IntentState.ACCEPTED]
    assert await settle(executor, gateway) == [IntentState.FILLED]


async def test_money_without_a_price_falls_back_on_the_plan(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    await send(executor, gateway, Fault.DROP)
    intent = intents(worker.journal)["reef1"]
    assert money(intent, Decimal("0.25"), None, Decimal(3)) == (Decimal(22500), Decimal("15.5"))
    assert money(intent, Decimal(0), None, Decimal(-3)) == (Decimal(0), Decimal(0))
    before = intent.prepared.before
    assert before is not None
    blind = replace(
        intent, prepared=replace(intent.prepared, before=replace(before, entry_price=Unknown("not given")))
    )
    assert money(blind, Decimal("0.5"), Decimal(89000), Decimal(1)) == (Decimal(44500), Decimal(501))
    short = trim("reef2", symbol=ETH, side=Side.SHORT)
    shorted = replace(intent, prepared=replace(intent.prepared, step=short))
    assert money(shorted, Decimal("0.5"), Decimal(110000), Decimal(0)) == (Decimal(55000), Decimal(10000))


async def test_where_clocks_disagreed_what_happened_before_the_look_holds_nothing_up(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    """Executions are asked for since the earlier clock, so some of them the position shows already."""
    await send(executor, gateway, Fault.DROP)
    intent = intents(worker.journal)["reef1"]
    before = intent.prepared.before
    assert before is not None
    gateway.trade_outside(LONG, Decimal("0.5"))
    sold, held = gateway.executions[-1], await gateway.positions(BTC)
    seen = replace(sold, fill_id="seen", at=before.read_at - timedelta(seconds=20))
    later = replace(sold, at=before.read_at + timedelta(seconds=20))
    assert doubt(intent, [seen, later], held, exactly=True) == ""
    assert doubt(intent, [later], held, exactly=True) == ""
    assert doubt(intent, [seen], held, exactly=True) == ""
    grown = [replace(held[0], contracts=before.contracts + sold.contracts)]
    opening = replace(later, fill_id="more", side=OrderSide.BUY, closed=Decimal(0))
    assert doubt(intent, [seen, opening], grown, exactly=True) == ""
    words = "executions of others explain only"
    assert words in doubt(intent, [seen], grown, exactly=True)
    assert words in doubt(intent, [seen, later, replace(later, fill_id="twice")], held, exactly=True)


async def test_evidence_about_what_is_no_order(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    gateway.faults.extend([Fault.DROP, Fault.DROP])
    await executor.carry_out(plan(cancel(), trim()), await gateway.snapshot())
    known = intents(worker.journal)
    assert doubt(known["reefcancel"], [], []) == ""
    assert (
        doubt(replace(known["reef1"], prepared=replace(known["reef1"].prepared, before=None)), [], []) == ""
    )
    clock.advance(1)
    assert seen_in(known["reef1"], await gateway.snapshot(), executor.terms) is None
    assert from_fills(known["reef1"], [], START) is None
    fresh = replace(known["reef1"], asked_at=None)
    assert expired_for(fresh, START, executor.terms) == -timedelta(seconds=35)


async def test_without_a_known_position_fills_are_asked_for_since_the_preparation(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await send(executor, gateway, Fault.DROP)
    (intent,) = await executor.open_intents()
    intent = replace(intent, prepared=replace(intent.prepared, before=None), standing=None)
    clock.advance(60)
    intent = await executor.settler.look_up(intent)
    clock.advance(2)
    assert (await executor.settler.look_up(intent)).state is IntentState.REJECTED
