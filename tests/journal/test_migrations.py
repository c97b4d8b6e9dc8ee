"""Migrations give the declared tables, and are found wherever the program runs."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.journal import Journal, NewerJournalError, UnwritableJournalError, migrating, open_journal, opening
from bot.journal.connecting import connect, disconnect
from bot.journal.tables import APPLICATION_ID, HEAD_REVISION, TRIGGERS, metadata
from tests.journal.support import stopped

NEXT = '''
"""A later version."""
from alembic import op
revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None
def upgrade() -> None:
    op.execute("CREATE TABLE more (x INTEGER)")
'''


def test_the_migrated_schema_is_the_declared_one(journal: Journal) -> None:
    connection = connect(journal.path, "mode=ro", 5.0)
    assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    rows = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'index')"
    )
    made = {str(name): str(text) for name, text in rows if text}
    declared = {index.name for table in metadata.tables.values() for index in table.indexes}
    assert set(made) == declared | set(TRIGGERS)
    assert {name: made[name] for name in TRIGGERS} == TRIGGERS
    assert "UNIQUE" in made["entries_once"]
    assert "WHERE kind IN ('prepared', 'outcome')" in made["entries_once"]
    assert connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID
    assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    disconnect(connection)


def test_the_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(migrating.migrations_path())).get_heads() == [HEAD_REVISION]
    assert HEAD_REVISION in migrating.known_revisions()


def test_an_installed_package_carries_its_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "bot" / "shipped" / "migrations"
    shutil.copytree(migrating.migrations_path(), shipped)
    monkeypatch.setattr(migrating, "_ROOT", tmp_path / "bot")
    assert migrating.migrations_path() == shipped
    with open_journal(tmp_path / "journal.db") as journal:
        assert journal.append([stopped()]).seq == 1


def test_an_older_journal_is_brought_forward_and_a_newer_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    with open_journal(path) as journal:
        journal.append([stopped()])
    later = tmp_path / "later"
    shutil.copytree(migrating.migrations_path(), later)
    (later / "versions" / "r0003_later.py").write_text(NEXT)
    with monkeypatch.context() as patched:
        patched.setattr(migrating, "migrations_path", lambda: later)
        patched.setattr(opening, "HEAD_REVISION", "0003")
        with pytest.raises(UnwritableJournalError, match="older version"):
            open_journal(path, read_only=True)
        with open_journal(path) as journal:
            assert len(journal.entries()) == 1
        with open_journal(path) as journal:
            assert journal.append([stopped()]).seq == 2
    before = path.read_bytes()
    with pytest.raises(NewerJournalError, match=r"schema 0003, this one knows 0002.*Upgrade"):
        open_journal(path)
    assert path.read_bytes() == before
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM more").fetchone() == (0,)
    other.close()
