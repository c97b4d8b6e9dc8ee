"""Notices when somebody fills up again what the guard trims, and lets rules back off."""

from collections.abc import Iterable
from datetime import datetime

import structlog
from msgspec import Struct

from bot.decision import Decision
from bot.execution import ExecutionReport
from bot.journal import Journal
from bot.journal.controls import Churned
from bot.journal.records import Kind, Outside
from bot.model import CUTS, Churning, ChurnTerms, OrderRequest, Side, position_key
from bot.model.churn import LONGEST
from bot.planning.demands import is_lifeline

log = structlog.get_logger(__name__)

LOOKED_AT = 100
"""Entries of the journal that are looked at after a restart."""


class Trim(Struct, frozen=True):
    """A trim that nobody has filled up again yet."""

    at: datetime
    backs_off: bool


class ChurnWatch:
    """Counts trims and refills of one account, for each rule and position."""

    def __init__(self, account: str, terms: ChurnTerms) -> None:
        self._account = account
        self._terms = terms
        self._trims: dict[tuple[str, str], Trim] = {}
        self._refills: dict[tuple[str, str], tuple[datetime, ...]] = {}
        self._known: dict[tuple[str, str], Churning] = {}

    def go_on(self, known: Iterable[Churning]) -> None:
        """Take up pauses that were recorded before a restart."""
        for one in known:
            self._known.setdefault((one.rule, one.item), one)

    def acted(self, report: ExecutionReport, made: Decision) -> None:
        """Take note of what was trimmed, and for which rules."""
        backing = {demand.rule: not is_lifeline(demand) for demand in made.evaluation.demands}
        for result in report.results:
            step, request = result.step, result.step.request
            if isinstance(request, OrderRequest) and step.kind in CUTS and result.executed > 0:
                item = position_key(request.symbol, request.position_side)
                self._trims[step.rule, item] = Trim(report.at, backing.get(step.rule, True))

    def saw(self, outside: Iterable[Outside], now: datetime) -> tuple[Churned, ...]:
        """Count what others opened after a trim; returns what newly churns."""
        grown = {position_key(one.symbol, Side(one.side)) for one in outside if one.others > 0}
        found = []
        for (rule, item), trim in tuple(self._trims.items()):
            if not self._lately(trim.at, now):
                del self._trims[rule, item]
            elif item in grown:
                del self._trims[rule, item]
                churned = self._refilled(rule, item, trim, now)
                found += [churned] if churned is not None else []
        return tuple(found)

    def active(self, now: datetime) -> tuple[Churning, ...]:
        """Return what churns now, in a fixed order."""
        return tuple(one for _, one in sorted(self._known.items()) if one.paused(now))

    def _refilled(self, rule: str, item: str, trim: Trim, now: datetime) -> Churned | None:
        key = (rule, item)
        refills = (*(at for at in self._refills.get(key, ()) if self._lately(at, now)), now)
        before = self._known.get(key)
        again = before is not None and self._lately(before.until, now)
        if len(refills) < self._terms.times and not again:
            self._refills[key] = refills
            return None
        self._refills.pop(key, None)
        level = before.level + 1 if before is not None and again else 1
        pause = min(self._terms.pause * 2 ** min(level - 1, 20), LONGEST)
        count = before.refills + 1 if before is not None and again else len(refills)
        one = Churning(rule, item, count, now, now + pause, level)
        self._known[key] = one
        log.critical(
            "churn",
            account=self._account,
            rule=rule,
            position=item,
            refills=count,
            until=one.until.isoformat(),
            backs_off=trim.backs_off,
        )
        return Churned(one, trim.backs_off)

    def _lately(self, at: datetime, now: datetime) -> bool:
        return now - at <= self._terms.within


def recorded_churn(journal: Journal, account: str) -> tuple[Churning, ...]:
    """Return what the journal says of churn, newest first."""
    entries = journal.entries(kind=Kind.CHURN, account=account, limit=LOOKED_AT, newest=True)
    return tuple(entry.record.churning for entry in entries if isinstance(entry.record, Churned))
