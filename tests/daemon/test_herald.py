"""The daemon tells people: from its own start to its end, whatever the channels do."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

from bot.daemon.herald import Herald
from bot.journal import FullDiskError, JournalError, open_journal
from bot.journal.records import Kind
from bot.journal.told import Notified
from tests.cli.support import Done, reef, wait, write_config
from tests.notifications.listener import TOKEN, listening
from tests.notifications.support import office

QUICK = "notifications: {channels: {hook: {}}, group: 0s}\n"


def run_until(folder: Path, done: threading.Event, *, url: str, monkeypatch: pytest.MonkeyPatch) -> Done:
    """Run a daemon whose venue does not answer, and end it once something is done."""
    for name in ("REEF_MAIN_API_KEY", "REEF_MAIN_SECRET"):
        monkeypatch.setenv(name, "planted")
    monkeypatch.setenv("REEF_NOTIFY_HOOK", url)
    config = write_config(folder, "http://127.0.0.1:9", more=QUICK)

    def end() -> None:
        done.wait(20)
        os.kill(os.getpid(), signal.SIGTERM)

    killer = threading.Thread(target=end, daemon=True)
    killer.start()
    ended = reef("run", "--config", config, "--json")
    killer.join(10)
    return ended


def when(condition: object, done: threading.Event) -> threading.Thread:
    """Set `done` once a condition holds."""

    def watch() -> None:
        wait(condition, "what the test waits for")  # type: ignore[arg-type]
        done.set()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_daemon_tells_its_start_a_blind_account_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    with listening() as server:
        when(lambda: "is blind" in server.text, done)
        ended = run_until(tmp_path, done, url=server.url(), monkeypatch=monkeypatch)
        assert ended.value == {"ended": "signal SIGTERM"}
        assert "has started" in server.subjects[0]
        assert server.subjects[-1] == "[warning] Reef has stopped"
    assert TOKEN not in ended.err
    with open_journal(tmp_path / "reef.sqlite", read_only=True) as opened:
        told = [entry.record for entry in opened.entries(kind=Kind.NOTIFIED)]
        assert all(isinstance(one, Notified) and one.delivered for one in told)
        assert TOKEN not in "".join(entry.body for entry in opened.entries(limit=10_000))


def test_a_channel_that_hangs_neither_delays_cycles_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.notifications.notifier.END_SECONDS", 0.5)
    done = threading.Event()
    with listening() as server:
        server.hangs = True

        def blind() -> bool:
            try:
                with open_journal(tmp_path / "reef.sqlite", read_only=True) as opened:
                    return bool(server.calls) and bool(opened.entries(kind=Kind.BLINDNESS))
            except JournalError:
                return False

        when(blind, done)
        ended = run_until(tmp_path, done, url=server.url("?rto=60"), monkeypatch=monkeypatch)
        assert ended.value == {"ended": "signal SIGTERM"}
    with open_journal(tmp_path / "reef.sqlite", read_only=True) as opened:
        assert opened.entries(kind=Kind.STOPPED)


async def test_a_daemon_that_was_replaced_says_so_from_memory(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        herald = Herald((it.notifier,))
        await herald.begin()
        herald.start()
        await herald.end("process 7 took over")
        assert it.first.subjects[-1] == "[critical] a daemon lost its lease and has ended"
        assert it.notified() == []


async def test_a_part_that_is_not_ready_or_does_not_end_does_not_stop_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as it:

        async def full(*_: object) -> None:
            raise FullDiskError(tmp_path, "the disk is full", "")

        monkeypatch.setattr(it.notifier, "begin", full)
        monkeypatch.setattr(it.notifier, "end", full)
        herald = Herald((it.notifier,))
        await herald.begin()
        await herald.end()


async def test_what_was_not_foreseen_ends_that_part_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as it:

        async def broken() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(it.notifier, "look", broken)
        herald = Herald((it.notifier,))
        herald.start()
        (task,) = herald._tasks
        with pytest.raises(ZeroDivisionError):
            await task
        await asyncio.sleep(0)
        assert herald.trouble() == "notifications failed: ZeroDivisionError()", "the heartbeat stops"
        await herald.end()
