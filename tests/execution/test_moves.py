"""Margin, leverage and money through the same protocol as orders: sent once, proven by the venue alone."""

import asyncio
from contextlib import nullcontext
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.execution import Executor, Held, IntentState
from bot.execution.moves import conversion_loss, item_of
from bot.journal import JournalWorker
from bot.journal.records import Outcome
from bot.model import (
    WALLET,
    ConvertRequest,
    LeverageRequest,
    MarginMode,
    MarginRequest,
    Move,
    Position,
    Side,
    Step,
    StepKind,
    TransferRequest,
    Unknown,
    Usage,
    Verdict,
)
from tests.execution.fake_gateway import BTC, ETH, FakeGateway, Fault
from tests.execution.support import LONG, intents, plan, step, trim

CONVERT = ConvertRequest("m1", "ETH/USDT", "ETH", "USDT", Decimal(1), Decimal(3980), Decimal(4000))
MOVES: dict[str, Move] = {
    "margin": MarginRequest("m1", BTC, Side.LONG, 0, Decimal(500), Decimal(1000), Decimal(1)),
    "leverage": LeverageRequest("m1", BTC, Decimal(3)),
    "transfer": TransferRequest("m1", "USDT", Decimal(250)),
    "convert": CONVERT,
}
KINDS = {
    "margin": StepKind.ADD_MARGIN,
    "leverage": StepKind.LOWER_LEVERAGE,
    "transfer": StepKind.SECURE,
    "convert": StepKind.CONVERT,
}


def move(kind: str, name: str = "m1", **changes: Any) -> Step:
    """A step of one kind."""
    return step(KINDS[kind], replace(MOVES[kind], client_order_id=name, **changes))


@pytest.fixture
def gateway(gateway: FakeGateway) -> FakeGateway:
    """The same venue, where the long has margin of its own."""
    alone = replace(gateway.held[LONG], margin_mode=MarginMode.ISOLATED, isolated_margin=Decimal(1000))
    gateway.held[LONG] = alone
    return gateway


async def send(executor: Executor, gateway: FakeGateway, *steps: Step, fault: Fault = Fault.NONE) -> Any:
    """Carry out steps, the first with a fault."""
    gateway.faults.append(fault)
    return await executor.carry_out(plan(*steps, at=gateway.clock.now()), await gateway.snapshot())


async def state(executor: Executor, gateway: FakeGateway, worker: JournalWorker) -> IntentState:
    """Settle once on a fresh snapshot."""
    await executor.settle(await gateway.snapshot())
    return intents(worker.journal)["m1"].state


def held(gateway: FakeGateway, **changes: Any) -> Position:
    """Change the long by hand."""
    gateway.held[LONG] = replace(gateway.held[LONG], **changes)
    return gateway.held[LONG]


@pytest.mark.parametrize("kind", MOVES)
async def test_what_was_taken_is_done_once_it_is_shown(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, kind: str
) -> None:
    report = await send(executor, gateway, move(kind))
    assert report.complete
    assert len(report.sent) == 1
    clock.advance(1)
    assert await state(executor, gateway, worker) is IntentState.FILLED
    assert await executor.blocked_symbols() == frozenset()
    again = await send(executor, gateway, move(kind))
    assert again.results[0].held is Held.ALREADY_PREPARED


@pytest.mark.parametrize("kind", MOVES)
@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.CRASH_AFTER])
async def test_what_was_taken_and_not_answered_is_found(
    executor: Executor,
    gateway: FakeGateway,
    worker: JournalWorker,
    clock: VirtualClock,
    kind: str,
    fault: Fault,
) -> None:
    crashed = fault is Fault.CRASH_AFTER
    with pytest.raises(asyncio.CancelledError) if crashed else nullcontext():
        await send(executor, gateway, move(kind), fault=fault)
    clock.advance(1)
    assert await state(executor, gateway, worker) is IntentState.FILLED
    assert len(gateway.submitted) == 1


@pytest.mark.parametrize("kind", MOVES)
async def test_what_never_arrived_is_given_up_late_and_by_evidence(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, kind: str
) -> None:
    await send(executor, gateway, move(kind), fault=Fault.DROP)
    for seconds in (1, 9):
        clock.advance(seconds)
        assert await state(executor, gateway, worker) is IntentState.UNKNOWN
        assert await executor.blocked_symbols() == {MOVES[kind].symbol}
    clock.advance(40)
    await state(executor, gateway, worker)
    clock.advance(2)
    assert await state(executor, gateway, worker) is IntentState.REJECTED
    standing = intents(worker.journal)["m1"].standing
    assert isinstance(standing, Outcome)
    assert standing.code == "never_arrived"
    assert len(gateway.submitted) == 1


@pytest.mark.parametrize("kind", ["margin", "leverage"])
async def test_a_late_arrival_is_seen(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, kind: str
) -> None:
    await send(executor, gateway, move(kind), fault=Fault.LATE)
    clock.advance(3)
    assert await state(executor, gateway, worker) is IntentState.UNKNOWN
    clock.advance(2)
    assert await state(executor, gateway, worker) is IntentState.FILLED


@pytest.mark.parametrize("kind", ["margin", "leverage"])
async def test_the_venue_s_word_stands_where_the_position_shows_something_else(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, kind: str
) -> None:
    await send(executor, gateway, move(kind))
    held(gateway, isolated_margin=Decimal(900), leverage=Unknown("none"))
    clock.advance(1)
    assert await state(executor, gateway, worker) is IntentState.ACCEPTED
    clock.advance(12)
    assert await state(executor, gateway, worker) is IntentState.FILLED


