"""A running daemon and its owner's words: approve, reload, halt of one account, and a second daemon."""

import signal
from pathlib import Path

from bot.journal.controls import Answered, Closing, Proposed, Reloaded
from bot.journal.records import Kind
from tests.e2e.harness import World, eventually, leverage_of, world
from tests.e2e.test_daemon import CAP, cap


def proposed(here: World) -> list[Proposed]:
    return [one.record for one in here.entries(Kind.PROPOSAL) if isinstance(one.record, Proposed)]


def reloads(here: World) -> list[Reloaded]:
    return [one.record for one in here.entries(Kind.RELOAD) if isinstance(one.record, Reloaded)]


def fires(here: World) -> bool:
    return any('"state":"firing"' in one.body for one in here.entries(Kind.FINDING))


def test_a_daemon_asks_and_acts_on_the_yes_and_a_second_one_asks_nothing(tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "reef.sqlite"))
    with world(tmp_path, mode="approve", rules=cap(tmp_path)) as here:
        here.start_daemon()
        eventually(here.sheltered, "stops at the exchange, for which nobody is asked")
        here.move(-0.06)
        eventually(lambda: proposed(here), "a proposal")
        assert here.start_daemon().ended() == 1
        assert here.orders() == []
        assert leverage_of(here) > 4
        done = here.reef("approve", "--why", "agreed", *journal)
        assert done.returncode == 0, done.stderr
        eventually(lambda: leverage_of(here) <= 3, "a trim down to the level of `restore`")
        answered = [one.record for one in here.entries(Kind.ANSWER)]
        assert any(isinstance(one, Answered) and one.closing is Closing.APPROVED for one in answered)
        assert {name for one in proposed(here) for name in one.rules} == {"leverage cap"}


def test_rules_are_reloaded_while_they_fire_and_an_account_is_halted_meanwhile(tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "reef.sqlite"))
    with world(tmp_path, mode="act", rules=cap(tmp_path)) as here:
        daemon = here.start_daemon()
        eventually(here.sheltered, "stops at the exchange")
        account = here.entries(Kind.PREVIEW)[0].account
        halted = here.reef("halt", "--account", account, "--why", "by hand", *journal)
        assert halted.returncode == 0, halted.stderr
        assert "Positions stay open" in halted.stdout
        here.move(-0.06)
        eventually(
            lambda: '"state":"firing"' in str([one.body for one in here.entries(Kind.FINDING)]), "firing"
        )
        (tmp_path / "cap.yaml").write_text("version: 1\nrules: [")
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: [one for one in reloads(here) if one.mistakes], "mistakes on record")
        (tmp_path / "cap.yaml").write_text(CAP.replace("restore: 3", "restore: 3.5"))
        eventually(lambda: [one for one in reloads(here) if one.changes], "new rules on record")
        assert next(one for one in reloads(here) if one.changes).changes == (
            "leverage cap: restore 3 -> 3.5",
        )
        assert here.orders() == []
        resumed = here.reef("resume", "--account", account, "--why", "done", *journal)
        assert "leverage cap" in resumed.stdout
        eventually(lambda: leverage_of(here) <= 3.5, "a trim down to the new level")
        assert leverage_of(here) > 3.1
        assert here.entries(Kind.EPISODE_END) == []
        assert daemon.alive()
