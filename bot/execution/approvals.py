"""Proposals and the owner's yes. Synchronous: the command line calls these beside a running daemon.

The daemon alone writes proposals, the owner alone writes answers. An answer names its proposal, so one that
was given to another proposal lets nothing through.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from bot.errors import ReefError
from bot.execution.intents import fold
from bot.journal import Draft, Journal
from bot.journal.controls import Closing, Proposed
from bot.journal.records import Command, IntentState, Kind, Prepared, Word, canonical
from bot.model import OrderRequest, Step

PROPOSAL = "proposal"
"""Under which the journal remembers the last proposal of an account."""
ANSWER = "approval"
"""Under which it remembers the owner's last answer."""
LETTING = frozenset({Closing.APPROVED, Closing.ACTED})
"""Closings that let steps through."""
ASKED_AGAIN = frozenset({Closing.DROPPED, Closing.PROTECTED})
"""Closings after which the same is not proposed again, unless the owner asks for it."""


class Proposal(Struct, frozen=True):
    """A proposal and where it stands."""

    account: str
    at: datetime
    body: Proposed
    closing: Closing | None = None
    """None while it waits for an answer."""
    after: int = 0
    """The journal's last entry when it was approved: what was prepared since has used it up."""

    @property
    def open(self) -> bool:
        """Whether it waits for an answer."""
        return self.closing is None


class Answer(Struct, frozen=True):
    """What the owner says to a proposal."""

    proposal: str
    who: str
    why: str
    at: datetime
    renew: bool = False


class NothingProposedError(ReefError):
    """No proposal of that name waits, or several do and none was named."""

    exit_code = 2


class TooLateError(ReefError):
    """The proposal that was to be approved does not wait any more."""


def proposal(journal: Journal, account: str) -> Proposal | None:
    """Return the last proposal of an account, answered or not."""
    text = journal.load_memory(account, PROPOSAL)
    return None if text is None else msgspec.json.decode(text, type=Proposal)


def answer(journal: Journal, account: str) -> Answer | None:
    """Return the owner's last answer for an account."""
    text = journal.load_memory(account, ANSWER)
    return None if text is None else msgspec.json.decode(text, type=Answer)


def remembered(one: Proposal) -> dict[tuple[str, str], str | None]:
    """Return what to remember of a proposal."""
    return {(one.account, PROPOSAL): canonical(one).decode()}


def proposals(journal: Journal, accounts: Sequence[str]) -> tuple[Proposal, ...]:
    """Return the last proposal of each account."""
    found = (proposal(journal, account) for account in accounts)
    return tuple(one for one in found if one is not None)


def find(journal: Journal, accounts: Sequence[str], name: str | None) -> Proposal:
    """Find a proposal by its name, or the only one that waits. Raises `NothingProposedError`."""
    known = proposals(journal, accounts)
    waiting = [one for one in known if one.open and answer_to(journal, one) is None]
    names = ", ".join(one.body.name for one in waiting)
    told = f"Waiting now: {names}." if names else "No proposal waits for an answer."
    if name is None:
        if len(waiting) == 1:
            return waiting[0]
        which = "There are several: say which one. " if waiting else ""
        raise NothingProposedError(f"{which}{told} `reef approve --list` shows what each would do.")
    for one in known:
        if one.body.name == name:
            return one
    raise NothingProposedError(f"there is no proposal {name!r}, or a newer one has replaced it. {told}")


def answer_to(journal: Journal, one: Proposal) -> Answer | None:
    """Return the owner's answer to a proposal, None where there is none."""
    said = answer(journal, one.account)
    return said if said is not None and said.proposal == one.body.name else None


def approve(journal: Journal, one: Proposal, *, who: str, why: str, at: datetime) -> Answer:
    """Approve a proposal: the daemon acts on it with its next cycle. Raises `TooLateError`."""
    name, said = one.body.name, answer_to(journal, one)
    if said is not None and not said.renew:
        raise TooLateError(f"proposal {name} was approved by {said.who} already: {said.why}.")
    if one.closing is not None:
        raise TooLateError(f"proposal {name} was {one.closing.value} already. {_next(one)}")
    if at > one.body.deadline:
        raise TooLateError(
            f"proposal {name} ended at {one.body.deadline:%Y-%m-%d %H:%M:%S} UTC ({one.body.then.value}); "
            f"nothing was approved. {_next(one)}"
        )
    return _say(journal, one, Command.APPROVE, Answer(name, who, why, at))


def renew(journal: Journal, one: Proposal, *, who: str, why: str, at: datetime) -> Answer:
    """Ask the daemon to propose once more what was dropped. Raises `TooLateError` where nothing was."""
    name = one.body.name
    if one.closing not in ASKED_AGAIN and (not one.open or at <= one.body.deadline):
        state = "still waits for an answer" if one.closing is None else f"was {one.closing.value}"
        raise TooLateError(f"proposal {name} {state}: there is nothing to renew.")
    return _say(journal, one, Command.RENEW, Answer(name, who, why, at, renew=True))


def _next(one: Proposal) -> str:
    if one.closing in LETTING or one.closing in {Closing.DONE, Closing.WITHDRAWN}:
        return "There is nothing left to approve."
    return (
        f'`reef approve {one.body.name} --renew --why "..."` has it proposed again on fresh data, '
        "with a new deadline, while its rule still fires."
    )


def _say(journal: Journal, one: Proposal, command: Command, said: Answer) -> Answer:
    word = Word(command, said.who, said.why, one.body.name)
    memory = {(one.account, ANSWER): canonical(said).decode()}
    journal.append((Draft(said.at, one.account, word),), memory)
    return said


def used(journal: Journal, account: str, after: int) -> tuple[tuple[Step, float], ...]:
    """Return the steps prepared behind an entry, each with the share that was done, or may have been."""
    found: list[tuple[Step, float]] = []
    while entries := journal.entries(kind=Kind.PREPARED, account=account, after=after):
        for entry in entries:
            body = entry.record
            assert isinstance(body, Prepared)
            found.append((body.step, _share(journal, entry.intent)))
        after = entries[-1].seq
    return tuple(found)


def _share(journal: Journal, name: str) -> float:
    intent = fold(journal.entries(intent=name))
    if not intent.ended:
        return 1.0
    request, standing = intent.prepared.step.request, intent.standing
    if isinstance(request, OrderRequest) and standing is not None:
        return float(standing.filled / request.contracts)
    return 0.0 if intent.state is IntentState.REJECTED else 1.0
