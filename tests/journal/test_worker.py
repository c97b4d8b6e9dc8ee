"""The worker keeps the order and lets the loop run."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from bot.journal import DuplicateIntentError, JournalWorker, open_journal
from tests.journal.support import prepared, stopped


async def test_calls_keep_their_order_and_errors_come_back(tmp_path: Path) -> None:
    worker = JournalWorker(open_journal(tmp_path / "journal.db"))
    await asyncio.gather(*(worker.call(worker.journal.append, [stopped(str(n))]) for n in range(50)))
    bodies = [entry.body for entry in await worker.call(worker.journal.entries, limit=100)]
    assert bodies == [f'{{"reason":"{n}"}}' for n in range(50)]
    await worker.call(worker.journal.append, [prepared("reef1")])
    with pytest.raises(DuplicateIntentError):
        await worker.call(worker.journal.append, [prepared("reef1")])
    await worker.close()


async def test_a_slow_disk_does_not_stop_the_loop(tmp_path: Path) -> None:
    worker = JournalWorker(open_journal(tmp_path / "journal.db"))
    disk = threading.Event()
    waiting = asyncio.create_task(worker.call(disk.wait, 30))
    began = time.monotonic()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert time.monotonic() - began < 10
    disk.set()
    assert await waiting
    await worker.close()
