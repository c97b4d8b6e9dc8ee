"""Deposits and withdrawals that the venue's log lists late, through the whole cycle."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bot.decision import Decision
from bot.model import State, StepKind, Unknown, WalletChange
from bot.risk.flows import GIVE_UP_AFTER
from bot.risk.ledger import UnitLedger
from bot.sandbox.engine.types import Side
from tests.guard.support import Bench, bench

DRAWDOWN = """
version: 1
rules:
  - name: drawdown stop
    metric: account.drawdown
    max: 25%
    restore: 20%
    cooldown: 0s
    do: [close_all]
"""


class LateLog:
    """A gateway whose log of the wallet lags behind."""

    def __init__(self, it: Bench) -> None:
        self._read = it.gateway.wallet_changes
        self.shown = 0
        """How many rows are listed."""
        self.asked = 0
        it.gateway.wallet_changes = self.wallet_changes  # type: ignore[method-assign]

    async def wallet_changes(self, since: datetime) -> tuple[WalletChange, ...]:
        self.asked += 1
        return (await self._read(since))[: self.shown]


async def decided(it: Bench) -> Decision:
    report = await it.guard.cycle()
    assert report.error == ""
    assert report.decision is not None
    return report.decision


def ledger_of(made: Decision) -> UnitLedger:
    assert made.ledger is not None
    return made.ledger


@pytest.mark.parametrize("amount", ["-40000", "60000"])
async def test_a_transfer_listed_late_is_neither_loss_nor_peak(tmp_path: Path, amount: str) -> None:
    async with bench(tmp_path, DRAWDOWN) as it:
        it.open("BTCUSDT", Side.BUY, "0.4")
        before = ledger_of(await decided(it))
        await decided(it)
        late = LateLog(it)
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(amount))
        for _ in range(3):
            made = await decided(it)
            (finding,) = made.evaluation.findings
            assert isinstance(finding.value, Unknown)
            assert "more than the venue's log explains" in finding.value.reason
            assert finding.state is not State.FIRING
            assert not [step for step in made.plan.steps if step.kind is not StepKind.PROTECT]
            assert ledger_of(made).peak == before.peak
        late.shown = 99
        made = await decided(it)
        (finding,) = made.evaluation.findings
        assert not isinstance(finding.value, Unknown)
        assert abs(finding.value) < 0.001
        assert abs(ledger_of(made).peak - before.peak) < Decimal("0.001")
        assert ledger_of(made).unexplained_since is None
        asked = late.asked
        await decided(it)
        assert late.asked == asked


async def test_a_real_loss_still_fires(tmp_path: Path) -> None:
    async with bench(tmp_path, DRAWDOWN) as it:
        it.open("BTCUSDT", Side.BUY, "4")
        await decided(it)
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(-20_000))
        it.price("BTCUSDT", "93000")
        made = await decided(it)
        assert StepKind.CLOSE in {step.kind for step in made.plan.steps}


async def test_what_is_never_listed_is_taken_as_a_transfer(tmp_path: Path) -> None:
    async with bench(tmp_path, DRAWDOWN) as it:
        it.open("BTCUSDT", Side.BUY, "0.4")
        await decided(it)
        late = LateLog(it)
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(-40_000))
        ledger = ledger_of(await decided(it))
        since = ledger.unexplained_since
        assert since is not None
        assert it.guard._remembered is not None
        waited = msgspec.structs.replace(ledger, unexplained_since=since - GIVE_UP_AFTER)
        it.guard._remembered = msgspec.structs.replace(it.guard._remembered, ledger=waited)
        made = await decided(it)
        (finding,) = made.evaluation.findings
        assert not isinstance(finding.value, Unknown)
        assert abs(finding.value) < 0.001
        late.shown = 99
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(1_000))
        made = await decided(it)
        (finding,) = made.evaluation.findings
        assert not isinstance(finding.value, Unknown)
        assert abs(finding.value) < 0.001


async def test_a_log_that_hangs_does_not_hold_the_cycle(tmp_path: Path) -> None:
    async with bench(tmp_path, DRAWDOWN) as it:
        await decided(it)
        it.venue.engine.transfer(it.venue.account.account_id, "USDT", Decimal(50_000))
        it.fault("hang", path="/v5/*transaction-log*", seconds=60)
        (finding,) = (await decided(it)).evaluation.findings
        assert isinstance(finding.value, Unknown)
        assert "no answer within 2 s" in finding.value.reason
