"""The operator's word that notifications are not wanted. It changes no action, and ends by itself.

Synchronous: the command line calls these beside a running daemon.
"""

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase

import msgspec
from msgspec import Struct

from bot.journal import Draft, Journal
from bot.journal.records import canonical
from bot.journal.told import Silenced
from bot.notifications.notice import Notice

NAME = "silences"
"""Under which the journal remembers those in force."""


class Silence(Struct, frozen=True):
    """Notifications that are not wanted for a while."""

    account: str
    """'' for every account."""
    rule: str
    """A pattern; '' for everything of the account."""
    until: datetime
    who: str
    why: str
    at: datetime

    def fits(self, notice: Notice) -> bool:
        """Whether a notice is meant."""
        if self.account and notice.account != self.account:
            return False
        return not self.rule or bool(notice.rule and fnmatchcase(notice.rule.lower(), self.rule.lower()))

    @property
    def what(self) -> str:
        """What is silenced, in words."""
        where = self.account or "all accounts"
        return f"rule {self.rule} of {where}" if self.rule else where


def silence(journal: Journal, wanted: Silence) -> None:
    """Silence notifications: recorded, and in force at once, in place of a silence of the same."""
    body = Silenced(wanted.rule, wanted.until, wanted.who, wanted.why)
    kept = [one for one in silences(journal, wanted.at) if not _same(one, wanted.account, wanted.rule)]
    _write(journal, [*kept, wanted], Draft(wanted.at, wanted.account, body))


def end_silence(
    journal: Journal, account: str, rule: str, *, who: str, why: str, at: datetime
) -> Silence | None:
    """End a silence before its time; None, and nothing recorded, where there is no such silence."""
    lasting = silences(journal, at)
    found = next((one for one in lasting if _same(one, account, rule)), None)
    if found is not None:
        body = Silenced(rule, found.until, who, why, ended=True)
        _write(journal, [one for one in lasting if one != found], Draft(at, account, body))
    return found


def silences(journal: Journal, now: datetime) -> tuple[Silence, ...]:
    """Return the silences in force, the oldest first."""
    body = journal.load_memory("", NAME)
    known = msgspec.json.decode(body, type=tuple[Silence, ...]) if body else ()
    return tuple(one for one in known if one.until > now)


def _write(journal: Journal, wanted: Sequence[Silence], draft: Draft) -> None:
    body = canonical(wanted).decode() if wanted else None
    journal.append((draft,), {("", NAME): body})


def _same(one: Silence, account: str, rule: str) -> bool:
    return (one.account, one.rule) == (account, rule)
