"""Serves the metrics on loopback, and reads the journal for them, beside the daemon's jobs."""

import asyncio
from collections.abc import Callable, Mapping
from threading import Thread
from typing import ParamSpec, TypeVar
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import start_http_server

from bot.clock import Clock
from bot.journal import Journal, JournalError, JournalWorker
from bot.telemetry.meters import Meters
from bot.telemetry.records import RecordMeter

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)

LOOPBACK = "127.0.0.1"
READ_SECONDS = 5.0
END_SECONDS = 2.0


class TimedWorker(JournalWorker):
    """A worker whose appends are timed, from their asking to their end."""

    def __init__(self, journal: Journal, meters: Meters, clock: Clock) -> None:
        super().__init__(journal)
        self._meters = meters
        self._clock = clock

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` as `JournalWorker` does."""
        began = self._clock.elapsed()
        try:
            return await super().call(work, *args, **kwargs)
        finally:
            if self._is_append(work):
                self._meters.observe("reef_journal_append_seconds", self._clock.elapsed() - began)

    def _is_append(self, work: object) -> bool:
        return work == self.journal.append


class MetricsOffice:
    """A companion of the daemon. A port that is taken is tried again; the guard goes on without metrics."""

    def __init__(
        self,
        reader: JournalWorker,
        records: RecordMeter,
        meters: Meters,
        clock: Clock,
        port: int,
        gauges: Mapping[tuple[str, ...], Callable[[], float]],
    ) -> None:
        """`gauges` are read when they are asked for: name and labels to a function."""
        self.name = "metrics"
        self._reader = reader
        self._records = records
        self._meters = meters
        self._clock = clock
        self._port = port
        self._served: tuple[WSGIServer, Thread] | None = None
        self._told = False
        for (name, *labels), function in gauges.items():
            meters.read(name, function, *labels)

    async def begin(self) -> None:
        """Begin to count where the journal ends now; raises `JournalError`."""
        await self._read()

    async def run(self) -> None:
        """Serve, and read the journal every few seconds, until cancelled."""
        while True:
            self._serve()
            try:
                await self._read()
            except JournalError as error:
                log.error("metrics could not be read from the journal", error=str(error))
            await asyncio.sleep(READ_SECONDS)

    async def end(self, lost: str) -> None:
        """Close the port."""
        if self._served is not None:
            server, thread = self._served
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join, END_SECONDS)
        await self._reader.close()

    @property
    def port(self) -> int:
        """The port that is served, 0 while none is."""
        return int(self._served[0].server_address[1]) if self._served else 0

    async def _read(self) -> None:
        await self._reader.call(self._records.read, self._reader.journal, self._clock.now())

    def _serve(self) -> None:
        if self._served is not None:
            return
        try:
            self._served = start_http_server(self._port, LOOPBACK, self._meters.registry)
        except OSError as error:
            if not self._told:
                log.error("metrics are not served; it is tried again", port=self._port, error=str(error))
            self._told = True
        else:
            log.info("metrics are served", address=f"http://{LOOPBACK}:{self.port}/metrics")
