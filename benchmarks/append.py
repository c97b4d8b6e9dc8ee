"""One durable append to the journal against the same bytes through raw sqlite3, WAL and FULL in both."""

import asyncio
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import fdatasync_p50_ms, paired
from bot.journal import Draft, open_journal
from bot.journal.records import Failure

RUNS = 1000
TABLE = """CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, at TEXT, account TEXT, kind TEXT, episode TEXT, intent TEXT, body TEXT,
    previous TEXT, hash TEXT)"""


async def measure(folder: Path) -> str:
    """Measure both in turn."""
    journal = open_journal(folder / "journal.sqlite")
    raw = sqlite3.connect(folder / "raw.sqlite", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute(TABLE)
    body = Failure(call="fetch", verdict=None, code="", message="x" * 600)
    draft = Draft(at=datetime(2025, 11, 21, tzinfo=UTC), account="main", body=body)
    row = ("2025-11-21", "main", "error", "", "", "x" * 640, "0" * 64, "f" * 64)

    async def ours() -> None:
        journal.append((draft,))

    async def base() -> None:
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("INSERT INTO entries VALUES (NULL,?,?,?,?,?,?,?,?)", row)
        raw.execute("COMMIT")

    try:
        return (await paired("one durable append against raw sqlite3", ours, base, RUNS)).line()
    finally:
        journal.close()
        raw.close()


def run() -> list[str]:
    """Measure and return lines to print."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        line = asyncio.run(measure(Path(folder)))
        return [line, f"fdatasync p50 {fdatasync_p50_ms(Path(folder)):.2f} ms"]
