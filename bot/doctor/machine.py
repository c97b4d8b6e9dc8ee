"""The machine that the guard runs on: SQLite, the journal's folder, disk, clock zone."""

import os
import shutil
import sqlite3
import stat
from datetime import datetime
from pathlib import Path

from bot.doctor.checks import Check, Grade
from bot.journal import JournalError, open_journal

LOW_DISK_BYTES = 256 * 1024 * 1024
RESET_BUG_MENDED = (3, 51, 3)
"""From 3.7.0 on, older versions may lose a write where two connections write at once (the WAL-reset bug)."""


def examine_machine(
    journal: Path, now: datetime, *, settings: Path | None = None, secrets: Path | None = None
) -> tuple[Check, ...]:
    """Look at the machine. `now` is the guard's time, to be compared with the machine's zone.

    `settings` and `secrets` are the files that the guard was told to read, None where there is none.
    """
    files = [_settings(settings)] if settings is not None else []
    return (
        _sqlite(sqlite3.sqlite_version_info),
        _journal(journal),
        _disk(journal),
        _zone(now),
        *files,
        _secrets(secrets),
    )


def _settings(path: Path) -> Check:
    """Who may change the settings may arm the guard, and loosen its caps."""
    mode = path.stat().st_mode
    said = f"{path} has the rights {stat.S_IMODE(mode):04o}"
    if mode & stat.S_IWOTH:
        todo = f"chmod go-w {path}: whoever may change it may arm the guard."
        return Check("", "settings file", Grade.WRONG, f"{said}: everybody may change it", todo)
    if mode & stat.S_IWGRP:
        return Check("", "settings file", Grade.NOTE, f"{said}: its group may change it", f"chmod g-w {path}")
    return Check("", "settings file", Grade.FINE, said)


def _secrets(path: Path | None) -> Check:
    """The file itself was refused already where others may read it; its folder decides who may replace it."""
    if path is None:
        said = "no file of keys is named; they come from the environment or from systemd's credentials"
        return Check("", "secrets file", Grade.FINE, said)
    status, folder = path.stat(), path.parent.stat().st_mode
    said = f"{path} has the rights {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Check("", "secrets file", Grade.WRONG, f"{said}: others may read it", f"chmod 600 {path}")
    if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
        todo = f"chmod o-w {path.parent}"
        return Check("", "secrets file", Grade.WRONG, f"{said}, but everybody may replace it", todo)
    if status.st_uid not in (os.getuid(), 0):
        todo = "Let the user that runs Reef own it."
        return Check("", "secrets file", Grade.NOTE, f"{said}, and belongs to user {status.st_uid}", todo)
    return Check("", "secrets file", Grade.FINE, f"{said}: its owner alone may read it")


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
