"""`reef doctor` on a real sandbox."""

import json
from pathlib import Path

import pytest

from tests.cli.support import Keys, Venue, reef, write_config


@pytest.fixture
def keys(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> Keys:
    opened = venue.account()
    for name, value in opened.environ("main").items():
        monkeypatch.setenv(name, value)
    return opened


def stops_of(venue: Venue, keys: Keys) -> list[str]:
    """Statuses of the orders that the doctor placed."""
    return [one["path"] for one in venue.orders_of(keys)]


def test_a_healthy_account_is_told_as_such_and_nothing_is_sent(
    venue: Venue, keys: Keys, tmp_path: Path
) -> None:
    done = reef("doctor", "--config", write_config(tmp_path, venue.url))
    assert done.code == 0
    assert "Nothing is wrong." in done.out
    for word in ("SQLite", "disk", "time zone", "key", "clock", "modes"):
        assert word in done.out
    assert stops_of(venue, keys) == []


def test_deep_places_reads_back_and_cancels(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    done = reef("doctor", "--config", write_config(tmp_path, venue.url), "--deep", "--json")
    assert done.code == 0
    (trial,) = [one for one in done.value["checks"] if one["name"] == "trial order"]
    assert trial["grade"] == "fine"
    assert "placed, read back and cancelled" in trial["said"]
    placed, cancelled = venue.orders_of(keys)
    assert (placed["path"], placed["code"]) == ("/v5/order/create", 0)
    assert placed["body"]["reduceOnly"] is True
    assert placed["body"]["triggerBy"] == "MarkPrice"
    assert (cancelled["path"], cancelled["code"]) == ("/v5/order/cancel", 0)


def test_deep_works_on_an_account_without_positions(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = venue.account(positions=())
    for name, value in keys.environ("main").items():
        monkeypatch.setenv(name, value)
    done = reef("doctor", "--config", write_config(tmp_path, venue.url), "--deep", "--json")
    assert done.code == 0
    assert [one["path"] for one in venue.orders_of(keys)] == ["/v5/order/create", "/v5/order/cancel"]


def test_an_order_that_the_venue_refuses_is_wrong(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    venue.call(
        "POST",
        "fault",
        {"name": "error_code", "code": 110003, "path": "/v5/order/create", "api_key": keys.api_key},
    )
    try:
        done = reef("doctor", "--config", write_config(tmp_path, venue.url), "--deep")
    finally:
        venue.call("DELETE", "faults")
    assert done.code == 1
    assert "the venue refused" in done.out
    assert "1 things are wrong." in done.out


def test_an_order_that_cannot_be_cancelled_is_named(venue: Venue, keys: Keys, tmp_path: Path) -> None:
    venue.call(
        "POST",
        "fault",
        {"name": "error_code", "code": 10016, "path": "/v5/order/cancel", "api_key": keys.api_key},
    )
    try:
        done = reef("doctor", "--config", write_config(tmp_path, venue.url), "--deep", "--json")
    finally:
        venue.call("DELETE", "faults")
    assert done.code == 1
    (trial,) = [one for one in done.value["checks"] if one["name"] == "trial order"]
    name = venue.orders_of(keys)[0]["body"]["orderLinkId"]
    assert "Cancel it by hand" in trial["todo"]
    assert name in trial["todo"]


@pytest.mark.parametrize(
    ("path", "word"), [("/v5/order/realtime", "failed"), ("/v5/order/create", "does not list")]
)
def test_an_order_that_is_not_seen_again_is_told(
    venue: Venue, keys: Keys, tmp_path: Path, path: str, word: str
) -> None:
    if path.endswith("create"):
        fault: dict[str, object] = {"name": "drop", "api_key": keys.api_key}
    else:
        fault = {"name": "corrupt", "path": path, "api_key": keys.api_key}
    config = write_config(tmp_path, venue.url)
    venue.call("POST", "fault", fault)
    try:
        done = reef("doctor", "--config", config, "--deep", "--json")
    finally:
        venue.call("DELETE", "faults")
    assert done.code == 1
    assert any(word in one["said"] for one in done.value["checks"] if one["grade"] == "wrong")


def test_a_key_that_is_unknown_is_wrong_and_says_what_to_check(
    venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REEF_MAIN_API_KEY", "no-such-key")
    monkeypatch.setenv("REEF_MAIN_SECRET", "no-such-secret")
    done = reef("doctor", "--config", write_config(tmp_path, venue.url), "--json")
    assert done.code == 1
    grades = {one["name"]: one["grade"] for one in done.value["checks"]}
    assert (grades["key"], grades["account"]) == ("wrong", "wrong")
    assert "no-such-secret" not in json.dumps(done.value)


def test_on_live_the_trial_needs_its_own_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REEF_MAIN_API_KEY", "key-of-the-owner")
    monkeypatch.setenv("REEF_MAIN_SECRET", "secret-of-the-owner")
    config = tmp_path / "reef.yaml"
    config.write_text("network: live\nlive: true\naccounts:\n  - {name: main, venue: bybit}\n")
    done = reef("doctor", "--config", config, "--live", "--deep")
    assert done.code == 2
    assert "--deep-on-live" in done.err
