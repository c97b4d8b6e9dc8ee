"""`reef run` inside this process, ended by a real signal."""

import os
import signal
import threading
from pathlib import Path

import pytest

from bot.journal import JournalError, open_journal
from bot.journal.records import Kind
from tests.cli.support import Keys, reef, wait, write_config


def terminate_when_started(journal: Path) -> None:
    """Send SIGTERM once the start is recorded: the daemon's own handler stands by then."""

    def started() -> bool:
        try:
            with open_journal(journal, read_only=True) as opened:
                return bool(opened.entries(kind=Kind.STARTED))
        except JournalError:
            return False

    wait(started, "the start in the journal")
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("mode", ["observe", "act"])
def test_runs_until_sigterm_though_no_venue_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    for name, value in Keys("planted-key", "planted-secret").environ("main").items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path, "http://127.0.0.1:9", mode=mode)
    journal = tmp_path / "reef.sqlite"
    killer = threading.Thread(target=terminate_when_started, args=(journal,), daemon=True)
    killer.start()
    done = reef("run", "--config", config, "--json")
    killer.join(10)
    assert done.code == 0
    assert done.value == {"ended": "signal SIGTERM"}
    assert ("disarmed" in done.err) == (mode == "observe")
    assert "planted" not in done.err
    with open_journal(journal, read_only=True) as opened:
        assert opened.entries(newest=True, limit=1)[0].kind == Kind.STOPPED
