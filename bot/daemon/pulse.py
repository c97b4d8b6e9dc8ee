"""Tells the service manager that accounts are really looked at, and nothing where they are not.

A daemon whose event loop hangs, or which looks at no account any more, stays silent: the manager's watchdog
then ends it and starts another, which reconciles as after any crash. A venue that does not answer is no
reason: those cycles end, with an error, and another process would see no more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.base import BaseScheduler

from bot.clock import Clock
from bot.daemon.hints import hint_job, poll_job
from bot.daemon.notices import Notices
from bot.guard import FIRST_READ_SECONDS, CycleReport

log = structlog.get_logger(__name__)

OFTEN = timedelta(seconds=10)
"""How often the manager is told where it does not watch."""
JOB = "pulse"


class Pulse:
    """Follows the cycles of all accounts, and tells the manager of them."""

    def __init__(self, notices: Notices, accounts: Sequence[str], clock: Clock, poll: timedelta) -> None:
        self._notices = notices
        self._clock = clock
        self._jobs = {job(account): account for account in accounts for job in (poll_job, hint_job)}
        self._bound = poll.total_seconds() + FIRST_READ_SECONDS
        self._looked = dict.fromkeys(accounts, clock.elapsed())
        """When the last cycle of each account ended, by a clock that nobody can set."""
        self._waiting = set(accounts)
        """Accounts that were not reconciled yet."""
        self._failing: set[str] = set()
        self._late: set[str] = set()
        """Accounts whose last cycle ended too long ago."""
        self._silent = False
        self._ready = False

    @property
    def every(self) -> timedelta:
        """How often to tell: three times within the manager's patience."""
        patience = self._notices.watchdog_seconds
        return OFTEN if patience is None else min(OFTEN, timedelta(seconds=patience / 3))

    def start(self, scheduler: BaseScheduler, now: datetime) -> None:
        """Follow the jobs of a scheduler, and tell from `now` on."""
        scheduler.add_listener(self._took_place, EVENT_JOB_EXECUTED)
        seconds = self.every.total_seconds()
        scheduler.add_job(self.tell, "interval", seconds=seconds, id=JOB, name=JOB, next_run_time=now)

    def _took_place(self, event: JobExecutionEvent) -> None:
        account = self._jobs.get(event.job_id)
        report = event.retval
        if account is None or not isinstance(report, CycleReport):
            return
        self._looked[account] = self._clock.elapsed()
        if report.error:
            self._failing.add(account)
            return
        self._failing.discard(account)
        self._waiting.discard(account)
        if not self._waiting and not self._ready:
            self._ready = True
            self._notices.tell(READY=1, STATUS=self.status)

    async def tell(self) -> None:
        """Tell that some account was looked at in time; until all were once, ask for patience."""
        now = self._clock.elapsed()
        self._late = {account for account, at in self._looked.items() if now - at > self._bound}
        if len(self._late) == len(self._looked):
            if not self._silent:
                log.critical("no account was looked at; the watchdog is left to bite", seconds=self._bound)
            self._silent = True
            return
        self._silent = False
        if not self._ready:
            patience = max(3 * self.every.total_seconds(), 60.0)
            self._notices.tell(EXTEND_TIMEOUT_USEC=round(patience * 1e6), STATUS=self.status)
            return
        self._notices.tell(WATCHDOG=1, STATUS=self.status)

    @property
    def status(self) -> str:
        """One line for `systemctl status`."""
        count = len(self._looked)
        said = f"guards {count} account{'' if count == 1 else 's'}"
        for word, names in (
            ("not reconciled yet", self._waiting),
            ("last cycle failed", self._failing),
            ("not looked at", self._late),
        ):
            if names:
                said += f"; {word}: {', '.join(sorted(names)[:5])}{' and more' if len(names) > 5 else ''}"
        return said

    def stop(self, reason: str) -> None:
        """Tell that the end has begun."""
        self._notices.tell(STOPPING=1, STATUS=f"ends: {reason or 'failed'}")
