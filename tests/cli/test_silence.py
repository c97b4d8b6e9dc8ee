"""What could guard nothing, or be off, without a word: misspelt names, idle rules, figures that differ."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bot.cli.output import console
from bot.journal import open_journal
from bot.journal.records import canonical
from bot.model import Difference, Target
from bot.record import STATUS, remembered_status
from tests.cli.support import Keys, Venue, reef, write_config

URL = "http://127.0.0.1:9"
RULES = """\
version: 1
rules:
  - name: room
    metric: position.liquidation_distance
    match: {%s}
    min: 1%%
    do: [notify]
"""
APART = Difference(Target("main", "BTC/USDT:USDT", "long"), "maintenance_margin", 103.0, 100.0, 0.03)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    given = Keys("planted-key", "planted-secret")
    for account in ("main", "fund"):
        for name, value in given.environ(account).items():
            monkeypatch.setenv(name, value)
    return given


@pytest.fixture
def opened(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in venue.account().environ("main").items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("command", ["run", "check"])
def test_misspelt_names_start_nothing(tmp_path: Path, command: str) -> None:
    config = write_config(tmp_path, URL, "main", "fund", rules=RULES % "account: [fund, mian], venue: bibyt")
    done = reef(command, "--config", config)
    assert done.code == 2
    assert "rules.yaml:5:29: " in done.err
    assert "did you mean 'main'?" in done.err
    assert "did you mean 'bybit'?" in done.err
    assert "fund'" not in done.err
    assert not (tmp_path / "reef.sqlite").exists()


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("command", ["run", "check"])
def test_mistakes_of_settings_and_rules_come_at_once(tmp_path: Path, command: str) -> None:
    config = write_config(tmp_path, URL, rules=RULES.replace("liquidation", "liqidation") % "side: long")
    config.write_text(config.read_text().replace("mode: observe", "mode: atc"))
    done = reef(command, "--config", config)
    assert done.code == 2
    assert "did you mean 'act'?" in done.err
    assert "did you mean 'position.liquidation_distance'?" in done.err


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("rules", "accounts", "told"),
    [
        ("rules: balancd\n", "[{name: main, venue: bybit}]", True),
        ("rules: balancd\n", "[{name: main, venue: bybit, rules: balanced}]", False),
        ("rules: balancd\n", "[5, {name: main, venue: bybit, rules: balanced}]", True),
        ("rules: [balancd]\n", "[{name: main, venue: bybit}]", False),
        ("", "[{name: main, venue: bybit, rules: balancd}]", True),
    ],
)
def test_only_rules_that_are_chosen_are_told_of(
    tmp_path: Path, rules: str, accounts: str, told: bool
) -> None:
    config = tmp_path / "reef.yaml"
    config.write_text(f"mode: atc\nnetwork: sandbox\nbase_url: {URL}\n{rules}accounts: {accounts}\n")
    done = reef("check", "--config", config)
    assert done.code == 2
    assert "did you mean 'act'?" in done.err
    assert ("did you mean 'balanced'?" in done.err) is told


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("width", [80, 120])
def test_a_rule_that_matches_nothing_has_its_row(
    venue: Venue, tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_width", width)
    config = write_config(tmp_path, venue.url, rules=RULES % "symbol: BTX/USDT:USDT")
    done = reef("check", "--config", config)
    assert done.code == 0
    (row,) = [line for line in done.out.splitlines() if line.startswith("room ")]
    assert "< 1 %" in row
    assert "applies to nothing now" in row
    warning = "warning: room: match.symbol BTX/USDT:USDT is no market of the venue; did you mean BT"
    assert warning in " ".join(done.out.split())
    (account,) = reef("check", "--config", config, "--json").value["accounts"]
    assert [one["rule"] for one in account["idle"]] == ["room"]
    assert [one["symbol"] for one in account["unknown_symbols"]] == ["BTX/USDT:USDT"]


@pytest.mark.usefixtures("opened")
def test_a_rule_that_applies_is_not_called_idle(venue: Venue, tmp_path: Path) -> None:
    config = write_config(tmp_path, venue.url, rules=RULES % "symbol: [btc/usdt:usdt, SOL*]")
    done = reef("check", "--config", config)
    assert "applies to nothing" not in done.out
    assert "warning" not in done.out


@pytest.mark.usefixtures("keys")
def test_a_failed_look_promises_no_further_one(tmp_path: Path) -> None:
    done = reef("check", "--config", write_config(tmp_path, URL))
    assert done.code == 1
    assert "next poll" not in done.err
    assert "ask again" in done.err


def test_status_tells_figures_that_differ(recorded: Path) -> None:
    with open_journal(recorded) as journal:
        status = remembered_status(journal.load_memory("main", STATUS))
        assert status is not None
        changed = msgspec.structs.replace(
            status, at=datetime.now(UTC), active=(), unprotected=(), differences=(APART,)
        )
        journal.append((), {("main", STATUS): canonical(changed).decode()}, at=datetime.now(UTC))
    done = reef("status", "--journal", recorded)
    assert done.code == 1
    assert "maintenance_margin is 3.00 % off the venue's" in " ".join(done.out.split())
    assert reef("status", "--journal", recorded, "--json").value["main"]["status"]["differences"]


def test_a_status_of_before_has_no_differences(recorded: Path) -> None:
    with open_journal(recorded) as journal:
        text = journal.load_memory("main", STATUS)
    assert text is not None
    fields = json.loads(text)
    del fields["differences"]
    status = remembered_status(json.dumps(fields))
    assert status is not None
    assert status.differences == ()
