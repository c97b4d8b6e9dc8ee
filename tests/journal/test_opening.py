"""What is no journal, or cannot be one, is said plainly; nothing that is there is overwritten."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from bot.journal import (
    CorruptJournalError,
    FullDiskError,
    Journal,
    JournalError,
    LockedJournalError,
    MissingJournalError,
    NewerJournalError,
    NotAJournalError,
    UnwritableJournalError,
    open_journal,
    verify,
)
from bot.journal.locking import WriteLock
from bot.journal.translation import translate, translated
from tests.journal.support import stopped

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(NotAJournalError, match="it is a directory"):
        open_journal(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    for arguments in ({"create": False}, {"read_only": True}):
        with pytest.raises(MissingJournalError, match="no such file"):
            open_journal(tmp_path / "journal.db", **arguments)
    with pytest.raises(MissingJournalError, match="no directory"):
        open_journal(tmp_path / "folder" / "journal.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_another_kind_of_file(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 1000)
    with pytest.raises(NotAJournalError, match="not a Reef journal"):
        open_journal(path, read_only=read_only)
    assert path.read_text() == "my notes\n" * 1000


@pytest.mark.parametrize("read_only", [False, True])
def test_another_program_s_database(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE photos (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(NotAJournalError, match="not a Reef journal"):
        open_journal(path, read_only=read_only)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_journal_only_where_one_may_be_made(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch()
    with pytest.raises(NotAJournalError, match="it is empty"):
        open_journal(path, create=False)
    assert path.stat().st_size == 0
    with open_journal(path) as journal:
        assert journal.append([stopped()]).seq == 1


def written(path: Path, count: int = 300) -> None:
    """A journal with entries, closed."""
    with open_journal(path) as journal:
        journal.append([stopped(f"reason {n} " * 10, minutes=n) for n in range(count)])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", NewerJournalError),
        ("DELETE FROM alembic_version", CorruptJournalError),
    ],
)
def test_versions(tmp_path: Path, statement: str, expected: type[JournalError]) -> None:
    path = tmp_path / "journal.db"
    written(path, 1)
    other = sqlite3.connect(path)
    other.execute(statement)
    other.commit()
    other.close()
    for read_only in (False, True):
        with pytest.raises(expected):
            open_journal(path, read_only=read_only)


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    written(path)
    with path.open("r+b") as file:
        file.seek(4096 * 12)
        file.write(b"\xff" * 4096 * 3)
    before = path.read_bytes()
    with pytest.raises(CorruptJournalError, match=r"damaged.*reef journal verify"):
        open_journal(path)
    assert path.read_bytes() == before


def test_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    written(path)
    os.truncate(path, 4096 * 5)
    with pytest.raises(CorruptJournalError):
        open_journal(path)


def test_another_writer_that_does_not_let_go(journal: Journal) -> None:
    lock = WriteLock(journal.path, 1.0)
    with lock.held():
        with pytest.raises(LockedJournalError, match=r"another process has been writing for 0\.05 s"):
            open_journal(journal.path, wait_seconds=0.05)
        with open_journal(journal.path, read_only=True) as reader:
            assert reader.entries() == []
    with open_journal(journal.path, wait_seconds=0.05) as other:
        assert other.append([stopped()]).seq == 1
    lock.close()


def test_a_program_that_locks_the_database_itself(journal: Journal) -> None:
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with open_journal(journal.path, wait_seconds=0.05) as waiting:
        with pytest.raises(LockedJournalError, match="another process holds it"):
            waiting.append([stopped()])
        other.execute("ROLLBACK")
        assert waiting.append([stopped()]).seq == 1
    other.close()


def test_a_full_disk_writes_nothing_and_recovers(journal: Journal) -> None:
    head = journal.append([stopped()])
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        nonlocal head
        for _ in range(100):
            head = journal.append([stopped("x" * 3000)])

    with pytest.raises(FullDiskError, match="disk is full"):
        fill()
    assert journal.head() == head
    journal._db.execute("PRAGMA max_page_count = 1000000")
    assert journal.append([stopped()]).seq == head.seq + 1
    assert verify(journal.path).sound


FILL = """
import resource, sys
from bot.journal import JournalError, open_journal
from tests.journal.support import stopped
journal = open_journal(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
done = 0
try:
    for _ in range(2000):
        done = journal.append([stopped("x" * 3000)]).seq
except JournalError as error:
    print(done, type(error).__name__)
"""


def test_a_write_that_the_system_refuses_is_an_error_and_not_half_an_entry(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    ran = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    done, name = ran.stdout.split()
    assert name in {"UnwritableJournalError", "FullDiskError"}
    report = verify(path)
    assert report.sound
    assert report.entries == int(done)


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Path]:
    """A directory that other users can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


AS_NOBODY = """
import os, sys
from pathlib import Path
from bot.journal import JournalError, open_journal, verify
from tests.journal.support import stopped
import alembic.command
if os.getuid() == 0:
    os.setgid({nobody}); os.setuid({nobody})
path = Path(sys.argv[1])
try:
    open_journal(path)
    print("opened")
except JournalError as error:
    print(type(error).__name__)
if path.exists():
    with open_journal(path, read_only=True) as journal:
        print(len(journal.entries()), verify(path).sound)
"""


def as_nobody(path: Path) -> list[str]:
    """Open a journal with the rights of nobody; skips where that user cannot run Python."""
    ran = subprocess.run(
        [sys.executable, "-c", AS_NOBODY.format(nobody=NOBODY), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_a_directory_without_the_right_to_write(public: Path) -> None:
    public.chmod(0o555)
    assert as_nobody(public / "journal.db") == ["UnwritableJournalError"]
    public.chmod(0o755)
    assert list(public.iterdir()) == []


def test_a_journal_without_the_right_to_write_can_still_be_read(public: Path) -> None:
    path = public / "journal.db"
    written(path, 7)
    (public / "journal.db.lock").unlink()
    public.chmod(0o555)
    path.chmod(0o444)
    assert as_nobody(path) == ["UnwritableJournalError", "7", "True"]
    public.chmod(0o755)


def test_a_file_system_without_a_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.journal import opening

    real = opening._pragma
    monkeypatch.setattr(
        opening, "_pragma", lambda c, text: "delete" if text.startswith("journal_mode") else real(c, text)
    )
    with pytest.raises(UnwritableJournalError, match="write-ahead log"):
        open_journal(tmp_path / "journal.db")


def test_what_sqlite_says_is_never_lost() -> None:
    error = translate(Path("j.db"), sqlite3.ProgrammingError("something odd"))
    assert type(error) is JournalError
    assert "something odd" in str(error)


def test_a_defect_is_not_taken_for_a_failure_of_the_disk() -> None:
    with pytest.raises(DBAPIError), translated(Path("j.db")):
        raise DBAPIError("SELECT 1", None, RuntimeError("not from SQLite"))
    with pytest.raises(CorruptJournalError), translated(Path("j.db")):
        raise DBAPIError("SELECT 1", None, _failed("SQLITE_CORRUPT"))
    with pytest.raises(LockedJournalError), translated(Path("j.db")):
        raise _failed("SQLITE_BUSY_SNAPSHOT")


def _failed(name: str) -> sqlite3.Error:
    error = sqlite3.DatabaseError("it failed")
    error.sqlite_errorname = name
    return error


def test_strange_names(tmp_path: Path) -> None:
    path = tmp_path / "a b?c%d#e.db"
    with open_journal(path) as journal:
        journal.append([stopped()])
    assert verify(path).entries == 1
    assert path.exists()


def test_a_copy_is_a_journal(journal: Journal, tmp_path: Path) -> None:
    journal.append([stopped()])
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = tmp_path / "copy" / "journal.db"
    copy.parent.mkdir()
    shutil.copy(journal.path, copy)
    assert verify(copy).entries == 1
