"""The double order: a popular bot lost the answer to 0.166 BTC, sent it again, and booked half of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.exchange.factory import make_gateway
from bot.execution import IntentState, fold
from bot.guard import Guard
from bot.journal import Journal, JournalWorker, open_journal, verify
from bot.journal.records import Kind, Prepared, Submitted, Verification
from bot.model import OrderRequest, Verdict
from bot.sandbox.engine.types import Side
from tests.guard.support import LEVERAGE_CAP, TERMS, wire
from tests.sandbox.support import KEY, SECRET, Running, make_engine, open_account, serving

HELD, TRIM = Decimal("0.5"), Decimal("0.166")
DEPOSIT = "8463"
"""With it, the leverage cap asks for a trim of 0.166 BTC."""
TIMEOUT_S = 3.0


@asynccontextmanager
async def guarding(venue: Running, path: Path) -> AsyncIterator[Guard]:
    """A guard whose requests are given up soon: the test must not wait for ten seconds."""
    gateway = make_gateway(
        account="main",
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        clock=SystemClock(),
        base_url=venue.url,
        timeout_seconds=TIMEOUT_S,
    )
    worker = JournalWorker(open_journal(path))
    guard = wire(gateway, worker, SystemClock(), LEVERAGE_CAP, True, TERMS)
    try:
        yield guard
    finally:
        await guard.close()
        await worker.close()


def orders(venue: Running) -> list[tuple[str, str]]:
    """Client id and size of every order request that arrived."""
    arrived = [one for one in venue.sandbox.log.listing() if one.path == "/v5/order/create"]
    return [(one.client_id, one.body["qty"]) for one in arrived]


def held(venue: Running) -> Decimal:
    """Contracts at the venue."""
    return venue.engine.position(venue.account.account_id, "BTCUSDT").size


async def send_into_silence(guard: Guard, venue: Running) -> str:
    """Trim; the venue accepts the order, and neither answers nor lets itself be asked. Returns its id."""
    venue.sandbox.faults.arm({"name": "hang", "path": "/v5/order/create"})
    acting = asyncio.create_task(guard.cycle())
    while not orders(venue):
        assert not acting.done(), acting.result().error
        await asyncio.sleep(0.005)
    venue.sandbox.faults.arm({"name": "error_code", "path": "/v5/order/realtime", "code": 10016})
    await acting
    ((name, size),) = orders(venue)
    assert Decimal(size) == TRIM
    assert held(venue) == HELD - TRIM
    entries = guard.executor.worker.journal.entries(kind=Kind.SUBMITTED, intent=name)
    (verdict,) = [one.record.answer.verdict for one in entries if isinstance(one.record, Submitted)]
    assert verdict is Verdict.UNKNOWN
    for _ in range(3):
        await guard.cycle()
    assert fold(guard.executor.worker.journal.entries(intent=name)).state is IntentState.UNKNOWN
    return name


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_answer_to_an_accepted_order_never_comes(tmp_path: Path, restarted: bool) -> None:
    engine = make_engine()
    account = open_account(engine, DEPOSIT)
    engine.open_position(account.account_id, "BTCUSDT", Side.BUY, HELD, None, Decimal(20))
    path = tmp_path / "journal.sqlite"
    async with serving(engine) as venue:
        async with guarding(venue, path) as guard:
            name = await send_into_silence(guard, venue)
            venue.sandbox.faults.clear()
            if not restarted:
                await finish(guard, venue, name)
        if restarted:
            async with guarding(venue, path) as guard:
                await finish(guard, venue, name)
    assert verify(path).sound


async def finish(guard: Guard, venue: Running, name: str) -> None:
    """The venue answers again."""
    for _ in range(3):
        assert (await guard.cycle()).error == ""
    assert_both_agree(venue, guard.executor.worker.journal, name)


def assert_both_agree(venue: Running, journal: Journal, name: str) -> None:
    """One order was accepted, and the journal's book of it is the venue's."""
    assert [one for one, _ in orders(venue)] == [name]
    story = fold(journal.entries(intent=name))
    assert story.state is IntentState.FILLED
    assert story.standing is not None
    assert story.standing.filled == TRIM
    prepared = [
        one.intent
        for one in journal.entries(kind=Kind.PREPARED)
        if isinstance(body := one.record, Prepared) and isinstance(body.step.request, OrderRequest)
    ]
    assert prepared == [name]
    assert held(venue) == HELD - story.standing.filled
    seen = [one.record for one in journal.entries(kind=Kind.VERIFICATION)]
    assert all(isinstance(one, Verification) and one.after == held(venue) for one in seen)
