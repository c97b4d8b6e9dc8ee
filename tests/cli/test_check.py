"""`reef check` on a real sandbox."""

from pathlib import Path

import pytest

from bot.cli.output import console
from tests.cli.support import LEVERAGE_CAP, Keys, Venue, reef, write_config


@pytest.fixture
def keys(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> Keys:
    opened = venue.account()
    for name, value in opened.environ("main").items():
        monkeypatch.setenv(name, value)
    return opened


def test_tells_positions_rules_prices_and_plan(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    done = reef("check", "--config", write_config(tmp_path, venue.url))
    assert done.code == 1
    assert done.err == ""
    for word in ("BTC/USDT:USDT long", "SOL/USDT:USDT short", "disarmed", "leverage cap", "> 4", "firing"):
        assert word in done.out
    assert "the plan: leverage cap" in done.out
    assert "account.leverage 4.94 -> " in done.out
    assert "the plan: protection" in done.out
    assert not (tmp_path / "reef.sqlite").exists()
    assert venue.orders_of(keys) == []


@pytest.mark.parametrize("width", [80, 120])
def test_fits_the_terminal(
    venue: Venue, keys: Keys, tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_width", width)
    config = write_config(tmp_path, venue.url)
    config.write_text(config.read_text().replace("./rules.yaml", "balanced"))
    done = reef("check", "--config", config)
    assert max(len(line) for line in done.out.splitlines()) <= width
    assert "…" not in done.out
    (row,) = [line for line in done.out.splitlines() if line.startswith("margin ratio  ") and "BTC" in line]
    assert "> 50 %" in row
    assert "inactive" in row


def test_json_is_one_value(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    done = reef("check", "--config", write_config(tmp_path, venue.url), "--json", "--account", "main")
    assert done.code == 1
    (account,) = done.value["accounts"]
    assert account["account"] == "main"
    assert len(account["positions"]) == 3
    cap = account["rules"][0]
    assert cap["past"] is True
    assert {step["kind"] for step in account["plan"]["steps"]} >= {"trim", "protect"}


def test_a_quiet_account_is_fine(venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in venue.account(positions=()).environ("main").items():
        monkeypatch.setenv(name, value)
    done = reef("check", "--config", write_config(tmp_path, venue.url))
    assert done.code == 0
    assert "no positions" in done.out
    assert "nothing would be done now" in done.out


def test_rules_of_positions_name_their_price(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    rules = LEVERAGE_CAP.replace("max: 4", "max: 400").replace("restore: 3", "restore: 300")
    done = reef("check", "--config", write_config(tmp_path, venue.url, rules=rules))
    assert done.code == 0
    lines = done.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "SOL/USDT:USDT short" in line and number > 10)
    assert "room to liquidation" in lines[at - 1]
    assert "SOL " in lines[at - 1]
    assert "(+" in lines[at - 1]


def test_an_account_that_fails_does_not_hold_up_another(
    venue: Venue, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in Keys("no-such-key", "planted-secret-of-nobody").environ("other").items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path, venue.url, "other", "main")
    done = reef("check", "--config", config)
    assert done.code == 1
    assert "other" in done.err
    assert "main on bybit" in done.out
    assert "planted-secret" not in done.out + done.err
    told = reef("check", "--config", config, "--json").value["accounts"]
    assert sorted(told[0]) == ["account", "error"]
    assert told[1]["account"] == "main"


def test_an_unreachable_venue_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in Keys("key-0123", "planted-secret").environ("main").items():
        monkeypatch.setenv(name, value)
    done = reef("check", "--config", write_config(tmp_path, "http://127.0.0.1:9"))
    assert done.code == 1
    assert "main" in done.err
    assert "Traceback" not in done.err


def test_an_unknown_account_is_misuse(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    done = reef("check", "--config", write_config(tmp_path, venue.url), "--account", "mian")
    assert done.code == 2
    assert "did you mean 'main'?" in done.err
