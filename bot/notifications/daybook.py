"""Keeps the running day of every account, and records its summary at the set hour."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, time

import msgspec
import structlog

from bot.clock import Clock
from bot.journal import Draft, Journal, JournalError, JournalWorker
from bot.journal.records import canonical
from bot.journal.told import Summary
from bot.model import DailyHour
from bot.notifications.day import NAME, Halted, day_of, remembered_tally
from bot.notifications.hours import next_hour
from bot.notifications.tally import Look, Tally, new_tally, tallied

log = structlog.get_logger(__name__)

SAVE_SECONDS = 60.0
TURNED = "daybook"
"""Under which the journal remembers when the last day ended."""
MIDNIGHT = DailyHour(time(0), "UTC")


class Daybook:
    """The running days. Where no hour is set, a day ends at 00:00 UTC and is not told."""

    def __init__(
        self,
        worker: JournalWorker,
        clock: Clock,
        accounts: Sequence[str],
        halted: Halted,
        hour: DailyHour | None = None,
    ) -> None:
        self.name = "daybook"
        self._worker = worker
        self._clock = clock
        self._accounts = tuple(accounts)
        self._halted = halted
        self._hour = hour
        self._tallies: dict[str, Tally] = {}
        self._turned: datetime | None = None

    def look(self, look: Look) -> None:
        """Take note of a cycle."""
        tally = self._tallies.get(look.account)
        if tally is not None:
            self._tallies[look.account] = tallied(tally, look)

    async def begin(self) -> None:
        """Go on with the days that were running; raises `JournalError`."""
        if self._turned is None:
            self._tallies, self._turned = await self._worker.call(self._load, self._clock.now())

    async def run(self) -> None:
        """Save the days every minute until cancelled, and turn the page at the hour."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self.keep()

    async def keep(self) -> None:
        """Save the days once, or end them where the hour has come. A failure is tried again."""
        now = self._clock.now()
        try:
            await self.begin()
            assert self._turned is not None
            if now >= next_hour(self._turned, self._hour or MIDNIGHT):
                fresh = await self._worker.call(self._turn, dict(self._tallies), now)
                self._tallies, self._turned = fresh, now
            else:
                await self._worker.call(self._worker.journal.append, (), self._memory(self._tallies), at=now)
        except JournalError as error:
            log.error("the running day could not be saved", error=str(error))

    async def end(self, lost: str) -> None:
        """Save the days for the next daemon, unless the journal is lost to a newer one."""
        if not lost:
            await self.keep()

    def _load(self, now: datetime) -> tuple[dict[str, Tally], datetime]:
        journal = self._worker.journal
        head = journal.head().seq
        found = {name: remembered_tally(journal, name) or new_tally(now, head) for name in self._accounts}
        turned = journal.load_memory("", TURNED)
        if turned is not None:
            return found, msgspec.json.decode(turned, type=datetime)
        journal.append((), {("", TURNED): canonical(now).decode()}, at=now)
        return found, now

    def _turn(self, tallies: dict[str, Tally], now: datetime) -> dict[str, Tally]:
        """End the days: their summary and the new ones are written together, or not at all."""
        journal = self._worker.journal
        drafts = [self._summary(journal, tallies, now)] if self._hour is not None else []
        head = journal.head().seq
        fresh = {name: new_tally(now, head, tally) for name, tally in tallies.items()}
        journal.append(drafts, {**self._memory(fresh), ("", TURNED): canonical(now).decode()}, at=now)
        return fresh

    def _summary(self, journal: Journal, tallies: dict[str, Tally], now: datetime) -> Draft:
        days = tuple(day_of(journal, name, tally, now, self._halted) for name, tally in tallies.items())
        return Draft(now, "", Summary(days))

    @staticmethod
    def _memory(tallies: dict[str, Tally]) -> dict[tuple[str, str], str | None]:
        return {(name, NAME): canonical(tally).decode() for name, tally in tallies.items()}
