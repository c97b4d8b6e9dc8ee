"""Stops attached to positions."""

import pytest

from bot.sandbox.engine.types import (
    CancelCause,
    Leg,
    Order,
    OrderStatus,
    Origin,
    PositionMode,
    Reason,
    StopKind,
    TriggerBy,
    TriggerDirection,
)
from tests.sandbox.engine.support import BTC, BUY, SELL, Desk, dec, open_desk, refused


def stops(desk: Desk) -> dict[StopKind, Order]:
    return {o.stop_kind: o for o in desk.engine.open_orders(desk.account) if o.stop_kind is not StopKind.NONE}


def test_stop_shows_on_the_position_and_as_an_order() -> None:
    desk = open_desk()
    with refused(Reason.POSITION_FLAT):
        desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(95_000))
    desk.place(BTC, BUY, "0.1")
    position = desk.engine.set_trading_stop(
        desk.account,
        BTC,
        stop_loss=dec(95_000),
        stop_loss_trigger_by=TriggerBy.MARK,
        take_profit=dec(120_000),
    )
    assert (position.stop_loss, position.take_profit) == (dec(95_000), dec(120_000))
    assert position.stop_loss_trigger_by is TriggerBy.MARK
    loss, profit = stops(desk)[StopKind.STOP_LOSS], stops(desk)[StopKind.TAKE_PROFIT]
    assert (loss.side, loss.qty, loss.trigger_direction) == (SELL, dec("0.1"), TriggerDirection.FALL)
    assert profit.trigger_direction is TriggerDirection.RISE
    assert loss.status is OrderStatus.UNTRIGGERED
    assert loss.reduce_only
    assert loss.origin is Origin.POSITION_STOP


def test_stop_follows_the_size_and_goes_with_the_position() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.1")
    desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(95_000))
    before = stops(desk)[StopKind.STOP_LOSS]
    desk.place(BTC, BUY, "0.1")
    assert stops(desk)[StopKind.STOP_LOSS].qty == dec("0.2")
    desk.place(BTC, SELL, "0.15")
    assert stops(desk)[StopKind.STOP_LOSS].qty == dec("0.05")
    desk.place(BTC, SELL, "0.1")
    assert stops(desk) == {}
    ended = desk.engine.find_order(desk.account, order_id=before.order_id)
    assert ended is not None
    assert (ended.status, ended.cause) == (OrderStatus.DEACTIVATED, CancelCause.POSITION_CLOSED)
    assert desk.engine.position(desk.account, BTC).stop_loss is None


@pytest.mark.parametrize(("side", "loss", "trigger"), [(BUY, 95_000, 94_900), (SELL, 105_000, 105_100)])
def test_stop_closes_the_whole_position(side: object, loss: int, trigger: int) -> None:
    desk = open_desk()
    desk.place(BTC, BUY if side is BUY else SELL, "0.1")
    desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(loss), stop_loss_trigger_by=TriggerBy.MARK)
    desk.price(BTC, trigger)
    assert desk.size(BTC) == 0
    closing = desk.engine.executions(desk.account)[-1]
    assert closing.stop_kind is StopKind.STOP_LOSS
    assert closing.closed_qty == dec("0.1")


def test_take_profit_takes_the_stop_loss_with_it() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.1")
    desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(95_000), take_profit=dec(110_000))
    desk.price(BTC, 110_000)
    assert desk.size(BTC) == 0
    assert stops(desk) == {}


def test_moving_and_removing_stops() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.1")
    engine, account = desk.engine, desk.account
    with refused(Reason.NOT_MODIFIED):
        engine.set_trading_stop(account, BTC, stop_loss=dec(0))
    engine.set_trading_stop(account, BTC, stop_loss=dec(95_000))
    with refused(Reason.NOT_MODIFIED):
        engine.set_trading_stop(account, BTC, stop_loss=dec(95_000))
    with refused(Reason.NOT_MODIFIED):
        engine.set_trading_stop(account, BTC)
    moved = engine.set_trading_stop(account, BTC, stop_loss=dec(96_000))
    assert moved.stop_loss == 96_000
    watched = engine.set_trading_stop(account, BTC, stop_loss_trigger_by=TriggerBy.INDEX)
    assert (watched.stop_loss, watched.stop_loss_trigger_by) == (dec(96_000), TriggerBy.INDEX)
    assert len(stops(desk)) == 1
    assert engine.set_trading_stop(account, BTC, stop_loss=dec(0)).stop_loss is None
    assert stops(desk) == {}


def test_stops_on_the_wrong_side_or_off_the_tick_are_refused() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.1")
    engine, account = desk.engine, desk.account
    for wrong in ({"stop_loss": dec(101_000)}, {"take_profit": dec(99_000)}):
        with refused(Reason.STOP_ON_WRONG_SIDE):
            engine.set_trading_stop(account, BTC, **wrong)  # type: ignore[arg-type]
    with refused(Reason.PRICE_NOT_A_TICK):
        engine.set_trading_stop(account, BTC, stop_loss=dec("95000.01"))
    with refused(Reason.POSITION_MODE_MISMATCH):
        engine.set_trading_stop(account, BTC, Leg.LONG, stop_loss=dec(95_000))
    assert stops(desk) == {}
    desk.place(BTC, SELL, "0.2")
    for wrong in ({"stop_loss": dec(99_000)}, {"take_profit": dec(101_000)}):
        with refused(Reason.STOP_ON_WRONG_SIDE):
            engine.set_trading_stop(account, BTC, **wrong)  # type: ignore[arg-type]


def test_stops_come_with_an_order() -> None:
    desk = open_desk()
    order = desk.place(BTC, BUY, "0.1", stop_loss=dec(95_000), take_profit=dec(110_000))
    assert order.status is OrderStatus.FILLED
    position = desk.engine.position(desk.account, BTC)
    assert (position.stop_loss, position.take_profit) == (dec(95_000), dec(110_000))
    desk.place(BTC, BUY, "0.1", stop_loss=dec(150_000))
    assert desk.engine.position(desk.account, BTC).stop_loss == 95_000


def test_cancelling_a_stop_order_takes_it_off_the_position() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.1")
    desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(95_000))
    desk.engine.cancel_all(desk.account, conditional=True)
    assert desk.engine.position(desk.account, BTC).stop_loss is None
    desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(95_000))
    assert len(stops(desk)) == 1


def test_each_leg_has_its_own_stop() -> None:
    desk = open_desk(position_mode=PositionMode.HEDGE)
    desk.place(BTC, BUY, "0.1", leg=Leg.LONG)
    desk.place(BTC, SELL, "0.1", leg=Leg.SHORT)
    desk.engine.set_trading_stop(desk.account, BTC, Leg.LONG, stop_loss=dec(95_000))
    desk.engine.set_trading_stop(desk.account, BTC, Leg.SHORT, stop_loss=dec(105_000))
    desk.price(BTC, 94_000)
    assert desk.engine.position(desk.account, BTC, Leg.LONG).size == 0
    assert desk.engine.position(desk.account, BTC, Leg.SHORT).stop_loss == 105_000
