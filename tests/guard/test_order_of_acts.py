"""What goes first and what last over HTTP: trims before long tails of cancels, halts after everything."""

from decimal import Decimal
from pathlib import Path

from bot.execution import halts
from bot.model import StepKind
from bot.sandbox.engine.enums import OrderKind
from bot.sandbox.engine.types import OrderRequest as VenueOrder
from bot.sandbox.engine.types import Side
from tests.guard.support import ACCOUNT, bench

CLOSE_AND_HALT = """
version: 1
rules:
  - name: stop it
    metric: account.leverage
    max: 2
    restore: 1
    cooldown: 0s
    do: [close_all, halt]
"""


async def test_a_close_that_was_refused_is_done_before_the_account_is_halted(tmp_path: Path) -> None:
    async with bench(tmp_path, CLOSE_AND_HALT) as it:
        it.open("BTCUSDT", Side.BUY, "3")
        it.open("ETHUSDT", Side.BUY, "60")
        it.venue.engine.set_price("ETHUSDT", Decimal(3800), Decimal(3900))
        for _ in range(2):
            seen = await it.guard.cycle()
            assert seen.decision is not None
            assert "cap_slippage" in [refusal.code for refusal in seen.decision.plan.refusals]
            assert seen.decision.plan.halt == ""
            assert halts.halted(it.journal, ACCOUNT) is None
        it.venue.engine.set_price("ETHUSDT", Decimal(3800), Decimal(3800))
        await it.guard.cycle()
        seen = await it.guard.cycle()
        assert seen.snapshot is not None
        assert seen.snapshot.positions == ()
        assert halts.halted(it.journal, ACCOUNT) is not None


async def test_a_grid_of_orders_does_not_hold_up_the_trim(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        for number in range(40):
            it.venue.engine.place(
                it.venue.account.account_id,
                VenueOrder(
                    symbol="BTCUSDT",
                    side=Side.BUY,
                    kind=OrderKind.LIMIT,
                    qty=Decimal("0.001"),
                    price=Decimal(80_000 + number),
                ),
            )
        first = await it.guard.cycle()
        assert first.decision is not None
        kinds = [step.kind for step in first.decision.plan.steps]
        assert StepKind.TRIM in kinds[:6]
        assert kinds.count(StepKind.CANCEL) == 20
        second = await it.guard.cycle()
        assert second.decision is not None
        assert second.snapshot is not None
        assert second.decision.evaluation.demands == ()
        assert len(second.snapshot.orders) == 20
