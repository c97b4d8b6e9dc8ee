"""The machine that the guard runs on: SQLite, the journal's folder, disk, clock zone."""

import os
import shutil
import sqlite3
from datetime import datetime
from pathlib import Path

from bot.doctor.checks import Check, Grade
from bot.journal import JournalError, open_journal

LOW_DISK_BYTES = 256 * 1024 * 1024
RESET_BUG_MENDED = (3, 51, 3)
"""From 3.7.0 on, older versions may lose a write where two connections write at once (the WAL-reset bug)."""


def examine_machine(journal: Path, now: datetime) -> tuple[Check, ...]:
    """Look at the machine. `now` is the guard's time, to be compared with the machine's zone."""
    return (_sqlite(sqlite3.sqlite_version_info), _journal(journal), _disk(journal), _zone(now))


def _sqlite(version: tuple[int, ...]) -> Check:
    text = ".".join(map(str, version))
    if version >= RESET_BUG_MENDED:
        return Check("", "SQLite", Grade.FINE, f"version {text}")
    said = (
        f"version {text} has the WAL-reset bug, which needs two connections that write at once; Reef takes a "
        "lock around every write, so the journal is not touched by it"
    )
    return Check("", "SQLite", Grade.NOTE, said, "Let no other program write to the journal.")


def _journal(path: Path) -> Check:
    folder = path.parent
    if not folder.is_dir():
        return Check("", "journal", Grade.WRONG, f"there is no folder {folder}", "Make it.")
    if not os.access(folder, os.W_OK):
        return Check("", "journal", Grade.WRONG, f"{folder} cannot be written", "Check its rights.")
    if not path.exists():
        return Check("", "journal", Grade.FINE, f"{path} will be made")
    try:
        with open_journal(path, create=False, read_only=True) as opened:
            entries = opened.head().seq
    except JournalError as error:
        return Check("", "journal", Grade.WRONG, error.came, error.hint)
    return Check("", "journal", Grade.FINE, f"{path} holds {entries:,} entries")


def _disk(journal: Path) -> Check:
    folder = next((one for one in (journal.parent, *journal.parent.parents) if one.is_dir()), Path("/"))
    free = shutil.disk_usage(folder).free
    said = f"{free / 2**30:,.1f} GiB free beside the journal"
    if free < LOW_DISK_BYTES:
        return Check("", "disk", Grade.WRONG, said, "Make room: without a record nothing is sent.")
    return Check("", "disk", Grade.FINE, said)


def _zone(now: datetime) -> Check:
    local = now.astimezone()
    said = f"the machine's zone is {local.tzname()} ({local:%z}); Reef counts days and tells times in UTC"
    return Check("", "time zone", Grade.FINE, said)
