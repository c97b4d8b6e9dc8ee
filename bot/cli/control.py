"""`reef halt`, `resume` and `abandon`: the operator's word, through the journal, on a running daemon."""

import getpass
import os
from typing import Annotated

import typer

from bot.cli.opening import account_of, journal_path, known_accounts
from bot.cli.options import DEFAULT_CONFIG, AccountName, AsJson, Config, JournalPath, chosen_account
from bot.cli.output import print_json, say
from bot.cli.standstill import resume_text
from bot.clock import SystemClock
from bot.documents import nearest_hint
from bot.errors import MisuseError
from bot.execution import NothingOpenError, abandon, halt, halted, resume
from bot.journal import Journal, open_journal
from bot.record import STATUS, remembered_status

Why = Annotated[str, typer.Option("--why", help="The reason, for the record.")]
Intent = Annotated[str, typer.Argument(metavar="INTENT", help="The intent's client order id.")]


def halt_command(
    why: Why,
    account: AccountName = None,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Stop every action but protective stops, from the next step on, until `reef resume`.

    Nothing is closed or cancelled by it: positions and resting orders stay, and each position's stop is kept
    in its place. An order that is on its way already is not called back. A running daemon obeys at once.

    Example: reef halt --account main --why "closing by hand"
    """
    reason = stated(why)
    with open_journal(journal_path(journal, config), create=False) as opened:
        name = account_of(account, opened, config, journal) or ""
        halt(opened, name, who=operator(), why=reason, at=SystemClock().now())
    if as_json:
        print_json({"halted": name or "*", "why": reason})
        return
    say(f"Halted {name or 'all accounts'} by {operator()}: {reason}.")
    say("No order is sent until `reef resume`. Positions stay open; protective stops stay and are kept up.")


def resume_command(
    why: Why,
    account: AccountName = None,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Lift a halt: rules that fire act again from the next cycle on. It says which, by the last look.

    A halt of all accounts is lifted without --account, a halt of one account with it. Exit code 1 where there
    was no such halt.

    Example: reef resume --account main --why "done by hand"
    """
    reason = stated(why)
    with open_journal(journal_path(journal, config), create=False) as opened:
        known = known_accounts(opened, config, journal)
        name = chosen_account(account, known) or ""
        lifted = resume(opened, name, who=operator(), why=reason, at=SystemClock().now())
        names = [name] if name else list(known)
        found = [one for each in names if (one := remembered_status(opened.load_memory(each, STATUS)))]
        left = {each: halt for each in names if (halt := halted(opened, each)) is not None}
    if as_json:
        print_json({"resumed": lifted, "account": name or "*", "still_halted": sorted(left)})
    elif lifted:
        say(f"Resumed {name or 'all accounts'} by {operator()}: {reason}.")
        say(f"Now: {resume_text(found)}")
        say("A rule that halted halts again only in another episode; one that asks its owner still asks.")
        say("Protective stops were kept all along.")
        for each, halt in left.items():
            say(f"{each} is still halted by {halt.who}: {halt.why}.")
    else:
        say(f"There was no halt of {name or 'all accounts'} to lift; `reef status` tells which there are.")
    if not lifted:
        raise typer.Exit(1)


def abandon_command(
    intent: Intent,
    why: Why,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Give up an intent whose outcome the venue does not tell: its symbol takes orders again.

    Nothing is sent or cancelled by it, and the venue is not asked again. Look at the venue first: if the
    order still rests there, or comes through later, it trades all the same, and the guard may have sold that
    size again by then; it shows in the position only. `reef journal` lists intents.

    Example: reef abandon reef-3f9a1c --why "support says that it never arrived"
    """
    reason = stated(why)
    with open_journal(journal_path(journal, config), create=False) as opened:
        try:
            abandon(opened, intent, who=operator(), why=reason, at=SystemClock().now())
        except NothingOpenError as error:
            raise MisuseError(f"{error} {_open_intents(opened, intent)}") from error
    if as_json:
        print_json({"abandoned": intent, "why": reason})
        return
    say(f"Abandoned {intent}: {reason}.")
    say("Its symbol takes orders again from the next cycle on. What became of it at the venue is not known.")


def _open_intents(opened: Journal, intent: str) -> str:
    names = [entries[0].intent for name in opened.accounts() for entries in opened.open_intents(name)]
    return f"Open now: {nearest_hint(intent, names)}" if names else "No intent is open."


def stated(why: str) -> str:
    """Return the reason; raises `MisuseError` where there is none."""
    reason = why.strip()
    if not reason:
        raise MisuseError("--why is empty: say in a few words why, for the record")
    return reason


def operator() -> str:
    """Return who speaks: the user's name, or the number where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
