"""Inverse contracts, guarded: coins are the collateral, and they fall together with what is held."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.journal.records import IntentState, Kind
from bot.sandbox.engine.types import Side, StopKind
from tests.faults.stage import ACCOUNT, CREATE, DEPOSIT, Stage, stage

COIN, DOLLAR = "BTCUSD", "BTCUSDT"
RULES = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 3
    restore: 2.5
    cooldown: 0s
    do: [cancel_orders, trim]
    trim: {max_slippage: 2%}
"""
POSITIONS = "/v5/position/list"


def coins(it: Stage, held: str = "2") -> None:
    """Hold bitcoin in place of dollars."""
    it.engine.transfer(ACCOUNT, "BTC", Decimal(held))
    it.engine.transfer(ACCOUNT, "USDT", -DEPOSIT)


async def test_a_falling_position_is_trimmed_and_its_stop_fires_when_nobody_watches(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        coins(it)
        it.open(COIN, Side.BUY, "400000")
        assert (await it.cycles(2))[-1].error == ""
        assert it.requests() == []
        it.price(DOLLAR, "87000")
        first = await it.cycle()
        assert first.decision is not None
        (proof,) = first.decision.plan.proofs
        assert proof.met
        assert proof.before > 3 > 2.5 >= proof.after  # type: ignore[operator]
        reports = await it.cycles(3)
        assert [one.error for one in reports] == [""] * 3
        last = reports[-1].snapshot
        assert last is not None
        (position,) = last.positions
        left = it.size(COIN)
        assert 290_000 < left < 320_000
        assert position.contracts == left
        assert isinstance(last.balance.equity, Decimal)
        assert left / last.balance.equity <= Decimal("2.5")
        assert len(it.accepted()) == 1
        assert it.booked() == 400_000 - left
        stop = it.stop(COIN)
        assert stop is not None
        assert isinstance(position.liquidation_price, Decimal)
        assert position.liquidation_price < stop < 87_000
        await it.end()
        for price in (80_000, 75_000, 70_000, 65_000, 60_000, 50_000, 30_000):
            it.price(DOLLAR, str(price))
        assert it.size(COIN) == 0
        assert it.engine.liquidations(ACCOUNT) == []
        assert it.engine.totals("BTC").wallets > 0
        it.start()
        assert (await it.cycles(2))[-1].error == ""


async def test_positions_of_both_categories_are_trimmed_and_protected(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        it.engine.transfer(ACCOUNT, "BTC", Decimal(1))
        it.open(COIN, Side.BUY, "200000")
        it.open(DOLLAR, Side.BUY, "2")
        it.open("ETHUSDT", Side.SELL, "20")
        await it.cycles(2)
        assert None not in (it.stop(COIN), it.stop(DOLLAR), it.stop("ETHUSDT"))
        it.price(DOLLAR, "88000")
        reports = await it.cycles(4)
        assert [one.error for one in reports] == [""] * 4
        last = reports[-1].snapshot
        assert last is not None
        assert len(last.positions) == 3
        btc = Decimal(88_000)
        asked = it.size(COIN) + it.size(DOLLAR) * btc - it.size("ETHUSDT") * 4_000
        assert isinstance(last.balance.equity, Decimal)
        assert asked / last.balance.equity <= Decimal("2.51")
        assert it.open_intents() == 0
        assert None not in (it.stop(COIN), it.stop(DOLLAR), it.stop("ETHUSDT"))
        await it.end()
        for price in (80_000, 75_000, 70_000, 65_000, 60_000, 50_000):
            it.price(DOLLAR, str(price))
        assert it.size(COIN) == it.size(DOLLAR) == 0
        assert it.engine.liquidations(ACCOUNT) == []
        it.start()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.fault(15)
async def test_an_answer_without_the_inverse_position_is_an_error(
    tmp_path: Path, restarted: bool, beside: bool
) -> None:
    async with stage(tmp_path, RULES) as it:
        it.engine.transfer(ACCOUNT, "BTC", Decimal(2))
        it.open(COIN, Side.BUY, "400000")
        if beside:
            it.open(DOLLAR, Side.BUY, "1")
        await it.cycles(2)
        it.fault("empty_positions", symbol=COIN)
        if restarted:
            await it.restart()
        reports = await it.cycles(20)
        assert all(one.snapshot is None and one.error for one in reports)
        assert it.of_kind(Kind.OUTSIDE) == []
        it.mend()
        assert (await it.cycles(2))[-1].error == ""
        assert it.of_kind(Kind.OUTSIDE) == []
        assert it.stop(COIN) is not None


@pytest.mark.fault(13)
async def test_a_refusal_of_the_category_is_an_error_while_something_may_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path, RULES) as it:
        coins(it)
        it.open(COIN, Side.BUY, "400000")
        await it.cycles(2)
        carry = it.line.request

        async def refused(method: str, url: str, *more: Any, **named: Any) -> tuple[int, str, Any, str]:
            if POSITIONS in url and "category=inverse" in url:
                return 200, "OK", {}, json.dumps({"retCode": 10016, "retMsg": "Server error.", "result": {}})
            return await carry(method, url, *more, **named)

        monkeypatch.setattr(it.line, "request", refused)
        reports = await it.cycles(3)
        assert all(one.snapshot is None and one.error for one in reports)
        monkeypatch.undo()
        assert (await it.cycles(2))[-1].error == ""


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("arrived", [False, True])
@pytest.mark.fault(1)
async def test_a_lost_answer_is_looked_up_where_the_order_was_sent(
    tmp_path: Path, restarted: bool, arrived: bool
) -> None:
    async with stage(tmp_path, RULES) as it:
        coins(it)
        it.open(COIN, Side.BUY, "400000")
        await it.cycles(2)
        it.price(DOLLAR, "87000")
        it.fault("hang" if arrived else "drop", path=CREATE, count=1)
        await it.cycle()
        if restarted:
            await it.restart()
        await it.cycles(14)
        left = it.size(COIN)
        assert 290_000 < left < 320_000
        assert it.booked() == 400_000 - left
        ends = [one.state for one in it.outcomes() if one.filled or one.state is IntentState.REJECTED]
        assert ends == [IntentState.FILLED] if arrived else [IntentState.REJECTED, IntentState.FILLED]
        assert it.open_intents() == 0


async def test_an_owner_s_stray_order_is_cancelled_in_its_category(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        coins(it)
        it.open(COIN, Side.BUY, "400000")
        it.owner_orders(COIN, Side.BUY, "10000", "70000")
        await it.cycles(2)
        it.price(DOLLAR, "87000")
        await it.cycles(4)
        assert [one.stop_kind for one in it.engine.open_orders(ACCOUNT, COIN)] == [StopKind.STOP_LOSS]


async def test_an_account_without_inverse_positions_is_hardly_asked_more_often(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        it.open(DOLLAR, Side.BUY, "1")
        await it.cycles(13)
        before = len(it.line.asked)
        await it.cycles(24)
        calm = len(it.line.asked) - before
        it.engine.transfer(ACCOUNT, "BTC", Decimal(1))
        it.open(COIN, Side.BUY, "1000")
        await it.cycles(13)
        before = len(it.line.asked)
        await it.cycles(24)
        assert calm + 24 * 3 <= len(it.line.asked) - before
