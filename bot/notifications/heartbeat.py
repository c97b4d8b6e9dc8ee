"""A dead man's switch: an address that is called for as long as all is well, and not called otherwise."""

import asyncio
from collections.abc import Callable

import aiohttp
import structlog

from bot.clock import Clock
from bot.journal import JournalError, JournalWorker
from bot.journal.records import canonical
from bot.notifications.channels import scrubbed

log = structlog.get_logger(__name__)

NAME = "heartbeat"
"""Under which each beat is written first: a journal that takes no writes has no beat."""
CALL_SECONDS = 10.0


class Heartbeat:
    """Calls an address while every account is seen and the journal takes writes."""

    def __init__(
        self, worker: JournalWorker, clock: Clock, url: str, every_seconds: float, trouble: Callable[[], str]
    ) -> None:
        """`trouble` says why all is not well, '' where it is."""
        self.name = "heartbeat"
        self._worker = worker
        self._clock = clock
        self._url = url
        self._every = every_seconds
        self._trouble = trouble
        self._told = ""

    async def begin(self) -> None:
        """Nothing is needed."""

    async def run(self) -> None:
        """Call again and again until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            self._tell(await self.beat())

    async def end(self, lost: str) -> None:
        """Nothing is sent at the end: that the calls stop is the message."""

    async def beat(self) -> str:
        """Call once where all is well; returns why not, or what failed, '' where the call was answered."""
        trouble = self._trouble()
        if trouble:
            return f"no heartbeat is sent: {trouble}"
        now = self._clock.now()
        memory = {("", NAME): canonical(now).decode()}
        try:
            await self._worker.call(self._worker.journal.append, (), memory, at=now)
        except JournalError as error:
            return f"no heartbeat is sent: {error}"
        return await self._call()

    async def _call(self) -> str:
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url) as answer:
                return "" if answer.ok else f"the heartbeat was answered with {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return scrubbed(f"the heartbeat failed: {error!r}", self._url)

    def _tell(self, trouble: str) -> None:
        """Log what is new."""
        if trouble and trouble != self._told:
            log.warning("heartbeat", why=trouble)
        elif self._told and not trouble:
            log.info("the heartbeat goes on")
        self._told = trouble
