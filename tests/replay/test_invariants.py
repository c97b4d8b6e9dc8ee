"""The judge itself: each kind of breach is seen, and a network that fails for one account is none."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest_asyncio
from msgspec.structs import replace
from pytest_mock import MockerFixture

from bot.journal import Draft
from bot.journal.records import Decision, IntentState, Kind, Outcome, Prepared, Verification
from bot.model import OrderRequest, State, Unknown
from bot.sandbox.engine.types import Side as EngineSide
from tests.replay import darker
from tests.replay.invariants import Invariants
from tests.replay.support import BALANCED, CANDLES, LIFELINE, quietly
from tests.replay.wire import Answered, Sent
from tests.replay.world import VENUE_SYMBOL, World, world

START = datetime(2025, 10, 10, 20, 50, tzinfo=UTC)


@pytest_asyncio.fixture
async def it(shared_dir: Path, tmp_path: Path) -> AsyncIterator[World]:
    """A world in which the first trims and stops are done and nothing is wrong."""
    with quietly():
        async with world(tmp_path, shared_dir / CANDLES, START, (BALANCED, LIFELINE)) as made:
            for _ in range(5):
                await made.poll()
            assert made.violations == []
            yield made


def judge(it: World) -> Invariants:
    return it.seats[0].invariants


def broken(it: World) -> set[int]:
    """Numbers of the invariants that the first account's judge found broken."""
    return {int(line.split()[1]) for line in judge(it).violations}


def order_body(**changes: object) -> dict[str, object]:
    body = {"symbol": VENUE_SYMBOL, "side": "Sell", "qty": "0.1", "reduceOnly": True, "orderLinkId": "reefx"}
    return {**body, **changes}


def forge(it: World, *drafts: Draft) -> None:
    it.journal.append(drafts)


def a_trim(it: World) -> tuple[str, Prepared]:
    """The first order that the guard prepared for the first account."""
    for entry in it.journal.entries(kind=Kind.PREPARED, account=BALANCED.name):
        record = entry.record
        if isinstance(record, Prepared) and isinstance(record.step.request, OrderRequest):
            return entry.intent, record
    raise LookupError("nothing was trimmed")


def prepared_like(it: World, intent: str, contracts: str) -> Draft:
    _, record = a_trim(it)
    request = record.step.request
    assert isinstance(request, OrderRequest)
    asked = replace(request, client_order_id=intent, contracts=Decimal(contracts))
    body = replace(record, step=replace(record.step, request=asked))
    return Draft(it.clock.now(), BALANCED.name, body, "", intent)


def ended(it: World, intent: str, state: IntentState, filled: str) -> Draft:
    outcome = Outcome(state=state, evidence="forged", filled=Decimal(filled))
    return Draft(it.clock.now(), BALANCED.name, outcome, "", intent)


async def test_an_order_without_an_intent(it: World) -> None:
    judge(it).before_sending(Sent("/v5/order/create", order_body()))
    assert broken(it) == {2}


MUST_NOT_LEAVE: tuple[tuple[dict[str, object], set[int]], ...] = (
    ({"reduceOnly": False}, {1, 2}),
    ({"side": "Buy"}, {1, 2}),
    ({"qty": "99"}, {1, 2}),
    ({"qty": "0.00015"}, {2, 14}),
    ({"price": "100000.05"}, {2, 14}),
    ({"orderLinkId": "mine"}, {2}),
)


async def test_an_order_that_must_not_leave(it: World) -> None:
    for changes, numbers in MUST_NOT_LEAVE:
        judge(it).violations.clear()
        judge(it).before_sending(Sent("/v5/order/create", order_body(**changes)))
        assert broken(it) == numbers, changes


async def test_a_stop_without_an_intent(it: World) -> None:
    body = {"symbol": VENUE_SYMBOL, "stopLoss": "90000.05"}
    judge(it).before_sending(Sent("/v5/position/trading-stop", body))
    assert broken(it) == {2, 14}


async def test_exposure_that_grows_and_turns(it: World) -> None:
    it.engine.open_position(BALANCED.name, VENUE_SYMBOL, EngineSide.BUY, Decimal("0.001"), None, None)
    await it.seats[0].poll()
    assert 1 in broken(it)
    judge(it).violations.clear()
    it.engine.open_position(BALANCED.name, VENUE_SYMBOL, EngineSide.SELL, Decimal(2), None, None)
    await it.seats[0].poll()
    assert any("turned" in line for line in judge(it).violations)


