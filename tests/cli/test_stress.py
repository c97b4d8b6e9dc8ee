"""`reef stress` and `reef size`: the demo's account, a journal, a live sandbox, and what is refused."""

from pathlib import Path

import pytest

from bot.cli.output import console
from tests.cli.support import Keys, Venue, reef, write_config

OWN = "version: 1\nscenarios:\n  - {name: mine, moves: {BTC: -30%}, spread: 3}\n"


def test_the_demo_account_needs_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = reef("stress", "--demo", "--only", "march 2020", "--only", "BTC -5 %", "--out", out)
    assert done.code == 0
    assert "march 2020" in done.out
    assert "liquidated in this order: BTC/USDT:USDT#long" in done.out
    assert "cushion on demo fires today at BTC" in done.out
    assert (out / "stress-demo.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "stress-demo.html").read_text()
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert "every step" in page


def test_json_is_one_value() -> None:
    done = reef("stress", "--demo", "--json", "--rules", "observe", "--only", "BTC -60 %")
    assert done.code == 0
    (account,) = done.value["accounts"]
    (one,) = account["outcomes"]
    assert one["scenario"]["moves"] == {"BTC": -0.6}
    assert done.value["note"] == ""
    assert one["unguarded"]["liquidated"][0]["position"] == "BTC/USDT:USDT#long"
    assert one["guarded"]["stops"]
    assert one["guarded"]["ending"]["liquidated"] == []


@pytest.mark.parametrize("width", [80, 120])
def test_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", width)
    done = reef("stress", "--demo", "--only", "depeg of the collateral")
    (row,) = [line for line in done.out.splitlines() if line.startswith("depeg of") and "%" in line]
    assert len(row) <= width


def test_a_journal_is_enough(recorded: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(OWN)
    done = reef("stress", "--journal", recorded, "--scenarios", file, "--json")
    (account,) = done.value["accounts"]
    assert account["account"] == "main"
    assert account["outcomes"][0]["unguarded"]["liquidated"]
    assert done.value["note"] in reef("stress", "--journal", recorded, "--scenarios", file).out
    assert done.value["note"] == (
        "hedges on other accounts (hedged_by) are not added up: a journal does not hold the settings"
    )
    sized = reef("size", "BTC/USDT:USDT", "--side", "long", "--journal", recorded, "--json")
    assert sized.value[0]["account"] == "main"


def test_a_live_account_and_its_own_scenarios(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = venue.account()
    for name, value in keys.environ("main").items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path, venue.url, more="protection: {enabled: false}\n")
    file = tmp_path / "mine.yaml"
    file.write_text(OWN)
    done = reef("stress", "--config", config, "--scenarios", file, "--rules", "observe")
    assert done.code == 1
    assert "  guarded: liquidated in this order: BTC/USDT:USDT#long" in done.out
    file.write_text(OWN.replace("BTC: -30%", "BCT: -30%"))
    wrong = reef("stress", "--config", config, "--scenarios", file)
    assert wrong.code == 2
    assert "mine.yaml:3:26: the venue has no market of 'BCT'" in wrong.err
    assert venue.orders_of(keys) == []


def test_an_account_that_cannot_be_read_is_a_failure(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in Keys("no-such-key", "planted-secret-of-nobody").environ("main").items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path, venue.url)
    assert reef("stress", "--config", config).code == 1
    done = reef("size", "BTC/USDT:USDT", "--side", "long", "--config", config)
    assert done.code == 1
    assert "main" in done.err
    assert reef("size", "BTC/USDT:USDT", "--side", "long", "--config", config, "--json").value[0]["error"]


def test_accounts_that_stand_against_each_other_are_added_up(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, side in (("main", "long"), ("other", "short")):
        keys = venue.account([{"symbol": "BTCUSDT", "side": side, "qty": "1", "leverage": "10"}])
        for word, value in keys.environ(name).items():
            monkeypatch.setenv(word, value)
    config = write_config(tmp_path, venue.url, "main", "other", more="protection: {enabled: false}\n")
    config.write_text(config.read_text().replace("{name: main,", "{name: main, hedged_by: other,"))
    asked = ("stress", "--config", config, "--rules", "observe", "--only", "BTC -20 %")
    done = reef(*asked)
    assert done.code == 0
    assert "main with other, which hedges it: equity" in done.out
    assert "what stands on another account is no margin" in done.out
    (both,) = reef(*asked, "--json").value["together"]
    assert both["sums"][0]["unguarded"] == pytest.approx(both["equity"], rel=0.001)
    alone = reef(*asked, "--account", "main")
    assert "main is hedged by other: other was not looked at" in alone.out


def test_misuse_is_told() -> None:
    done = reef("stress", "--demo", "--only", "march 2002")
    assert done.code == 2
    assert "did you mean 'march 2020'?" in done.err
    assert reef("stress", "--demo", "--journal", "x.db").code == 2
    assert reef("stress", "--demo", "--account", "main").code == 2


def test_a_folder_that_is_a_file_is_misuse(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = reef("stress", "--demo", "--only", "BTC -5 %", "--out", file)
    assert done.code == 2
    assert "cannot be written" in done.err


def test_sizes_are_told_with_what_binds() -> None:
    done = reef("size", "ETH/USDT:USDT", "--side", "long", "--demo", "--rules", "lifeline")
    assert done.code == 0
    assert "bound by room for a market move: account.joint_distance is" in done.out
    refused = reef("size", "ETH/USDT:USDT", "--side", "long", "--demo")
    assert refused.code == 1
    assert "the rule cushion fires already" in refused.out
    free = reef("size", "BTC/USDT:USDT", "--side", "long", "--demo", "--rules", "observe", "--json")
    assert free.value[0]["side"] == "long"


def test_an_unknown_symbol_is_misuse() -> None:
    done = reef("size", "ETH/USDT", "--side", "long", "--demo")
    assert done.code == 2
    assert "has no market 'ETH/USDT' (did you mean" in done.err
    assert "symbols are written like" in reef("size", "?!", "--side", "long", "--demo").err
