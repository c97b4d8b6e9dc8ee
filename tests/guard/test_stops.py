"""Protective stops beside what the owner placed, and while something cannot be read, over HTTP."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bot.decision import DecisionInput, decide
from bot.journal.records import Decision, Kind, Prepared
from bot.model import Answer, OrderRequest, Request, Snapshot, Unknown, Verdict
from bot.rules import load_rules_text
from bot.sandbox.engine.enums import Leg, OrderKind, TriggerBy, TriggerDirection
from bot.sandbox.engine.types import OrderRequest as VenueOrder
from bot.sandbox.engine.types import Side
from tests.guard.support import LEVERAGE_CAP, Bench, bench

BTC = "BTC/USDT:USDT#long"


def owners_stop(it: Bench, by: TriggerBy, stop: str | None = None, profit: str | None = None) -> None:
    """Put a stop loss or take profit on the position, as its owner would; '0' takes it away."""
    it.venue.engine.set_trading_stop(
        it.venue.account.account_id,
        "BTCUSDT",
        Leg(0),
        stop_loss=None if stop is None else Decimal(stop),
        take_profit=None if profit is None else Decimal(profit),
        stop_loss_trigger_by=by,
        take_profit_trigger_by=by,
    )


def prepared(it: Bench) -> list[str]:
    return [
        one.record.step.kind.value for one in it.of_kind(Kind.PREPARED) if isinstance(one.record, Prepared)
    ]


@pytest.mark.parametrize("by", [TriggerBy.LAST, TriggerBy.MARK])
async def test_the_owners_nearer_stop_stays(tmp_path: Path, by: TriggerBy) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "2")
        owners_stop(it, by, stop="97000")
        for _ in range(2):
            seen = await it.guard.cycle()
        assert seen.snapshot is not None
        assert seen.decision is not None
        assert seen.snapshot.positions[0].stop_price == Decimal(97000)
        codes = [refusal.code for refusal in seen.decision.plan.refusals]
        assert codes == (["owners_stop"] if by is TriggerBy.LAST else [])
        assert prepared(it) == []
        assert len(it.of_kind(Kind.DECISION)) <= 1


async def test_a_take_profit_is_no_stop_and_asks_for_none_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "2")
        owners_stop(it, TriggerBy.MARK, profit="120000")
        for _ in range(4):
            seen = await it.guard.cycle()
        assert seen.snapshot is not None
        assert isinstance(seen.snapshot.positions[0].stop_price, Decimal)
        assert prepared(it) == ["protect"]


async def test_a_stop_limit_of_the_owner_does_not_stand_in_for_a_stop(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "2")
        it.venue.engine.place(
            it.venue.account.account_id,
            VenueOrder(
                symbol="BTCUSDT",
                side=Side.SELL,
                kind=OrderKind.LIMIT,
                qty=Decimal(2),
                price=Decimal(96900),
                reduce_only=True,
                trigger_price=Decimal(97000),
                trigger_by=TriggerBy.MARK,
                trigger_direction=TriggerDirection(2),
            ),
        )
        await it.guard.cycle()
        seen = await it.guard.cycle()
        assert seen.snapshot is not None
        assert isinstance(seen.snapshot.positions[0].stop_price, Decimal)
        assert len(seen.snapshot.stops) == 2


async def test_one_position_without_a_mark_does_not_bare_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        look = it.gateway.snapshot

        async def without_xrp() -> Snapshot:
            seen = await look()
            nothing: Any = Unknown("no ticker came")
            marks = {
                symbol: replace(mark, mark=nothing) if symbol.startswith("XRP") else mark
                for symbol, mark in seen.marks.items()
            }
            held = tuple(
                replace(one, mark_price=nothing) if one.symbol.startswith("XRP") else one
                for one in seen.positions
            )
            return replace(seen, marks=marks, positions=held)

        monkeypatch.setattr(it.gateway, "snapshot", without_xrp)
        it.open("BTCUSDT", Side.BUY, "8")
        it.open("XRPUSDT", Side.BUY, "10")
        await it.guard.cycle()
        seen = await it.guard.cycle()
        assert seen.snapshot is not None
        assert seen.decision is not None
        held = seen.snapshot.position(BTC)
        assert held is not None
        assert isinstance(held.stop_price, Decimal)
        (refusal,) = seen.decision.plan.refusals
        assert (refusal.item, refusal.code) == ("XRP/USDT:USDT#long", "unprotected")


async def test_a_stop_is_placed_while_an_order_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        submit = it.gateway.submit
        lost: list[Request] = []

        async def losing(request: Request) -> Answer:
            if isinstance(request, OrderRequest) and not lost:
                lost.append(request)
                return Answer(Verdict.UNKNOWN, "", "timeout", "", it.guard.executor.clock.now())
            return await submit(request)

        monkeypatch.setattr(it.gateway, "submit", losing)
        it.open("BTCUSDT", Side.BUY, "6")
        await it.guard.cycle()
        owners_stop(it, TriggerBy.MARK, stop="0")
        seen = await it.guard.cycle()
        assert seen.decision is not None
        assert [step.kind.value for step in seen.decision.plan.steps] == ["protect"]
        seen = await it.guard.cycle()
        assert seen.snapshot is not None
        assert isinstance(seen.snapshot.positions[0].stop_price, Decimal)


async def test_stops_are_moved_after_a_trim_and_not_before_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.open("BTCUSDT", Side.BUY, "4.5")
        await it.guard.cycle()
        it.open("BTCUSDT", Side.BUY, "1")
        seen = await it.guard.cycle()
        assert seen.decision is not None
        assert [step.kind.value for step in seen.decision.plan.steps] == ["trim"]
        seen = await it.guard.cycle()
        assert seen.decision is not None
        assert [step.kind.value for step in seen.decision.plan.steps] == ["protect"]


async def test_an_episode_that_does_not_come_home_holds_no_stop_back(tmp_path: Path) -> None:
    async with bench(tmp_path, armed=False) as it:
        it.open("BTCUSDT", Side.BUY, "8")
        owners_stop(it, TriggerBy.MARK, stop="88500")
        seen = await it.guard.cycle()
        (entry,) = it.of_kind(Kind.DECISION)
        assert isinstance(entry.record, Decision)
        assert seen.decision is not None
        assert "protect" not in [step.kind.value for step in seen.decision.plan.steps]
        blob = it.journal.blob(entry.record.input)
        assert blob is not None
        given = msgspec.json.decode(blob, type=DecisionInput)
        rules = load_rules_text(LEVERAGE_CAP, "rules.yaml")
        memory = decide(given, rules).evaluation.memory
        for after, kinds in ((14, ["trim"]), (16, ["trim", "protect"])):
            later = replace(
                given, at=given.at + timedelta(seconds=after), memory=memory, max_age_seconds=100.0
            )
            assert [step.kind.value for step in decide(later, rules).plan.steps] == kinds
