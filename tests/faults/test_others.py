"""Whoever else changes a position is named once; where the guard's own orders add to one, it is halted."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.execution import halted, resume
from bot.journal.records import Kind, Outside
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, Stage, stage

BTC, ETH = "BTCUSDT", "ETHUSDT"
FILLS = "/v5/execution/list"


def told(it: Stage) -> list[tuple[Decimal, Decimal, tuple[str, ...], str]]:
    """What is on record of others: ours, others', how the venue calls it, and a note."""
    bodies = [one.record for one in it.of_kind(Kind.OUTSIDE)]
    return [(one.ours, one.others, one.kinds, one.note) for one in bodies if isinstance(one, Outside)]


@pytest.mark.fault(23)
async def test_a_deleveraging_is_called_by_its_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open(BTC, Side.BUY, "4")
        it.open(ETH, Side.BUY, "10")
        await it.cycles(2)
        assert it.asked(FILLS) == 0
        it.fault("adl", symbol=BTC, share="0.5", count=1)
        await it.cycles(4)
        assert told(it) == [(0, -2, ("ADL",), "")]
        assert it.asked(FILLS) == 1


@pytest.mark.fault(23)
async def test_a_trade_by_hand_is_told_from_the_trim_beside_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open(BTC, Side.BUY, "6")
        it.fault("manual_trade", path="/v5/order/create", symbol=BTC, value="-2.5", count=1)
        await it.cycles(4)
        sold = it.booked()
        assert told(it) == [(-sold, Decimal("-2.5"), ("trade",), "")]
        assert halted(it.journal, ACCOUNT) is None


@pytest.mark.fault(23)
async def test_a_stop_that_fired_is_not_taken_for_the_owner(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open(BTC, Side.BUY, "3")
        await it.cycles(2)
        stop = it.stop(BTC)
        assert stop is not None
        it.price(BTC, str(stop - 1))
        await it.cycles(2)
        assert told(it)[-1] == (0, -3, ("stop loss",), "")


@pytest.mark.fault(11)
async def test_reduce_only_orders_that_open_the_other_leg_halt_the_account(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open(BTC, Side.BUY, "6")
        it.fault("opposite_side")
        await it.cycle()
        opened = it.accepted()
        await it.cycles(10)
        order = halted(it.journal, ACCOUNT)
        assert order is not None
        assert order.who == "the guard"
        assert "BTC/USDT:USDT short went from 0 to" in order.why
        assert "the guard's own orders opened" in order.why
        assert "`reef resume`" in order.why
        assert it.accepted() == opened
        it.mend()
        assert resume(it.journal, ACCOUNT, who="ada", why="closed the short", at=it.clock.now())
        held = it.engine.positions(ACCOUNT)
        await it.cycles(3)
        assert halted(it.journal, ACCOUNT) is None
        assert sum(one.size for one in it.engine.positions(ACCOUNT)) <= sum(one.size for one in held)


@pytest.mark.fault(11)
async def test_growth_by_the_owner_beside_a_trim_is_only_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open(BTC, Side.BUY, "6")
        it.fault("manual_trade", path="/v5/order/create", symbol=BTC, value="3", count=1)
        await it.cycles(6)
        assert halted(it.journal, ACCOUNT) is None
        assert [(others, kinds) for _, others, kinds, _ in told(it)] == [(3, ("trade",))]


@pytest.mark.fault(23)
async def test_executions_that_cannot_be_read_hold_up_no_trim(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open(BTC, Side.BUY, "4")
        await it.cycles(2)
        it.fault("status", path=FILLS)
        it.open(ETH, Side.BUY, "60")
        reports = await it.cycles(5)
        assert [one.error for one in reports] == [""] * 5
        assert it.accepted()
        assert told(it) == []
        it.mend()
        await it.cycles(4)
        assert [(others, note) for _, others, _, note in told(it)] == [(60, "")]
