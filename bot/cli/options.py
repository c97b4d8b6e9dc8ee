"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from bot.documents import nearest_hint
from bot.errors import MisuseError

Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.")]
JournalPath = Annotated[
    Path | None,
    typer.Option("--journal", help="The journal's file; by default the one that the config names."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value for scripts.")]
AccountName = Annotated[
    str | None, typer.Option("--account", "-a", help="One account; by default all of the config.")
]
Live = Annotated[
    bool, typer.Option("--live", help="Needed, beside `live: true` in the config, on the live network.")
]

DEFAULT_CONFIG = Path("reef.yaml")


def chosen_account(name: str | None, known: tuple[str, ...]) -> str | None:
    """Check an account's name; raises `MisuseError` with what was perhaps meant."""
    if name is None or name in known:
        return name
    hint = nearest_hint(name, known) or "none is known yet"
    raise MisuseError(f"there is no account {name!r}; {hint}")
