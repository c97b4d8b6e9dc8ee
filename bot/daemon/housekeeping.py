"""What is looked after beside the accounts: room on the disk, and inputs that retention lets go."""

import shutil
from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.journal import JournalError, JournalWorker

log = structlog.get_logger(__name__)

LOW_DISK_BYTES = 256 * 1024 * 1024
MOST_PARTS = 20
"""Parts of the journal that one round prunes; cycles write between them."""


class Housekeeping:
    """One round of it is `keep`."""

    def __init__(self, worker: JournalWorker, clock: Clock, keep_decisions: timedelta | None) -> None:
        self._worker = worker
        self._clock = clock
        self._keep_decisions = keep_decisions

    async def keep(self) -> None:
        """Look at the disk, and prune what is old enough. A journal that cannot be pruned is told."""
        free = shutil.disk_usage(self._worker.journal.path.parent).free
        if free < LOW_DISK_BYTES:
            log.warning(
                "the disk is nearly full; without room for the journal nothing is sent", free_bytes=free
            )
        if self._keep_decisions is None:
            return
        try:
            await self._prune(self._keep_decisions)
        except JournalError as error:
            log.error("the journal could not be pruned; it is tried again", error=str(error))

    async def _prune(self, keep: timedelta) -> None:
        """Prune in parts, so that no cycle waits long for the journal."""
        now = self._clock.now()
        gone = size = 0
        for _ in range(MOST_PARTS):
            found = await self._worker.call(self._worker.journal.prune, now - keep, at=now)
            gone, size = gone + len(found.decisions), size + found.size
            if found.ended:
                break
        if gone:
            log.info("old inputs of decisions were pruned", decisions=gone, bytes=size)
