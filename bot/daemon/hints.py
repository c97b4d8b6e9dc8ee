"""Polls that streams and fills ask for, beside those that come anyway.

The polls of the schedule stay exactly where they are. A hint adds a poll before the next of them, never two
within the least interval and never two at once, and none while polls fail. So whatever streams do, every poll
that would come without them comes.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_SUBMITTED, JobEvent
from apscheduler.schedulers.base import BaseScheduler

from bot.clock import Clock
from bot.guard import CycleReport
from bot.model import Snapshot, StepKind

log = structlog.get_logger(__name__)

END_SECONDS = 5.0
"""How long the end of the service waits for streams; each closes sooner."""


class Streams(Protocol):
    """The streams of one account, see `bot.exchange.streams.AccountStreams`."""

    account: str

    async def run(self, ask: Callable[[], None], tell: Callable[[str, str], None]) -> None:
        """Work until cancelled."""
        ...

    def polled(self, snapshot: Snapshot) -> None:
        """Compare with what a poll showed."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...


class Pace:
    """When a hinted poll of one account may come. Pure; the time is an argument."""

    def __init__(self, least: timedelta) -> None:
        self._least = least
        self._began: datetime | None = None
        self._running = 0
        self._due: datetime | None = None
        self._wanted = False
        self._well = False

    def asked(self, now: datetime, scheduled: datetime) -> datetime | None:
        """Return when to poll for a hint, None where the poll that is `scheduled` or under way will do."""
        if not self._well or self._due is not None:
            return None
        if self._running:
            self._wanted = True  # what runs may have read before it happened
            return None
        earliest = now if self._began is None else self._began + self._least
        due = max(now, earliest)
        if scheduled - due < self._least:
            return None
        self._due = due
        return due

    def began(self, now: datetime) -> None:
        """Take note that a poll began, hinted or not."""
        self._began = now
        self._running += 1
        self._due = None
        self._wanted = False

    def ended(self, *, well: bool) -> bool:
        """Take note that a poll ended; whether a hint came meanwhile. Unless it went well, none is heard."""
        self._running -= 1
        self._well = well
        wanted = self._wanted and not self._running
        self._wanted = self._wanted and not wanted
        return wanted


class Hints:
    """Runs the streams of all accounts beside the jobs of the schedule."""

    def __init__(
        self,
        scheduler: BaseScheduler,
        streams: Sequence[Streams],
        polls: Mapping[str, Callable[[], Coroutine[Any, Any, object]]],
        clock: Clock,
        least: timedelta,
    ) -> None:
        self._scheduler = scheduler
        self._streams = {one.account: one for one in streams}
        self._polls = polls
        self._clock = clock
        self._paces = {account: Pace(least) for account in polls}
        self._jobs = {job(account): account for account in polls for job in (poll_job, hint_job)}
        self._listens = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; needs a running loop."""
        events = EVENT_JOB_SUBMITTED | EVENT_JOB_EXECUTED | EVENT_JOB_ERROR
        self._scheduler.add_listener(self._on_event, events)
        self._listens = True
        for account, streams in self._streams.items():
            working = streams.run(partial(self._ask, account), partial(tell, account))
            task = asyncio.create_task(working, name=f"streams {account}")
            task.add_done_callback(partial(_over, account))
            self._tasks.append(task)

    async def end(self) -> None:
        """End all streams; whatever their venues do, this ends soon."""
        self._listens = False
        self._scheduler.remove_listener(self._on_event)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS)
        closing = (one.close() for one in self._streams.values())
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if error is not None:
                log.error("streams did not end cleanly", error=repr(error))

    def _ask(self, account: str) -> None:
        job = self._scheduler.get_job(poll_job(account))
        if job is None or job.next_run_time is None or not self._listens:
            return
        due = self._paces[account].asked(self._clock.now(), job.next_run_time)
        if due is not None:
            name = hint_job(account)
            self._scheduler.add_job(
                self._polls[account], "date", run_date=due, id=name, name=name, replace_existing=True
            )

    def _on_event(self, event: JobEvent) -> None:
        account = self._jobs.get(event.job_id)
        if account is None:
            return
        pace = self._paces[account]
        if event.code == EVENT_JOB_SUBMITTED:
            pace.began(self._clock.now())
            return
        report = event.retval if event.code == EVENT_JOB_EXECUTED else None
        snapshot = report.snapshot if isinstance(report, CycleReport) and not report.error else None
        wanted = pace.ended(well=snapshot is not None)
        if snapshot is not None and account in self._streams:
            self._streams[account].polled(snapshot)
        if wanted or (isinstance(report, CycleReport) and goes_on(report)):
            self._ask(account)


def goes_on(report: CycleReport) -> bool:
    """Whether orders of a cycle were filled, or cancelled: what is left is planned at once, on fresh data."""
    results = () if report.execution is None else report.execution.sent
    return any(result.executed or result.step.kind is StepKind.CANCEL for result in results)


def poll_job(account: str) -> str:
    """Name the job that polls an account by the schedule."""
    return f"poll {account}"


def hint_job(account: str) -> str:
    """Name the job that polls an account once because of a hint."""
    return f"hint {account}"


def tell(account: str, stream: str, trouble: str) -> None:
    """Log that a stream is down, or up again."""
    if trouble:
        log.warning("a stream is down; polls go on", account=account, stream=stream, error=trouble)
    else:
        log.info("a stream is up again", account=account, stream=stream)


def _over(account: str, task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical(
            "the streams failed in a way that was not foreseen; polls go on",
            account=account,
            error=repr(error),
        )
