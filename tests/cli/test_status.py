"""`reef status`, `reef halt` and `reef resume`, by the journal alone and with a config."""

import getpass
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.cli import control
from bot.cli.output import console
from bot.cli.status import age_text
from bot.clock import SystemClock
from bot.execution import halt
from bot.journal import Draft, Journal, open_journal
from bot.journal.records import Started, Stopped, canonical
from bot.record import STATUS, Status, remembered_status
from tests.cli.support import reef, write_config

URL = "http://127.0.0.1:9"


def change_status(path: Path, **changes: object) -> None:
    """Rewrite what is remembered of the last cycle."""
    with open_journal(path) as journal:
        last = remembered_status(journal.load_memory("main", STATUS))
        assert isinstance(last, Status)
        changed = msgspec.structs.replace(last, **{"at": datetime.now(UTC), **changes})
        journal.append((), {("main", STATUS): canonical(changed).decode()}, at=datetime.now(UTC))


@pytest.fixture
def quiet(recorded: Path) -> Path:
    """A journal whose account is in order just now."""
    change_status(recorded, active=(), unprotected=())
    return recorded


def test_all_quiet_is_exit_code_0(quiet: Path) -> None:
    done = reef("status", "--journal", quiet)
    assert done.code == 0
    assert "all quiet" in done.out
    assert "armed" in done.out
    told = reef("status", "--journal", quiet, "--json").value
    assert told["main"]["halted"] is None
    assert 0 <= told["main"]["age_seconds"] < 60


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"at": datetime(2025, 11, 21, tzinfo=UTC)}, "is the daemon running?"),
        ({"error": "the venue is down"}, "failed: the venue is down"),
        ({"unprotected": ("BTC/USDT:USDT#long",)}, "unprotected: BTC/USDT:USDT long"),
        (
            {
                "unprotected": ("BTC/USDT:USDT#long",),
                "unprotected_why": {"BTC/USDT:USDT#long": "a stop rests at 90, but covers 1 of 2"},
            },
            "unprotected: BTC/USDT:USDT long (a stop rests at 90, but covers 1 of 2)",
        ),
    ],
)
def test_what_somebody_should_look_at_is_exit_code_1(
    quiet: Path, changes: dict[str, object], words: str
) -> None:
    change_status(quiet, **changes)
    done = reef("status", "--journal", quiet)
    assert done.code == 1
    assert words in " ".join(done.out.split())
    assert reef("status", "--journal", quiet, "--json").code == 1


def test_active_findings_are_named(recorded: Path) -> None:
    with open_journal(recorded) as journal:
        finding = journal.entries(kind=None, limit=500)
    active = [one.record.finding for one in finding if hasattr(one.record, "finding")]
    change_status(recorded, active=tuple(active[:1]), unprotected=())
    done = reef("status", "--journal", recorded)
    assert done.code == 1
    assert "leverage cap: firing" in done.out


def test_fits_80_columns(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 80)
    change_status(quiet, error="the venue did not answer in 10 s: GET /v5/position/list, ask again later")
    done = reef("status", "--journal", quiet)
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert "…" not in done.out


def test_no_cycle_yet(tmp_path: Path) -> None:
    open_journal(tmp_path / "new.sqlite").close()
    done = reef("status", "--journal", tmp_path / "new.sqlite")
    assert done.code == 0
    assert "No cycle is recorded yet" in done.out


def test_an_account_that_is_halted_before_its_first_cycle(tmp_path: Path) -> None:
    with open_journal(tmp_path / "new.sqlite") as journal:
        halt(journal, "main", who="ann", why="first", at=datetime.now(UTC))
    done = reef("status", "--journal", tmp_path / "new.sqlite")
    assert done.code == 1
    assert "never" in done.out
    assert "halted by ann: first" in done.out
    assert reef("status", "--journal", tmp_path / "new.sqlite", "--json").value["main"]["age_seconds"] is None


def test_halt_and_resume_one_account(quiet: Path) -> None:
    done = reef("halt", "--account", "main", "--why", "closing by hand", "--journal", quiet)
    assert done.code == 0
    assert "protective stops stay" in done.out
    told = reef("status", "--journal", quiet)
    assert told.code == 1
    assert f"halted by {control.operator()}: closing by hand" in " ".join(told.out.split())
    assert "closing by hand" in reef("journal", "--journal", quiet, "--kind", "word").out
    assert reef("resume", "--account", "main", "--why", "done", "--journal", quiet).code == 0
    assert reef("status", "--journal", quiet).code == 0
    again = reef("resume", "--account", "main", "--why", "done", "--journal", quiet)
    assert again.code == 1
    assert "no halt of main" in again.out


def test_halt_and_resume_all_accounts(quiet: Path) -> None:
    assert reef("halt", "--why", "news", "--journal", quiet, "--json").value == {"halted": "*", "why": "news"}
    halted = reef("status", "--journal", quiet)
    assert halted.code == 1
    assert "All accounts are HALTED" in halted.out
    told = reef("resume", "--why", "over", "--journal", quiet, "--json")
    assert told.code == 0
    assert told.value == {"resumed": True, "account": "*", "still_halted": []}


def test_names_are_checked_with_and_without_a_config(quiet: Path, tmp_path: Path) -> None:
    for more in (("--journal", quiet), ("--config", write_config(tmp_path, URL, "main", "fund"))):
        if more[0] == "--config":
            quiet.rename(tmp_path / "reef.sqlite")
        for command in ("halt", "resume"):
            done = reef(command, "--account", "mian", "--why", "x", *more)
            assert done.code == 2
            assert "did you mean 'main'?" in done.err


