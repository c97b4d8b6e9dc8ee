"""`reef journal`, `reef journal verify` and `reef explain` on a journal that a guard wrote."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.journal_lines import line
from bot.journal import open_journal
from bot.journal.records import KINDS
from tests.cli.support import reef


def test_shows_the_newest_entries_oldest_first(recorded: Path) -> None:
    done = reef("journal", "--journal", recorded, "--limit", "5")
    assert done.code == 0
    numbers = [int(line.split()[0]) for line in done.out.splitlines() if line.split()[0].isdigit()]
    assert numbers == sorted(numbers)
    assert len(numbers) == 5


def test_shows_what_a_kind_tells(recorded: Path) -> None:
    done = reef("journal", "--journal", recorded, "--kind", "outcome", "--account", "main")
    assert done.code == 0
    assert "filled" in done.out
    assert "episode leverage-cap.main" in done.out
    assert "No such entry" in reef("journal", "--journal", recorded, "--kind", "adopted").out


def test_json_opens_the_bodies(recorded: Path) -> None:
    entries = reef("journal", "--journal", recorded, "--json", "--kind", "prepared").value
    assert entries
    assert all(one["body"]["step"]["kind"] in {"trim", "close", "protect"} for one in entries)


def test_asks_what_kind_was_meant(recorded: Path) -> None:
    done = reef("journal", "--journal", recorded, "--kind", "outcme")
    assert done.code == 2
    assert "did you mean 'outcome'?" in done.err


def test_asks_which_account_was_meant(recorded: Path) -> None:
    done = reef("journal", "--journal", recorded, "--account", "mian")
    assert done.code == 2
    assert "did you mean 'main'?" in done.err


def test_verifies(recorded: Path) -> None:
    done = reef("journal", "verify", "--journal", recorded)
    assert done.code == 0
    assert "all as they were written" in done.out
    told = reef("journal", "verify", "--journal", recorded, "--json").value
    assert told["problems"] == []
    head = told["head_hash"]
    assert reef("journal", "verify", "--journal", recorded, "--head", head).code == 0
    assert reef("journal", "verify", "--journal", recorded, "--head", "f" * 64).code == 1


def test_finds_a_changed_byte(recorded: Path) -> None:
    with sqlite3.connect(recorded) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE entries SET body = replace(body, 'filled', 'fillet') WHERE kind = 'outcome'")
    database.close()
    done = reef("journal", "verify", "--journal", recorded)
    assert done.code == 1
    assert "entry" in done.err
    assert reef("journal", "verify", "--journal", recorded, "--json").value["problems"]


def test_tells_the_story_of_the_last_episode(recorded: Path) -> None:
    done = reef("explain", "last", "--journal", recorded)
    assert done.code == 0
    for words in (
        "leverage-cap.main",
        "leverage cap on main fires: account.leverage is 6.",
        "over its limit of 5; acts until 4",
        "BTC/USDT:USDT long 4: entry",
        "arithmetic account.leverage 6.",
        "goal 4: met)",
        "reduce-only",
        "venue      accepted",
        "outcome    filled",
        "executed",
        "agrees",
        "restored: account.leverage is 3.9",
        "decided again from the record: the same plan, byte for byte",
        "the episode is over.",
        "come out the same when they are decided again",
    ):
        assert words in done.out, words
    assert max(done.out.index(word) for word in ("fires:", "seen ")) < done.out.index("order ")


def test_tells_the_story_of_a_stop(recorded: Path) -> None:
    done = reef("explain", "protection.BTC/USDT:USDT#long", "--journal", recorded)
    assert done.code == 0
    assert "stop for BTC/USDT:USDT long at mark" in done.out
    assert "No order was sent." in done.out


def test_json_story_is_one_value(recorded: Path) -> None:
    told = reef("explain", "last", "--journal", recorded, "--json").value
    assert told["episode"].startswith("leverage-cap.main")
    assert all(one["same"] for one in told["decided_again"])
    assert {one["kind"] for one in told["entries"]} >= {"decision", "finding", "prepared", "outcome"}


def test_asks_which_episode_was_meant(recorded: Path) -> None:
    done = reef("explain", "leverage cap", "--journal", recorded)
    assert done.code == 2
    assert "did you mean 'leverage-cap.main" in done.err


def test_says_where_nothing_fired_yet(tmp_path: Path) -> None:
    open_journal(tmp_path / "new.sqlite").close()
    done = reef("explain", "last", "--journal", tmp_path / "new.sqlite")
    assert done.code == 2
    assert "no rule has fired yet" in done.err


def test_a_story_without_its_input_says_so(recorded: Path) -> None:
    with sqlite3.connect(recorded) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("DELETE FROM blobs")
    database.close()
    done = reef("explain", "last", "--journal", recorded)
    assert done.code == 1
    assert "no longer in the journal" in done.out
    assert "what was seen can no longer be read" in done.out


@pytest.mark.parametrize("command", [("journal",), ("journal", "verify"), ("explain", "last"), ("status",)])
def test_what_is_no_journal_is_said_plainly(tmp_path: Path, command: tuple[str, ...]) -> None:
    text = tmp_path / "text.sqlite"
    text.write_text("not a database, but long enough to be read as one" * 40)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE things (name TEXT)")
    database.close()
    for path, words in (
        (tmp_path / "missing.sqlite", "no such file"),
        (tmp_path, "directory"),
        (text, "text.sqlite"),
        (other, "not a Reef journal"),
    ):
        done = reef(*command, "--journal", path)
        assert done.code == 1, path
        assert words in done.err
        assert "Traceback" not in done.err
        assert reef(*command, "--journal", path, "--json").value["kind"].endswith("JournalError")


def test_a_newer_journal_is_left_alone(recorded: Path) -> None:
    with sqlite3.connect(recorded) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999_later'")
    database.close()
    before = recorded.read_bytes()
    for command in (("journal",), ("status",), ("explain", "last"), ("halt", "--why", "to try")):
        done = reef(*command, "--journal", recorded)
        assert done.code == 1
        assert "newer" in done.err
    assert recorded.read_bytes() == before


def test_a_corrupt_journal_is_said_plainly(recorded: Path) -> None:
    body = bytearray(recorded.read_bytes())
    body[4096:] = b"\x5a" * (len(body) - 4096)
    recorded.write_bytes(bytes(body))
    for command in (("journal",), ("journal", "verify"), ("status",)):
        done = reef(*command, "--journal", recorded)
        assert done.code == 1
        assert "Traceback" not in done.err
        assert "recorded.sqlite" in done.err


@pytest.mark.parametrize("body", KINDS, ids=lambda body: body.__name__)
def test_every_kind_of_entry_has_words(body: type) -> None:
    assert line.dispatch(body) is not line.dispatch(object)


def test_a_reader_that_leaves_early_sees_no_traceback(recorded: Path) -> None:
    head = shutil.which("head")
    assert head
    command = f"{sys.executable} -m bot.cli journal --limit 500 --json --journal {recorded} | {head} -c 10"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, timeout=30, check=False, env=os.environ
    )
    assert len(done.stdout) == 10
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
