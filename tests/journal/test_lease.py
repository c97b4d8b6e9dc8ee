"""One daemon at a time appends: the lower epoch never does."""

from pathlib import Path

import pytest

from bot.journal import Journal, LeaseRow, SupersededError, open_journal, verify
from tests.journal.support import START, prepared, stopped


def test_a_journal_without_a_daemon_has_no_lease(journal: Journal) -> None:
    assert journal.lease() is None
    assert not journal.holds_lease()
    journal.append([stopped()])


def test_epochs_rise_and_the_lower_one_appends_nothing(journal: Journal) -> None:
    assert journal.take_lease("process 1", 30.0, over=0) == 1
    journal.append([stopped("first")])
    journal.renew_lease(60.0)
    assert journal.lease() == LeaseRow(1, "process 1", 60.0)
    with open_journal(journal.path) as second:
        assert second.take_lease("process 2", 90.0, over=1) == 2
        assert second.holds_lease()
        assert not journal.holds_lease()
        refused = "a newer daemon took it over"
        with pytest.raises(SupersededError, match=rf"{refused} \(epoch 2, this one had 1\)"):
            journal.append([prepared("reef1")], {("main", "x"): "1"}, [b"blob"])
        with pytest.raises(SupersededError, match=refused):
            journal.renew_lease(1000.0)
        with pytest.raises(SupersededError, match=refused):
            journal.take_lease("process 1", 1000.0, over=1)
        second.append([stopped("second")])
        assert second.lease() == LeaseRow(2, "process 2", 90.0)
    assert journal.head().seq == 2
    assert journal.load_memory("main", "x") is None
    assert verify(journal.path).sound


def test_who_is_late_takes_nothing(journal: Journal) -> None:
    journal.take_lease("process 1", 30.0, over=0)
    with open_journal(journal.path) as second, open_journal(journal.path) as third:
        second.take_lease("process 2", 60.0, over=1)
        with pytest.raises(SupersededError):
            third.take_lease("process 3", 60.0, over=1)
        third.append([stopped("it holds no epoch")])


def test_a_command_appends_its_word_beside_a_daemon(journal: Journal, tmp_path: Path) -> None:
    journal.take_lease("process 1", 30.0, over=0)
    with open_journal(journal.path) as command:
        command.append([stopped("a word")], {("main", "halt"): "{}"}, at=START)
    assert journal.load_memory("main", "halt") == "{}"
    journal.append([stopped("the daemon goes on")])
    assert journal.head().seq == 2
