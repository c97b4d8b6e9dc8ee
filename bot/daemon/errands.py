"""What the daemon does beside its accounts, each errand by itself."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from msgspec import Struct


class Errand(Struct, frozen=True):
    """Work that recurs. It tells its own failures, and may be cut short at the end."""

    name: str
    every: timedelta
    work: Callable[[], Coroutine[Any, Any, object]]


class Errands:
    """Runs errands on the daemon's scheduler, and ends those that are under way."""

    def __init__(self, errands: Sequence[Errand]) -> None:
        self._errands = errands
        self._running: set[asyncio.Task[object]] = set()

    def schedule(self, scheduler: AsyncIOScheduler, first: datetime) -> None:
        """Add a job for each errand; its name ends as no account's does."""
        for errand in self._errands:
            name = f"{errand.name} (errand)"
            scheduler.add_job(
                partial(self._run, errand),
                "interval",
                seconds=errand.every.total_seconds(),
                id=name,
                name=name,
                next_run_time=first,
            )

    async def end(self) -> None:
        """Cut short what is under way, and wait until it has cleaned up."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, errand: Errand) -> None:
        task = asyncio.create_task(errand.work())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
