"""The rule profiles that ship with Reef: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

from bot.documents import DocumentError, nearest_hint

_PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = (_PACKAGE / "shipped" / "rules", _PACKAGE.parent / "rules")
"""Where profiles may stand; the first that exists is used."""


def profile_names() -> tuple[str, ...]:
    """Return the names of the shipped profiles, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.yaml")))


def profile_path(name: str) -> Path:
    """Return the file of a shipped profile. Raises `DocumentError` with the nearest name."""
    names = profile_names()
    if name not in names:
        raise DocumentError(name, "there is no rule profile of this name", hint=nearest_hint(name, names))
    return _folder() / f"{name}.yaml"


def rules_path(choice: str, base: Path) -> Path:
    """Return the rule file that a setting or an option names.

    Text with a `/` or ending in .yaml or .yml is a path, relative to `base`; anything else is the name of
    a shipped profile. Raises `DocumentError` where there is no such profile.
    """
    if "/" in choice or choice.endswith((".yaml", ".yml")):
        return base / Path(choice).expanduser()
    return profile_path(choice)


def _folder() -> Path:
    for folder in FOLDERS:
        if folder.is_dir():
            return folder
    raise DocumentError(str(FOLDERS[0]), "the shipped rule profiles are missing", hint="install Reef again")
