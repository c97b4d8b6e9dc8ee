"""A hedge whose rule has a condition or hours: what becomes of it when they are over."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.model import StepKind
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, Stage, stage
from tests.hedges.scene import BTC, ETH, SHOCK, asked, lots, move, steps

DO = "    do: [hedge]\n"
POOR = SHOCK.replace(DO, "    when: account.equity < 73500\n" + DO)
NIGHT = SHOCK.replace(DO, "    active: {hours: 00:00-05:00}\n" + DO)
"""The stage begins at 04:30."""


async def hedged(it: Stage) -> Decimal:
    """Let the market fall until a hedge stands; return its size."""
    it.open(ETH, Side.BUY, "40")
    await it.cycles(2)
    assert lots(it) == ()
    move(it, 0.88)
    await it.cycles(3)
    (lot,) = lots(it)
    assert lot.contracts == -it.size(BTC) > 0
    return lot.contracts


@pytest.mark.parametrize(("rules", "stays"), [(POOR, False), (SHOCK, True)])
async def test_it_goes_with_the_condition_though_the_limit_would_be_passed_without_it(
    tmp_path: Path, rules: str, stays: bool
) -> None:
    async with stage(tmp_path, rules) as it:
        size = await hedged(it)
        it.engine.transfer(ACCOUNT, "USDT", Decimal(500))
        await it.cycles(4)
        assert it.size(BTC) == (-size if stays else 0)
        assert asked(it, StepKind.UNWIND) == ([] if stays else [size])
        for step in steps(it, StepKind.UNWIND):
            assert "the condition of 'shock' is false" in step.reason
        assert it.size(ETH) == 40


async def test_a_condition_that_comes_back_hedges_again(tmp_path: Path) -> None:
    async with stage(tmp_path, POOR) as it:
        await hedged(it)
        it.engine.transfer(ACCOUNT, "USDT", Decimal(500))
        await it.cycles(4)
        assert it.size(BTC) == 0
        it.engine.transfer(ACCOUNT, "USDT", Decimal(-500))
        await it.cycles(4)
        assert it.size(BTC) < 0


async def test_it_stays_where_another_limit_needs_it(tmp_path: Path) -> None:
    """Without the hedge the net leverage is 2.53, with it 2.29 or more."""
    net = "  - {name: net, metric: account.net_leverage, max: 2.4, restore: 2.3, do: [notify]}\n"
    async with stage(tmp_path, POOR + net) as it:
        size = await hedged(it)
        it.engine.transfer(ACCOUNT, "USDT", Decimal(500))
        await it.cycles(4)
        assert -size <= it.size(BTC) < 0


async def test_after_its_hours_it_stays_for_its_limit_and_goes_when_that_is_home(tmp_path: Path) -> None:
    async with stage(tmp_path, NIGHT) as it:
        size = await hedged(it)
        it.clock.advance(timedelta(hours=1).total_seconds())
        await it.cycles(4)
        assert it.size(BTC) == -size
        move(it, 1.0)
        await it.cycles(6)
        assert it.size(BTC) == 0
        assert lots(it) == ()
