"""A guard whose clock is wrong acts on fresh data and on nothing else."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.facts import GuardTerms
from bot.journal.records import Kind, Prepared
from bot.model import Caps, ProtectionTerms, StepKind
from bot.sandbox.engine.types import Side
from tests.guard.support import Bench, bench

HASTY = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=1.0)


class Skewed(SystemClock):
    """The machine's clock, wrong by some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        """Return a wrong time."""
        return super().now() + timedelta(seconds=self.seconds)


def sent(it: Bench) -> set[StepKind]:
    return {body.step.kind for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)}


@pytest.mark.parametrize("skew", [20, 60, -60])
async def test_trims_and_protects_with_a_wrong_clock(tmp_path: Path, skew: int) -> None:
    async with bench(tmp_path, clock=Skewed(skew)) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        report = await it.guard.cycle()
        assert report.snapshot is not None
        assert abs(report.snapshot.clock_offset_seconds + skew) < 1.0
        assert sent(it) == {StepKind.TRIM, StepKind.PROTECT}


@pytest.mark.parametrize("skew", [0, 60, -60])
async def test_old_data_is_refused_with_a_wrong_clock(tmp_path: Path, skew: int) -> None:
    async with bench(tmp_path, clock=Skewed(skew), terms=HASTY) as it:
        await it.guard.cycle()
        it.open("BTCUSDT", Side.BUY, "8")
        it.fault("hang", path="/v5/position/list", seconds=1.6)
        report = await it.guard.cycle()
        assert report.decision is not None
        assert {one.code for one in report.decision.plan.refusals} == {"stale_data"}
        assert sent(it) == set()
        it.mend()
        await it.guard.cycle()
        assert StepKind.TRIM in sent(it)