def test_a_config_tells_where_the_journal_is(quiet: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, URL, "main", "fund")
    quiet.rename(tmp_path / "reef.sqlite")
    assert reef("status", "--config", config).code == 0
    assert reef("halt", "--account", "fund", "--why", "before its first cycle", "--config", config).code == 0


def test_a_reason_is_needed(quiet: Path) -> None:
    assert reef("halt", "--journal", quiet).code == 2
    done = reef("halt", "--why", "  ", "--journal", quiet)
    assert done.code == 2
    assert "--why is empty" in done.err


def test_a_halt_makes_no_journal(tmp_path: Path) -> None:
    done = reef("halt", "--why", "x", "--journal", tmp_path / "none.sqlite")
    assert done.code == 1
    assert not (tmp_path / "none.sqlite").exists()


def test_a_locked_journal_is_said_plainly(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(path: Path, *, create: bool) -> Journal:
        return open_journal(path, create=create, wait_seconds=0.05)

    monkeypatch.setattr(control, "open_journal", impatient)
    with open_journal(quiet) as holder, holder._lock.held():  # type: ignore[union-attr]
        done = reef("halt", "--why", "x", "--journal", quiet)
    assert done.code == 1
    assert "another process" in done.err


def test_an_operator_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("no name")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert control.operator() == f"user {os.getuid()}"


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=3), "3 d ago"),
    ],
)
def test_ages_have_the_unit_that_fits(age: timedelta, text: str) -> None:
    assert age_text(age.total_seconds()) == text


def with_daemon(path: Path, *, left: float = 30.0, ended: str = "") -> None:
    """Let a daemon have taken the journal, its lease having so many seconds left."""
    started = Started("0.1.0", 1, "act", "sandbox", ("main",), "digest")
    with open_journal(path) as journal:
        journal.take_lease("process 1 on here", SystemClock().elapsed() + left, over=0)
        bodies: list[Started | Stopped] = [started, Stopped(ended)] if ended else [started]
        journal.append([Draft(datetime.now(UTC), "", body) for body in bodies])


def test_the_room_stops_and_last_act_are_told(quiet: Path) -> None:
    with_daemon(quiet)
    done = reef("status", "--journal", quiet)
    text = " ".join(done.out.split())
    assert "2/2" in text
    assert "last: sell" in text
    assert "the daemon runs (process 1 on here" in text
    told = reef("status", "--journal", quiet, "--json").value["main"]
    assert told["daemon_alive"] is True
    assert told["last_action"]["state"].startswith("filled")
    assert 0 < told["status"]["distance"] < 1
    assert told["status"]["nearest"].endswith("#long")


@pytest.mark.parametrize(
    ("daemon", "changes", "code", "words"),
    [
        ({}, {}, 0, "well"),
        ({}, {"unprotected": ("BTC/USDT:USDT#long",)}, 0, "well"),
        ({}, {"error": "the venue is down", "at": datetime(2025, 11, 21, tzinfo=UTC)}, 0, "well"),
        ({}, {"at": datetime(2025, 11, 21, tzinfo=UTC)}, 1, "NOT WELL"),
        ({"left": -5.0}, {}, 1, "is gone or hangs"),
        ({"ended": "signal SIGTERM"}, {}, 1, "the daemon ended"),
        (None, {}, 1, "no daemon has run"),
    ],
)
def test_a_health_check_asks_whether_the_daemon_works(
    quiet: Path, daemon: dict[str, Any] | None, changes: dict[str, object], code: int, words: str
) -> None:
    if daemon is not None:
        with_daemon(quiet, **daemon)
    change_status(quiet, **changes)
    done = reef("status", "--journal", quiet, "--alive")
    assert done.code == code
    assert words in done.out
    told = reef("status", "--journal", quiet, "--alive", "--json")
    assert (told.code, told.value["alive"]) == (code, code == 0)


def test_a_daemon_that_has_seen_nothing_yet_is_not_well(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    open_journal(path).close()
    with_daemon(path)
    assert reef("status", "--journal", path, "--alive").code == 1


def test_watching_reads_the_journal_again(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def sleep(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            change_status(quiet, error="the venue went down")
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr("bot.cli.status.time.sleep", sleep)
    done = reef("status", "--journal", quiet, "--watch")
    assert done.code == 130
    assert "the venue went down" in " ".join(done.out.split())


@pytest.mark.parametrize("option", ["--json", "--alive"])
def test_watching_is_for_people(quiet: Path, option: str) -> None:
    assert reef("status", "--journal", quiet, "--watch", option).code == 2


def test_a_cycle_is_old_when_the_next_one_is_overdue(quiet: Path) -> None:
    """`poll_interval` may be five minutes: four minutes without a cycle are then as they should be."""
    with_daemon(quiet)
    for seconds, poll, code in ((240, 300.0, 0), (361, 300.0, 1), (70, 2.0, 1), (50, 2.0, 0)):
        change_status(quiet, at=datetime.now(UTC) - timedelta(seconds=seconds), poll_seconds=poll)
        done = reef("status", "--journal", quiet)
        assert done.code == code
        assert ("is the daemon running?" in " ".join(done.out.split())) is (code == 1)
        assert reef("status", "--journal", quiet, "--alive").code == code
