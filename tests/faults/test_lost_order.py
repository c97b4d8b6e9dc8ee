"""An order that never arrived: the same one is sent again, under the same id, and the venue takes it once."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.journal.records import Kind
from bot.sandbox.engine.types import Side
from tests.faults.stage import stage


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.fault(2)
async def test_a_dropped_order_is_sent_again_and_taken_once(tmp_path: Path, restarted: bool) -> None:
    async with stage(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "6")
        it.fault("drop", count=1)
        await it.cycle()
        if restarted:
            await it.restart()
        await it.cycles(4)
        first, second = it.requests()
        assert first.client_id == second.client_id
        assert it.accepted() == [first.client_id]
        assert it.size("BTCUSDT") < 5
        assert it.open_intents() == 0
        assert len(it.of_kind(Kind.RESENT)) == 1
        await it.cycles(4)
        assert len(it.requests()) == 2


@pytest.mark.fault(2)
async def test_both_copies_lost_is_given_up_and_planned_anew(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "6")
        it.fault("drop", count=2)
        await it.cycles(26)
        ids = [one.client_id for one in it.requests()]
        assert len(ids) == 3
        assert ids[0] == ids[1] != ids[2]
        assert it.accepted() == [ids[2]]
        assert it.open_intents() == 0


@pytest.mark.parametrize("seconds", [12, 60])
@pytest.mark.fault(5)
async def test_an_order_that_no_list_shows_is_not_sent_again(tmp_path: Path, seconds: int) -> None:
    async with stage(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "6")
        it.fault("hang", count=1)
        it.fault("hidden_orders", seconds=seconds, count=1)
        await it.cycles(40)
        assert len(it.accepted()) == 1
        assert len(it.requests()) == 1
        assert it.size("BTCUSDT") > Decimal("3.7")
