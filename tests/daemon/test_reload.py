"""Rule files that change under a daemon: on a signal and by themselves, whole or not at all."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from bot.clock import SystemClock
from bot.daemon.reload import SETTINGS_TOO, SIGNAL, RuleSource, RulesWatch
from bot.daemon.service import Service
from bot.journal import FullDiskError
from bot.journal.controls import Reloaded
from bot.journal.records import Kind
from bot.rules import RuleSet, load_rules
from bot.sandbox.engine.types import Side
from tests.daemon.test_service import QUICK
from tests.guard.support import ACCOUNT, LEVERAGE_CAP, Bench, bench
from tests.sandbox.support import until

HIGHER = LEVERAGE_CAP.replace("max: 5", "max: 9").replace("restore: 4", "restore: 8")


class Files(msgspec.Struct):
    """A watch, and the files that it looks at."""

    bench: Bench
    watch: RulesWatch
    rules: Path
    settings: Path
    loads: list[str]

    def write(self, text: str) -> None:
        """Change the rules as an editor does: beside, and then into place."""
        beside = self.rules.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.rules)

    @property
    def told(self) -> list[Reloaded]:
        """What was recorded of reloads."""
        return [one.record for one in self.bench.of_kind(Kind.RELOAD) if isinstance(one.record, Reloaded)]


@asynccontextmanager
async def files(path: Path) -> AsyncIterator[Files]:
    rules, settings = path / "rules.yaml", path / "reef.yaml"
    rules.write_text(LEVERAGE_CAP)
    settings.write_text("mode: act")
    loads: list[str] = []

    def load() -> Mapping[str, RuleSet]:
        loads.append(rules.read_text() if rules.exists() else "")
        return {ACCOUNT: load_rules(rules)}

    async with bench(path) as it:
        source = RuleSource((rules,), settings, load)
        watch = RulesWatch(source, [it.guard], it.guard.executor.worker, SystemClock())
        made = Files(it, watch, rules, settings, loads)
        await watch.look()
        assert loads == [LEVERAGE_CAP]
        loads.clear()
        yield made


async def test_a_change_is_taken_once_two_looks_show_the_same(tmp_path: Path) -> None:
    async with files(tmp_path) as it:
        await it.bench.guard.cycle()
        await it.watch.look()
        assert it.loads == []
        it.rules.write_text("version: 1\nru")
        await it.watch.look()
        it.write(HIGHER)
        await it.watch.look()
        assert it.loads == []
        await it.watch.look()
        await it.watch.look()
        assert it.loads == [HIGHER]
        await it.bench.guard.cycle()
        (told,) = it.told
        assert told.trigger == "rules.yaml changed"
        assert told.changes == ("leverage cap: max 5 -> 9, restore 4 -> 8",)
        assert it.bench.guard.rules.rules[0].limit == 9.0


@pytest.mark.parametrize("wreck", ["mistake", "gone"])
async def test_with_a_mistake_the_old_rules_run_on(tmp_path: Path, wreck: str) -> None:
    async with files(tmp_path) as it:
        version = it.bench.guard.rules.version
        if wreck == "gone":
            it.rules.unlink()
        else:
            it.write(LEVERAGE_CAP.replace("leverage\n", "levrage\n"))
        for _ in range(4):
            await it.watch.look()
        assert len(it.loads) == 1
        await it.bench.guard.cycle()
        assert it.bench.guard.rules.version == version
        (told,) = it.told
        assert (told.before, told.after) == (version, "")
        assert ("rules.yaml:5:13" if wreck == "mistake" else "no such file") in told.mistakes[0]
        it.write(HIGHER)
        for _ in range(2):
            await it.watch.look()
        await it.bench.guard.cycle()
        assert it.bench.guard.rules.rules[0].limit == 9.0


async def test_settings_are_not_reloaded_and_that_is_said_once(tmp_path: Path) -> None:
    async with files(tmp_path) as it:
        it.settings.write_text("mode: observe")
        for _ in range(4):
            await it.watch.look()
        assert [(one.trigger, one.note, one.changes) for one in it.told] == [
            ("reef.yaml changed", SETTINGS_TOO, ())
        ]


async def test_a_file_that_was_only_touched_is_no_news(tmp_path: Path) -> None:
    async with files(tmp_path) as it:
        os.utime(it.rules, (1, 1))
        for _ in range(3):
            await it.watch.look()
        assert len(it.loads) == 1
        assert it.told == []


async def test_a_reload_that_cannot_be_recorded_is_taken_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with files(tmp_path) as it:

        def full(*_: object, **__: object) -> None:
            raise FullDiskError(it.bench.journal.path, "the disk is full", "Make room.")

        with monkeypatch.context() as patch:
            patch.setattr(it.bench.journal, "append", full)
            await it.watch.reload(SIGNAL)
        assert it.told == []
        await it.watch.reload(SIGNAL)
        assert [one.note for one in it.told] == ["nothing changed"]


def journalled(it: Files) -> Callable[[], bool]:
    return lambda: bool(it.told)


async def test_a_signal_and_a_change_reach_a_running_daemon(tmp_path: Path) -> None:
    async with files(tmp_path) as it:
        it.bench.ended = True
        it.bench.open("BTCUSDT", Side.BUY, "3")
        guard = it.bench.guard
        service = Service([guard], guard.executor.worker, SystemClock(), QUICK, rules=it.watch)
        ran = asyncio.create_task(service.run())
        await until(lambda: it.bench.of_kind(Kind.PREVIEW))
        os.kill(os.getpid(), signal.SIGHUP)
        await until(journalled(it))
        assert it.told[0].note == "nothing changed"
        it.write(HIGHER)
        await until(lambda: guard.rules.rules[0].limit == 9.0)
        await until(lambda: len(it.told) == 2)
        service.stop("enough")
        assert await asyncio.wait_for(ran, 15) == "enough"


async def test_a_service_without_rule_files_lives_through_a_signal(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.ended = True
        service = Service([it.guard], it.guard.executor.worker, SystemClock(), QUICK)
        ran = asyncio.create_task(service.run())
        await until(lambda: it.of_kind(Kind.PREVIEW))
        os.kill(os.getpid(), signal.SIGHUP)
        service.stop("enough")
        assert await asyncio.wait_for(ran, 15) == "enough"
