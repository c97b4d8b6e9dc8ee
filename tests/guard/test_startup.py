"""What would be done at once is on record before anything is sent, and orders may wait after the start."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.execution.report import Held
from bot.journal.controls import Preview
from bot.journal.records import Kind, Prepared
from bot.model import State, StepKind
from bot.sandbox.engine.types import Side
from tests.guard.leaping import Leaping
from tests.guard.support import LEVERAGE_CAP, TERMS, Bench, bench, refusal

GRACE = replace(TERMS, grace_seconds=30.0)
PATIENT = f"{LEVERAGE_CAP}    for: 5s\n"


def preview(it: Bench) -> Preview:
    (entry,) = it.of_kind(Kind.PREVIEW)
    assert isinstance(entry.record, Preview)
    return entry.record


def kinds(it: Bench) -> set[StepKind]:
    return {body.step.kind for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)}


async def test_the_preview_is_on_record_before_anything_is_sent(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for _ in range(2):
            await it.guard.cycle()
        told = preview(it)
        assert [(one.rule, one.metric, one.limit, one.state) for one in told.firing] == [
            ("leverage cap", "account.leverage", 5.0, State.FIRING)
        ]
        assert [step.kind for step in told.steps] == [StepKind.TRIM]
        assert told.cost == pytest.approx(sum(step.cost for step in told.steps))
        assert told.armed
        assert told.until is None
        first = it.of_kind(Kind.PREPARED)[0]
        assert it.of_kind(Kind.PREVIEW)[0].seq < first.seq


async def test_a_rule_whose_for_still_runs_is_told_of(tmp_path: Path) -> None:
    async with bench(tmp_path, PATIENT) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        await it.guard.cycle()
        assert [one.state for one in preview(it).firing] == [State.PENDING]
        assert preview(it).steps == ()


async def test_orders_wait_for_the_grace_and_stops_do_not(tmp_path: Path) -> None:
    clock = Leaping()
    async with bench(tmp_path, terms=GRACE, clock=clock) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        report = await it.guard.cycle()
        assert report.execution is not None
        assert {result.held for result in report.execution.results} == {Held.STARTING}
        assert kinds(it) == {StepKind.PROTECT}
        told = preview(it)
        assert told.until is not None
        assert 25 < (told.until - clock.now()).total_seconds() <= 30
        clock.set_by(3600)
        await it.guard.cycle()
        assert kinds(it) == {StepKind.PROTECT}
        clock.passes(31)
        await it.guard.cycle()
        assert kinds(it) == {StepKind.PROTECT, StepKind.TRIM}


async def test_a_preview_that_could_not_be_recorded_is_told_again_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")

        def full(*_: object, **__: object) -> None:
            raise refusal(it.journal.path)

        with monkeypatch.context() as patch:
            patch.setattr(it.journal, "append", full)
            await it.guard.cycle()
        assert kinds(it) == set()
        await it.guard.cycle()
        assert preview(it).firing
        assert StepKind.TRIM in kinds(it)
