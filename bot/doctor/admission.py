"""Whether `reef run` may begin on the live network: what the doctor found, and where an account stood before.

An account that was never guarded live begins only with a doctor that finds nothing wrong. Later starts must
not be kept off by a venue that is down or a disk that is filling: the positions are there, and a restart in
the middle of a fall is when they need the guard. Only a key that is known to withdraw is refused each time.
"""

from collections.abc import Collection, Sequence

from bot.doctor.checks import Check, Grade
from bot.errors import MisuseError, ReefError
from bot.journal import Journal
from bot.journal.records import Kind, Started

LIVE = "live"
MOST_STARTS = 1000


class UnfitKeyError(MisuseError):
    """A key may do what no key of a guard should be able to do."""


class NotCleanError(ReefError):
    """The doctor found something wrong, and the account was never guarded live before."""


def guarded_on_live(journal: Journal) -> frozenset[str]:
    """Return the accounts that were guarded on the live network before, by the journal's own record."""
    starts = journal.entries(kind=Kind.STARTED, account="", limit=MOST_STARTS, newest=True)
    bodies = [body for one in starts if isinstance(body := one.record, Started)]
    return frozenset(name for body in bodies if body.network == LIVE for name in body.accounts)


def admit(checks: Sequence[Check], known: Collection[str]) -> None:
    """Raise `UnfitKeyError` or `NotCleanError` where `reef run` must not begin on the live network."""
    barred = [one for one in checks if one.bars]
    if barred:
        raise UnfitKeyError(f"not started on the live network: {_told(barred)}")
    wrong = [one for one in checks if one.grade is Grade.WRONG and one.account not in known]
    if wrong:
        raise NotCleanError(
            f"not started on the live network, where these accounts were never guarded yet: {_told(wrong)} "
            "`reef doctor --live` shows all of it."
        )


def _told(checks: Sequence[Check]) -> str:
    texts = (f"{one.account or 'machine'}, {one.name}: {one.said}. {one.todo}" for one in checks)
    return " ".join(text.strip() for text in texts)
