"""The whole of 10 October 2025, one poll a second. Run by `make replay`."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.journal import verify
from tests.replay.support import BALANCED, CANDLES, LIFELINE, TWIN_4X, TWIN_8X, figures, quietly, run
from tests.replay.world import world

START = datetime(2025, 10, 10, tzinfo=UTC)
POLLS = 86_400
STAKES = (BALANCED, LIFELINE, TWIN_4X, TWIN_8X)
GROWTH_MIB = 8.0
"""Most that memory may grow between the second hour and the last: candles of a day, and noise."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_day_breaks_no_invariant_and_memory_stays_flat(shared_dir: Path, tmp_path: Path) -> None:
    with quietly():
        async with world(tmp_path, shared_dir / CANDLES, START, STAKES) as it:
            memory, spent = await run(it, POLLS)
            it.end()
            told = figures(it, memory, spent, POLLS, it.journal.path)
            sys.stdout.write("\n" + "\n".join(told) + "\n")
            assert it.violations == []
            assert [(seat.cycles, seat.errors) for seat in it.seats] == [(POLLS, 0), (POLLS, 0)]
            assert memory[-1].mib - memory[0].mib < GROWTH_MIB
            assert it.liquidated(TWIN_8X.name)
            for stake in (BALANCED, LIFELINE):
                assert not it.liquidated(stake.name)
    assert verify(tmp_path / "journal.sqlite").sound
