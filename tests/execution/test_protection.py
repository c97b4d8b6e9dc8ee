"""Stops that are read back, and what orders changed."""

from decimal import Decimal

from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor
from bot.execution.protection import read_back
from bot.journal import JournalWorker
from bot.journal.records import Kind, Protection
from bot.model import Shelter, Unknown
from tests.execution.fake_gateway import FakeGateway, Fault
from tests.execution.support import LONG, cancel, order, plan, stop, trim


async def shelters(executor: Executor, gateway: FakeGateway) -> list[Shelter]:
    """Shelter of each position."""
    return [found.shelter for found in await executor.verify_protection(await gateway.snapshot())]


async def test_a_stop_is_proven_by_reading_it_back(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    assert await shelters(executor, gateway) == [Shelter.UNPROTECTED, Shelter.UNPROTECTED]
    await executor.protect([stop()], await gateway.snapshot())
    assert await shelters(executor, gateway) == [Shelter.VERIFIED, Shelter.UNPROTECTED]
    assert await shelters(executor, gateway) == [Shelter.VERIFIED, Shelter.UNPROTECTED]
    assert len(worker.journal.entries(kind=Kind.PROTECTION)) == 3
    gateway.held[LONG] = replace(gateway.held[LONG], stop_price=Decimal(70000))
    assert (await shelters(executor, gateway))[0] is Shelter.MISPLACED
    gateway.held[LONG] = replace(gateway.held[LONG], stop_price=None)
    assert (await shelters(executor, gateway))[0] is Shelter.UNPROTECTED
    gateway.trade_outside(LONG, Decimal(1))
    assert await shelters(executor, gateway) == [Shelter.UNPROTECTED]


async def test_a_stop_whose_answer_is_lost_is_still_wanted(executor: Executor, gateway: FakeGateway) -> None:
    gateway.faults.append(Fault.DROP)
    await executor.protect([stop()], await gateway.snapshot())
    (first, _) = await executor.verify_protection(await gateway.snapshot())
    assert (first.shelter, first.wanted) == (Shelter.UNPROTECTED, Decimal(85000))


async def test_a_refused_stop_is_not(executor: Executor, gateway: FakeGateway) -> None:
    gateway.faults.append(Fault.REJECT)
    await executor.protect([stop()], await gateway.snapshot())
    (first, _) = await executor.verify_protection(await gateway.snapshot())
    assert first.wanted is None


async def test_the_list_of_stops_counts_too_and_unknown_is_not_absent(gateway: FakeGateway) -> None:
    gateway.held[LONG] = replace(gateway.held[LONG], stop_price=Unknown("the field was empty"))
    (first, _) = read_back(await gateway.snapshot(), {})
    assert (first.shelter, first.note) == (Shelter.UNKNOWN, "the field was empty")
    take_profit = replace(order("s2", attached=True), stop_loss=False)
    gateway.stops.append(take_profit)
    (first, _) = read_back(await gateway.snapshot(), {})
    assert first.shelter is Shelter.UNKNOWN
    gateway.stops.extend([order("s0", symbol="SOL/USDT:USDT", attached=True), order("s1", attached=True)])
    bare = replace(await gateway.snapshot(), markets={})
    (first, _) = read_back(bare, {LONG: Decimal(85000)})
    assert (first.shelter, first.found) == (Shelter.VERIFIED, Decimal(85000))


async def test_what_an_order_changed_is_recorded(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    before = await gateway.snapshot()
    report = await executor.carry_out(plan(trim(), cancel()), before)
    (found,) = await executor.verify(report, before, await gateway.snapshot())
    assert found.agrees
    assert (found.before, found.after, found.executed) == (Decimal(1), Decimal("0.5"), Decimal("0.5"))
    gateway.trade_outside(LONG, Decimal("0.5"))
    (found,) = await executor.verify(report, before, await gateway.snapshot())
    assert not found.agrees
    assert found.note == "the position fell by 1, the order executed 0.5"
    (first, second) = worker.journal.entries(kind=Kind.VERIFICATION)
    assert (first.intent, second.intent) == ("reef1", "reef1")


async def test_what_is_left_bare_after_stops_were_asked_for(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker
) -> None:
    snapshot = await gateway.snapshot()
    nothing = "no stop rests at the venue"
    assert executor.shelters.bare(snapshot) == {LONG: nothing, "ETH/USDT:USDT#short": nothing}
    gateway.faults.append(Fault.DROP)
    await executor.protect([stop("s1")], snapshot)
    assert LONG in executor.shelters.bare(snapshot)
    gateway.faults.append(Fault.REJECT)
    await executor.protect([stop("s2")], snapshot)
    assert "refused the last one: the venue answered rejected" in executor.shelters.bare(snapshot)[LONG]
    last = worker.journal.entries(kind=Kind.PROTECTION)[-1].record
    assert isinstance(last, Protection)
    assert (last.shelter, "refused" in last.note) == (Shelter.UNPROTECTED, True)
    await executor.protect([stop("s3")], snapshot)
    assert LONG not in executor.shelters.bare(snapshot)
    gateway.held[LONG] = replace(gateway.held[LONG], stop_price=None)
    await executor.verify_protection(await gateway.snapshot())
    assert executor.shelters.bare(await gateway.snapshot())[LONG] == nothing
