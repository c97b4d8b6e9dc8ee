"""Metrics of real cycles, a real journal and a real port."""

import asyncio
import math
import socket
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from bot.clock import SystemClock
from bot.daemon.watch import Watch
from bot.execution import halt
from bot.journal import Draft, FullDiskError, Journal, JournalWorker, open_journal
from bot.journal.records import Failure
from bot.journal.told import Notified
from bot.model import Severity, Unknown
from bot.notifications.silence import Silence, silence
from bot.sandbox.engine.types import Side
from bot.telemetry import office as module
from bot.telemetry.cycles import CycleMeter
from bot.telemetry.meters import Meters
from bot.telemetry.office import MetricsOffice
from bot.telemetry.records import RecordMeter
from bot.telemetry.wiring import Telemetry
from tests.guard.support import bench
from tests.notifications.support import START

BTC = {"account": "main", "symbol": "BTC/USDT:USDT", "side": "long"}
CAP = {"account": "main", "rule": "leverage cap", "symbol": "", "side": ""}
MAIN = {"account": "main"}


def value(meters: Meters, name: str, labels: dict[str, str] | None = None) -> float | None:
    return meters.registry.get_sample_value(name, labels or {})


async def test_cycles_of_an_account_that_is_trimmed(tmp_path: Path) -> None:
    clock = SystemClock()
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        it.open("ETHUSDT", Side.BUY, "60")
        telemetry = Telemetry(clock, ("main",), 0)
        meters = telemetry.meters
        records = RecordMeter(meters, ("main",))
        records.read(it.journal, clock.now())
        watch = Watch(it.guard, (telemetry.cycles,), clock)
        assert (await watch.cycle()).error == ""
        assert value(meters, "reef_unprotected_positions", MAIN) == 2
        leverage = value(meters, "reef_leverage", MAIN)
        assert leverage is not None
        assert leverage > 5
        assert value(meters, "reef_rule_state", CAP) == 2
        assert value(meters, "reef_rule_value", CAP) == leverage
        assert value(meters, "reef_rule_limit", CAP) == 5
        assert 0 < (value(meters, "reef_position_liquidation_distance", BTC) or 0) < 1
        assert (value(meters, "reef_view_age_seconds", MAIN) or 0) < 30
        for _ in range(3):
            await watch.cycle()
        assert value(meters, "reef_unprotected_positions", MAIN) == 0
        assert (value(meters, "reef_leverage", MAIN) or 9) < 5
        assert value(meters, "reef_cycles_total", {**MAIN, "result": "ok"}) == 4
        assert value(meters, "reef_cycle_seconds_count", MAIN) == 4
        records.read(it.journal, clock.now())
        episodes = {"account": "main", "rule": "leverage cap"}
        assert value(meters, "reef_episodes_total", episodes) == 1
        trims = {"account": "main", "kind": "trim", "outcome": "filled"}
        assert (value(meters, "reef_orders_total", trims) or 0) >= 1
        assert (value(meters, "reef_traded_usd_total", MAIN) or 0) > 1000
        assert (value(meters, "reef_fees_usd_total", MAIN) or 0) > 0
        assert (value(meters, "reef_open_intents", MAIN), value(meters, "reef_unknown_intents", MAIN)) == (
            0,
            0,
        )


