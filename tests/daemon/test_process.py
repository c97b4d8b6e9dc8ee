"""The daemon as a process, on a sandbox in another."""

import json
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.journal import open_journal, verify
from bot.journal.records import Kind
from tests.cli.support import Keys, Venue, reef, running, sandbox, wait, write_config


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Serve a sandbox for the module."""
    with sandbox(tmp_path_factory.mktemp("venue")) as serving:
        yield serving


def count(journal: Path, kind: Kind) -> int:
    """Count the journal's entries of a kind; 0 while there is no journal."""
    if not journal.exists() or journal.stat().st_size == 0:
        return 0
    with open_journal(journal, read_only=True) as opened:
        return len(opened.entries(kind=kind))


def trims_of(journal: Path) -> list[str]:
    """The journal's decisions that plan a trim; none while there is no journal."""
    if count(journal, Kind.DECISION) == 0:
        return []
    with open_journal(journal, read_only=True) as opened:
        bodies = [one.body for one in opened.entries(kind=Kind.DECISION)]
    return [body for body in bodies if '"kind":"trim"' in body]


def positions_of(venue: Venue, keys: Keys) -> dict[str, Any]:
    """An account's positions at the venue."""
    (account,) = [one for one in venue.call("GET", "state")["accounts"] if one["api_key"] == keys.api_key]
    return {one["symbol"]: one for one in account["positions"]}


def test_trims_ends_cleanly_and_leaves_its_stops(venue: Venue, tmp_path: Path) -> None:
    keys = venue.account()
    config = write_config(tmp_path, venue.url, mode="act")
    journal = tmp_path / "reef.sqlite"
    with running(
        tmp_path / "run", "run", "--config", config, "--json", environ=keys.environ("main")
    ) as daemon:
        daemon.logged('"running"')
        wait(lambda: count(journal, Kind.VERIFICATION), "a trim that was verified")
        wait(lambda: count(journal, Kind.PROTECTION) >= 3, "stops that were read back")
        second = reef_run(config, keys)
        assert second.code == 1
        assert f"process {daemon.process.pid}" in second.err
        done = daemon.end(signal.SIGTERM)
    assert done.code == 0
    assert done.value == {"ended": "signal SIGTERM"}
    lines = [json.loads(line) for line in done.err.splitlines()]
    events = [line["event"] for line in lines]
    first = lines[events.index("first look")]
    assert first["fires"] == ["leverage cap"]
    assert first["armed"] is True
    assert events.index("first look") < events.index("step")
    assert "planted" not in done.err
    assert "Traceback" not in done.err
    assert verify(journal).sound
    assert_ended(journal, "SIGTERM")
    with open_journal(journal, read_only=True) as opened:
        text = "".join(entry.body for entry in opened.entries(limit=10_000))
    assert keys.api_key not in text
    assert keys.secret not in text
    held = positions_of(venue, keys)
    assert len(held) == 3
    assert all(Decimal(one["stop_loss"] or 0) > 0 for one in held.values())


def assert_ended(journal: Path, signal_name: str) -> None:
    """The journal's last word is that a signal ended the daemon."""
    with open_journal(journal, read_only=True) as opened:
        (last,) = opened.entries(newest=True, limit=1)
    assert last.kind == Kind.STOPPED
    assert signal_name in last.body


def reef_run(config: Path, keys: Keys) -> Any:
    """Try to run a second daemon."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.environ("main").items():
            patch.setenv(name, value)
        return reef("run", "--config", config)


def test_disarmed_it_plans_sends_nothing_and_isolates_accounts(venue: Venue, tmp_path: Path) -> None:
    keys, wrong = venue.account(), Keys("planted-key-unknown", "planted-secret-unknown")
    config = write_config(tmp_path, venue.url, "main", "other")
    journal = tmp_path / "reef.sqlite"
    environ = keys.environ("main") | wrong.environ("other")
    with running(tmp_path / "run", "run", "--config", config, environ=environ) as daemon:
        daemon.logged("disarmed")
        planned = wait(lambda: trims_of(journal), "a planned trim")
        wait(lambda: count(journal, Kind.ERROR), "the other account's failure")
        seen = count(journal, Kind.ERROR)
        log = daemon.log().count("cycle failed")
        wait(lambda: daemon.log().count("cycle failed") > log + 2, "further failures in the log")
        assert count(journal, Kind.ERROR) == seen == 1
        done = daemon.end(signal.SIGINT)
    assert done.code == 0
    assert done.out == ""
    assert '"armed":false' in planned[0]
    assert venue.orders_of(keys) == []
    assert count(journal, Kind.PREPARED) == 0
    held = positions_of(venue, keys)
    assert held["BTCUSDT"]["size"] == "3"
    assert not any(Decimal(one["stop_loss"] or 0) for one in held.values())
    assert "planted" not in done.err
    assert "Traceback" not in done.err
    assert_ended(journal, "SIGINT")
    status = reef("status", "--journal", journal, "--json")
    assert status.code == 1
    assert status.value["main"]["status"]["armed"] is False


def test_a_halt_is_obeyed_and_stops_are_kept(venue: Venue, tmp_path: Path) -> None:
    keys = venue.account()
    config = write_config(tmp_path, venue.url, mode="act")
    journal = tmp_path / "reef.sqlite"
    open_journal(journal).close()
    assert reef("halt", "--account", "main", "--why", "by hand", "--config", config).code == 0
    with running(tmp_path / "run", "run", "--config", config, environ=keys.environ("main")) as daemon:
        wait(lambda: count(journal, Kind.PROTECTION) >= 3, "stops that were read back")
        assert positions_of(venue, keys)["BTCUSDT"]["size"] == "3"
        assert reef("resume", "--account", "main", "--why", "done", "--config", config).code == 0
        wait(lambda: count(journal, Kind.VERIFICATION), "a trim after the halt")
        assert daemon.end(signal.SIGTERM).code == 0
