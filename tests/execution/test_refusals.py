"""What was refused waits longer each time, until something is taken or the position is another."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor
from bot.execution.refusals import CROWDED
from bot.model import Answer, Cause, RefusedBefore, Request, Side, Step, Verdict
from tests.execution.fake_gateway import BTC, ETH, START, FakeGateway, Fault
from tests.execution.support import LONG, cancel, order, plan, stop, trim


def answering(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, cause: Cause) -> None:
    """Let every refusal have a cause."""
    submit = gateway.submit

    async def caused(request: Request) -> Answer:
        answer = await submit(request)
        return replace(answer, cause=cause) if answer.verdict is Verdict.REJECTED else answer

    monkeypatch.setattr(gateway, "submit", caused)


async def refuse(executor: Executor, gateway: FakeGateway, step: Step, fault: Fault = Fault.REJECT) -> None:
    """Send a step that the venue refuses."""
    gateway.faults.append(fault)
    await executor.carry_out(plan(step, at=gateway.clock.now()), await gateway.snapshot())


def waits(executor: Executor, clock: VirtualClock) -> list[tuple[str, int, float]]:
    """What waits, after how many refusals, and for how much longer."""
    now = clock.now()
    found = executor.refusals.in_force(now)
    return [(one.item, one.count, (one.until - now).total_seconds()) for one in found]


async def test_the_wait_doubles_from_two_seconds_to_sixty(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    lengths = []
    for number in range(8):
        await refuse(executor, gateway, trim(f"reef{number}"))
        ((item, count, left),) = waits(executor, clock)
        assert (item, count) == (BTC, number + 1)
        lengths.append(left)
        clock.advance(left)
        assert waits(executor, clock) == []
    assert lengths == [2, 4, 8, 16, 32, 60, 60, 60]


async def test_each_symbol_and_each_stop_waits_for_itself(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await refuse(executor, gateway, trim("reef1"))
    await refuse(executor, gateway, trim("reef2", symbol=ETH, side=Side.SHORT))
    await refuse(executor, gateway, stop())
    await refuse(executor, gateway, stop())
    assert waits(executor, clock) == [(BTC, 1, 2), (LONG, 2, 4), (ETH, 1, 2)]
    gateway.resting.append(order())
    await refuse(executor, gateway, cancel())
    assert len(waits(executor, clock)) == 3
    (first, *_) = executor.refusals.in_force(clock.now())
    assert first == RefusedBefore(BTC, "reject", "reject by script", 1, first.until)
    assert first.words == (
        "the venue refused it (reject: reject by script); it is tried again from 07:30:02 UTC on"
    )
    assert "refused it 3 times in a row (7)" in replace(first, code="7", message="", count=3).words


async def test_what_is_taken_ends_the_wait(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await refuse(executor, gateway, trim("reef1"))
    await refuse(executor, gateway, trim("reef2", "0.1"), Fault.NONE)
    assert waits(executor, clock) == []
    await refuse(executor, gateway, trim("reef3"))
    assert waits(executor, clock) == [(BTC, 1, 2)]


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.DROP])
async def test_what_is_no_refusal_neither_begins_nor_ends_one(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, fault: Fault
) -> None:
    await refuse(executor, gateway, trim("reef1"))
    await refuse(executor, gateway, trim("reef2"), fault)
    assert [(item, count) for item, count, _ in waits(executor, clock)] == [(BTC, 1)]


async def test_a_position_that_changed_ends_the_wait(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await refuse(executor, gateway, trim("reef1"))
    await refuse(executor, gateway, trim("reef2", symbol=ETH, side=Side.SHORT))
    await executor.compare(await gateway.snapshot())
    assert len(waits(executor, clock)) == 2
    gateway.trade_outside(LONG, Decimal("0.1"))
    await executor.compare(await gateway.snapshot())
    assert waits(executor, clock) == [(ETH, 1, 2)]


async def test_a_clock_that_was_set_back_makes_no_wait_longer(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    clock.advance(100)
    await refuse(executor, gateway, trim("reef1"))
    assert executor.refusals.in_force(START) == ()


async def test_a_crowded_symbol_is_remembered_for_a_minute(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(gateway, monkeypatch, Cause.CROWDED)
    await refuse(executor, gateway, trim("reef1"))
    assert executor.refusals.crowded(clock.now()) == (BTC,)
    assert waits(executor, clock) == []
    assert gateway.forgotten == []
    await refuse(executor, gateway, trim("reef2"))
    assert waits(executor, clock) == [(BTC, 2, 4)]
    clock.advance(CROWDED.total_seconds() - 1)
    assert executor.refusals.crowded(clock.now()) == (BTC,)
    clock.advance(1)
    assert executor.refusals.crowded(clock.now()) == ()


async def test_filters_that_do_not_fit_make_the_market_be_read_anew(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(gateway, monkeypatch, Cause.FILTERS)
    await refuse(executor, gateway, trim("reef1"))
    assert gateway.forgotten == [BTC]
    assert waits(executor, clock) == []
    assert executor.refusals.crowded(clock.now()) == ()
