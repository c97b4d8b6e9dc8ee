"""`reef approve`: the owner's yes to what the guard has proposed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from bot.cli.control import operator, stated
from bot.cli.opening import journal_path, known_accounts
from bot.cli.options import DEFAULT_CONFIG, AsJson, Config, JournalPath
from bot.cli.output import number, print_json, say
from bot.clock import SystemClock
from bot.errors import MisuseError
from bot.execution import approvals, halted
from bot.execution.approvals import Proposal
from bot.journal import Journal, open_journal

Name = Annotated[
    str | None, typer.Argument(metavar="[PROPOSAL]", help="Its name; without one, the only one that waits.")
]
Why = Annotated[str, typer.Option("--why", help="The reason, for the record.")]
Listing = Annotated[bool, typer.Option("--list", help="Show what waits, and approve nothing.")]
Renew = Annotated[bool, typer.Option("--renew", help="Have it proposed again, after its deadline.")]


def approve_command(
    proposal: Name = None,
    why: Why = "",
    listing: Listing = False,
    renew: Renew = False,
    config: Config = DEFAULT_CONFIG,
    journal: JournalPath = None,
    as_json: AsJson = False,
) -> None:
    """Let a rule that waits for its owner act. A running daemon obeys with its next cycle.

    The plan is made again then, on fresh data. It is sent while it is of the same kind and no larger than
    what was approved; otherwise a new proposal says what changed. It lifts no halt.

    Example: reef approve p-3f9a1c20 --why "agreed"
    """
    if listing:
        with open_journal(journal_path(journal, config), create=False, read_only=True) as opened:
            _show(opened, as_json=as_json)
        return
    reason, now = stated(why), SystemClock().now()
    with open_journal(journal_path(journal, config), create=False) as opened:
        accounts = known_accounts(opened, config, journal)
        if renew and proposal is None:
            raise MisuseError("--renew needs the name of a proposal: `reef journal --kind proposal` has them")
        found = approvals.find(opened, accounts, proposal)
        speak = approvals.renew if renew else approvals.approve
        said = speak(opened, found, who=operator(), why=reason, at=now)
        halt = halted(opened, found.account)
    if as_json:
        print_json({"approved": not renew, "proposal": said.proposal, "who": said.who, "why": reason})
        return
    if renew:
        say(f"{said.who} asks for {said.proposal} again: {reason}. It comes with a new name and deadline,")
        say("from the next cycle on, if its rule still fires. Nothing was approved.")
        return
    say(f"Approved {said.proposal} of {found.account} by {said.who}: {reason}.")
    say("The plan is made again on fresh data, and sent if it is no larger than this:")
    for line in lines(found, now):
        say(line)
    if halt is not None:
        say(f"{found.account} is halted by {halt.who}: {halt.why}. Nothing is sent until `reef resume`.")


def _show(opened: Journal, *, as_json: bool) -> None:
    now = SystemClock().now()
    known = approvals.proposals(opened, opened.accounts())
    waiting = [one for one in known if one.open and approvals.answer_to(opened, one) is None]
    if as_json:
        print_json([one.body for one in waiting])
        return
    if not waiting:
        say("Nothing waits for an answer.")
    for one in waiting:
        say(f"{one.body.name} of {one.account}, proposed at {one.at:%Y-%m-%d %H:%M:%S} UTC")
        for line in lines(one, now):
            say(line)


def lines(one: Proposal, now: datetime) -> Iterator[str]:
    """Tell what a proposal would do, why, for how much, and how long it waits."""
    body = one.body
    for what in body.what:
        yield f"  {what}"
    for why in body.why:
        yield f"  because {why}"
    if body.changed:
        yield f"  instead of the one before: {body.changed}"
    left = (body.deadline - now).total_seconds()
    wait = f"{left:,.0f} s left" if left > 0 else "its time is over"
    until = f"{body.deadline:%Y-%m-%d %H:%M:%S} UTC ({wait}), then {body.then.value}"
    yield f"  costs about {number(body.cost)} USD; until {until}"
