"""The judge itself, where others trade and guards crash: each kind of breach is seen."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest_asyncio
from msgspec.structs import replace

from bot.guard import CycleReport
from bot.journal import open_journal
from bot.journal.records import IntentState, Outcome
from bot.model import Plan, Refusal
from bot.sandbox.engine.types import Leg, OrderKind, OrderRequest, Side
from tests.replay.invariants import Invariants
from tests.replay.support import BALANCED, CANDLES, quietly
from tests.replay.test_invariants import a_trim
from tests.replay.wire import Sent
from tests.replay.world import VENUE_SYMBOL, World, world

START = datetime(2025, 10, 10, 20, 50, tzinfo=UTC)
ACCOUNT = BALANCED.name


@pytest_asyncio.fixture
async def it(shared_dir: Path, tmp_path: Path) -> AsyncIterator[World]:
    """A world in which the first trims and stops are done, and a second judge to whom nobody is alone."""
    with quietly():
        async with world(tmp_path, shared_dir / CANDLES, START, (BALANCED,)) as made:
            for _ in range(5):
                await made.poll()
            assert made.violations == []
            yield made


def fresh_judge(it: World) -> Invariants:
    judge = Invariants(ACCOUNT, it.engine, it.journal, it.clock, alone=False)
    judge.take_new()
    assert judge.violations == []
    return judge


def broken(judge: Invariants) -> set[int]:
    return {int(line.split()[1]) for line in judge.violations}


def place(it: World, side: Side, qty: str, client_id: str = "", **more: object) -> str:
    request = OrderRequest(symbol=VENUE_SYMBOL, side=side, qty=Decimal(qty), client_id=client_id)
    return it.engine.place(ACCOUNT, replace(request, **more)).order_id


async def test_somebody_else_may_trade_but_no_order_of_ours_may_open(it: World) -> None:
    judge = fresh_judge(it)
    place(it, Side.BUY, "0.01")
    judge.exposure()
    assert judge.violations == []
    place(it, Side.BUY, "0.01", "reefopens")
    judge.exposure()
    assert broken(judge) == {1}


async def test_a_size_that_moves_without_a_trade(it: World) -> None:
    judge = fresh_judge(it)
    it.engine._core.account(ACCOUNT).held[VENUE_SYMBOL, Leg.NET].qty += Decimal("0.5")
    judge.exposure()
    assert broken(judge) == {1}


async def test_an_order_at_the_venue_that_the_journal_lacks_or_tells_otherwise(it: World) -> None:
    judge = fresh_judge(it)
    judge.book.agrees()
    assert judge.violations == []
    intent, _ = a_trim(it)
    tracked = judge.book.intents[intent]
    assert tracked.outcome is not None
    tracked.outcome = replace(tracked.outcome, filled=tracked.outcome.filled / 2)
    place(it, Side.SELL, "0.001", "reefnobody", reduce_only=True)
    judge.book.agrees()
    assert broken(judge) == {2, 6}
    judge.violations.clear()
    tracked.planned = Decimal("0.001")
    judge.book.agrees()
    assert 4 in broken(judge)


async def test_a_fill_that_only_the_journal_knows(it: World) -> None:
    judge = fresh_judge(it)
    tracked = judge.book.intents[a_trim(it)[0]]
    judge.book.intents["reefghost"] = tracked
    judge.book.agrees()
    assert broken(judge) == {6}


async def test_an_order_that_was_planned_without_the_last_fill(it: World) -> None:
    judge = fresh_judge(it)
    intent, record = a_trim(it)
    assert record.before is not None
    old = replace(record, before=replace(record.before, read_at=record.before.read_at - timedelta(seconds=1)))
    sent = Sent("/v5/order/create", {"orderLinkId": intent})
    judge.book._nothing_doubled(sent, [old])
    assert broken(judge) == {4}


async def test_an_intent_while_another_on_its_market_is_open(it: World) -> None:
    judge = fresh_judge(it)
    intent, record = a_trim(it)
    judge.book.open.add(intent)
    request = replace(record.step.request, client_order_id="reefsecond")
    entry = next(one for one in it.journal.entries(intent=intent))
    second = replace(record, step=replace(record.step, request=request))
    judge.book._prepared(entry._replace(intent="reefsecond"), second)
    assert broken(judge) == {3}


async def test_a_cancel_without_an_intent_and_one_that_would_take_protection_away(it: World) -> None:
    judge = fresh_judge(it)
    stop = it.engine.open_orders(ACCOUNT)[0]
    assert stop.reduce_only
    judge.before_sending(Sent("/v5/order/cancel", {"symbol": VENUE_SYMBOL, "orderId": stop.order_id}))
    assert broken(judge) == {1, 2}


async def test_a_write_that_no_guard_sends(it: World) -> None:
    judge = fresh_judge(it)
    judge.before_sending(Sent("/v5/order/amend", {"symbol": VENUE_SYMBOL}))
    assert broken(judge) == {2}


async def test_an_order_for_another_leg(it: World) -> None:
    intent, record = a_trim(it)
    judge = fresh_judge(it)
    body = {"symbol": VENUE_SYMBOL, "side": "Sell", "qty": "99", "reduceOnly": True, "orderLinkId": intent}
    judge.book._order_leaves(Sent("/v5/order/create", {**body, "positionIdx": 1}), [record.step.request])
    assert broken(judge) == {1, 4}


async def test_what_was_durable_and_is_gone_after_a_crash(it: World, tmp_path: Path) -> None:
    judge = fresh_judge(it)
    judge.remembers(it.journal)
    assert judge.violations == []
    judge.book.open.add(a_trim(it)[0])
    judge.remembers(it.journal)
    assert broken(judge) == {7}
    judge.violations.clear()
    with open_journal(tmp_path / "another.sqlite") as other:
        judge.remembers(other)
    assert broken(judge) == {7}


async def test_a_position_that_was_held_throughout_and_not_seen(it: World) -> None:
    judge = fresh_judge(it)
    report = await it.seats[0].guard.cycle()
    assert report.snapshot is not None
    assert report.decision is not None
    held = judge.truth.held()
    judge.after_cycle(report, 5, [], held)
    assert judge.violations == []
    portfolio = replace(report.decision.portfolio, holdings=())
    blind = replace(
        report,
        snapshot=replace(report.snapshot, positions=()),
        decision=replace(report.decision, portfolio=portfolio),
    )
    judge.after_cycle(blind, 5, [], held)
    assert broken(judge) == {8}


async def restored(it: World) -> tuple[Invariants, CycleReport]:
    judge = fresh_judge(it)
    report = await it.seats[0].guard.cycle()
    judge.restored(report, armed=True)
    assert judge.violations == []
    return judge, report


async def test_a_rule_that_is_not_restored_in_calm(it: World) -> None:
    for _ in range(40):
        await it.poll()
    judge, report = await restored(it)
    assert report.decision is not None
    steps = [one.record for one in it.journal.entries(account=ACCOUNT) if hasattr(one.record, "plan")]
    assert steps
    it.engine.open_position(ACCOUNT, VENUE_SYMBOL, Side.BUY, Decimal("2.5"), None, None)
    it.clock.advance(1)
    firing = await it.seats[0].guard.cycle()
    judge.restored(firing, armed=True)
    assert broken(judge) == {6}
    judge.violations.clear()
    assert firing.decision is not None
    told = tuple(Refusal(one.rule, ACCOUNT, "said", "why") for one in firing.decision.evaluation.demands)
    plan: Plan = replace(firing.decision.plan, refusals=told)
    excused = replace(firing, decision=replace(firing.decision, plan=plan))
    judge.restored(excused, armed=True)
    assert judge.violations == []
    judge.restored(replace(firing, decision=None, error="no answer"), armed=True)
    assert broken(judge) == {6}


async def test_a_position_without_a_stop_in_calm(it: World) -> None:
    for _ in range(40):
        await it.poll()
    judge, report = await restored(it)
    it.engine.set_trading_stop(ACCOUNT, VENUE_SYMBOL, stop_loss=Decimal(0))
    judge.restored(report, armed=True)
    assert broken(judge) == {6}
    judge.violations.clear()
    judge.restored(report, armed=False)
    assert judge.violations == []


async def test_what_a_cycle_did_that_did_not_end(it: World) -> None:
    judge = fresh_judge(it)
    place(it, Side.BUY, "0.01", "reefopens", kind=OrderKind.MARKET)
    judge.after_crash([])
    assert broken(judge) == {1}


async def test_an_intent_that_ended_as_the_operator_said_is_not_judged_by_the_venue(it: World) -> None:
    judge = fresh_judge(it)
    intent, _ = a_trim(it)
    tracked = judge.book.intents[intent]
    tracked.outcome = None
    judge.book.ended(intent, tracked, Outcome(state=IntentState.ABANDONED, evidence="given up"))
    assert judge.violations == []


async def test_margin_and_money_that_nobody_asked_for(it: World) -> None:
    judge = fresh_judge(it)
    for path, field in (
        ("/v5/position/add-margin", "margin"),
        ("/v5/position/set-leverage", "buyLeverage"),
        ("/v5/asset/transfer/inter-transfer", "amount"),
    ):
        judge.before_sending(Sent(path, {field: "100"}))
    assert broken(judge) == {2}
    assert len(judge.violations) == 3
