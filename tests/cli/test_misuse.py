"""What is wrong is said as a sentence, with its place, before anything starts; never a traceback."""

import runpy
import socket
import sys
from pathlib import Path

import pytest

from tests.cli.support import Keys, reef, write_config

URL = "http://127.0.0.1:9"
WRONG_RULES = """\
version: 1
rules:
  - name: leverage cap
    metric: account.levrage
    max: 5
    do: [trim]
  - name: drawdown
    metric: account.drawdown
    max: 25
    do: [trimm]
"""


@pytest.fixture
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in Keys("planted-key", "planted-secret").environ("main").items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "command",
    [
        ("nonsense",),
        ("check", "--nonsense"),
        ("explain",),
        ("rules",),
        ("rules", "check"),
        ("journal", "--limit", "0"),
        ("journal", "nonsense"),
        ("sandbox", "serve", "--port", "many"),
    ],
)
def test_a_wrong_command_line_is_misuse(command: tuple[str, ...]) -> None:
    done = reef(*command)
    assert done.code == 2
    assert done.out + done.err != ""
    assert "Traceback" not in done.err


def test_a_wrong_command_line_is_json_where_json_was_asked_for() -> None:
    done = reef("check", "--nonsense", "--json")
    assert done.code == 2
    assert done.value["kind"] == "UsageError"
    assert "--nonsense" in done.value["error"]


def test_the_version() -> None:
    done = reef("--version")
    assert done.code == 0
    assert done.out.startswith("reef ")


@pytest.mark.usefixtures("_keys")
@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "reef.yaml"),
        ("", "reef.yaml"),
        ("mode: [", "reef.yaml:1:"),
        ("mode: atc\nnetwork: testnet\naccounts: []\n", "did you mean 'act'?"),
        ("mode: act\nnetwork: live\nlive: true\naccounts: [{name: main, venue: bybit}]\n", "--live"),
    ],
)
def test_a_wrong_config_starts_nothing(tmp_path: Path, command: str, text: str | None, words: str) -> None:
    config = tmp_path / "reef.yaml"
    if text is not None:
        config.write_text(text)
    done = reef(command, "--config", config)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert sorted(one.name for one in tmp_path.iterdir()) == ([] if text is None else ["reef.yaml"])
    assert reef(command, "--config", config, "--json").value["mistakes"]


@pytest.mark.usefixtures("_keys")
@pytest.mark.parametrize("command", [("run",), ("check",), ("status",), ("journal",), ("halt", "--why", "x")])
def test_a_config_that_is_a_directory(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = reef(*command, "--config", tmp_path)
    assert done.code == 2
    assert str(tmp_path) in done.err


@pytest.mark.usefixtures("_keys")
@pytest.mark.parametrize("command", ["run", "check"])
def test_all_mistakes_of_the_rules_at_once(tmp_path: Path, command: str) -> None:
    done = reef(command, "--config", write_config(tmp_path, URL, rules=WRONG_RULES))
    assert done.code == 2
    for words in ("rules.yaml:4:", "did you mean 'account.leverage'?", "rules.yaml:9:", "rules.yaml:10:"):
        assert words in done.err
    assert not (tmp_path / "reef.sqlite").exists()


def test_missing_keys_name_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REEF_MAIN_API_KEY", raising=False)
    monkeypatch.delenv("REEF_MAIN_SECRET", raising=False)
    done = reef("run", "--config", write_config(tmp_path, URL))
    assert done.code == 2
    assert "REEF_MAIN_API_KEY" in done.err
    assert "REEF_MAIN_SECRET" in done.err


def test_rules_check_says_what_they_mean(tmp_path: Path) -> None:
    done = reef("rules", "check", "balanced")
    assert done.code == 0
    assert "no mistakes" in done.out
    assert reef("rules", "check", "balanced", "--json").value["ok"] is True


def test_rules_check_names_every_mistake(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG_RULES)
    done = reef("rules", "check", path)
    assert done.code == 2
    assert len(done.err.splitlines()) == 3
    told = reef("rules", "check", path, "--json")
    assert told.code == 2
    assert [one["line"] for one in told.value["mistakes"]] == [4, 9, 10]


@pytest.mark.parametrize("choice", ["balancd", "missing/rules.yaml", "/"])
def test_rules_that_are_not_there(choice: str) -> None:
    done = reef("rules", "check", choice)
    assert done.code == 2
    assert done.err != ""


@pytest.mark.usefixtures("_keys")
def test_a_journal_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    config = write_config(tmp_path, URL)
    config.write_text(config.read_text().replace("reef.sqlite", "none/reef.sqlite"))
    done = reef("run", "--config", config)
    assert done.code == 1
    assert "No such file or directory" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--venue", "bibit"), "bybit"),
        (("--time", "slow"), "real, scaled, virtual"),
        (("--host", "0.0.0.0"), "loopback"),
        (("--start", "yesterday"), "2025-11-21T00:00:00Z"),
        (("--account", "key:planted-secret"), "KEY:SECRET:DEPOSIT"),
        (("--candles", "BTCUSDT"), "SYMBOL=FILE"),
        (("--candles", "BTCUSDT=missing.csv"), "missing.csv"),
        (("--scenario", "missing.yaml"), "missing.yaml"),
        (("--port", "70000", "--speed", "2"), "speed counts only with --time scaled"),
    ],
)
def test_a_sandbox_that_cannot_be_served(options: tuple[str, ...], words: str) -> None:
    done = reef("sandbox", "serve", *options)
    assert done.code == 2
    assert words in done.err
    assert "planted-secret" not in done.err
    assert "Traceback" not in done.err
    told = reef("sandbox", "serve", *options, "--json")
    assert told.code == 2
    assert words in told.value["error"]


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = reef("sandbox", "serve", "--port", str(taken.getsockname()[1]))
    assert done.code == 2
    assert "try another port" in done.err


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1732147200000,1,1,1,1,1", "1732147260000,1,1,x,1,1"], "csv:2:"),
        (["1732147200000,1,1,1,1,1", "1732147200000,1,1,1,1,1"], "csv:2:"),
        (["1732147200000,1,1,1,nan,1"], "csv:1:"),
    ],
)
def test_candles_are_refused_with_line_and_reason(tmp_path: Path, rows: list[str], words: str) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("\n".join(rows) + "\n")
    done = reef("sandbox", "serve", "--candles", f"BTCUSDT={path}", "--time", "virtual")
    assert done.code == 2
    assert "candles.csv" in done.err
    assert words in done.err


def test_a_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["reef", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("bot.cli.__main__", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("reef ")


def test_ctrl_c_is_an_exit_code_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bot.cli.status.journal_path", interrupted)
    done = reef("status")
    assert done.code == 130
    assert "Traceback" not in done.err
