"""`reef halt` and `reef resume`: the operator's word, through the journal, on a running daemon."""

import getpass
from typing import Annotated

import typer

from bot.cli.options import (
    DEFAULT_CONFIG,
    AccountName,
    AsJson,
    Config,
    JournalPath,
    account_names,
    chosen_account,
    journal_path,
)
from bot.cli.output import console, print_json
from bot.clock import SystemClock
from bot.execution import halt, resume
from bot.journal import open_journal

Why = Annotated[str, typer.Option("--why", help="The reason, for the record.")]


def halt_command(
    why: Why,
    account: AccountName = None,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Stop every action but protective stops, from the next step on, until `reef resume`.

    Positions stay open, and their stops stay at the venue and are kept in place. Nothing is closed by it.

    Example: reef halt --account main --why "closing by hand"
    """
    name = checked(account, config, journal)
    with open_journal(journal_path(journal, config), create=False) as opened:
        halt(opened, name, who=getpass.getuser(), why=why, at=SystemClock().now())
    said = f"halted {name or 'all accounts'}: {why}. Protective stops go on. `reef resume` lifts it."
    answer({"halted": name or "*", "why": why}, said, as_json=as_json)


def resume_command(
    why: Why,
    account: AccountName = None,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Lift a halt: rules that fire act again from the next cycle on.

    Example: reef resume --account main --why "done by hand"
    """
    name = checked(account, config, journal)
    with open_journal(journal_path(journal, config), create=False) as opened:
        lifted = resume(opened, name, who=getpass.getuser(), why=why, at=SystemClock().now())
    said = f"resumed {name or 'all accounts'}" if lifted else f"{name or 'all accounts'} was not halted"
    answer({"resumed": lifted, "account": name or "*"}, said, as_json=as_json)
    if not lifted:
        raise typer.Exit(1)


def checked(account: str | None, config: Config, journal: JournalPath) -> str:
    """Return the account to speak of, '' for all; names are checked where a config is at hand."""
    if account is not None and (journal is None or config.exists()):
        chosen_account(account, account_names(config))
    return account or ""


def answer(value: dict[str, object], said: str, *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        print_json(value)
    else:
        console.print(said, markup=False, soft_wrap=True)
