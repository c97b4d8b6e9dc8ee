"""A running service with streams, on a sandbox over loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec

from bot.clock import SystemClock
from bot.daemon.hints import Streams
from bot.daemon.service import Service, ServiceTerms
from bot.exchange.feed import StreamTerms
from bot.exchange.stream_factory import make_streams
from bot.exchange.streams import AccountStreams
from bot.guard import CycleReport
from bot.sandbox.engine.types import Side
from tests.daemon.test_service import QUICK
from tests.guard.support import ACCOUNT, Bench, bench
from tests.sandbox.support import KEY, SECRET, until

NEVER = timedelta(hours=1)
OWN = {"execution", "order", "position", "wallet"}
HINTS_ALONE = msgspec.structs.replace(QUICK, poll=NEVER, reconcile=NEVER, hint=timedelta(milliseconds=1))
"""After the first poll, only a hint can bring another one while a test runs."""


class Lookout(msgspec.Struct):
    """A running service, and the cycles of its guard."""

    bench: Bench
    service: Service
    reports: list[CycleReport]
    most_at_once: list[int]
    ran: "asyncio.Task[str]"

    async def polled(self, count: int) -> None:
        """Wait for so many finished cycles."""
        await until(lambda: len(self.reports) >= count)

    async def followed(self, *topics: str) -> None:
        """Wait for subscriptions at the sandbox."""
        await until(lambda: OWN | set(topics) <= set(self.bench.venue.sandbox.topics()))


def streams_at(url: str, terms: StreamTerms | None = None) -> AccountStreams:
    """Real streams of the bench's account."""
    return make_streams(
        account=ACCOUNT,
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        clock=SystemClock(),
        random=Random(1),
        terms=terms,
        base_url=url,
    )


@asynccontextmanager
async def lookout(
    path: Path, terms: ServiceTerms, streams: Callable[[str], Streams] = streams_at
) -> AsyncIterator[Lookout]:
    """Run the service of one guard with streams until the block ends."""
    async with bench(path) as it:
        it.open("BTCUSDT", Side.BUY, "2")
        reports: list[CycleReport] = []
        running, most = 0, [0]
        whole = it.guard._cycle

        async def counted() -> CycleReport:
            nonlocal running
            running += 1
            most[0] = max(most[0], running)
            try:
                reports.append(await whole())
            finally:
                running -= 1
            return reports[-1]

        it.guard._cycle = counted  # type: ignore[method-assign]
        it.ended = True
        made = streams(it.venue.url)
        service = Service([it.guard], it.guard.executor.worker, SystemClock(), terms, streams=[made])
        found = Lookout(it, service, reports, most, asyncio.create_task(service.run()))
        try:
            await found.polled(1)
            yield found
        finally:
            service.stop("enough")
            assert await asyncio.wait_for(found.ran, 15) == "enough"
