"""What may happen to a hedge, to its order and to its parent, told with a real guard and a venue inside."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pytest

from bot.exchange.gateway import CcxtGateway
from bot.execution import halted
from bot.journal.records import IntentState, Kind, Outside, Recovered
from bot.model import Request, StepKind
from bot.sandbox.engine.types import PositionMode, Side
from tests.faults.scenarios_orders import ends
from tests.faults.stage import ACCOUNT, Stage, stage
from tests.hedges.scene import BTC, ETH, LONG, SHOCK, SHORT, Judge, asked, changes, lots, move, steps, trade

LOW = 0.88
TRIM_OR_HEDGE = SHOCK.replace("do: [hedge]", "do: [trim, hedge]")
CLOSING = (
    SHOCK
    + """\
  - {name: shut, metric: account.equity, min: 70k, do: [close_all, halt]}
"""
)


async def hedged(it: Stage, size: str = "40") -> Decimal:
    """Let the market fall until a hedge stands; return its size."""
    it.open(ETH, Side.BUY, size)
    await it.cycles(2)
    move(it, LOW)
    await it.cycles(3)
    (lot,) = lots(it)
    assert lot.contracts == -it.size(BTC) > 0
    assert (lot.key, lot.parent, lot.rule, lot.pending) == (SHORT, LONG, "shock", 0)
    return lot.contracts


async def test_a_hedge_stands_between_two_orders_of_its_own(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        await hedged(it)
        move(it, LOW - 0.005)
        await it.cycles(2)
        short = next(one for one in it.engine.positions(ACCOUNT) if one.symbol == BTC)
        parent = it.stop(ETH)
        assert parent is not None
        assert short.stop_loss is not None
        assert float(short.stop_loss) == pytest.approx(1.3 * float(short.entry_price), rel=0.01)
        assert short.take_profit is not None
        eth, btc = (float(it.engine.ticker(one).mark_price) for one in (ETH, BTC))
        fall = (1 - float(parent) / eth) / 1.4
        assert float(short.take_profit) == pytest.approx(btc * (1 - 1.1 * fall), rel=0.03)
        assert halted(it.journal, ACCOUNT) is None


async def test_an_answer_that_is_lost_opens_once(tmp_path: Path) -> None:
    async with stage(tmp_path, TRIM_OR_HEDGE.replace("[trim, hedge]", "[hedge]")) as it:
        judge = Judge(it)
        it.open(ETH, Side.BUY, "40")
        await it.cycles(2)
        it.fault("hang", path="/v5/order/create", count=1)
        move(it, LOW)
        await it.cycle(after=15.0)
        (order,) = it.requests()
        assert order.body["reduceOnly"] is False
        assert order.client_id.startswith("reef0")
        await it.cycles(4)
        assert ends(it)[0] is IntentState.FILLED
        assert asked(it, StepKind.HEDGE)[0] == Decimal(order.body["qty"])
        assert len(it.accepted()) == len(set(it.accepted()))
        assert sum(lot.contracts for lot in lots(it)) == -it.size(BTC)
        assert judge.worst > 0


async def test_while_nobody_knows_what_it_opened_the_parent_keeps_enough(tmp_path: Path) -> None:
    """The owner's limit takes all it may of the parent: what may have been opened still has its match."""
    rules = SHOCK + "  - {name: shut, metric: account.equity, min: 70k, do: [close_all]}\n"
    async with stage(tmp_path, rules) as it:
        judge = Judge(it)
        it.open(ETH, Side.BUY, "40")
        await it.cycles(2)
        it.fault("hidden_orders", seconds=60, count=1)
        move(it, LOW)
        await it.cycle(after=3.0)
        opened = -it.size(BTC)
        assert opened > 0
        (lot,) = lots(it)
        assert (lot.contracts, lot.pending) == (0, opened)
        move(it, 0.84)
        await it.cycles(3, after=3.0)
        prices = {one: float(it.engine.ticker(one).mark_price) for one in (BTC, ETH)}
        least = float(opened) * prices[BTC] / 1.4 / prices[ETH]
        assert least <= float(it.size(ETH)) < least + 0.02
        await it.cycles(30, after=3.0)
        assert (it.size(ETH), it.size(BTC)) == (0, 0)
        assert judge.worst >= 0