async def test_what_is_gone_has_no_series_and_a_failed_cycle_is_one(tmp_path: Path) -> None:
    clock = SystemClock()
    rules = (
        "version: 1\nrules:\n  - {name: room, metric: position.liquidation_distance, min: 1%, do: [notify]}\n"
    )
    async with bench(tmp_path, rules, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        meters = Meters()
        watch = Watch(it.guard, (CycleMeter(meters, clock),), clock)
        await watch.cycle()
        room = {**CAP, "rule": "room", "symbol": BTC["symbol"], "side": "long"}
        assert value(meters, "reef_rule_state", room) == 0
        it.open("BTCUSDT", Side.SELL, "1")
        assert (await watch.cycle()).error == ""
        assert value(meters, "reef_rule_state", room) is None
        assert value(meters, "reef_position_liquidation_distance", BTC) is None
        it.fault("maintenance")
        await watch.cycle()
        assert value(meters, "reef_cycles_total", {**MAIN, "result": "failed"}) == 1


def test_unknown_is_not_a_number() -> None:
    meters = Meters()
    meters.set("reef_equity_usd", Unknown("no balance"), "main")
    found = value(meters, "reef_equity_usd", MAIN)
    assert found is not None
    assert math.isnan(found)


def test_what_the_journal_says_from_the_start_on(tmp_path: Path) -> None:
    meters = Meters()
    records = RecordMeter(meters, ("main",))
    failure = Draft(START, "main", Failure("cycle", None, "x", "y"))
    with open_journal(tmp_path / "j.sqlite") as journal:
        journal.append([failure])
        records.read(journal, START)
        assert value(meters, "reef_failures_total", MAIN) is None
        assert (value(meters, "reef_blind", MAIN), value(meters, "reef_halted", MAIN)) == (0, 0)
        told = Notified("s", Severity.INFO, (1,), "phone", delivered=True)
        lost = Notified("s", Severity.INFO, (1,), "phone", delivered=False, error="500")
        journal.append([failure, Draft(START, "", told), Draft(START, "", lost), Draft(START, "", lost)])
        halt(journal, "", who="ann", why="news", at=START)
        silence(journal, Silence("", "", START + timedelta(hours=1), "ann", "x", START))
        journal.append((), {("main", "blindness"): "{}"}, at=START)
        records.read(journal, START)
    assert value(meters, "reef_failures_total", MAIN) == 1
    outcomes = [
        value(meters, "reef_notifications_total", {"channel": "phone", "outcome": outcome})
        for outcome in ("delivered", "failed")
    ]
    assert outcomes == [1, 2]
    assert value(meters, "reef_silences") == 1
    assert (value(meters, "reef_blind", MAIN), value(meters, "reef_halted", MAIN)) == (1, 1)


async def serve(folder: Path, port: int = 0) -> tuple[Telemetry, MetricsOffice, Journal]:
    telemetry = Telemetry(SystemClock(), ("main",), port)
    journal = open_journal(folder / "j.sqlite")
    office = telemetry.office(journal, {("reef_lease_seconds",): lambda: 12.5})
    await office.begin()
    return telemetry, office, journal


async def until_served(office: MetricsOffice) -> asyncio.Task[None]:
    running = asyncio.create_task(office.run())
    for _ in range(500):
        if office.port:
            return running
        await asyncio.sleep(0.01)
    raise AssertionError("no port")


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.wait({running})


async def test_the_port_serves_on_loopback_alone_and_is_closed(tmp_path: Path) -> None:
    telemetry, office, journal = await serve(tmp_path)
    worker = telemetry.worker(journal)
    await worker.call(journal.append, [Draft(START, "main", Failure("cycle", None, "x", "y"))])
    await worker.call(journal.head)
    running = await until_served(office)
    assert office._served is not None
    assert office._served[0].server_address[0] == "127.0.0.1"
    url = f"http://127.0.0.1:{office.port}/metrics"
    with urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    assert "reef_lease_seconds 12.5" in text
    assert "reef_journal_append_seconds_count 1.0" in text
    assert "# HELP reef_blind 1 while no complete fresh view" in text
    await stop(running)
    await office.end("")
    await worker.close()
    with pytest.raises(OSError):
        await asyncio.to_thread(urlopen, url, timeout=10)


async def test_a_port_that_is_taken_and_a_journal_that_fails_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.01)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        _, office, journal = await serve(tmp_path, taken.getsockname()[1])
        failed = asyncio.Event()
        read = office._read

        async def flaky() -> None:
            if not failed.is_set():
                failed.set()
                raise FullDiskError(tmp_path, "it cannot be read", "")
            await read()

        monkeypatch.setattr(office, "_read", flaky)
        running = asyncio.create_task(office.run())
        await asyncio.wait_for(failed.wait(), 5)
        assert office.port == 0
    for _ in range(500):
        if office.port:
            break
        await asyncio.sleep(0.01)
    assert office.port
    await stop(running)
    await office.end("")
    journal.close()


async def test_an_office_that_never_served_ends(tmp_path: Path) -> None:
    _, office, journal = await serve(tmp_path)
    await office.end("")
    await JournalWorker(journal).close()
