"""Faults of the disk under a journal, by real means: no room, a file that is held, a slow fsync."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.journal import Journal

MIB = 1024 * 1024
LARGEST_BALLAST = 64 * MIB

HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("PRAGMA busy_timeout = 10000")
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def small_disk(folder: Path, size: int = MIB) -> Iterator[Path]:
    """Mount a file system of `size` bytes on `folder`; skips the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root may mount a small file system, and only Linux has tmpfs")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small file system here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


@contextmanager
def disk_full(folder: Path) -> Iterator[None]:
    """Leave no byte free on the small disk that holds `folder`; the room is back when the block ends."""
    room = os.statvfs(folder)
    assert room.f_bavail * room.f_frsize <= LARGEST_BALLAST, f"{folder} is not on a small disk"
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as out:
            for piece in (4096, 1):
                _fill(out, piece)
        yield
    finally:
        ballast.unlink()


def _fill(out: Any, piece: int) -> None:
    while True:
        try:
            out.write(b"x" * piece)
        except OSError:
            return


@contextmanager
def disk_locked(path: Path) -> Iterator[None]:
    """Let another process hold the journal's file as a whole for as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        try:
            assert holder.stdout.readline() == b"held\n"
            yield
        finally:
            holder.kill()


class _SlowCursor:
    """A cursor whose COMMIT takes its time, as an fsync on a busy disk does."""

    def __init__(self, cursor: sqlite3.Cursor, seconds: float) -> None:
        self._cursor = cursor
        self._seconds = seconds

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            time.sleep(self._seconds)
        return self._cursor.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


@contextmanager
def slow_fsync(journal: Journal, seconds: float) -> Iterator[None]:
    """Let every commit of a journal take so much longer."""
    before = journal._cursor
    journal._cursor = _SlowCursor(before, seconds)  # type: ignore[assignment]
    try:
        yield
    finally:
        journal._cursor = before