async def test_a_request_that_never_arrived_is_planned_anew_and_not_sent_again(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        it.open(ETH, Side.BUY, "40")
        await it.cycles(2)
        it.fault("drop", path="/v5/order/create", count=1)
        move(it, LOW)
        await it.cycles(30, after=3.0)
        first, *later = (step.request.client_order_id for step in steps(it, StepKind.HEDGE))
        assert ends(it)[0] is IntentState.REJECTED
        assert later
        assert first not in {one.client_id for one in it.requests() if one.executed}
        assert sum(lot.contracts for lot in lots(it)) == -it.size(BTC) > 0


class Killed(BaseException):
    """The process is gone."""


async def test_killed_between_record_and_order_it_opens_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path, SHOCK) as it:
        it.open(ETH, Side.BUY, "40")
        await it.cycles(2)

        async def die(_: CcxtGateway, request: Request) -> NoReturn:
            raise Killed(request.client_order_id)

        with monkeypatch.context() as patch:
            patch.setattr(CcxtGateway, "submit", die)
            move(it, LOW)
            with pytest.raises(Killed):
                await it.cycle()
        await it.restart()
        await it.cycles(3, after=3.0)
        (lot,) = lots(it)
        assert (lot.contracts, it.size(BTC)) == (0, 0), "nothing new while nobody knows"
        assert lot.pending > 0
        await it.cycles(30, after=3.0)
        names = [step.request.client_order_id for step in steps(it, StepKind.HEDGE)]
        assert len(names) == len(set(names)) >= 2
        assert sum(lot.contracts for lot in lots(it)) == -it.size(BTC) > 0


async def by_hand(it: Stage) -> None:
    trade(it, ETH, Side.SELL, "40", reduce_only=True)


async def by_its_stop(it: Stage) -> None:
    stop = it.stop(ETH)
    assert stop is not None
    it.price(ETH, str(stop - 1))


async def while_the_guard_was_down(it: Stage) -> None:
    await it.end()
    await by_hand(it)
    it.start()


@pytest.mark.parametrize("gone", [by_hand, by_its_stop, while_the_guard_was_down])
async def test_without_its_parent_it_is_an_alarm_and_closed(
    gone: Callable[[Stage], Awaitable[None]], tmp_path: Path
) -> None:
    async with stage(tmp_path, SHOCK) as it:
        size = await hedged(it)
        await gone(it)
        await it.cycle()
        assert it.size(ETH) == 0
        assert it.size(BTC) == 0, "closed by the first cycle that sees it"
        assert asked(it, StepKind.UNWIND) == [size]
        (alarm,) = changes(it)
        assert (alarm.parent, alarm.before, alarm.after, alarm.lost) == (LONG, size, size, False)
        assert "parent is gone" in alarm.note
        recovered = [one.record for one in it.of_kind(Kind.RECOVERY) if isinstance(one.record, Recovered)]
        assert bool(recovered[-1].orphan_hedges) == (gone is while_the_guard_was_down)
        await it.cycles(3)
        assert lots(it) == ()
        assert len(changes(it)) == 1


