"""Opens what the options of a command name: settings with their secrets, and journals."""

import os
from pathlib import Path

from bot.cli.options import chosen_account
from bot.documents import MistakesError
from bot.journal import Journal, open_journal
from bot.notifications.channels import channel_trouble
from bot.rules import load_choices
from bot.settings import Settings, SettingsError, load_settings


def settings_from(
    config: Path, *, live: bool = False, connect: bool = True, tokens: bool | None = None
) -> Settings:
    """Load the settings with the secrets of the environment; see `load_settings`.

    Raises `MistakesError`; where the settings are wrong, the mistakes of the rules they choose come along.
    """
    try:
        return load_settings(
            config, os.environ, live=live, connect=connect, tokens=tokens, judge=channel_trouble
        )
    except SettingsError as error:
        _, mistakes = load_choices(error.rules, config.parent)
        raise MistakesError([*error.mistakes, *mistakes]) from None


def secrets_of(settings: Settings) -> list[str]:
    """Return what must never be printed."""
    found = [one for account in settings.accounts for one in (account.api_key, account.secret)]
    if settings.notifications is not None:
        found += [channel.url for channel in settings.notifications.channels]
    if settings.heartbeat is not None:
        found.append(settings.heartbeat.url)
    return [one.get_secret_value() for one in (*found, *settings.signal_tokens.values())]


def journal_path(journal: Path | None, config: Path) -> Path:
    """Return the journal that was named, or the config's; no secrets are needed for it."""
    return journal if journal is not None else load_settings(config, os.environ, connect=False).journal


def open_for_reading(journal: Path | None, config: Path) -> Journal:
    """Open a journal that exists, read-only."""
    return open_journal(journal_path(journal, config), create=False, read_only=True)


def known_accounts(opened: Journal, config: Path, journal: Path | None) -> tuple[str, ...]:
    """Return the accounts of the config and those of the journal; no secrets are needed for it.

    Where `journal` was given on the command line, the config may be missing.
    """
    names = set(opened.accounts())
    if journal is None or config.exists():
        names |= {one.name for one in load_settings(config, os.environ, connect=False).accounts}
    return tuple(sorted(names))


def account_of(name: str | None, opened: Journal, config: Path, journal: Path | None) -> str | None:
    """Check the account that a command was given, None for all; raises `MisuseError`."""
    return chosen_account(name, known_accounts(opened, config, journal))
