"""A busy venue: what only reduces goes through, and what it turns away holds nothing else up."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.execution import IntentState
from bot.journal.records import Kind, Submitted
from bot.model import StepKind, Verdict
from bot.sandbox.engine.enums import OrderKind
from bot.sandbox.engine.types import OrderRequest as VenueOrder
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, Stage, stage


def verdicts(it: Stage) -> list[Verdict]:
    """The answers on record, oldest first."""
    return [
        body.answer.verdict for one in it.of_kind(Kind.SUBMITTED) if isinstance(body := one.record, Submitted)
    ]


@pytest.mark.fault(4)
async def test_trims_go_on_while_stops_are_turned_away(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "6")
        it.fault("overload")
        report = await it.cycle()
        assert report.execution is not None
        assert [result.state for result in report.execution.results] == [IntentState.FILLED]
        assert Verdict.OVERLOADED in verdicts(it)
        assert await it.guard.executor.barred() is None
        it.open("ETHUSDT", Side.BUY, "60")
        report = await it.cycle()
        assert report.execution is not None
        assert IntentState.FILLED in {result.state for result in report.execution.results}
        it.mend()
        it.clock.advance(60)
        await it.cycles(2)
        assert all(one.stop_loss is not None for one in it.engine.positions(ACCOUNT))


@pytest.mark.fault(4)
async def test_a_cancel_that_is_turned_away_holds_no_trim_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "6")
        resting = VenueOrder(
            symbol="BTCUSDT", side=Side.BUY, kind=OrderKind.LIMIT, qty=Decimal("0.1"), price=Decimal(90000)
        )
        it.engine.place(ACCOUNT, resting)
        it.fault(
            "error_code", path="/v5/order/cancel", code=10429, message="System level frequency protection"
        )
        report = await it.cycle()
        assert report.execution is not None
        states = [(one.step.kind, one.state) for one in report.execution.results]
        assert states == [(StepKind.CANCEL, IntentState.REJECTED), (StepKind.TRIM, IntentState.FILLED)]
