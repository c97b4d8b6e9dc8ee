"""Files under config/ that ship with the program: inside the package, or beside it in a checkout."""

from pathlib import Path

from bot.documents.mistakes import DocumentError

_PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = (_PACKAGE / "shipped" / "config", _PACKAGE.parent / "config")
"""Where they may stand; the first that exists is used."""


def shipped_path(name: str) -> Path:
    """Return a file by its name below config/. Raises `DocumentError` where it is missing."""
    for folder in FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise DocumentError(str(FOLDERS[0] / name), "a file of the program is missing", hint="install Reef again")
