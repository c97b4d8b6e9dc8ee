"""Rules that change while the daemon runs: taken as a whole, for every account, or not at all."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import structlog
from msgspec import Struct

from bot.clock import Clock
from bot.documents import MistakesError
from bot.guard import Guard
from bot.journal import Draft, JournalError, JournalWorker
from bot.journal.controls import Reloaded
from bot.reloading import Reload
from bot.rules import RuleSet

log = structlog.get_logger(__name__)

Sight: TypeAlias = tuple[int, int, int] | None
"""What tells that a file is another one: its time, size and number; None where it is not there."""

SETTINGS_TOO = (
    "the settings have changed as well: they are read at the start only, so restart `reef run` for them"
)
SIGNAL = "SIGHUP"


class RuleSource(Struct, frozen=True):
    """Where rules come from."""

    files: tuple[Path, ...]
    settings: Path
    load: Callable[[], Mapping[str, RuleSet]]
    """Loads the rules of every account; raises `MistakesError`."""


class RulesWatch:
    """Looks after the rule files, and hands what changed to the guards.

    A file counts as written once two looks in a row show the same: half of one is never read.
    """

    def __init__(
        self, source: RuleSource, guards: Sequence[Guard], worker: JournalWorker, clock: Clock
    ) -> None:
        self._source = source
        self._guards = guards
        self._worker = worker
        self._clock = clock
        self._before = self._look()
        self._settings = self._before[source.settings]
        # They were read a moment ago and may have changed since: the first look makes sure.
        self._known: dict[Path, Sight] = {**dict.fromkeys(source.files), source.settings: self._settings}
        self._turn = asyncio.Lock()

    async def look(self) -> None:
        """Read the rules again where a file has changed since they were read."""
        seen, before = self._look(), self._before
        self._before = seen
        if seen == self._known or seen != before:
            return
        changed = [path.name for path, sight in seen.items() if sight != self._known[path]]
        await self.reload(f"{', '.join(changed)} changed")

    async def reload(self, trigger: str) -> None:
        """Read the rules of all accounts and hand them to the guards; with a mistake, none of them."""
        async with self._turn:
            self._known = self._look()
            note = SETTINGS_TOO if self._known[self._source.settings] != self._settings else ""
            self._settings = self._known[self._source.settings]
            reload = Reload(trigger, note)
            running = ",".join(sorted({guard.rules.version for guard in self._guards}))
            try:
                rules = await asyncio.to_thread(self._source.load)
            except MistakesError as error:
                mistakes = tuple(one.text for one in error.mistakes)
                log.error("rules not reloaded: the old ones run on", trigger=trigger, mistakes=list(mistakes))
                await self._record(reload.refused(running, mistakes))
                return
            if note:
                log.warning("settings not reloaded", why=note)
            if all(rules[guard.account].version == guard.rules.version for guard in self._guards):
                log.info("rules are as they were", trigger=trigger)
                if trigger == SIGNAL or note:
                    await self._record(
                        Reloaded(trigger, running, running, (), note=note or "nothing changed")
                    )
            for guard in self._guards:
                guard.reload(rules[guard.account], reload)

    def _look(self) -> dict[Path, Sight]:
        return {path: _sight(path) for path in (*self._source.files, self._source.settings)}

    async def _record(self, body: Reloaded) -> None:
        try:
            await self._worker.call(self._worker.journal.append, (Draft(self._clock.now(), "", body),))
        except JournalError as error:
            log.error("the reload could not be recorded", error=str(error))


def _sight(path: Path) -> Sight:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
