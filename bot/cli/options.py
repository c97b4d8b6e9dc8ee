"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bot.documents import nearest_hint
from bot.errors import MisuseError
from bot.journal import Journal, open_journal
from bot.settings import Settings, load_settings

Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.")]
JournalPath = Annotated[
    Path | None,
    typer.Option("--journal", help="The journal's file; by default the one that the config names."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
AccountName = Annotated[
    str | None, typer.Option("--account", "-a", help="One account; by default all of the config.")
]
Live = Annotated[
    bool, typer.Option("--live", help="Needed, beside `live: true` in the config, on the live network.")
]

DEFAULT_CONFIG = Path("reef.yaml")


def settings_from(config: Path, *, live: bool = False) -> Settings:
    """Load the settings with the secrets of the environment."""
    return load_settings(config, os.environ, live=live)


def journal_path(journal: Path | None, config: Path) -> Path:
    """Return the journal that was named, or the config's; no secrets are needed for it."""
    return journal if journal is not None else load_settings(config, os.environ, connect=False).journal


def account_names(config: Path) -> tuple[str, ...]:
    """Return the names of the config's accounts; no secrets are needed for it."""
    return tuple(one.name for one in load_settings(config, os.environ, connect=False).accounts)


def open_for_reading(journal: Path | None, config: Path) -> Journal:
    """Open a journal that exists, read-only."""
    return open_journal(journal_path(journal, config), create=False, read_only=True)


def chosen_account(name: str | None, known: tuple[str, ...]) -> str | None:
    """Check an account's name; raises `MisuseError` with what was perhaps meant."""
    if name is None or name in known:
        return name
    raise MisuseError(f"no account {name!r} in the config; {nearest_hint(name, known)}")
