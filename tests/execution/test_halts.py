"""Who halted an account, in words."""

from datetime import UTC, datetime
from pathlib import Path

from bot.execution.halts import halt, halt_words, resume
from bot.journal import open_journal

NOW = datetime(2025, 11, 21, 7, 30, tzinfo=UTC)


def test_a_halt_has_words_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.sqlite") as journal:
        assert halt_words(journal, "main") == ""
        halt(journal, "main", who="ann", why="looking", at=NOW)
        assert halt_words(journal, "main") == "by ann: looking"
        assert resume(journal, "main", who="ann", why="looked", at=NOW)
        assert halt_words(journal, "main") == ""
