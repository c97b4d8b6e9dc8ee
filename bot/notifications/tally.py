"""What is kept of a day while it runs: where it began, the worst moments, what could not be known. Pure."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from bot.journal.told import WorstSeen
from bot.model import Finding, Number, Sense, Unknown

LONGEST_STEP = timedelta(minutes=10)
"""More than this between two looks means that nobody looked."""
NOT_READ = Unknown("the account has not been read since the day began")


class Look(Struct, frozen=True):
    """One cycle of an account, as far as a day needs it."""

    account: str
    at: datetime
    seen: bool
    """Whether the cycle ended well; where it did not, the rest says nothing."""
    equity: Number = NOT_READ
    unit: Number = NOT_READ
    findings: tuple[Finding, ...] = ()
    positions: int = 0
    bare: int = 0
    """Positions without a whole stop."""


class Tally(Struct, frozen=True):
    """A day so far."""

    since: datetime
    at: datetime
    entry: int
    """The journal's last entry before the day."""
    equity_before: Number = NOT_READ
    unit_before: Number = NOT_READ
    equity: Number = NOT_READ
    unit: Number = NOT_READ
    positions: int = 0
    bare: int = 0
    worst: tuple[WorstSeen, ...] = ()
    unknown: dict[str, float] = {}
    unseen: float = 0.0


def new_tally(at: datetime, entry: int, before: Tally | None = None) -> Tally:
    """Begin a day, with what the one before it left."""
    if before is None:
        return Tally(at, at, entry)
    return Tally(
        since=at,
        at=at,
        entry=entry,
        equity_before=before.equity,
        unit_before=before.unit,
        equity=before.equity,
        unit=before.unit,
        positions=before.positions,
        bare=before.bare,
    )


def tallied(tally: Tally, look: Look) -> Tally:
    """Return the day with one more look."""
    step = look.at - tally.at
    seconds = step.total_seconds() if timedelta(0) <= step <= LONGEST_STEP else 0.0
    if not look.seen:
        return replace(tally, at=look.at, unseen=tally.unseen + seconds)
    worst = {one.rule: one for one in tally.worst}
    unknown = dict(tally.unknown)
    dark = set()
    for finding in look.findings:
        if isinstance(finding.value, Unknown):
            dark.add(finding.rule)
            continue
        seen = _seen(finding, finding.value, look.at)
        known = worst.get(seen.rule)
        if known is None or (known.limit, known.sense) != (seen.limit, seen.sense) or _worse(seen, known):
            worst[seen.rule] = seen
    for rule in dark:
        unknown[rule] = unknown.get(rule, 0.0) + seconds
    return replace(
        tally,
        at=look.at,
        equity_before=look.equity if tally.equity_before == NOT_READ else tally.equity_before,
        unit_before=look.unit if isinstance(tally.unit_before, Unknown) else tally.unit_before,
        equity=look.equity,
        unit=look.unit,
        positions=look.positions,
        bare=look.bare,
        worst=tuple(worst.values()),
        unknown=unknown,
    )


def _seen(finding: Finding, value: float, at: datetime) -> WorstSeen:
    return WorstSeen(
        finding.rule, finding.target.text, finding.metric, value, finding.limit, finding.sense, at
    )


def _worse(one: WorstSeen, other: WorstSeen) -> bool:
    return one.value > other.value if one.sense is Sense.MAX else one.value < other.value
