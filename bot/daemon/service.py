"""The daemon: jobs for each account, kept apart, until a signal ends them."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from msgspec import Struct

from bot.clock import Clock
from bot.daemon.errands import Errand, Errands
from bot.daemon.herald import Herald
from bot.daemon.hints import Hints, Streams, poll_job
from bot.daemon.housekeeping import Housekeeping
from bot.daemon.pulse import Pulse
from bot.daemon.reload import SIGNAL, RulesWatch
from bot.daemon.watch import Observer, Watch
from bot.execution import Lease
from bot.guard import Guard
from bot.journal import Draft, JournalError, JournalWorker, SupersededError
from bot.journal.records import Started, Stopped

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
STATISTICS_EVERY = timedelta(seconds=30)
"""How often to look whether statistics of a market are due; most looks ask the venue nothing."""

RULES_EVERY = timedelta(seconds=1)
"""How often rule files are looked at; a change is taken at the second look that shows it."""


class ServiceTerms(Struct, frozen=True):
    """How often each job runs, and what is told at start."""

    poll: timedelta
    reconcile: timedelta
    housekeeping: timedelta
    version: str
    mode: str
    network: str
    rules: str
    hint: timedelta = timedelta(milliseconds=250)
    """Least time between two polls of an account where a stream asks for them."""
    epoch: int = 0
    """Of the daemon's lease."""
    keep_decisions: timedelta | None = None
    """How long inputs of decisions are kept from which nothing was sent; None is for good."""


