"""Passive orders over the real client: they rest, are filled, are cancelled, and are never there twice."""

from decimal import Decimal
from pathlib import Path

import pytest

from bot.execution import IntentState
from bot.execution.halts import halt
from bot.journal.records import Kind, Outside, Prepared
from bot.model import OrderRequest, StepKind, Style
from bot.replaying import decide_again
from bot.sandbox.engine.types import CancelCause, Order, Side
from tests.faults.stage import ACCOUNT, Stage, stage

D = Decimal
BTC, CANCEL = "BTCUSDT", "/v5/order/cancel"
RULES = """\
version: 1
rules:
  - name: leverage cap
    metric: account.leverage
    max: 5
    restore: 4
    cooldown: 0s
    do: [trim]
    trim: {order: passive, max_slippage: 0.5%, escalate_after: 20s}
  - name: room
    metric: position.liquidation_distance
    min: 18.2%
    restore: 18.3%
    cooldown: 0s
    do: [trim]
    trim: {order: passive, max_slippage: 2%, escalate_after: 5s}
"""


def resting(it: Stage) -> list[Order]:
    """The guard's own orders in the book."""
    return [one for one in it.engine.open_orders(ACCOUNT) if one.client_id and one.price]


def styles(it: Stage) -> list[Style]:
    """Styles of the guard's orders, oldest first."""
    steps = [body.step for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)]
    return [step.request.style for step in steps if isinstance(step.request, OrderRequest)]


def cancels(it: Stage) -> int:
    """How many cancels the journal prepared."""
    steps = [body.step for one in it.of_kind(Kind.PREPARED) if isinstance(body := one.record, Prepared)]
    return sum(step.kind is StepKind.CANCEL for step in steps)


async def begins(it: Stage) -> Order:
    """Leverage 5.2, and one order that rests at the ask."""
    it.open(BTC, Side.BUY, "5.2")
    await it.cycle()
    (order,) = resting(it)
    assert order.price == D(100_005)
    return order


def is_sound(it: Stage, size: str) -> None:
    """The account is home, everything has ended, each order was accepted once, the journal is the venue's."""
    assert it.open_intents() == 0
    assert resting(it) == []
    assert len(set(it.accepted())) == len(it.accepted())
    sold = D(size) - it.size(BTC)
    assert it.booked() == sold
    assert it.size(BTC) <= 4
    assert all(decide_again(it.journal, entry).same for entry in it.of_kind(Kind.DECISION))


async def test_one_that_is_met_costs_no_slippage(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        order = await begins(it)
        await it.cycles(3)
        assert resting(it) == [order]
        it.price(BTC, "100030")
        await it.cycles(3)
        assert styles(it) == [Style.PASSIVE]
        (outcome,) = [one for one in it.outcomes() if one.filled]
        assert outcome.average_price == 100_005
        assert outcome.fee < outcome.notional * D("0.0003")
        is_sound(it, "5.2")


async def test_one_that_nobody_meets_is_cancelled_and_the_rest_taken(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        await begins(it)
        await it.cycles(9)
        assert styles(it) == [Style.PASSIVE]
        await it.cycles(4)
        assert styles(it) == [Style.PASSIVE, Style.IOC]
        assert cancels(it) == 1
        is_sound(it, "5.2")


async def test_a_part_that_was_filled_is_not_sold_again(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        await begins(it)
        it.fault("thin_book", symbol=BTC, share="0.01")
        it.price(BTC, "100016")
        await it.cycles(3)
        part = D("5.2") - it.size(BTC)
        assert 0 < part < D("1.2")
        (order,) = resting(it)
        assert order.filled_qty == part
        it.mend()
        it.price(BTC, "99990")
        await it.cycles(16)
        assert styles(it) == [Style.PASSIVE, Style.IOC]
        is_sound(it, "5.2")
        outside = [entry.record for entry in it.of_kind(Kind.OUTSIDE)]
        assert not [one for one in outside if isinstance(one, Outside) and (one.others or one.note)]


@pytest.mark.parametrize("cycles", [0, 1, 9, 10])
@pytest.mark.parametrize("met", [True, False])
async def test_a_restart_in_between_makes_no_second_order(tmp_path: Path, cycles: int, met: bool) -> None:
    async with stage(tmp_path, RULES) as it:
        await begins(it)
        await it.cycles(cycles)
        await it.end()
        if met:
            it.price(BTC, "100030")
        it.start()
        await it.cycles(14)
        assert styles(it) == [Style.PASSIVE, *([] if met and cycles < 10 else [Style.IOC])]
        is_sound(it, "5.2")


@pytest.mark.fault(1)
async def test_one_whose_answer_was_lost_is_found_and_followed(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        it.open(BTC, Side.BUY, "5.2")
        it.fault("hang", path="/v5/order/create", count=1, seconds=0.2)
        await it.cycles(3)
        assert len(resting(it)) == 1
        await it.cycles(13)
        assert styles(it) == [Style.PASSIVE, Style.IOC]
        is_sound(it, "5.2")


async def test_one_that_would_trade_at_once_is_cancelled_by_the_venue(tmp_path: Path) -> None:
    """The bids rise to its price between the look and the order."""
    async with stage(tmp_path, RULES) as it:
        it.open(BTC, Side.BUY, "5.2")
        it.line.before["/v5/order/create"] = lambda: it.price(BTC, "100100")
        await it.cycle()
        it.line.before.clear()
        (refused,) = [one for one in it.engine.order_history(ACCOUNT) if one.client_id.startswith("reef")]
        assert refused.cause is CancelCause.POST_ONLY_WOULD_TAKE
        await it.cycle()
        (order,) = resting(it)
        assert order.price == D("100105.1")
        await it.cycles(14)
        is_sound(it, "5.2")


async def test_survival_does_not_wait_for_it(tmp_path: Path) -> None:
    """The market falls a little: the order goes, and the next cycle takes what that limit needs."""
    async with stage(tmp_path, RULES) as it:
        await begins(it)
        it.price(BTC, "99200")
        await it.cycle()
        assert (cancels(it), resting(it)) == (1, [])
        await it.cycle()
        assert styles(it) == [Style.PASSIVE, Style.IOC]
        (last, *_) = [
            body for one in it.of_kind(Kind.PREPARED)[::-1] if isinstance(body := one.record, Prepared)
        ]
        assert last.step.rule == "room"
        assert "a limit of survival does not wait: no passive order" in last.step.reason


async def test_one_that_is_not_needed_any_more_is_cancelled(tmp_path: Path) -> None:
    """The owner pays in."""
    async with stage(tmp_path, RULES) as it:
        await begins(it)
        it.engine.transfer(ACCOUNT, "USDT", D(100_000))
        await it.cycles(3)
        assert resting(it) == []
        assert it.size(BTC) == D("5.2")
        assert it.open_intents() == 0
        assert styles(it) == [Style.PASSIVE]


async def test_a_halt_leaves_it_where_it_is_and_it_is_followed(tmp_path: Path) -> None:
    async with stage(tmp_path, RULES) as it:
        await begins(it)
        await it.worker.call(halt, it.journal, ACCOUNT, who="owner", why="holidays", at=it.clock.now())
        await it.cycles(14)
        assert len(resting(it)) == 1
        assert styles(it) == [Style.PASSIVE]
        it.price(BTC, "100030")
        await it.cycles(2)
        is_sound(it, "5.2")
        assert it.outcomes()[-1].state is not IntentState.UNKNOWN