async def test_what_the_journal_claims_and_the_venue_denies(it: World) -> None:
    forge(it, prepared_like(it, "reef-forged", "0.1"), ended(it, "reef-forged", IntentState.FILLED, "0.2"))
    await it.seats[0].poll()
    assert broken(it) >= {4, 5}
    it.end()
    assert 6 in broken(it)


async def test_an_intent_that_ended_with_another_amount(it: World) -> None:
    intent, record = a_trim(it)
    tracked = judge(it).book.intents[intent]
    assert tracked.outcome is not None
    wrong = replace(tracked.outcome, filled=tracked.outcome.filled / 2)
    tracked.outcome = None
    judge(it).book.ended(intent, tracked, wrong)
    assert broken(it) == {6}
    judge(it).book.ended(intent, tracked, replace(wrong, state=IntentState.ACCEPTED))
    assert broken(it) >= {3, 5}
    assert record.before is not None


async def test_an_intent_that_takes_more_than_is_held_and_stays_open(it: World) -> None:
    forge(it, prepared_like(it, "reef-forged", "50"))
    await it.seats[0].poll()
    assert 1 in broken(it)
    it.end()
    assert any("open at the end" in line for line in judge(it).violations)


async def test_a_verification_that_does_not_agree(it: World) -> None:
    some = Verification("BTC/USDT:USDT", "long", Decimal(1), Decimal(1), Decimal(2), Decimal(2), False, "no")
    forge(it, Draft(it.clock.now(), BALANCED.name, some))
    await it.seats[0].poll()
    assert broken(it) == {6}


async def test_an_order_that_the_venue_accepted_twice(it: World) -> None:
    intent, _ = a_trim(it)
    twice = Answered(Sent("/v5/order/create", order_body(orderLinkId=intent)), 0)
    report = await it.seats[0].guard.cycle()
    judge(it).after_cycle(report, 5, [twice])
    assert broken(it) == {3}


async def test_too_many_requests_and_a_cycle_that_comes_late(it: World) -> None:
    report = await it.seats[0].guard.cycle()
    it.clock.advance(30)
    judge(it).after_cycle(report, 1000, [])
    assert broken(it) == {10, 13}


async def test_unknown_told_as_safe_and_a_position_lost(it: World) -> None:
    report = await it.seats[0].guard.cycle()
    assert report.decision is not None
    finding = replace(report.decision.evaluation.findings[0], value=Unknown("not read"), state=State.INACTIVE)
    evaluation = replace(report.decision.evaluation, findings=(finding,))
    lost = replace(report.decision.portfolio, holdings=())
    judge(it).after_cycle(
        replace(report, decision=replace(report.decision, evaluation=evaluation, portfolio=lost)), 5, []
    )
    assert broken(it) == {8}
    assert len(judge(it).violations) == 2
    judge(it).after_cycle(replace(report, snapshot=None), 5, [])
    assert len(judge(it).violations) == 3


async def test_a_stop_that_does_not_rest_where_the_journal_says(it: World) -> None:
    stop = it.engine.position(BALANCED.name, VENUE_SYMBOL).stop_loss
    assert stop is not None
    it.engine.set_trading_stop(BALANCED.name, VENUE_SYMBOL, stop_loss=stop - 1000)
    report = await it.seats[0].guard.cycle()
    judge(it).after_cycle(report, 5, [])
    assert 6 in broken(it)


async def test_a_decision_that_comes_out_otherwise(it: World, mocker: MockerFixture) -> None:
    entry = next(
        one
        for one in it.journal.entries(kind=Kind.DECISION, account=BALANCED.name)
        if isinstance(one.record, Decision) and one.record.plan and one.record.plan.steps
    )
    record = entry.record
    assert isinstance(record, Decision)
    assert record.plan is not None
    forge(it, Draft(it.clock.now(), BALANCED.name, replace(record, plan=replace(record.plan, steps=()))))
    await it.seats[0].poll()
    assert broken(it) == {9}
    mocker.patch.object(darker, "trims", side_effect=[{"BTC": Decimal(2)}, {"BTC": Decimal(1)}])
    judge(it)._decision(entry, record)
    assert broken(it) == {9, 15}


async def test_a_network_that_fails_for_one_account_delays_no_other(it: World) -> None:
    cut, other = it.seats
    cut.wire.cut = True
    cycles = other.cycles
    for _ in range(20):
        await it.poll()
    assert cut.errors == 20
    assert (other.errors, other.cycles) == (0, cycles + 20)
    assert it.clock.now() - START == timedelta(seconds=25)
    cut.wire.cut = False
    await it.poll()
    assert cut.errors == 20
    it.end()
    assert it.violations == []
