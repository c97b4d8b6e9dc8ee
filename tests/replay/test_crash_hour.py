"""The hour of the crash of 10 October 2025: the market falls by a tenth within minutes."""

from datetime import UTC, datetime
from pathlib import Path

from bot.journal import verify
from tests.replay.support import BALANCED, CANDLES, LIFELINE, TWIN_10X, quietly, run
from tests.replay.world import world

START = datetime(2025, 10, 10, 20, 50, tzinfo=UTC)
POLLS = 1800
RESTART_EVERY = 600
STAKES = (BALANCED, LIFELINE, TWIN_10X)


async def test_the_crash_breaks_no_invariant(shared_dir: Path, tmp_path: Path) -> None:
    with quietly():
        async with world(tmp_path, shared_dir / CANDLES, START, STAKES) as it:
            for _ in range(POLLS // RESTART_EVERY):
                await run(it, RESTART_EVERY)
                for seat, stake in zip(it.seats, STAKES, strict=False):
                    await it.restart(seat, str(stake.rules))
            it.end()
            assert it.violations == []
            assert [seat.errors for seat in it.seats] == [0, 0]
            assert [seat.cycles for seat in it.seats] == [POLLS, POLLS]
            for stake in (BALANCED, LIFELINE):
                assert not it.liquidated(stake.name)
                assert it.equity(stake.name) > 0
            assert it.liquidated(TWIN_10X.name)
            for seat in it.seats:
                assert seat.invariants.tally.orders > 0
                assert seat.invariants.tally.stops > 0
    assert verify(tmp_path / "journal.sqlite").sound
