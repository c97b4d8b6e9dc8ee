"""Halts and the operator's word. Synchronous: the command line calls these beside a running daemon."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from bot.errors import ReefError
from bot.journal import Draft, Journal
from bot.journal.records import Command, IntentState, Kind, Outcome, Word, canonical

NAME = "halt"
"""Under which the journal remembers a halt."""

EPISODES = "halted_episodes"
"""Under which the journal remembers for which episodes rules have halted an account."""

EPISODES_KEPT = 50

EVERY_ACCOUNT = ""

THE_GUARD = "the guard"
"""Who halts where the guard's own orders do harm."""

THE_RULES = "the rules"
"""Who halts where a rule does."""


class NothingOpenError(ReefError):
    """The intent that was to be abandoned is not open."""

    def __init__(self, intent: str) -> None:
        super().__init__(f"intent {intent} is not open: it has ended, or there is none. See `reef journal`.")
        self.intent = intent


class Halt(Struct, frozen=True):
    """An account that may not act, but for protection."""

    account: str
    """'' for every account."""
    who: str
    why: str
    at: datetime


def halt(journal: Journal, account: str, *, who: str, why: str, at: datetime) -> Halt:
    """Halt an account ('' for all): recorded, and in force from the next step on, in every process."""
    order = Halt(account, who, why, at)
    word = Draft(at, account, Word(Command.HALT, who, why))
    journal.append((word,), {(account, NAME): canonical(order).decode()})
    return order


def halt_once(journal: Journal, account: str, episodes: Sequence[str], *, why: str, at: datetime) -> bool:
    """Halt an account in the name of rules, once for each of their episodes.

    False, and nothing recorded, where the account is halted already, and where these episodes have halted it
    before: the owner has resumed it since, and that word stands until another episode begins.
    """
    body = journal.load_memory(account, EPISODES)
    before = msgspec.json.decode(body, type=list[str]) if body else []
    new = [episode for episode in episodes if episode not in before]
    if halted(journal, account) is not None or (episodes and not new):
        return False
    order = Halt(account, THE_RULES, why, at)
    journal.append(
        (Draft(at, account, Word(Command.HALT, THE_RULES, why)),),
        {
            (account, NAME): canonical(order).decode(),
            (account, EPISODES): canonical([*before, *new][-EPISODES_KEPT:]).decode(),
        },
    )
    return True


def resume(journal: Journal, account: str, *, who: str, why: str, at: datetime) -> bool:
    """Lift an account's halt, or with '' the halt of all.

    False, and nothing recorded, where there was none.
    """
    if journal.load_memory(account, NAME) is None:
        return False
    journal.append((Draft(at, account, Word(Command.RESUME, who, why)),), {(account, NAME): None})
    return True


def halted(journal: Journal, account: str) -> Halt | None:
    """Return the halt in force for an account: that of all accounts, or its own."""
    for name in (EVERY_ACCOUNT, account):
        body = journal.load_memory(name, NAME)
        if body is not None:
            return msgspec.json.decode(body, type=Halt)
    return None


def halt_words(journal: Journal, account: str) -> str:
    """Say who halted an account and why, '' where nobody did."""
    halt = halted(journal, account)
    return "" if halt is None else f"by {halt.who}: {halt.why}"


def abandon(journal: Journal, intent: str, *, who: str, why: str, at: datetime) -> None:
    """End an open intent by the operator's word, without the venue's evidence; raises `NothingOpenError`."""
    first = journal.entries(intent=intent, limit=1)
    if not first or first[0].kind not in {Kind.PREPARED, Kind.ADOPTED} or journal.ended(intent):
        raise NothingOpenError(intent)
    account, episode = first[0].account, first[0].episode
    word = Word(Command.ABANDON, who, why)
    outcome = Outcome(state=IntentState.ABANDONED, evidence=f"abandoned by {who}: {why}")
    journal.append([Draft(at, account, body, episode, intent) for body in (word, outcome)])
