"""Writes a set of files, all of it or nothing."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.errors import MisuseError
from bot.setup.filling import FOLDER_OF_JOURNAL, SECRETS, Page

KEPT = frozenset({SECRETS})
"""Files that are not even replaced by force: they may hold what cannot be had again."""


def write_all(
    folder: Path, pages: Mapping[str, Page], *, force: bool, check: Callable[[Path], None]
) -> tuple[str, ...]:
    """Write files into a folder, which is made where it is missing; returns the names that were written.

    They are written beside their places first, and `check` looks at them there. Raises `MisuseError` where
    one is there already, unless `force` replaces it (but for `KEPT`), and where the folder cannot be written.
    """
    there = [name for name in pages if os.path.lexists(folder / name)]
    if there and not force:
        raise MisuseError(
            f"{folder} has {', '.join(there)} already: nothing was written. Give another folder, or --force."
        )
    wanted = {name: page for name, page in pages.items() if name not in KEPT.intersection(there)}
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".reef-init-", dir=folder) as name:
            _write(Path(name), pages)
            check(Path(name))
            _move(Path(name), folder, tuple(wanted))
        (folder / FOLDER_OF_JOURNAL).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        _remove(made)
        raise MisuseError(
            f"{folder} cannot be written: {error.strerror or error}. Nothing was written."
        ) from error
    except BaseException:
        _remove(made)
        raise
    return tuple(wanted)


def _write(folder: Path, pages: Mapping[str, Page]) -> None:
    for name, page in pages.items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, page.rights)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page.text)
            file.flush()
            os.fsync(file.fileno())


def _move(source: Path, folder: Path, names: tuple[str, ...]) -> None:
    """Put files in their places; where one cannot be, put back what was there."""
    old = source / "replaced"
    old.mkdir()
    done: list[str] = []
    try:
        for name in names:
            done.append(name)
            if os.path.lexists(folder / name):
                (folder / name).rename(old / name)
            (source / name).rename(folder / name)
    except OSError:
        for name in reversed(done):
            if os.path.lexists(old / name):
                (old / name).replace(folder / name)
            elif not os.path.lexists(source / name):
                (folder / name).unlink()
        raise


def _remove(made: list[Path]) -> None:
    """Take folders back that were made for nothing."""
    for one in made:
        if one.is_dir() and not any(one.iterdir()):
            one.rmdir()
