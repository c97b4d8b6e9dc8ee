"""Lets others see each cycle of a guard once it is over."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.guard import CycleReport, Guard
from bot.model import Snapshot, unprotected
from bot.notifications.daybook import Daybook
from bot.notifications.tally import Look
from bot.risk.ages import parts_trouble

log = structlog.get_logger(__name__)

LOOKED_AT = ("positions", "balance", "marks")
"""Parts that must have been fresh for an account to count as seen."""


class Observer(Protocol):
    """Sees cycles. It works in memory alone, and at once."""

    def cycle(self, report: CycleReport, seconds: float) -> None:
        """Take note of a cycle and of how long it took."""
        ...


class Watch:
    """A guard's cycle with observers: what they do cannot fail it."""

    def __init__(self, guard: Guard, observers: Sequence[Observer], clock: Clock) -> None:
        self._guard = guard
        self._observers = tuple(observers)
        self._clock = clock

    async def cycle(self) -> CycleReport:
        """Run one cycle of the guard, and show it around."""
        began = self._clock.elapsed()
        report = await self._guard.cycle()
        seconds = self._clock.elapsed() - began
        for observer in self._observers:
            try:
                observer.cycle(report, seconds)
            except Exception as error:  # noqa: BLE001 - watching must never stop what is watched
                log.critical("an observer failed in a way that was not foreseen", error=repr(error))
        return report


class DayWatch:
    """Enters cycles into the daybook."""

    def __init__(self, daybook: Daybook) -> None:
        self._daybook = daybook

    def cycle(self, report: CycleReport, seconds: float) -> None:
        """Enter one cycle."""
        self._daybook.look(look_of(report))


def look_of(report: CycleReport) -> Look:
    """Return what a day needs of a cycle."""
    if report.snapshot is None or report.decision is None:
        return Look(report.account, report.at, seen=False)
    made = report.decision
    return Look(
        account=report.account,
        at=report.at,
        seen=True,
        equity=made.portfolio.equity,
        unit=made.context.units.value,
        findings=made.evaluation.findings,
        positions=len(report.snapshot.positions),
        bare=len(unprotected(report.snapshot)),
    )


class Sightings:
    """Knows whether every account is seen: its last whole view was fresh, and no older than may be."""

    def __init__(
        self, accounts: Sequence[str], clock: Clock, max_age_seconds: float, poll_seconds: float
    ) -> None:
        """A view may be as old as data may be used, and as a poll may be away."""
        self._clock = clock
        self._max_age = max_age_seconds
        self._bound = max_age_seconds + poll_seconds
        self._views: dict[str, Snapshot | None] = dict.fromkeys(accounts)

    def cycle(self, report: CycleReport, seconds: float) -> None:
        """Take note of a view that was whole, fresh, and decided on."""
        view = report.snapshot
        if view is None or report.error:
            return
        if not parts_trouble(view, report.at, self._max_age, LOOKED_AT):
            self._views[report.account] = view

    def trouble(self) -> str:
        """Say which account is not seen and why; '' where all are."""
        now = self._clock.now()
        for account, view in self._views.items():
            if view is None:
                return f"{account} has not been seen yet"
            told = parts_trouble(view, now, self._bound, LOOKED_AT)
            if told:
                return f"{account}: {told}"
        return ""
