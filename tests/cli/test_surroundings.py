"""Markets and signals from the outside in: the daemon, `reef check`, `reef signals`, `reef explain`."""

import os
import signal
from pathlib import Path

import msgspec
import pytest

from bot.decision import DecisionInput
from bot.journal import JournalError, open_journal
from bot.journal.records import Decision, FindingChanged, Kind
from bot.model import State, Surroundings
from tests.cli.support import Keys, Venue, reef, running, wait, write_config

RULES = """\
version: 1
rules:
  - name: fear
    when: market("BTC").price > 50000 && market("BTC").depth > 0 && signal("fear") < 20
    cooldown: 0s
    do: [notify]
  - name: nowhere
    metric: market.fall_24h
    market: NOPE
    max: 10%
    do: [notify]
"""
SIGNALS = """\
signals:
  fear: {file: fear.json, path: data.0.value, every: 5s, timeout: 2s, max_age: 1h}
"""


@pytest.fixture
def keys(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> Keys:
    opened = venue.account()
    for name, value in opened.environ("main").items():
        monkeypatch.setenv(name, value)
    return opened


def states(journal: Path) -> list[State]:
    """The states that the rule on fear went through so far."""
    try:
        with open_journal(journal, create=False, read_only=True) as opened:
            bodies = [entry.record for entry in opened.entries(kind=Kind.FINDING)]
    except JournalError:
        return []
    return [
        body.finding.state
        for body in bodies
        if isinstance(body, FindingChanged) and body.finding.rule == "fear"
    ]


def test_a_daemon_decides_by_what_stands_and_explain_decides_the_same(
    venue: Venue, keys: Keys, tmp_path: Path
) -> None:
    config = write_config(tmp_path, venue.url, rules=RULES, more=SIGNALS)
    fear = tmp_path / "fear.json"
    fear.write_text('{"data": [{"value": "11"}]}')
    journal = tmp_path / "reef.sqlite"
    with running(tmp_path / "log", "run", "--config", config, environ=keys.environ("main")) as daemon:
        wait(lambda: State.FIRING in states(journal), "the rule on a market and a signal to fire")
        fear.write_text('{"data": [{"value": "55"}]}')
        wait(lambda: states(journal)[-1] is State.INACTIVE, "the rule to be over")
        done = daemon.end(signal.SIGTERM)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert "NOPE" in done.err
    with open_journal(journal, read_only=True) as opened:
        seen = [entry.record for entry in opened.entries(kind=Kind.DECISION)]
        inputs = [opened.blob(body.input) for body in seen if isinstance(body, Decision)]
    found = [msgspec.json.decode(raw, type=DecisionInput).surroundings for raw in inputs if raw is not None]
    (fired,) = [one for one in found if one.signals.get("fear") == 11.0]
    assert set(fired.markets) == {"BTC", "NOPE"}
    assert set(fired.markets["BTC"]) == {"price", "depth"}
    assert fired.market("BTC", "price") == 100_000.0
    told = reef("explain", "last", "--journal", journal)
    assert told.code == 0, told.out
    assert "the same plan, byte for byte" in told.out


def test_check_reads_both_once_and_names_what_is_not_listed(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    config = write_config(tmp_path, venue.url, rules=RULES, more=SIGNALS)
    (tmp_path / "fear.json").write_text('{"data": [{"value": "11"}]}')
    done = reef("check", "--config", config, "--json")
    (account,) = done.value["accounts"]
    assert account["signals"] == {"fear": 11.0}
    assert account["markets"]["BTC"]["price"] == 100_000.0
    assert account["markets"]["BTC"]["depth"] > 0
    assert account["unlisted"] == ["NOPE"]
    assert done.code == 1  # the rule on fear fires
    shown = reef("check", "--config", config)
    assert "warning: bybit lists no perpetual of NOPE" in shown.out
    assert "Traceback" not in shown.err


def test_check_tells_of_a_signal_that_cannot_be_read(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    config = write_config(tmp_path, venue.url, rules=RULES, more=SIGNALS)
    done = reef("check", "--config", config)
    assert "No such file or directory" in " ".join(done.out.split())


def test_a_rule_on_a_signal_that_the_settings_lack_is_refused(
    venue: Venue, keys: Keys, tmp_path: Path
) -> None:
    config = write_config(tmp_path, venue.url, rules=RULES, more=SIGNALS.replace("  fear:", "  feer:"))
    done = reef("check", "--config", config)
    assert done.code == 2
    assert "'feer'" in done.err


def signals(folder: Path, text: str) -> Path:
    return write_config(folder, "http://127.0.0.1:9", rules=RULES, more=f"signals:\n{text}")


def test_signals_are_read_once_without_keys_or_venue(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("7")
    os.utime(tmp_path / "old", (1_700_000_000, 1_700_000_000))
    config = signals(
        tmp_path,
        "  fine: {command: [echo, '42'], max_age: 1h}\n"
        "  old: {file: old, max_age: 5m, if_stale: 0.5}\n"
        "  gone: {file: gone, max_age: 5m}\n",
    )
    done = reef("signals", "--config", config, "--json")
    assert done.code == 1
    fine, old, gone = done.value["signals"]
    assert (fine["name"], fine["source"], fine["value"], fine["reason"]) == ("fine", "command", 42.0, "")
    assert 0 <= fine["age_seconds"] < 60
    assert (old["value"], old["read"], old["reason"]) == (0.5, 7.0, "older than 5m")
    assert gone["value"]["type"] == "unknown"
    assert gone["read"] is None
    assert gone["reason"].endswith("No such file or directory")
    shown = reef("signals", "--config", config)
    assert shown.code == 1
    text = " ".join(shown.out.split())
    for words in ("fine", "42", "older than 5m; by if_stale", "unknown", "such file or directory"):
        assert words in text


def test_signals_that_can_all_be_read_are_fine(tmp_path: Path) -> None:
    assert (
        reef("signals", "--config", signals(tmp_path, "  a: {command: [echo, '1'], max_age: 1h}\n")).code == 0
    )
    none = reef("signals", "--config", write_config(tmp_path, "http://127.0.0.1:9"))
    assert none.code == 0
    assert "no signals" in none.out


def test_a_token_is_asked_for_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = signals(
        tmp_path, "  a: {url: 'http://127.0.0.1:9/', max_age: 1h, headers_env: {X-Token: MY_TOKEN}}\n"
    )
    done = reef("signals", "--config", config)
    assert done.code == 2
    assert "set MY_TOKEN" in done.err
    monkeypatch.setenv("MY_TOKEN", "planted-token")
    done = reef("signals", "--config", config)
    assert done.code == 1
    assert "planted" not in done.out + done.err


def test_nothing_around_is_recorded_as_nothing() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Surroundings()), type=Surroundings) == Surroundings()
