"""`reef silence` and `reef notify`: telling less, and trying whether telling works."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.control import operator
from bot.journal import open_journal
from bot.journal.records import Kind
from bot.journal.told import Silenced
from bot.notifications.silence import silences
from tests.cli.support import Done, reef, write_config
from tests.notifications.listener import TOKEN, listening

URL = "http://127.0.0.1:9"


def silent(journal: Path, *more: str) -> Done:
    return reef("silence", "--why", "known", "--journal", journal, *more)


def words(journal: Path) -> list[Silenced]:
    with open_journal(journal, read_only=True) as opened:
        found = [entry.record for entry in opened.entries(kind=Kind.SILENCED)]
    return [one for one in found if isinstance(one, Silenced)]


def test_a_silence_is_recorded_shown_and_ended(recorded: Path) -> None:
    done = silent(recorded, "--account", "main", "--rule", "leverage*", "--for", "2h")
    assert done.code == 0
    assert "Notifications of rule leverage* of main are silent until" in done.out
    assert "Only telling stops" in done.out
    line = f"Silent: rule leverage* of main until {words(recorded)[0].until:%Y-%m-%d %H:%M} UTC"
    status = reef("status", "--journal", recorded)
    assert f"{line}, by {operator()}: known" in status.out
    (shown,) = reef("status", "--journal", recorded, "--json").value["main"]["silences"]
    assert (shown["rule"], shown["why"]) == ("leverage*", "known")
    assert "notifications of rule leverage* silenced until" in reef("journal", "--journal", recorded).out
    other = silent(recorded, "--end", "--account", "main")
    assert other.code == 1
    assert "There is no such silence to end." in other.out
    assert line in other.out
    ended = silent(recorded, "--end", "--account", "main", "--rule", "leverage*")
    assert ended.code == 0
    assert "are told again" in ended.out
    assert [one.ended for one in words(recorded)] == [False, True]
    assert "wanted again" in reef("journal", "--journal", recorded).out
    assert "Silent" not in reef("status", "--journal", recorded).out


def test_a_later_silence_of_the_same_replaces_the_first(recorded: Path) -> None:
    first = silent(recorded, "--for", "2h", "--json").value["silenced"]
    second = silent(recorded, "--until", f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}", "--json")
    assert (first["account"], first["rule"]) == ("", "")
    now = datetime.now(UTC)
    with open_journal(recorded, read_only=True) as opened:
        (left,) = silences(opened, now)
        assert left.until == datetime.fromisoformat(second.value["silenced"]["until"])
        assert silences(opened, now + timedelta(days=1)) == ()
    assert silent(recorded, "--end", "--json").value["silences"] == []


@pytest.mark.parametrize(
    ("more", "words_"),
    [
        ((), "give one of --for and --until"),
        (("--for", "1h", "--until", "2030-01-01"), "give one of --for and --until"),
        (("--for", "soon"), "--for: 'soon' is not a duration; expected a duration such as"),
        (("--for", "31d"), "30 days at most"),
        (("--until", "noon"), "'noon' is not a time; expected one such as 2026-01-31T08:00"),
        (("--until", "2020-01-31T08:00+02:00"), "that is over already"),
        (("--end", "--for", "1h"), "give neither --for nor --until with it"),
        (("--for", "1h", "--account", "mian"), "did you mean 'main'?"),
    ],
)
def test_a_silence_that_is_not_said_well(recorded: Path, more: tuple[str, ...], words_: str) -> None:
    done = silent(recorded, *more)
    assert done.code == 2
    assert words_ in done.err
    assert words(recorded) == []


def channels(folder: Path, monkeypatch: pytest.MonkeyPatch, **urls: str) -> Path:
    for name in ("REEF_MAIN_API_KEY", "REEF_MAIN_SECRET"):
        monkeypatch.setenv(name, "planted")
    for name, url in urls.items():
        monkeypatch.setenv(f"REEF_NOTIFY_{name.upper()}", url)
    listed = ", ".join(f"{name}: {{}}" for name in urls)
    more = f"notifications: {{channels: {{{listed}}}}}\n" if urls else ""
    return write_config(folder, URL, more=more)


def test_each_channel_is_tried_and_says_what_came_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as good, listening() as bad:
        bad.status = 500
        config = channels(tmp_path, monkeypatch, phone=good.url(), mail=bad.url())
        done = reef("notify", "--test", "--config", config)
        assert done.code == 1
        assert "it took the message" in done.out
        assert "500" in done.out
        assert TOKEN not in done.out + done.err
        assert good.subjects == ["[info] a test of Reef's notifications"]
        told = reef("notify", "--test", "--config", config, "--json")
        assert told.code == 1
        assert told.value["phone"] == {"delivered": True, "error": ""}
        assert told.value["mail"]["delivered"] is False
        bad.status = 200
        assert reef("notify", "--test", "--config", config).code == 0
    assert not (tmp_path / "reef.sqlite").exists()


def test_notify_asks_for_the_test_and_for_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = channels(tmp_path, monkeypatch)
    assert "say --test" in reef("notify", "--config", config).err
    done = reef("notify", "--test", "--config", config)
    assert done.code == 2
    assert "names no channels" in done.err


def test_an_address_that_is_wrong_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = channels(tmp_path, monkeypatch, phone=f"tgram://{TOKEN}")
    for command in (("run",), ("check",), ("notify", "--test")):
        done = reef(*command, "--config", config)
        assert done.code == 2
        assert "channel 'phone': what REEF_NOTIFY_PHONE holds is not right" in done.err
        assert TOKEN not in done.err
    assert not (tmp_path / "reef.sqlite").exists()
