"""The heartbeat: it beats while all is well, and stops when anything is not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.journal import FullDiskError, Journal, JournalWorker, open_journal
from bot.notifications.heartbeat import NAME, Heartbeat
from tests.notifications.listener import TOKEN, Listener, listening
from tests.notifications.support import START


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[JournalWorker]:
    made = JournalWorker(open_journal(tmp_path / "journal.sqlite"))
    yield made
    await made.close()


def heart(worker: JournalWorker, server: Listener, every: float = 60.0, trouble: str = "") -> Heartbeat:
    url = f"http://127.0.0.1:{server.port}/{TOKEN}"
    return Heartbeat(worker, VirtualClock(START), url, every, lambda: trouble)


async def test_it_calls_while_all_is_well_and_leaves_its_mark_first(worker: JournalWorker) -> None:
    with listening() as server:
        assert await heart(worker, server).beat() == ""
        assert server.calls == [f"GET /{TOKEN}"]
    assert worker.journal.load_memory("", NAME) is not None


async def test_it_is_silent_while_an_account_is_not_seen(worker: JournalWorker) -> None:
    with listening() as server:
        told = await heart(worker, server, trouble="main has not been seen yet").beat()
        assert told == "no heartbeat is sent: main has not been seen yet"
        assert server.calls == []


async def test_it_is_silent_while_the_journal_takes_no_writes(
    worker: JournalWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise FullDiskError(tmp_path, "the disk is full", "Make room.")

    monkeypatch.setattr(Journal, "append", full)
    with listening() as server:
        assert "the disk is full" in await heart(worker, server).beat()
        assert server.calls == []


async def test_a_call_that_fails_is_said_without_the_address(worker: JournalWorker) -> None:
    with listening() as server:
        server.status = 404
        one = heart(worker, server)
        assert await one.beat() == "the heartbeat was answered with 404"
    told = await one.beat()
    assert told.startswith("the heartbeat failed: ")
    assert TOKEN not in told


async def test_a_server_that_hangs_is_given_up(
    worker: JournalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.notifications.heartbeat.CALL_SECONDS", 0.2)
    with listening() as server:
        server.hangs = True
        assert "TimeoutError" in await heart(worker, server).beat()


async def test_it_beats_until_it_is_cancelled(worker: JournalWorker) -> None:
    with listening() as server:
        one = heart(worker, server, every=0.01)
        await one.begin()
        server.status = 500
        running = asyncio.create_task(one.run())
        await asyncio.to_thread(server.wait_for_call, 1)
        server.status = 200
        await asyncio.to_thread(server.wait_for_call, 4)
        running.cancel()
        await asyncio.wait({running})
        await one.end("")
        count = len(server.calls)
        await asyncio.sleep(0.05)
        assert len(server.calls) == count
