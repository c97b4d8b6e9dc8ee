"""Opens a journal, or says plainly why not."""

import os
from pathlib import Path

from sqlalchemy import Connection

from bot.journal.connecting import connect, disconnect, driver_of
from bot.journal.errors import (
    CorruptJournalError,
    MissingJournalError,
    NewerJournalError,
    NotAJournalError,
    UnwritableJournalError,
)
from bot.journal.journal import Journal
from bot.journal.locking import WriteLock
from bot.journal.migrating import known_revisions, migrate
from bot.journal.tables import APPLICATION_ID, HEAD_REVISION
from bot.journal.translation import translated

ANOTHER_PATH = "It was left as it is. Give another path."


def open_journal(
    path: Path | str, *, create: bool = True, read_only: bool = False, wait_seconds: float = 5.0
) -> Journal:
    """Open a journal; make it, or bring its schema up to date, unless it is opened for reading.

    Nothing that is there is overwritten. A writer is kept waiting for `wait_seconds` at most. Raises
    `MissingJournalError`, `NotAJournalError`, `NewerJournalError`, `LockedJournalError`, `FullDiskError`,
    `CorruptJournalError`, `UnwritableJournalError`.
    """
    file = Path(path)
    if read_only:
        return Journal(file, connect_to_read(file), None)
    _look(file, create=create)
    lock = WriteLock(file, wait_seconds)
    try:
        with translated(file):
            connection = connect(file, "mode=rwc", wait_seconds)
            try:
                with lock.held():
                    _prepare(file, connection, create=create)
            except BaseException:
                disconnect(connection)
                raise
    except BaseException:
        lock.close()
        raise
    return Journal(file, connection, lock)


def connect_to_read(file: Path) -> Connection:
    """Open a journal without writing anything; the same errors as `open_journal`."""
    _look(file, create=False)
    wal = file.with_name(file.name + "-wal")
    with translated(file):
        # Without rights to make the shared-memory file SQLite reads only what it may take for unchanging.
        still = not os.access(file.parent, os.W_OK) and not wal.exists()
        connection = connect(file, "mode=ro&immutable=1" if still else "mode=ro", 5.0)
        try:
            _check_current(file, connection)
        except BaseException:
            disconnect(connection)
            raise
    return connection


def _look(file: Path, *, create: bool) -> None:
    if file.is_dir():
        raise NotAJournalError(file, "it is a directory", "Give the path of a file.")
    if file.exists():
        return
    if not create:
        raise MissingJournalError(
            file, "there is no such file", "Check the path; `reef run` makes a journal."
        )
    if not file.parent.is_dir():
        raise MissingJournalError(
            file, f"there is no directory {file.parent}", "Make it, or give another path."
        )


def _pragma(connection: Connection, statement: str) -> object:
    value = connection.exec_driver_sql(f"PRAGMA {statement}").scalar()
    connection.rollback()
    return value


def _blank(connection: Connection) -> bool:
    """Whether nothing was ever put into the file."""
    holds = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    connection.rollback()
    return holds == 0 and _pragma(connection, "application_id") == 0


def _check(file: Path, connection: Connection) -> bool:
    """Whether the schema is at its head; raises for what is no journal, or one of a newer program."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise NotAJournalError(file, "it is a database, but not a Reef journal", ANOTHER_PATH)
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    connection.rollback()
    if row == HEAD_REVISION:
        return True
    if not isinstance(row, str):
        raise CorruptJournalError(file, "it does not say which version wrote it", ANOTHER_PATH)
    if row not in known_revisions():
        raise NewerJournalError(
            file,
            f"a newer version of Reef wrote it (schema {row}, this one knows {HEAD_REVISION})",
            "Upgrade Reef.",
        )
    return False


def _check_current(file: Path, connection: Connection) -> None:
    if not _check(file, connection):
        raise UnwritableJournalError(
            file, "an older version of Reef wrote it", "`reef run` brings it up to date."
        )


def _prepare(file: Path, connection: Connection, *, create: bool) -> None:
    if _blank(connection):
        if not create:
            raise NotAJournalError(file, "it is empty", "Check the path; `reef run` makes a journal.")
        # Pages can be given back later only where this is said before the first table.
        driver_of(connection).execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_wal(file, connection)
        migrate(connection)
        return
    current = _check(file, connection)
    _use_wal(file, connection)
    found = " ".join(str(_pragma(connection, "quick_check(1)")).split())
    if found != "ok":
        raise CorruptJournalError(
            file,
            f"the file is damaged ({found})",
            "Keep it, run `reef journal verify`, and start with a new path.",
        )
    if not current:
        migrate(connection)


def _use_wal(file: Path, connection: Connection) -> None:
    mode = _pragma(connection, "journal_mode = WAL")
    if mode != "wal":
        raise UnwritableJournalError(
            file,
            f"its file system does not support a write-ahead log (mode {mode})",
            "Put it on a local disk.",
        )
