"""What a signal is worth: fresh, stale, never read; and what a failure leaves."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.model import FileSource, IfStale, Number, SignalTerms, Unknown
from bot.signals import SignalKeeper
from tests.signals.support import NOW, keeper_of, terms_of
from tests.signals.test_local import written

HOUR = timedelta(hours=1)


def reason(value: Number) -> str:
    assert isinstance(value, Unknown), value
    return value.reason


async def test_a_value_counts_until_its_age_and_not_longer(tmp_path: Path) -> None:
    keeper = keeper_of(terms_of(written(tmp_path / "flow", "5")))
    await keeper.read("fear")
    assert keeper.value("fear", NOW + HOUR) == 5.0
    late = keeper.value("fear", NOW + HOUR + timedelta(seconds=1))
    assert reason(late) == "the signal fear is 1:00:01 old, and counts for 1:00:00"


async def test_a_failure_leaves_the_last_value_and_is_told_once_it_is_old(tmp_path: Path) -> None:
    keeper = keeper_of(terms_of(written(tmp_path / "flow", "5")))
    await keeper.read("fear")
    (tmp_path / "flow").write_text("none today")
    await keeper.read("fear")
    assert keeper.value("fear", NOW + HOUR) == 5.0
    told = reason(keeper.value("fear", NOW + 2 * HOUR))
    assert told.endswith("; the last reading failed: 'none today' is not a number")
    written(tmp_path / "flow", "6", NOW + 2 * HOUR)
    keeper._clock.advance(7200)  # type: ignore[attr-defined]
    await keeper.read("fear")
    assert keeper.value("fear", NOW + 2 * HOUR) == 6.0
    assert keeper.standing("fear").failure == ""


@pytest.mark.parametrize(
    ("if_stale", "never", "old"),
    [(IfStale.UNKNOWN, None, None), (IfStale.LAST, None, 5.0), (0.0, 0.0, 0.0), (50.0, 50.0, 50.0)],
)
async def test_what_a_stale_signal_is_worth(
    tmp_path: Path, if_stale: IfStale | float, never: float | None, old: float | None
) -> None:
    keeper = keeper_of(terms_of(FileSource(tmp_path / "flow"), if_stale=if_stale))

    def worth() -> float | None:
        value = keeper.value("fear", NOW + 2 * HOUR)
        return None if isinstance(value, Unknown) else value

    assert worth() == never
    await keeper.read("fear")
    assert worth() == never
    written(tmp_path / "flow", "5")
    await keeper.read("fear")
    assert keeper.value("fear", NOW) == 5.0
    assert worth() == old


def test_what_was_never_read_and_what_nobody_has() -> None:
    keeper = keeper_of(terms_of(FileSource(Path("nowhere"))))
    assert reason(keeper.value("fear", NOW)) == "the signal fear has not been read yet"
    assert reason(keeper.value("greed", NOW)) == "the settings have no signal greed"
    assert list(keeper.values({"greed", "fear"}, NOW)) == ["fear", "greed"]


async def test_all_are_read_at_once_and_each_by_itself(tmp_path: Path) -> None:
    good = written(tmp_path / "good", "1")
    names = {"a": good, "b": FileSource(tmp_path / "none"), "c": good}
    terms = [SignalTerms(name, source, HOUR) for name, source in names.items()]
    keeper = SignalKeeper(terms, {}, VirtualClock(NOW))
    assert [one.name for one in keeper.signals] == ["a", "b", "c"]
    await keeper.read_all({"a", "b", "unheard of"})
    values = keeper.values(names, NOW)
    assert values["a"] == 1.0
    assert "No such file" in reason(values["b"])
    assert "not been read yet" in reason(values["c"])


async def test_a_reading_that_is_cut_short_leaves_what_was(tmp_path: Path) -> None:
    keeper = keeper_of(terms_of(written(tmp_path / "flow", "5")))
    await keeper.read("fear")
    task = asyncio.create_task(keeper.read("fear"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert keeper.value("fear", NOW) == 5.0
