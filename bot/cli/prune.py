"""`reef journal prune`: let old inputs go, from which nothing was sent."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.opening import journal_path
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath
from bot.cli.output import print_json, say
from bot.clock import SystemClock
from bot.documents import WordingError, parse_duration, show_duration
from bot.errors import MisuseError
from bot.journal import Journal, Pruning, open_journal
from bot.settings import load_settings

LEAST = timedelta(days=1)


def prune(
    journal: JournalPath = None,
    config: Config = DEFAULT_CONFIG,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", help="Such as 90d; by default `retention.decisions` of the config."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take out old inputs of decisions from which nothing was sent; entries and all that was acted on stay.

    A running daemon does it by itself where the config says `retention`; this may run beside it.

    Example: reef journal prune --dry-run --older-than 90d
    """
    keep = _kept(older_than, config)
    path = journal_path(journal, config)
    now = SystemClock().now()
    with open_journal(path, create=False, read_only=dry_run) as opened:
        parts = list(_looks(opened, now - keep) if dry_run else _prunes(opened, now - keep, now))
    gone, size = sum(len(one.decisions) for one in parts), sum(one.size for one in parts)
    if as_json:
        print_json({"older_than": now - keep, "decisions": gone, "bytes": size, "dry_run": dry_run})
        return
    would = "would be pruned" if dry_run else "were pruned"
    say(f"{path}: the inputs of {gone:,} decisions older than {show_duration(keep)} {would}, {_size(size)}.")


def _kept(text: str | None, config: Path) -> timedelta:
    """How long inputs are kept; raises `MisuseError` where nobody says it."""
    if text is None:
        keep = load_settings(config, os.environ, connect=False).keep_decisions
        if keep is None:
            raise MisuseError(
                f"{config} keeps every decision: write retention: {{decisions: 90d}}, or give --older-than"
            )
        return keep
    try:
        keep = parse_duration(text)
    except WordingError as error:
        raise MisuseError(f"--older-than: {error.what}; {error.expected}") from None
    if keep < LEAST:
        raise MisuseError(f"--older-than: {text!r} is too short; a day is the least")
    return keep


def _prunes(journal: Journal, before: datetime, now: datetime) -> Iterator[Pruning]:
    ended = False
    while not ended:
        found = journal.prune(before, at=now)
        ended = found.ended
        yield found


def _looks(journal: Journal, before: datetime) -> Iterator[Pruning]:
    found = journal.prunable(before)
    yield found
    while not found.ended:
        found = journal.prunable(before, after=found.last)
        yield found


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
