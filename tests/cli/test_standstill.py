"""What `reef status` and `reef resume` say of accounts that are blind or halted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.cli.control import operator
from bot.execution import halt
from bot.journal import open_journal
from bot.journal.records import Blindness, FindingChanged
from bot.model import Finding, State, Verdict
from tests.cli.support import LEVERAGE_CAP, reef
from tests.cli.test_status import change_status

NOW = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)
BLIND = Blindness(NOW, NOW - timedelta(seconds=12), "the venue did not answer", Verdict.UNKNOWN)


@pytest.fixture
def quiet(recorded: Path) -> Path:
    """A journal whose account is in order just now."""
    change_status(recorded, active=(), unprotected=())
    return recorded


def flat(text: str) -> str:
    return " ".join(text.split())


def fired(path: Path) -> Finding:
    """A finding that fires, as the journal has it."""
    with open_journal(path, read_only=True) as journal:
        for entry in journal.entries(limit=500):
            if isinstance(entry.record, FindingChanged):
                return replace(entry.record.finding, state=State.FIRING)
    raise LookupError("nothing fired")


def test_a_blind_account_is_told_with_what_may_be_done(quiet: Path) -> None:
    change_status(quiet, blind=BLIND, error="the venue did not answer")
    done = reef("status", "--journal", quiet)
    assert done.code == 1
    text = flat(done.out)
    assert "main is BLIND since 2025-11-21 07:30:00 UTC: the venue did not answer" in text
    assert "last seen whole at 2025-11-21 07:29:48 UTC" in text
    assert "stops rest at the venue as they were" in text
    assert "`reef doctor` tries each part" in text
    assert reef("status", "--journal", quiet, "--json").value["main"]["status"]["blind"]["reason"]


def test_a_refused_key_is_for_the_owner_to_mend(quiet: Path) -> None:
    change_status(quiet, blind=replace(BLIND, verdict=Verdict.AUTH, seen_at=None))
    text = flat(reef("status", "--journal", quiet).out)
    assert "never since Reef began" in text
    assert "The venue refuses the key, and only you can mend that" in text


def test_a_price_in_doubt_is_told(quiet: Path) -> None:
    change_status(quiet, doubts=("BTC/USDT:USDT: mark 80,000 is 31 % from index 116,000: look 1 of 3",))
    done = reef("status", "--journal", quiet)
    assert done.code == 1
    assert "look 1 of 3" in flat(done.out)


@pytest.mark.parametrize("account", ["main", ""])
def test_a_halt_says_what_goes_on_and_the_way_back(quiet: Path, account: str) -> None:
    with open_journal(quiet) as journal:
        halt(journal, account, who="the rules", why="drawdown stop: 26 %", at=NOW)
    change_status(quiet, active=(fired(quiet),))
    text = flat(reef("status", "--journal", quiet).out)
    who = "main is" if account else "All accounts are"
    assert f"{who} HALTED by the rules since 2025-11-21 07:30:00 UTC: drawdown stop: 26 %" in text
    assert "protective stops are placed, kept in step and read back" in text
    option = "--account main " if account else ""
    assert f'`reef resume {option}--why "..."` lifts it: leverage cap on main (account.leverage' in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "no rule was firing at the last look"),
        ({"armed": False}, "Reef is disarmed, so it goes on planning and sends nothing"),
        ({"blind": BLIND}, "acts again once the account is seen again"),
    ],
)
def test_resume_says_what_it_does(quiet: Path, changes: dict[str, object], words: str) -> None:
    with open_journal(quiet) as journal:
        halt(journal, "main", who="ann", why="x", at=NOW)
    change_status(quiet, **changes)
    done = reef("resume", "--account", "main", "--why", "done", "--journal", quiet)
    assert done.code == 0
    assert words in flat(done.out)


def test_resume_names_the_rules_that_will_act_and_the_halt_that_stays(quiet: Path) -> None:
    finding = fired(quiet)
    change_status(quiet, active=(finding, replace(finding, rule="room")))
    with open_journal(quiet) as journal:
        halt(journal, "main", who="ann", why="mine", at=NOW)
        halt(journal, "", who="bob", why="all of it", at=NOW)
    done = flat(reef("resume", "--account", "main", "--why", "done", "--journal", quiet).out)
    assert "leverage cap on main (account.leverage 6.4, limit 5), room on main (" in done
    assert "act again from the next cycle on" in done
    assert f"by {operator()}: done" in done
    assert "main is still halted by bob: all of it" in done
    rest = reef("resume", "--why", "done", "--journal", quiet, "--json").value
    assert rest == {"resumed": True, "account": "*", "still_halted": []}


def test_rules_check_says_what_happens_without_data(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(LEVERAGE_CAP + "    gates: off\n    if_blind: {after: 90s, do: [halt]}\n")
    text = flat(reef("rules", "check", path).out)
    assert "room to liquidation: does not wait for prices that are apart" in text
    assert "room to liquidation: halt after 1m30s without its data" in text
    room = reef("rules", "check", path, "--json").value["rules"][1]
    assert (room["gates"], room["if_blind"]["do"]) == ("off", ["halt"])
