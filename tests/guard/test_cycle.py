"""The cycle against a real venue over HTTP and a real journal file."""

from decimal import Decimal
from pathlib import Path

from bot.journal import verify
from bot.journal.records import Decision, Kind, Prepared
from bot.model import State, StepKind
from bot.replaying import decide_again
from bot.sandbox.engine.types import Side
from tests.guard.support import bench


async def test_trims_to_restore_and_protects(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        it.open("ETHUSDT", Side.BUY, "60")
        first = await it.guard.cycle()
        assert first.error == ""
        assert first.decision is not None
        second = await it.guard.cycle()
        assert second.decision is not None
        assert second.snapshot is not None
        states = {one.rule: one.state for one in second.decision.evaluation.findings}
        assert states == {"leverage cap": State.COOLING} or states == {"leverage cap": State.INACTIVE}
        assert all(isinstance(one.stop_price, Decimal) for one in second.snapshot.positions)
        kinds = [
            body.step.kind for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)
        ]
        assert StepKind.TRIM in kinds
        assert kinds.count(StepKind.PROTECT) >= 2
    assert verify(tmp_path / "journal.sqlite").sound


async def test_every_decision_comes_out_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "3")
        for price in ("100000", "96000", "90000", "85000"):
            it.price("BTCUSDT", price)
            assert (await it.guard.cycle()).error == ""
        decisions = it.of_kind(Kind.DECISION)
        assert decisions
        for entry in decisions:
            assert isinstance(entry.record, Decision)
            assert decide_again(it.journal, entry).same