async def test_it_shrinks_with_its_parent(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        judge = Judge(it)
        size = await hedged(it)
        trade(it, ETH, Side.SELL, "20", reduce_only=True)
        await it.cycles(2)
        assert -it.size(BTC) <= size / 2
        judge.look()
        assert judge.worst > 0


async def test_deleveraged_it_is_told_and_not_opened_again(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        size = await hedged(it)
        orders = len(it.accepted())
        it.fault("adl", symbol=BTC, share="1", count=1)
        await it.cycles(6)
        (change,) = changes(it)
        assert (change.before, change.after, change.lost) == (size, 0, True)
        told = [one.record for one in it.of_kind(Kind.OUTSIDE) if isinstance(one.record, Outside)]
        assert [(one.symbol, one.others, one.kinds) for one in told] == [("BTC/USDT:USDT", -size, ("ADL",))]
        report = await it.cycle()
        assert report.decision is not None
        assert "hedge_lost" in {one.code for one in report.decision.plan.refusals}
        assert len(it.accepted()) == orders
        await it.restart()
        await it.cycles(2)
        assert len(it.accepted()) == orders, "not after a restart either"
        it.clock.advance(3600)
        await it.cycles(2)
        assert len(it.accepted()) > orders, "after an hour a new decision may open one"


async def test_a_part_that_was_deleveraged_leaves_the_rest_with_its_parent(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        size = await hedged(it)
        it.fault("adl", symbol=BTC, share="0.5", count=1)
        await it.cycles(4)
        (lot,) = lots(it)
        assert lot.contracts == -it.size(BTC) < size
        assert lot.lost_at is not None
        await by_hand(it)
        await it.cycles(2)
        assert it.size(BTC) == 0


async def test_where_the_owner_holds_the_instrument_nothing_is_opened(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        it.open(ETH, Side.BUY, "40")
        it.open(BTC, Side.SELL, "0.01")
        await it.cycles(2)
        move(it, LOW)
        report = await it.cycle()
        assert report.decision is not None
        (refusal,) = (one for one in report.decision.plan.refusals if one.rule == "shock")
        assert refusal.code == "hedge_taken"
        assert it.size(BTC) == Decimal("-0.01")


async def test_what_the_owner_opens_at_the_last_moment_is_seen(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        it.open(ETH, Side.BUY, "40")
        await it.cycles(2)
        move(it, LOW)
        asked_for = 0

        def sell() -> None:
            nonlocal asked_for
            asked_for += 1
            if asked_for == 2:  # the first asks for all positions, the second for those of the instrument
                trade(it, BTC, Side.SELL, "0.02")

        it.line.before["/v5/position/list"] = sell
        await it.cycle()
        assert it.requests() == []
        assert ends(it) == [IntentState.CANCELLED]
        assert it.size(BTC) == Decimal("-0.02")


async def test_what_the_owner_adds_to_it_stays_his(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        size = await hedged(it)
        trade(it, BTC, Side.SELL, "0.05")
        await it.cycles(2)
        (lot,) = lots(it)
        assert lot.contracts <= size
        await by_hand(it)
        await it.cycles(3)
        assert asked(it, StepKind.UNWIND)[-1] == lot.contracts
        assert it.size(BTC) == Decimal("-0.05")
        assert lots(it) == ()


async def test_a_rule_that_is_gone_takes_its_hedge_along(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        await hedged(it)
        await it.end()
        it.rules = SHOCK.replace("do: [hedge]", "do: [trim]").replace(
            "    hedge: {with: [perp], venue: same, max_share: 50%, stop: 30%, unwind: restore}\n", ""
        )
        it.start()
        await it.cycles(2)
        assert it.size(BTC) == 0


async def test_close_all_takes_the_hedge_first_and_halts_when_both_are_gone(tmp_path: Path) -> None:
    async with stage(tmp_path, CLOSING) as it:
        judge = Judge(it)
        await hedged(it)
        move(it, 0.8)
        await it.cycles(5)
        assert (it.size(ETH), it.size(BTC)) == (0, 0)
        assert judge.worst >= 0
        assert halted(it.journal, ACCOUNT) is not None


async def test_in_hedge_mode_the_other_leg_of_the_same_symbol_hedges(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        it.engine.set_position_mode(ACCOUNT, PositionMode.HEDGE, None)
        it.engine.open_position(ACCOUNT, ETH, Side.BUY, Decimal(40), None, Decimal(20))
        await it.cycles(2)
        move(it, LOW)
        await it.cycles(3)
        (lot,) = lots(it)
        assert (lot.symbol, lot.side.value, lot.position_index) == ("ETH/USDT:USDT", "short", 2)
        assert 0 < lot.contracts <= 20
        move(it, 1.02)
        await it.cycles(8)
        assert lots(it) == ()
        assert it.size(ETH) == 40


async def test_in_one_way_mode_a_hedge_with_itself_is_refused_as_a_trim(tmp_path: Path) -> None:
    async with stage(tmp_path, SHOCK) as it:
        it.open(BTC, Side.BUY, "3.2")
        await it.cycles(2)
        report = await it.cycle()
        assert report.decision is not None
        assert {one.code for one in report.decision.plan.refusals} == {"hedge_is_trim"}


async def test_where_trims_cost_less_it_trims(tmp_path: Path) -> None:
    async with stage(tmp_path, TRIM_OR_HEDGE) as it:
        it.open(ETH, Side.BUY, "40")
        await it.cycles(2)
        move(it, LOW)
        await it.cycles(3)
        assert it.size(ETH) < 40
        assert it.size(BTC) == 0
