"""`reef init`: by flags, by questions, and never over what is there."""

import io
import os
import sys
from pathlib import Path

import pytest

from tests.cli.support import Venue, reef

NAMES = ["Dockerfile", "compose.yaml", "journal", "reef.service", "reef.yaml", "rules.yaml", "secrets.env"]


def there(folder: Path) -> list[str]:
    """Names in a folder."""
    return sorted(one.name for one in folder.iterdir())


def test_flags_alone(tmp_path: Path) -> None:
    folder = tmp_path / "guard"
    done = reef("init", folder, "--yes", "--network", "live", "--account", "main", "--account", "fund")
    assert done.code == 0
    assert there(folder) == NAMES
    assert "live: true" in (folder / "reef.yaml").read_text()
    assert "REEF_FUND_SECRET=" in (folder / "secrets.env").read_text()
    assert "reef run --live" in done.out
    again = reef("init", folder, "--yes")
    assert again.code == 2
    assert "already: nothing was written" in again.err


def test_here_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = reef("init", "--json")
    assert done.code == 0
    assert done.value["folder"] == str(tmp_path)
    assert sorted(done.value["written"]) == [name for name in NAMES if name != "journal"]
    assert any("reef doctor && reef check" in step for step in done.value["next"])


def test_questions_are_asked_again_until_the_word_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["sandbx", "sandbox", "", "main, fund", "lifeline", "act", ""]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(said) + "\n"))
    done = reef("init", tmp_path / "guard")
    assert done.code == 0
    assert "did you mean 'sandbox'?" in done.err
    text = (tmp_path / "guard" / "reef.yaml").read_text()
    assert "base_url: http://127.0.0.1:8899" in text
    assert "- name: fund" in text
    assert "mode: act " in text
    assert "lifeline" in (tmp_path / "guard" / "rules.yaml").read_text()
    assert "it acts at once" in done.out


def test_an_end_of_answers_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("testnet\n"))
    assert reef("init", tmp_path / "guard").code == 130
    assert there(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--network", "mainnet"), "--network 'mainnet' is not known"),
        (("--profile", "balnced"), "did you mean 'balanced'?"),
        (("--mode", "atc"), "did you mean 'act'?"),
        (("--venue", "bibit"), "did you mean 'bybit'?"),
        (("--base-url", "http://127.0.0.1:1"), "for the sandbox only"),
        (("--account", "my account"), "'my account' is not a name"),
        (("--account", "main", "--account", "MAIN"), "too near to 'main'"),
        (("--network", "sandbox", "--base-url", "here"), "'here' is not an address"),
    ],
)
def test_a_wrong_answer_writes_nothing(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    done = reef("init", tmp_path / "guard", "--yes", *options)
    assert done.code == 2
    assert words in done.err
    assert there(tmp_path) == []


def test_force_keeps_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "guard"
    assert reef("init", folder, "--yes").code == 0
    (folder / "secrets.env").write_text("REEF_MAIN_API_KEY=precious\n")
    done = reef("init", folder, "--yes", "--force", "--mode", "act")
    assert done.code == 0
    assert "secrets.env was there, and is kept" in done.out
    assert (folder / "secrets.env").read_text() == "REEF_MAIN_API_KEY=precious\n"
    assert "mode: act " in (folder / "reef.yaml").read_text()


def test_what_is_written_works_on_a_sandbox(venue: Venue, tmp_path: Path) -> None:
    keys = venue.account()
    folder = tmp_path / "guard"
    assert reef("init", folder, "--yes", "--network", "sandbox", "--base-url", venue.url).code == 0
    secrets = folder / "secrets.env"
    text = secrets.read_text().replace("API_KEY=", f"API_KEY={keys.api_key}")
    secrets.write_text(text.replace("SECRET=", f"SECRET={keys.secret}"))
    assert not {name for name in os.environ if name.startswith("REEF_MAIN")}
    done = reef("doctor", "--config", folder / "reef.yaml", "--json")
    assert done.code == 0, done.out
    assert reef("check", "--config", folder / "reef.yaml").code == 1  # its leverage is too high
