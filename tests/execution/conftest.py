"""A real journal, a small venue and a virtual clock."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.execution import Executor
from bot.journal import JournalWorker, open_journal
from bot.model import Side
from tests.execution.fake_gateway import BTC, ETH, START, FakeGateway


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def gateway(clock: VirtualClock) -> FakeGateway:
    venue = FakeGateway(clock)
    venue.open(BTC, Side.LONG, "1")
    venue.open(ETH, Side.SHORT, "10", entry="2800")
    return venue


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[JournalWorker]:
    worker = JournalWorker(open_journal(tmp_path / "journal.db"))
    yield worker
    await worker.close()


@pytest.fixture
def executor(gateway: FakeGateway, worker: JournalWorker, clock: VirtualClock) -> Executor:
    return Executor(gateway, worker, clock, armed=True)
