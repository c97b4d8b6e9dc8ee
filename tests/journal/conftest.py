"""A journal on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.journal import Journal, open_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with open_journal(tmp_path / "journal.db") as journal:
        yield journal
