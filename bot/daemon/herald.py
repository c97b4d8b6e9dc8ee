"""Runs what watches and tells beside the daemon's jobs. Nothing of it can hold up or fail a cycle."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import structlog

from bot.journal import JournalError

log = structlog.get_logger(__name__)


class Companion(Protocol):
    """Something that works beside the jobs."""

    name: str

    async def begin(self) -> None:
        """Get ready, before anything of this daemon is recorded; raises `JournalError`."""
        ...

    async def run(self) -> None:
        """Work until cancelled."""
        ...

    async def end(self, lost: str) -> None:
        """Finish. `lost` says why the journal is a newer daemon's; '' where it is not."""
        ...


class Herald:
    """All companions, from the daemon's beginning to its end."""

    def __init__(self, companions: Sequence[Companion] = ()) -> None:
        self._companions = list(companions)
        self._tasks: list[asyncio.Task[None]] = []
        self._failed = ""

    def join(self, companion: Companion) -> None:
        """Let one more work, from the beginning on."""
        self._companions.append(companion)

    def trouble(self) -> str:
        """Say which of them has failed for good; '' where all work."""
        return self._failed

    async def begin(self) -> None:
        """Get all of them ready; one that cannot be tries again while it works."""
        for one in self._companions:
            try:
                await one.begin()
            except JournalError as error:
                log.error("not ready yet", part=one.name, error=str(error))

    def start(self) -> None:
        """Let them work in the background; needs a running loop."""
        for one in self._companions:
            task = asyncio.create_task(one.run(), name=one.name)
            task.add_done_callback(partial(self._over, one.name))
            self._tasks.append(task)

    async def end(self, lost: str = "") -> None:
        """End them, the end of the daemon told with it; the last one ends last."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for one in self._companions:
            (error,) = await asyncio.gather(one.end(lost), return_exceptions=True)
            if error is not None:
                log.error("it did not end cleanly", part=one.name, error=repr(error))

    def _over(self, name: str, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed = f"{name} failed: {error!r}"
            log.critical(
                "failed in a way that was not foreseen; the guard goes on", part=name, error=repr(error)
            )
