"""Who watches cycles: what they see, and that they can do no harm."""

from datetime import timedelta
from pathlib import Path

from bot.clock import Clock, SystemClock
from bot.daemon.watch import DayWatch, Sightings, Watch, look_of
from bot.execution.halts import halt_words
from bot.guard import CycleReport
from bot.journal import JournalWorker
from bot.notifications.daybook import Daybook
from bot.sandbox.engine.types import Side
from tests.guard.support import bench


class Later(SystemClock):
    """The machine's clock, some seconds ahead."""

    ahead = 0.0

    def now(self):  # type: ignore[no-untyped-def]
        return super().now() + timedelta(seconds=self.ahead)


class Broken:
    """An observer with a defect."""

    def cycle(self, report: CycleReport, seconds: float) -> None:
        raise ZeroDivisionError


async def test_a_cycle_is_seen_by_all_whatever_one_of_them_does(tmp_path: Path) -> None:
    clock: Clock = SystemClock()
    async with bench(tmp_path, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        daybook = Daybook(JournalWorker(it.journal), clock, ("main",), halt_words)
        await daybook.begin()
        sightings = Sightings(("main",), clock, 10.0, 2.0)
        assert sightings.trouble() == "main has not been seen yet"
        report = await Watch(it.guard, (Broken(), DayWatch(daybook), sightings), clock).cycle()
        assert report.error == ""
        assert sightings.trouble() == ""
        look = look_of(report)
        assert look.seen
        assert (look.positions, look.bare) == (1, 1)
        assert [one.rule for one in look.findings] == ["leverage cap"]
        assert daybook._tallies["main"].positions == 1


async def test_a_view_that_grows_old_and_one_that_is_not_whole_do_not_count(tmp_path: Path) -> None:
    clock = Later()
    async with bench(tmp_path, armed=False) as it:
        sightings = Sightings(("main",), clock, 60.0, 60.0)
        watch = Watch(it.guard, (sightings,), clock)
        it.fault("maintenance")
        failed = await watch.cycle()
        assert failed.error
        assert not look_of(failed).seen
        assert sightings.trouble() == "main has not been seen yet"
        it.mend()
        await watch.cycle()
        assert sightings.trouble() == ""
        clock.ahead = 80.0
        assert sightings.trouble() == "", "a poll may still come"
        clock.ahead = 130.0
        assert sightings.trouble().startswith("main: positions are 13")
