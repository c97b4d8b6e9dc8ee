"""Puts the parts of the metrics together; imported only where they are wanted."""

from collections.abc import Callable, Mapping, Sequence

from bot.clock import Clock
from bot.journal import Journal, JournalWorker, open_journal
from bot.telemetry.cycles import CycleMeter
from bot.telemetry.meters import Meters
from bot.telemetry.office import MetricsOffice, TimedWorker
from bot.telemetry.records import RecordMeter


class Telemetry:
    """The metrics of one daemon."""

    def __init__(self, clock: Clock, accounts: Sequence[str], port: int) -> None:
        self.meters = Meters()
        self.cycles = CycleMeter(self.meters, clock)
        self._clock = clock
        self._accounts = tuple(accounts)
        self._port = port

    def worker(self, journal: Journal) -> JournalWorker:
        """Return a worker whose appends are timed."""
        return TimedWorker(journal, self.meters, self._clock)

    def office(
        self, journal: Journal, gauges: Mapping[tuple[str, ...], Callable[[], float]]
    ) -> MetricsOffice:
        """Return what serves the metrics; it reads the journal on a connection of its own."""
        reader = JournalWorker(open_journal(journal.path, create=False, read_only=True))
        records = RecordMeter(self.meters, self._accounts)
        return MetricsOffice(reader, records, self.meters, self._clock, self._port, gauges)
