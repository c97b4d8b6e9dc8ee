"""Keeps the journal's disk waits off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from bot.journal.journal import Journal

P = ParamSpec("P")
T = TypeVar("T")


class JournalWorker:
    """Runs calls to a journal on one thread, in the order in which they were made."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work`, mostly a method of `journal`, and return its result or raise its error.

        A caller that is cancelled while its call runs does not undo it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **kwargs))

    async def close(self) -> None:
        """Finish what is waiting and close the journal."""
        await self.call(self.journal.close)
        self._thread.shutdown()
