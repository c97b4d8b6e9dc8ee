"""`reef rules explain` and `schema`: rules in words, and on a real sandbox what each reads and would do."""

import json
from pathlib import Path

import pytest

from tests.cli.support import Keys, Venue, reef, write_config

ROOT = Path(__file__).resolve().parent.parent.parent
ALL = """\
version: 1
rules:
  - name: cap
    metric: account.leverage
    max: 12
    restore: 8
    for: 5s
    do: [cancel_orders, trim]
    trim: {max_share: 50%, max_slippage: 1%, order: market}
    gates: off
    approve: true
  - name: room
    metric: position.liquidation_distance
    match: {symbol: "BTC*", side: [long, short], tags: fund}
    min: 1%
    cooldown: 0s
    do: [close, halt]
    if_blind: {after: 30s, do: [notify, protect]}
    inhibited_by: cap
    severity: warning
  - name: fear
    when: market("BTC").fall_24h > 0.1 && account.leverage > 3
    do: [halt]
    active: {hours: 08:00-22:00}
  - name: storm
    metric: account.leverage
    max: 4
    restore: 3
    when: account.equity > 1000
    do: [trim]
  - name: market
    metric: market.fall_24h
    market: BTC
    max: 10%
    do: [notify, close_all]
"""


@pytest.fixture
def keys(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> Keys:
    opened = venue.account()
    for name, value in opened.environ("main").items():
        monkeypatch.setenv(name, value)
    return opened


def test_each_rule_is_told_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(ALL)
    done = reef("rules", "explain", path)
    assert (done.code, done.err) == (0, "")
    for text in (
        "cap (critical)",
        "watches  account.leverage: Gross notional over equity",
        "where    the account, everywhere",
        "fires    above 12, for 5s on end; does not wait for prices that are apart",
        "ends     at 8 or below; then rests for 30s",
        "trim positions until 8, at most 50 % of one in a cycle, with market orders within 1.00 % of mark",
        "approve  waits for the owner's yes",
        "blind    waits and says so",
        "room (warning)",
        "where    each position, where symbol BTC*, side long or short, tags fund",
        "fires    below 1 %, at once",
        "ends     at 1 % or above\n",
        "may      close the position; halt the account once that is done, until `reef resume`",
        "blind    after 30s: notify, protect",
        "silent   not told of while cap is firing; acts all the same",
        "watches  a condition",
        'fires    while it is true, at once: market("BTC").fall_24h > 0.1 && account.leverage > 3',
        "ends     as soon as it is false; then rests for 30s",
        "hours    begins only 08:00-22:00 UTC; what runs then ends as always",
        "may      halt the account, until `reef resume`",
        "fires    above 4, and only while account.equity > 1000, at once",
        "ends     at 3 or below, or when the condition is false",
        'watches  market("BTC").fall_24h: Fall from the high of 24 hours',
        "may      tell; close every position of the account",
    ):
        assert text in done.out, text
    value = reef("rules", "explain", path, "--json").value
    assert [rule["name"] for rule in value["rules"]] == ["cap", "room", "fear", "storm", "market"]
    assert value["rules"][2]["words"]["watches"] == "a condition"


def test_check_tells_what_else_bounds_a_rule(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(ALL)
    out = reef("rules", "check", path).out
    for text in (
        "cap: waits for the owner's yes",
        "room: is not told of while cap is firing",
        'fear: when market("BTC").fall_24h > 0.1 && account.leverage > 3',
        "fear: begins only 08:00-22:00 UTC",
        "storm: and only when account.equity > 1000",
        "5 rules, no mistakes",
    ):
        assert text in out, text


def test_on_an_account_it_says_what_it_reads_and_would_do(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(ALL)
    config = write_config(tmp_path, venue.url)
    done = reef("rules", "explain", path, "--config", config)
    assert (done.code, done.err) == (0, "")
    cap, room, fear, storm, market = done.out.strip().split("\n\n")
    assert "now      main: account.leverage is 4.94; inactive" in cap
    assert "price    BTC " in cap
    assert "then     trim: " in cap
    assert "now      applies to nothing" in room
    assert "now      main: " in fear
    assert 'is false: market("BTC").fall_24h' in fear
    assert "price    now" in storm
    assert "then     trim: " in storm
    assert "price    at no price" in market
    assert 'now      main: market("BTC").fall_24h is ' in market
    assert venue.orders_of(keys) == []
    value = reef("rules", "explain", path, "--config", config, "--account", "main", "--json").value
    (sight,) = value["rules"][0]["sights"]
    assert sight["account"] == "main"
    assert {step["kind"] for step in sight["then"]["steps"]} == {"trim"}
    assert value["errors"] == {}


def test_an_account_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REEF_MAIN_API_KEY", "a")
    monkeypatch.setenv("REEF_MAIN_SECRET", "b")
    config = write_config(tmp_path, "http://127.0.0.1:9")
    done = reef("rules", "explain", "lifeline", "--config", config)
    assert done.code == 1
    assert "margin ratio" in done.out
    assert "127.0.0.1:9" in done.err
    assert set(reef("rules", "explain", "lifeline", "--config", config, "--json").value["errors"]) == {"main"}


def test_a_wrong_file_or_account_is_misuse(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    assert reef("rules", "explain", "lifelin").code == 2
    config = write_config(tmp_path, venue.url)
    assert reef("rules", "explain", "lifeline", "--config", config, "--account", "mian").code == 2


def test_the_schema_is_printed() -> None:
    done = reef("rules", "schema")
    assert (done.code, done.out) == (0, (ROOT / "config" / "rules.schema.json").read_text())
    assert reef("rules", "schema", "--json").value == json.loads(done.out)
