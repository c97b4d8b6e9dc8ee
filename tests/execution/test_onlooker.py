"""What others do to positions is recorded once; what the guard's own orders make worse halts the account."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor, Held, halt, halted, resume
from bot.execution.onlooker import Look
from bot.journal import FullDiskError, Journal, JournalWorker
from bot.journal.records import Kind, Outside
from bot.model import Fill, OrderRequest, Request, Side, Snapshot, position_key
from tests.execution.fake_gateway import BTC, ETH, MARKS, START, FakeGateway, Fault
from tests.execution.support import LONG, plan, trim

SHORT = position_key(BTC, Side.SHORT)
QUIET = Look((), "")
D = Decimal


async def look(executor: Executor, gateway: FakeGateway, clock: VirtualClock, seconds: float = 1.0) -> Look:
    """A cycle later: settle, observe, look."""
    clock.advance(seconds)
    await executor.settle_orders()
    snapshot = await gateway.snapshot()
    await executor.compare(snapshot)
    return await executor.look_outside(snapshot)


def recorded(worker: JournalWorker) -> list[Outside]:
    return [
        body for one in worker.journal.entries(kind=Kind.OUTSIDE) if isinstance(body := one.record, Outside)
    ]


@pytest.fixture
def reads(gateway: FakeGateway) -> list[str]:
    """Symbols of which executions were read."""
    asked: list[str] = []
    fills = gateway.fills

    async def counted(symbol: str, since: object) -> tuple[Fill, ...]:
        asked.append(symbol)
        return await fills(symbol, since)  # type: ignore[arg-type]

    gateway.fills = counted  # type: ignore[method-assign]
    return asked


async def test_an_options_order_is_looked_for_in_no_position(
    executor: Executor, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    put = "BTC/USDT:USDT-251226-80000-P"
    monkeypatch.setitem(MARKS, put, D(900))
    gateway.open(put, Side.LONG, "2")

    async def without_it() -> Snapshot:
        whole = await gateway.snapshot()
        return replace(whole, positions=tuple(one for one in whole.positions if one.symbol != put))

    assert await executor.look_outside(await without_it()) == QUIET
    report = await executor.carry_out(plan(trim("reef1", "1", symbol=put)), await gateway.snapshot())
    assert report.results[0].executed == 1
    assert await executor.look_outside(await without_it()) == QUIET
    assert reads == []


async def test_what_the_guard_did_itself_asks_for_no_executions(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, reads: list[str]
) -> None:
    assert await look(executor, gateway, clock) == QUIET
    for name in ("reef1", "reef2"):
        await executor.carry_out(plan(trim(name, "0.2"), at=clock.now()), await gateway.snapshot())
        assert await look(executor, gateway, clock) == QUIET
    assert reads == []
    assert recorded(worker) == []


async def test_a_trade_by_hand_is_recorded_once(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, reads: list[str]
) -> None:
    await look(executor, gateway, clock)
    await executor.carry_out(plan(trim("reef1", "0.2"), at=clock.now()), await gateway.snapshot())
    clock.advance(0.5)
    gateway.trade_outside(LONG, D("0.3"))
    found = await look(executor, gateway, clock)
    assert found.harm == ""
    (told,) = found.outside
    assert (told.before, told.after, told.ours, told.others) == (D(1), D("0.5"), D("-0.2"), D("-0.3"))
    assert (told.symbol, told.side, told.kinds, told.note) == (BTC, "long", ("trade",), "")
    assert await look(executor, gateway, clock) == QUIET
    assert recorded(worker) == [told]
    assert reads == [BTC]


async def test_positions_that_come_and_go_are_told_too(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    gateway.trade_outside(LONG, D(1))
    clock.advance(0.5)
    (gone,) = (await look(executor, gateway, clock)).outside
    assert (gone.before, gone.after, gone.others) == (D(1), D(0), D(-1))
    gateway.open(BTC, Side.LONG, "4")
    assert await look(executor, gateway, clock) == QUIET
    (come,) = (await look(executor, gateway, clock, 6)).outside
    assert (come.before, come.after, come.others, come.kinds) == (D(0), D(4), D(0), ())
    assert come.note == "no execution explains 4"
    assert await look(executor, gateway, clock) == QUIET


async def test_executions_that_cannot_be_read_delay_the_record_and_nothing_else(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    clock.advance(1)
    gateway.trade_outside(LONG, D("0.3"))
    for _ in range(8):
        snapshot = await gateway.snapshot()
        gateway.broken_reads = 1
        assert await executor.look_outside(snapshot) == QUIET
        clock.advance(1)
    (told,) = (await look(executor, gateway, clock)).outside
    assert told.others == D("-0.3")


async def test_a_change_that_shows_late_is_waited_for(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    gateway.trade_outside(LONG, D("0.3"), listed=False)
    assert await look(executor, gateway, clock) == QUIET
    gateway._execution("by-hand", gateway.held[LONG], D("0.3"))
    (told,) = (await look(executor, gateway, clock)).outside
    assert (told.others, told.note) == (D("-0.3"), "")


async def test_a_position_that_is_as_it_was_again_was_not_changed(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    held = gateway.held[LONG]
    del gateway.held[LONG]
    assert await look(executor, gateway, clock) == QUIET
    gateway.held[LONG] = held
    for _ in range(8):
        assert await look(executor, gateway, clock) == QUIET


def turning(gateway: FakeGateway, *, listed: bool = True) -> None:
    """Let the next order of the guard open the other side, as in a position mode that nobody knew of."""

    def opens(request: Request) -> None:
        assert isinstance(request, OrderRequest)
        held = gateway.held[LONG]
        gateway.open(BTC, Side.SHORT, str(request.contracts))
        if listed:
            gateway._execution(request.client_order_id, held, request.contracts)
            gateway.executions[-1] = replace(gateway.executions[-1], closed=D(0))
            gateway._list(request.client_order_id, BTC, request.contracts, request.contracts)
        gateway.faults.append(Fault.DROP)

    gateway.before_submit = opens


async def test_an_own_order_that_opens_halts_the_account_at_the_next_look(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    turning(gateway)
    await executor.carry_out(plan(trim(), at=clock.now()), await gateway.snapshot())
    found = await look(executor, gateway, clock)
    assert "BTC/USDT:USDT short went from 0 to 0.5 contracts under reduce-only orders" in found.harm
    order = halted(worker.journal, "main")
    assert order is not None
    assert order.who == "the guard"
    assert order.why.startswith(found.harm)
    assert "`reef resume` lets the guard trade on" in order.why
    barred = await executor.barred()
    assert barred is not None
    assert barred.held is Held.HALTED
    assert resume(worker.journal, "main", who="ada", why="mode set right", at=START)
    assert await look(executor, gateway, clock) == QUIET
    assert halted(worker.journal, "main") is None


async def test_growth_that_nobody_explains_blocks_the_symbol_and_then_halts(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    turning(gateway, listed=False)
    await executor.carry_out(plan(trim(), at=clock.now()), await gateway.snapshot())
    assert await look(executor, gateway, clock) == QUIET
    assert executor.onlooker.suspects == {BTC}
    assert BTC in await executor.blocked_symbols()
    found = await look(executor, gateway, clock, 6)
    assert "executions of others explain 0 of that" in found.harm
    assert [one.note for one in found.outside] == ["no execution explains 0.5"]
    assert executor.onlooker.suspects == frozenset()
    assert halted(worker.journal, "main") is not None


async def test_growth_by_others_is_only_told(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    await executor.carry_out(plan(trim("reef1", "0.2"), at=clock.now()), await gateway.snapshot())
    clock.advance(0.5)
    gateway.buy_outside(LONG, D(2))
    found = await look(executor, gateway, clock)
    assert found.harm == ""
    assert [(one.ours, one.others, one.after) for one in found.outside] == [(D("-0.2"), D(2), D("2.8"))]
    assert halted(worker.journal, "main") is None


async def test_growth_without_an_order_of_the_guard_is_only_told(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    gateway.open(ETH, Side.SHORT, "12")
    assert await look(executor, gateway, clock) == QUIET
    assert executor.onlooker.suspects == frozenset()
    found = await look(executor, gateway, clock, 6)
    assert found.harm == ""
    assert [one.note for one in found.outside] == ["no execution explains 2"]


async def test_a_halt_that_cannot_be_recorded_holds_all_the_same(
    executor: Executor,
    gateway: FakeGateway,
    worker: JournalWorker,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await look(executor, gateway, clock)
    turning(gateway)
    await executor.carry_out(plan(trim(), at=clock.now()), await gateway.snapshot())

    def full(*_: object, **__: object) -> None:
        raise FullDiskError(worker.journal.path, "the disk is full", "Make room.")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        assert (await look(executor, gateway, clock)).harm
        assert halted(worker.journal, "main") is None
        barred = await executor.barred()
        assert barred is not None
        assert barred.held is Held.HALTED
    assert (await look(executor, gateway, clock)).harm
    assert halted(worker.journal, "main") is not None
    assert executor.onlooker.harm == ""


async def test_an_account_that_is_halted_keeps_its_reason(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    turning(gateway)
    await executor.carry_out(plan(trim(), at=clock.now()), await gateway.snapshot())
    halt(worker.journal, "main", who="ada", why="by hand", at=START)
    assert (await look(executor, gateway, clock)).harm
    order = halted(worker.journal, "main")
    assert order is not None
    assert order.who == "ada"


async def test_a_late_order_that_opens_is_still_the_guards(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    gateway.faults.append(Fault.DROP)
    await executor.carry_out(plan(trim(), at=clock.now()), await gateway.snapshot())
    for _ in range(3):
        assert await look(executor, gateway, clock) == QUIET
    gateway.open(BTC, Side.SHORT, "0.5")
    assert await look(executor, gateway, clock) == QUIET
    assert (await look(executor, gateway, clock, 6)).harm


async def test_a_view_from_before_a_fill_settles_nothing(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, reads: list[str]
) -> None:
    await look(executor, gateway, clock)
    before = await gateway.snapshot()
    clock.advance(1)
    await executor.carry_out(plan(trim("reef1", "0.2"), at=clock.now()), await gateway.snapshot())
    assert await executor.look_outside(before) == QUIET
    assert reads == [BTC]
    gateway.trade_outside(LONG, D("0.3"))
    (told,) = (await look(executor, gateway, clock)).outside
    assert (told.ours, told.others) == (D("-0.2"), D("-0.3"))


async def test_a_change_and_its_undoing_are_told_where_the_guard_did_one_of_them(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await look(executor, gateway, clock)
    clock.advance(1)
    await executor.carry_out(plan(trim("reef1", "0.2"), at=clock.now()), await gateway.snapshot())
    gateway.buy_outside(LONG, D("0.2"))
    (told,) = (await look(executor, gateway, clock)).outside
    assert (told.before, told.after, told.ours, told.others) == (D(1), D(1), D("-0.2"), D("0.2"))
    assert await look(executor, gateway, clock) == QUIET
