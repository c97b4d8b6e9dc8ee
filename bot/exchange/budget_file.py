"""The standing of a budget in a small file, which all processes of one user on one host share."""

import fcntl
import os
import stat
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import structlog

from bot.exchange.budget import NEW, OwnRecord, Record, Standing, Step

FOLDER = "reef"
MARK = b"REEFBGT1"
_FORM = struct.Struct("<8s5d")
_SUM = struct.Struct("<I")
SIZE = _FORM.size + _SUM.size

log = structlog.get_logger(__name__)


class FileRecord:
    """A file that is locked for the microseconds of one change.

    A process that dies gives its lock back; what a crash tore, or somebody else wrote, is begun anew. Where
    the file cannot be used any more this process goes on by what it saw last.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = _opened(path)
        self._last: Standing | None = NEW

    def change(self, step: Step) -> bool:
        """Apply one step; False where another process holds the file."""
        try:
            if os.fstat(self._handle).st_nlink == 0:  # the file was removed: the others use a new one
                self._reopen()
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            self.change_alone(step)
            return True
        try:
            found = read(self._handle)
            if found is None:
                os.ftruncate(self._handle, 0)
            self._last = step(found)
            os.pwrite(self._handle, packed(self._last), 0)
        except OSError:
            self.change_alone(step)
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
        return True

    def change_alone(self, step: Step) -> None:
        """Apply one step to what this process saw last."""
        self._last = step(self._last)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _reopen(self) -> None:
        fresh = _opened(self._path)
        os.close(self._handle)
        self._handle = fresh


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def read(handle: int) -> Standing | None:
    """Read what stands in an open file; None where it is torn or somebody else's."""
    raw = os.pread(handle, SIZE + 1, 0)
    if not raw:
        return NEW
    if len(raw) != SIZE or _SUM.unpack_from(raw, _FORM.size)[0] != zlib.crc32(raw[: _FORM.size]):
        return None
    mark, *figures = _FORM.unpack_from(raw)
    return Standing(*figures) if mark == MARK else None


def packed(standing: Standing) -> bytes:
    """Write a standing as the file holds it."""
    body = _FORM.pack(MARK, standing.tokens, standing.at, standing.since, standing.until, standing.pause)
    return body + _SUM.pack(zlib.crc32(body))


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of this user that all of the user's processes see, and nobody else."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / FOLDER
    return Path(tempfile.gettempdir()) / f"{FOLDER}-{os.geteuid()}"


def open_record(folder: Path | None, name: str) -> Record:
    """Open the record `name`; where that cannot be done, one of this process alone, and the log says so.

    Without a folder it is the user's own, which is made private.
    """
    where = folder or default_folder()
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder is None:
            _make_private(where)
        return FileRecord(where / f"{name}.budget")
    except OSError as error:
        log.warning(
            "the budget of requests cannot be shared with other processes of this host",
            folder=str(where),
            error=str(error),
        )
        return OwnRecord()


def _make_private(folder: Path) -> None:
    """Raises OSError where the folder is somebody else's: in a temporary folder anybody may make it first."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} is not a folder of this user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
