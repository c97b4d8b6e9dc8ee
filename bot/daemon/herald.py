"""Runs what tells people beside the daemon's jobs. It cannot hold up or fail a cycle."""

import asyncio

import structlog

from bot.clock import Clock
from bot.journal import JournalError, SupersededError
from bot.model import NoticeKind, Severity
from bot.notifications.notice import Notice
from bot.notifications.notifier import Notifier

log = structlog.get_logger(__name__)


class Herald:
    """The notifier, from the daemon's beginning to its end."""

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        self.notifier = notifier
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Find out where to go on, before anything of this daemon is recorded."""
        try:
            await self.notifier.begin()
        except JournalError as error:
            log.error("notifications could not be begun; it is tried again", error=str(error))

    def start(self) -> None:
        """Work in the background; needs a running loop."""
        self._task = asyncio.create_task(self.notifier.run(), name="notifications")
        self._task.add_done_callback(_over)

    async def end(self, superseded: SupersededError | None) -> None:
        """Tell what is left, the end of the daemon with it, and close."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self.notifier.end(None if superseded is None else self._replaced(superseded))
        await self.notifier.close()

    def _replaced(self, error: SupersededError) -> Notice:
        """The last words of a daemon that may not write any more."""
        return Notice(
            key="daemon::replaced",
            entry=0,
            at=self._clock.now(),
            kind=NoticeKind.DAEMON,
            severity=Severity.CRITICAL,
            account="",
            rule="",
            subject="a daemon lost its lease and has ended",
            body=f"{error}\nThe newer daemon watches the accounts; look why this one hung.",
        )


def _over(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical(
            "notifications failed in a way that was not foreseen; the guard goes on", error=repr(error)
        )
