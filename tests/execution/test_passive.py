"""An order that is meant to rest: looked up once, followed from cycle to cycle, never sent twice."""

from decimal import Decimal

from bot.clock import VirtualClock
from bot.execution import Executor, IntentState
from tests.execution.fake_gateway import BTC, FakeGateway, Fault
from tests.execution.support import passive, plan, trim


async def test_it_is_looked_up_once_and_blocks_its_symbol_until_it_ends(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    gateway.faults.append(Fault.SLOW)
    begun = clock.now()
    report = await executor.carry_out(plan(passive()), await gateway.snapshot())
    (result,) = report.results
    assert (result.state, result.executed, result.complete) == (IntentState.ACCEPTED, 0, False)
    assert gateway.looks == 1
    assert clock.now() == begun
    for _ in range(3):
        await executor.settle_orders()
        assert await executor.blocked_symbols() == {BTC}
    gateway.finish_slow()
    (ended,) = (await executor.settle_orders()).ended
    assert ended.state is IntentState.FILLED
    assert len(gateway.submitted) == 1


async def test_any_other_order_is_looked_up_a_few_times(executor: Executor, gateway: FakeGateway) -> None:
    gateway.faults.append(Fault.SLOW)
    await executor.carry_out(plan(trim()), await gateway.snapshot())
    assert gateway.looks == executor.terms.look_tries


async def test_what_rests_has_changed_nothing_yet(executor: Executor, gateway: FakeGateway) -> None:
    gateway.faults.append(Fault.SLOW)
    before = await gateway.snapshot()
    report = await executor.carry_out(plan(passive()), before)
    assert await executor.verify(report, before, await gateway.snapshot()) == ()
    filled = await executor.carry_out(plan(passive("reef2", "0.1")), before)
    assert filled.results[0].held is not None  # the first one has not ended


async def test_one_that_filled_at_once_is_verified(executor: Executor, gateway: FakeGateway) -> None:
    before = await gateway.snapshot()
    report = await executor.carry_out(plan(passive()), before)
    (seen,) = await executor.verify(report, before, await gateway.snapshot())
    assert (seen.agrees, seen.executed) == (True, Decimal("0.5"))
