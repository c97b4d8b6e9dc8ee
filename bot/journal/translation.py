"""Turns failures of SQLite into the journal's own errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot.journal.errors import (
    CorruptJournalError,
    DuplicateIntentError,
    FullDiskError,
    JournalError,
    LockedJournalError,
    NotAJournalError,
    UnwritableJournalError,
)

_MEANING: dict[str, tuple[type[JournalError], str, str]] = {
    "SQLITE_BUSY": (
        LockedJournalError,
        "another process holds it",
        "Nothing was written. End that process, or try again.",
    ),
    "SQLITE_FULL": (
        FullDiskError,
        "the disk is full",
        "Nothing was written, and nothing is sent without a record. Make room.",
    ),
    "SQLITE_IOERR": (
        UnwritableJournalError,
        "the disk refused the write",
        "Nothing was written. Check the disk, its quota and the limit on file sizes.",
    ),
    "SQLITE_CORRUPT": (
        CorruptJournalError,
        "the file is damaged",
        "It was left as it is. Keep it, run `reef journal verify`, and start with a new path.",
    ),
    "SQLITE_NOTADB": (
        NotAJournalError,
        "it is not a Reef journal (not an SQLite database)",
        "It was left as it is. Give another path.",
    ),
    "SQLITE_READONLY": (
        UnwritableJournalError,
        "it cannot be written",
        "Check the rights of file and directory.",
    ),
    "SQLITE_CANTOPEN": (
        UnwritableJournalError,
        "it cannot be opened",
        "Check the rights of file and directory.",
    ),
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise the journal's own errors in place of SQLite's."""
    try:
        yield
    except DBAPIError as error:
        if not isinstance(error.orig, sqlite3.Error):
            raise
        raise translate(path, error.orig) from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise translate(path, error) from error


def translate(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
    """Find the journal's own error for one of SQLite's.

    Text that Python cannot decode, be it a column or a sentence of SQLite's that quotes damaged bytes, is a
    damaged file too.
    """
    if isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8"):
        kind, came, hint = _MEANING["SQLITE_CORRUPT"]
        return kind(path, f"{came} (text in it cannot be decoded)", hint)
    if str(error) == "unsupported file format":  # the header's own word for it, under a general code
        kind, came, hint = _MEANING["SQLITE_CORRUPT"]
        return kind(path, f"{came} ({error})", hint)
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_CONSTRAINT_UNIQUE":
        return DuplicateIntentError(
            path,
            "this intent is already recorded",
            "Nothing was written: an intent is prepared and ends once.",
        )
    for family, (kind, came, hint) in _MEANING.items():
        if name.startswith(family):
            return kind(path, f"{came} ({error})", hint)
    return JournalError(
        path, f"SQLite failed: {error} ({name or type(error).__name__})", "Nothing was written."
    )
