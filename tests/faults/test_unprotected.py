"""A position whose stop is missing, refused or too small is told as unprotected within one cycle."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.journal.records import Kind, Protection
from bot.model import Order, OrderKind, OrderSide, Shelter, Snapshot
from bot.record import STATUS, Status, remembered_status
from bot.sandbox.engine.types import Side
from tests.faults.stage import ACCOUNT, START, Stage, stage

BTC = "BTC/USDT:USDT"
KEY = f"{BTC}#long"


def status(it: Stage) -> Status:
    """What `reef status` would show."""
    found = remembered_status(it.journal.load_memory(ACCOUNT, STATUS))
    assert found is not None
    return found


def told(it: Stage) -> list[Protection]:
    """Records of protection, oldest first."""
    return [body for one in it.of_kind(Kind.PROTECTION) if isinstance(body := one.record, Protection)]


@pytest.mark.fault(29)
async def test_a_refused_stop_is_told_in_the_cycle_that_asked_for_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        it.fault("refused_order_type")
        await it.cycle()
        assert told(it)[-1].shelter is Shelter.UNPROTECTED
        assert "the venue refused the last one" in told(it)[-1].note
        assert status(it).unprotected_why == {KEY: "no stop rests at the venue"}
        assert it.guard.executor.shelters.bare(await it.gateway.snapshot()).keys() == {KEY}
        it.mend()
        it.clock.advance(60)
        await it.cycles(2)
        assert told(it)[-1].shelter is Shelter.VERIFIED
        assert status(it).unprotected == ()


async def test_a_stop_that_is_taken_is_not_told_as_missing_before_it_could_show(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "1")
        report = await it.cycle()
        assert report.snapshot is not None
        assert it.guard.executor.shelters.bare(report.snapshot) == {}
        await it.cycle()
        assert [one.shelter for one in told(it)] == [Shelter.UNPROTECTED, Shelter.VERIFIED]
        it.engine.set_trading_stop(ACCOUNT, "BTCUSDT", stop_loss=Decimal(0))
        await it.cycle()
        assert told(it)[-1].shelter is Shelter.UNPROTECTED


async def test_a_stop_for_a_part_of_the_position_is_no_protection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as it:
        it.armed = False
        await it.restart()
        it.open("BTCUSDT", Side.BUY, "1")
        take = it.gateway.snapshot
        part = Order(
            order_id="p1",
            client_order_id="",
            symbol=BTC,
            side=OrderSide.SELL,
            kind=OrderKind.STOP,
            price=None,
            trigger_price=Decimal(90_000),
            trigger_by="mark",
            contracts=Decimal("0.4"),
            filled=Decimal(0),
            reduce_only=True,
            attached=False,
            position_index=0,
            created_at=START,
            stop_loss=True,
        )

        async def with_part() -> Snapshot:
            return replace(await take(), stops=(part,))

        monkeypatch.setattr(it.gateway, "snapshot", with_part)
        await it.cycle()
        why = "a stop rests at 90000, but covers 0.4 of 1"
        assert status(it).unprotected_why == {KEY: why}
        assert (told(it)[-1].shelter, told(it)[-1].note) == (Shelter.UNPROTECTED, why)