class Service:
    """Runs the jobs of all guards on one event loop and one journal."""

    def __init__(
        self,
        guards: Sequence[Guard],
        worker: JournalWorker,
        clock: Clock,
        terms: ServiceTerms,
        *,
        streams: Sequence[Streams] = (),
        lease: Lease | None = None,
        errands: Sequence[Errand] = (),
        herald: Herald | None = None,
        rules: RulesWatch | None = None,
        observers: Sequence[Observer] = (),
        pulse: Pulse | None = None,
    ) -> None:
        self._rules = rules
        self._reloading: set[asyncio.Task[None]] = set()
        self._guards = guards
        self._worker = worker
        self._clock = clock
        self._terms = terms
        self._lease = lease
        self._herald = herald or Herald(())
        self._pulse = pulse
        self._superseded: SupersededError | None = None
        self._housekeeping = Housekeeping(worker, clock, terms.keep_decisions)
        # However late a job is, it runs: a busy machine must not skip the cycles of its accounts.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._scheduler.add_listener(self._job_failed, EVENT_JOB_ERROR)
        self._errands = Errands(errands)
        self._polls = {guard.account: Watch(guard, observers, clock).cycle for guard in guards}
        self._hints = Hints(self._scheduler, streams, self._polls, clock, terms.hint)
        self._stop = asyncio.Event()
        self._reason = ""

    async def run(self) -> str:
        """Work until SIGTERM or SIGINT; then end the running cycles and close. Protective stops stay.

        Returns why it ended. Raises `JournalError` where the start cannot be recorded, and `SupersededError`
        after the end where a newer daemon took the journal over. A second signal while the cycles end is left
        to the system.
        """
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.stop, f"signal {number.name}")
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            await self._herald.begin()
            await self._write(self._started())
            self._schedule()
            if self._pulse is not None:
                self._pulse.start(self._scheduler, self._clock.now())
            self._scheduler.start()
            self._hints.start()
            self._herald.start()
            log.info("running", accounts=[guard.account for guard in self._guards], mode=self._terms.mode)
            await self._stop.wait()
        finally:
            for number in (*STOP_SIGNALS, signal.SIGHUP):
                loop.remove_signal_handler(number)
            await self._end()
        if self._superseded is not None:
            raise self._superseded
        return self._reason

    def stop(self, reason: str) -> None:
        """Ask the service to end."""
        self._reason = self._reason or reason
        self._stop.set()

    def _reload(self) -> None:
        """SIGHUP: read the rules again now, whether or not a file seems to have changed."""
        if self._rules is not None:
            task = asyncio.create_task(self._rules.reload(SIGNAL), name="reload")
            self._reloading.add(task)
            task.add_done_callback(self._reloading.discard)

    def _schedule(self) -> None:
        now = self._clock.now()
        for guard in self._guards:
            self._every(self._terms.poll, self._polls[guard.account], poll_job(guard.account), now)
            self._every(
                self._terms.reconcile,
                guard.reconcile,
                f"reconcile {guard.account}",
                now + self._terms.reconcile,
            )
            self._every(STATISTICS_EVERY, guard.refresh_stats, f"statistics {guard.account}", now)
        self._errands.schedule(self._scheduler, now)
        if self._rules is not None:
            self._every(RULES_EVERY, self._rules.look, "rules", now + RULES_EVERY)
        self._every(self._terms.housekeeping, self._housekeeping.keep, "housekeeping", now)
        if self._lease is not None:
            # Two renewals may fail before sending stops.
            pause = timedelta(seconds=(self._lease.length - self._lease.reserve) / 3)
            self._every(pause, partial(self._renew, self._lease), "lease", now + pause)

    def _every(
        self,
        interval: timedelta,
        work: Callable[[], Coroutine[Any, Any, object]],
        name: str,
        first: datetime,
    ) -> None:
        self._scheduler.add_job(
            work, "interval", seconds=interval.total_seconds(), id=name, name=name, next_run_time=first
        )

    def _job_failed(self, event: JobExecutionEvent) -> None:
        """What nobody foresaw sends that account back to load, observe, reconcile; the others go on."""
        log.critical(
            "a job failed in a way that was not foreseen", job=event.job_id, error=repr(event.exception)
        )
        for guard in self._guards:
            if event.job_id.endswith(f" {guard.account}"):
                guard.begin_again(f"{event.job_id}: {event.exception!r}")

    async def _renew(self, lease: Lease) -> None:
        """Make the lease last longer; whoever has lost it ends, and leaves what rests at the venue."""
        end = lease.next_end()
        try:
            await self._worker.call(self._worker.journal.renew_lease, end)
        except SupersededError as error:
            self._superseded = error
            self.stop(str(error))
        except JournalError as error:
            left = round(max(lease.seconds_to_send, 0.0), 1)
            log.error("the lease could not be renewed", error=str(error), seconds_to_send=left)
        else:
            lease.lasts_until(end)

    async def _end(self) -> None:
        log.info("ending: cycles that run end first; a second signal does not wait", reason=self._reason)
        if self._pulse is not None:
            self._pulse.stop(self._reason)
        if self._scheduler.running:
            self._scheduler.pause()
        await asyncio.gather(*self._reloading)
        await self._hints.end()
        await self._errands.end()
        closed = await asyncio.gather(*(guard.close() for guard in self._guards), return_exceptions=True)
        for guard, error in zip(self._guards, closed, strict=True):
            if error is not None:
                log.error("an account did not end cleanly", account=guard.account, error=repr(error))
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        if self._superseded is None:
            await self._write_end()
        await self._herald.end("" if self._superseded is None else str(self._superseded))
        await self._worker.close()
        log.info("ended", reason=self._reason)

    async def _write_end(self) -> None:
        try:
            await self._write(Stopped(reason=self._reason or "ended"))
        except JournalError as error:
            log.error("the end could not be recorded", error=str(error))

    def _started(self) -> Started:
        return Started(
            version=self._terms.version,
            pid=os.getpid(),
            mode=self._terms.mode,
            network=self._terms.network,
            accounts=tuple(guard.account for guard in self._guards),
            rules=self._terms.rules,
            epoch=self._terms.epoch,
        )

    async def _write(self, body: Started | Stopped) -> None:
        draft = Draft(at=self._clock.now(), account="", body=body)
        await self._worker.call(self._worker.journal.append, (draft,))
