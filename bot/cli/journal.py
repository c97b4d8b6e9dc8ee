"""`reef journal`: what was recorded, and whether it still is as it was written."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.journal_lines import summary
from bot.cli.opening import account_of, journal_path, open_for_reading
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath
from bot.cli.output import complain, print_json, say
from bot.cli.prune import prune
from bot.documents import nearest_hint
from bot.errors import MisuseError
from bot.journal import Entry, verify
from bot.journal.records import Kind

app = typer.Typer()
app.command("prune")(prune)

Kinds = Annotated[str | None, typer.Option("--kind", help="Only entries of this kind.")]
Account = Annotated[str | None, typer.Option("--account", "-a", help="Only entries of this account.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, the newest.")]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    journal: JournalPath = None,
    config: Config = DEFAULT_CONFIG,
    kind: Kinds = None,
    account: Account = None,
    limit: Limit = 40,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries, oldest of them first. `reef journal verify` checks that none was changed.

    Example: reef journal --journal reef.sqlite --kind outcome
    """
    if context.invoked_subcommand is not None:
        return
    wanted = kind_of(kind)
    with open_for_reading(journal, config) as opened:
        if account is not None:
            account_of(account, opened, config, journal)
        entries = opened.entries(kind=wanted, account=account, limit=limit, newest=True)[::-1]
    if as_json:
        print_json([as_value(entry) for entry in entries])
        return
    if not entries:
        say("No such entry is in the journal.")
    last = ""
    for entry in entries:
        if entry.episode not in ("", last):
            say(f"        episode {entry.episode}", style="dim")
        last = entry.episode
        say(f"{entry.seq:>6}  {entry.at[:19]}  {entry.account or '-':10s} {entry.kind:12s} {summary(entry)}")


@app.command("verify")
def verify_command(
    journal: JournalPath = None,
    config: Config = DEFAULT_CONFIG,
    head: Annotated[
        str | None,
        typer.Option("--head", help="The head that was noted before: finds entries cut off the end."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that every entry is as it was written. Exit code 1 where a byte was changed.

    Example: reef journal verify --journal reef.sqlite
    """
    path: Path = journal_path(journal, config)
    report = verify(path, expected_head=head)
    if as_json:
        print_json(report)
    elif report.sound:
        say(f"{path}: {report.entries} entries, all as they were written.")
        if report.pruned:
            say(f"{report.pruned} inputs of decisions were pruned, as the journal itself records.")
        say(f"head {report.head_hash}")
    else:
        for problem in report.problems:
            where = f"entry {problem.seq}: " if problem.seq is not None else ""
            complain(f"{where}{problem.what}")
        complain(f"{path}: not as it was written; {len(report.problems)} problems.")
    if not report.sound:
        raise typer.Exit(1)


def kind_of(text: str | None) -> Kind | None:
    """Read the name of a kind; raises `MisuseError` with what was perhaps meant."""
    known = tuple(kind.value for kind in Kind)
    if text is None:
        return None
    if text not in known:
        raise MisuseError(f"no kind of entry {text!r}; {nearest_hint(text, known)}")
    return Kind(text)


def as_value(entry: Entry) -> dict[str, object]:
    """Turn an entry into a JSON value with its body opened."""
    return {
        "seq": entry.seq,
        "at": entry.at,
        "account": entry.account,
        "kind": entry.kind,
        "episode": entry.episode,
        "intent": entry.intent,
        "body": entry.record,
        "hash": entry.hash,
    }