async def test_a_part_that_was_closed_took_its_margin_along(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await send(executor, gateway, move("margin"), fault=Fault.LOSE_ANSWER)
    held(gateway, contracts=Decimal("0.5"), isolated_margin=Decimal(750))
    clock.advance(1)
    assert await state(executor, gateway, worker) is IntentState.FILLED


async def test_half_closed_without_it_is_no_addition(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await send(executor, gateway, move("margin"), fault=Fault.DROP)
    held(gateway, contracts=Decimal("0.5"), isolated_margin=Decimal(500))
    clock.advance(20)
    assert await state(executor, gateway, worker) is IntentState.REJECTED


@pytest.mark.parametrize("kind", ["margin", "leverage"])
async def test_a_position_that_is_gone_ends_it(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, kind: str
) -> None:
    await send(executor, gateway, move(kind), fault=Fault.DROP)
    del gateway.held[LONG]
    clock.advance(1)
    assert await state(executor, gateway, worker) is IntentState.CANCELLED


@pytest.mark.parametrize("kind", ["margin", "leverage"])
async def test_figures_that_are_not_known_prove_nothing(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock, kind: str
) -> None:
    await send(executor, gateway, move(kind), fault=Fault.DROP)
    held(gateway, isolated_margin=Unknown("none"), leverage=Unknown("none"))
    clock.advance(1)
    assert await state(executor, gateway, worker) is IntentState.UNKNOWN
    clock.advance(300)
    assert await state(executor, gateway, worker) is IntentState.UNKNOWN, "unknown never fails by time alone"
    held(gateway, isolated_margin=Decimal(1500), leverage=Decimal(3))
    assert await state(executor, gateway, worker) is IntentState.FILLED


async def test_while_it_is_not_known_nothing_else_uses_what_it_may_have_used(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock
) -> None:
    await send(executor, gateway, move("margin"), fault=Fault.DROP)
    clock.advance(1)
    others = (trim(), move("transfer", "m2"), move("leverage", "m3", symbol=ETH))
    for one in others:
        report = await send(executor, gateway, one)
        assert [result.held for result in report.results] == [Held.UNKNOWN_OUTCOME]
    free = await send(executor, gateway, trim("reef9", symbol=ETH, side=Side.SHORT))
    assert [result.held for result in free.results] == [None]


async def test_what_was_taken_holds_nothing_back_in_the_same_plan(
    executor: Executor, gateway: FakeGateway
) -> None:
    report = await send(executor, gateway, move("margin"), trim(), move("transfer", "m2"))
    assert [result.held for result in report.results] == [None, None, None]


async def test_an_order_that_has_not_ended_holds_margin_of_its_symbol(
    executor: Executor, gateway: FakeGateway
) -> None:
    await send(executor, gateway, trim(), fault=Fault.SLOW)
    report = await send(executor, gateway, move("margin"))
    assert [result.held for result in report.results] == [Held.UNKNOWN_OUTCOME]
    wallet = await send(executor, gateway, move("transfer", "m2"))
    assert [result.held for result in wallet.results] == [None]


async def test_one_that_was_not_answered_holds_the_rest_of_the_plan(
    executor: Executor, gateway: FakeGateway
) -> None:
    report = await send(executor, gateway, move("transfer"), move("convert", "m2"), fault=Fault.DROP)
    assert [result.held for result in report.results] == [None, Held.UNANSWERED]


@pytest.mark.parametrize("kind", MOVES)
async def test_a_refusal_is_remembered_apart_from_orders(
    executor: Executor, gateway: FakeGateway, clock: VirtualClock, kind: str
) -> None:
    await send(executor, gateway, move(kind), fault=Fault.REJECT)
    (refused,) = executor.refusals.in_force(clock.now())
    assert refused.item == item_of(MOVES[kind])
    assert refused.item not in {BTC, LONG}


def test_names_of_refused_moves() -> None:
    names = {kind: item_of(request) for kind, request in MOVES.items()}
    assert names == {
        "margin": f"margin of {LONG}",
        "leverage": f"leverage of {BTC}",
        "transfer": WALLET,
        "convert": "conversion of ETH",
    }


async def test_a_conversion_books_its_cost_and_no_trade(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    report = await send(executor, gateway, move("convert"))
    assert report.results[0].loss == 14
    usage = worker.journal.usage("main", clock.now())
    assert (usage.notional_today, usage.loss_today) == (Decimal(0), Decimal(14))
    assert conversion_loss(CONVERT, Decimal(1), None, Decimal(2)) == 22
    assert conversion_loss(CONVERT, Decimal(1), Decimal(4100), Decimal(2)) == 2


async def test_the_day_counts_what_moved_and_what_may_have(
    executor: Executor, gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock
) -> None:
    await send(executor, gateway, replace(move("margin"), notional=500.0))
    await send(executor, gateway, replace(move("margin", "m2"), notional=70.0), fault=Fault.REJECT)
    await send(executor, gateway, replace(move("transfer", "m3"), notional=250.0), fault=Fault.DROP)
    used: Usage = worker.journal.usage("main", clock.now())
    assert used.margin_today == {"leverage cap": Decimal(500)}
    assert used.secured_today == {"leverage cap": Decimal(250)}
    assert used.notional_today == 0
    clock.advance(86_400)
    tomorrow: Usage = worker.journal.usage("main", clock.now())
    assert (tomorrow.margin_today, tomorrow.secured_today) == ({}, {})


async def test_moves_wait_for_the_journal(executor: Executor, gateway: FakeGateway) -> None:
    executor.armed = False
    report = await send(executor, gateway, move("margin"))
    assert [result.held for result in report.results] == [Held.DISARMED]
    assert gateway.submitted == []
    assert Verdict.UNKNOWN not in {one.state for one in report.results}
