"""`reef run --live`: never with a key that may withdraw; for the first time only with a clean doctor."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bot import bootstrap
from bot.cli import admission
from bot.journal import Draft, JournalError, open_journal
from bot.journal.records import Kind, Started
from bot.settings import Network
from tests.cli.support import Done, Keys, Venue, reef, wait

LIVE = "mode: act\nnetwork: live\nlive: true\nstreams: false\naccounts:\n  - {name: main, venue: bybit}\n"
TRADING, ALL = ["read", "trade"], ["read", "trade", "withdraw"]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "reef.yaml"
    path.write_text(LIVE)
    return path


def led_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead every gateway of the live network to a sandbox instead."""
    real = bootstrap.gateway_of

    def gateway_of(settings: Any, account: Any, *more: Any) -> Any:
        assert settings.network is Network.LIVE
        return real(replace(settings, network=Network.SANDBOX), replace(account, base_url=url), *more)

    monkeypatch.setattr(bootstrap, "gateway_of", gateway_of)


def open_account(venue: Venue, permissions: list[str], monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Open an account whose key has such permissions, and put the key into the environment."""
    venue.opened += 1
    keys = Keys(f"planted-live-key-{venue.opened}", f"planted-live-secret-{venue.opened}")
    body = {"api_key": keys.api_key, "secret": keys.secret, "deposit": "1000", "permissions": permissions}
    venue.call("POST", "account", body)
    for name, value in keys.environ("main").items():
        monkeypatch.setenv(name, value)
    return keys


def run_until_started(config: Path, before: int = 0) -> Done:
    """Run until one more start is recorded, then end it as systemd would."""

    def starts() -> int:
        try:
            with open_journal(config.with_name("reef.db"), read_only=True) as opened:
                return len(opened.entries(kind=Kind.STARTED))
        except JournalError:
            return 0

    def end() -> None:
        wait(lambda: starts() > before, "the start in the journal")
        os.kill(os.getpid(), signal.SIGTERM)

    killer = threading.Thread(target=end, daemon=True)
    killer.start()
    done = reef("run", "--config", config, "--live", "--json")
    killer.join(30)
    return done


def guarded_before(config: Path) -> None:
    """Let the journal tell of an earlier start on the live network."""
    body = Started("0", 1, "act", "live", ("main",), "digest")
    with open_journal(config.with_name("reef.db")) as journal:
        journal.append([Draft(datetime(2025, 11, 21, tzinfo=UTC), "", body)])


@pytest.mark.parametrize("prepare", [lambda _config: None, guarded_before])
def test_a_key_that_may_withdraw_never_starts(
    venue: Venue, config: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None]
) -> None:
    led_to(venue.url, monkeypatch)
    keys = open_account(venue, ALL, monkeypatch)
    prepare(config)
    done = reef("run", "--config", config, "--live", "--json")
    assert done.code == 2
    assert done.value["kind"] == "UnfitKeyError"
    assert "the key may withdraw" in done.value["error"]
    assert "Make one without that right" in done.value["error"]
    assert keys.secret not in done.err + done.out
    assert venue.orders_of(keys) == []
    doctor = reef("doctor", "--config", config, "--live", "--json")
    assert doctor.code == 1
    (key,) = [one for one in doctor.value["checks"] if one["name"] == "key"]
    assert (key["grade"], key["bars"]) == ("wrong", True)


def test_a_clean_doctor_starts(venue: Venue, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    led_to(venue.url, monkeypatch)
    open_account(venue, TRADING, monkeypatch)
    assert run_until_started(config).value == {"ended": "signal SIGTERM"}
    assert run_until_started(config, before=1).code == 0


def test_the_first_start_waits_for_a_clean_doctor_and_a_restart_does_not(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to(NOBODY, monkeypatch)
    for name, value in Keys("planted-key", "planted-secret").environ("main").items():
        monkeypatch.setenv(name, value)
    first = reef("run", "--config", config, "--live", "--json")
    assert first.code == 1
    assert first.value["kind"] == "NotCleanError"
    assert "reach" in first.value["error"]
    with open_journal(config.with_name("reef.db")) as journal:
        assert journal.entries(kind=Kind.STARTED) == []
    guarded_before(config)
    assert run_until_started(config, before=1).code == 0


def test_a_restart_does_not_wait_for_a_venue_that_hangs(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    led_to(NOBODY, monkeypatch)
    for name, value in Keys("planted-key", "planted-secret").environ("main").items():
        monkeypatch.setenv(name, value)
    guarded_before(config)

    async def hangs(*_: object, **__: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(admission, "examine_key", hangs)
    monkeypatch.setattr(admission, "PATIENCE_SECONDS", 0.1)
    assert run_until_started(config, before=1).code == 0
