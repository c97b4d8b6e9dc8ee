"""An account whose owner, or whose venue, does what its program did not ask for."""

import pytest

from bot.sandbox.engine.events import ExecutionEvent, PositionEvent
from bot.sandbox.engine.types import (
    CancelCause,
    ExecutionKind,
    Leg,
    LogKind,
    MarginMode,
    OrderStatus,
    Origin,
    PositionMode,
    Reason,
    Side,
    TriggerBy,
)
from tests.sandbox.engine.support import BTC, BUY, ETH, SELL, Desk, dec, open_desk, refused


@pytest.fixture
def desk() -> Desk:
    return open_desk(100_000)


@pytest.fixture
def hedged() -> Desk:
    return open_desk(100_000, position_mode=PositionMode.HEDGE)


def sizes(desk: Desk, symbol: str = BTC) -> dict[Leg, object]:
    return {one.leg: one.size for one in desk.engine.positions(desk.account, symbol)}


def protect(desk: Desk, price: object, leg: Leg = Leg.NET) -> None:
    desk.engine.set_trading_stop(
        desk.account, BTC, leg, stop_loss=dec(price), stop_loss_trigger_by=TriggerBy.MARK
    )


def test_the_owner_closes_by_hand_with_a_plain_trade(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    protect(desk, 95_000)
    (order,) = desk.engine.disturbances.close_by_hand(desk.account, BTC)
    assert desk.size(BTC) == 0
    assert (order.origin, order.client_id, order.reduce_only) == (Origin.USER, "", True)
    last = desk.engine.executions(desk.account)[-1]
    assert (last.kind, last.qty, last.price) == (ExecutionKind.TRADE, 1, 100_000)
    assert last.fee == dec("55")
    assert desk.engine.open_orders(desk.account) == []
    with refused(Reason.POSITION_FLAT):
        desk.place(BTC, SELL, 1, reduce_only=True)
    assert desk.engine.disturbances.close_by_hand(desk.account, BTC) == []


def test_closing_by_hand_needs_no_book_and_takes_both_legs(hedged: Desk) -> None:
    hedged.place(BTC, BUY, 1, leg=Leg.LONG)
    hedged.place(BTC, SELL, 2, leg=Leg.SHORT)
    hedged.place(ETH, BUY, 1, leg=Leg.LONG)
    hedged.engine.disturbances.thin_book(BTC, dec(0))
    hedged.engine.disturbances.close_by_hand(hedged.account, BTC)
    assert sizes(hedged) == {}
    assert sizes(hedged, ETH) == {Leg.LONG: 1}


def test_trades_by_hand_grow_shrink_and_flip(desk: Desk) -> None:
    trade = desk.engine.disturbances.trade_by_hand
    for qty, left in ((1, 1), ("-0.4", "0.6"), (-1, "-0.4")):
        (order,) = trade(desk.account, BTC, dec(qty))
        assert order.status is OrderStatus.FILLED
        assert desk.size(BTC) == dec(left)
    assert {one.kind for one in desk.engine.executions(desk.account)} == {ExecutionKind.TRADE}


def test_trades_by_hand_close_the_other_leg_first(hedged: Desk) -> None:
    hedged.place(BTC, SELL, 1, leg=Leg.SHORT)
    hedged.engine.disturbances.trade_by_hand(hedged.account, BTC, dec("1.5"))
    assert sizes(hedged) == {Leg.LONG: dec("0.5")}
    hedged.engine.disturbances.trade_by_hand(hedged.account, BTC, dec("-0.5"))
    assert sizes(hedged) == {}


def test_what_the_owner_cannot_pay_is_refused_whole(hedged: Desk) -> None:
    hedged.place(BTC, SELL, 1, leg=Leg.SHORT)
    with refused(Reason.INSUFFICIENT_MARGIN):
        hedged.engine.disturbances.trade_by_hand(hedged.account, BTC, dec(100))
    with refused(Reason.QTY_NOT_A_STEP):
        hedged.engine.disturbances.trade_by_hand(hedged.account, BTC, dec("0.00001"))
    assert sizes(hedged) == {Leg.SHORT: 1}


def test_deleveraging_reduces_and_tells(desk: Desk) -> None:
    desk.place(BTC, SELL, 1)
    resting = desk.place(BTC, BUY, 1, price=90_000, reduce_only=True)
    desk.engine.subscribe(desk.events.append)
    (order,) = desk.engine.disturbances.deleverage(desk.account, BTC, dec("0.3333"))
    assert (order.origin, order.side) == (Origin.ADL, BUY)
    assert desk.size(BTC) == dec("-0.666")
    last = desk.engine.executions(desk.account)[-1]
    assert (last.kind, last.qty, last.price, last.fee) == (ExecutionKind.ADL, dec("0.334"), 100_000, 0)
    assert desk.engine.transaction_log(desk.account)[-1].kind is LogKind.ADL
    found = desk.engine.find_order(desk.account, order_id=resting.order_id)
    assert found is not None
    assert found.leaves_qty == dec("0.666")
    assert any(isinstance(one, ExecutionEvent) for one in desk.events)
    told = [one.position.size for one in desk.events if isinstance(one, PositionEvent)]
    assert told == [dec("0.666")]
    desk.engine.disturbances.deleverage(desk.account, BTC, dec(1))
    assert desk.size(BTC) == 0
    assert desk.engine.disturbances.deleverage(desk.account, BTC, dec(1)) == []


def test_resting_reduce_only_orders_count_where_the_venue_counts_them(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    resting = desk.place(BTC, SELL, "0.6", price=120_000, reduce_only=True)
    desk.engine.disturbances.count_reduce_only(desk.account, True)
    with refused(Reason.REDUCE_ONLY_COVERED):
        desk.place(BTC, SELL, "0.5", reduce_only=True)
    assert desk.place(BTC, SELL, "0.4", reduce_only=True).status is OrderStatus.FILLED
    with refused(Reason.REDUCE_ONLY_COVERED):
        desk.place(BTC, SELL, "0.001", reduce_only=True)
    desk.engine.cancel(desk.account, order_id=resting.order_id)
    assert desk.place(BTC, SELL, "0.5", reduce_only=True).status is OrderStatus.FILLED


def test_waiting_reduce_only_orders_count_but_are_not_refused(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    desk.engine.disturbances.count_reduce_only(desk.account, True)
    for trigger in (95_000, 94_000):
        desk.place(BTC, SELL, 1, trigger_price=trigger, reduce_only=True)
    with refused(Reason.REDUCE_ONLY_COVERED):
        desk.place(BTC, SELL, "0.1", reduce_only=True)
    desk.engine.disturbances.count_reduce_only(desk.account, False)
    assert desk.place(BTC, SELL, "0.1", reduce_only=True).status is OrderStatus.FILLED


def test_stops_of_the_position_and_other_legs_do_not_count(hedged: Desk) -> None:
    hedged.place(BTC, BUY, 1, leg=Leg.LONG)
    hedged.place(BTC, SELL, 1, leg=Leg.SHORT)
    protect(hedged, 95_000, Leg.LONG)
    hedged.place(BTC, BUY, 1, price=90_000, leg=Leg.SHORT)
    hedged.engine.disturbances.count_reduce_only(hedged.account, True)
    assert hedged.place(BTC, SELL, 1, leg=Leg.LONG).status is OrderStatus.FILLED


def test_an_order_does_not_count_against_itself_when_it_is_amended(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    first = desk.place(BTC, SELL, "0.5", price=120_000, reduce_only=True)
    desk.place(BTC, SELL, "0.3", price=121_000, reduce_only=True)
    desk.engine.disturbances.count_reduce_only(desk.account, True)
    assert desk.engine.amend(desk.account, order_id=first.order_id, qty=dec("0.7")).qty == dec("0.7")
    with refused(Reason.REDUCE_ONLY_COVERED):
        desk.engine.amend(desk.account, order_id=first.order_id, qty=dec("0.8"))


def test_a_forced_mode_moves_positions_stops_and_orders(desk: Desk) -> None:
    desk.engine.set_leverage(desk.account, BTC, dec(7))
    desk.place(BTC, BUY, 1)
    protect(desk, 95_000)
    desk.place(BTC, SELL, "0.5", price=120_000, reduce_only=True)
    desk.place(BTC, SELL, "0.5", price=130_000)
    desk.place(ETH, SELL, 1)
    before = desk.engine.wallet(desk.account)
    desk.engine.disturbances.force_mode(desk.account, PositionMode.HEDGE)
    assert sizes(desk) == {Leg.LONG: 1}
    assert sizes(desk, ETH) == {Leg.SHORT: 1}
    legs = {(one.price, one.leg) for one in desk.engine.open_orders(desk.account)}
    assert legs == {(None, Leg.LONG), (120_000, Leg.LONG), (130_000, Leg.SHORT)}
    (position,) = desk.engine.positions(desk.account, BTC)
    assert (position.stop_loss, position.leverage) == (95_000, 7)
    with refused(Reason.POSITION_MODE_MISMATCH):
        desk.place(BTC, SELL, "0.1", reduce_only=True)
    assert desk.place(BTC, SELL, "0.1", leg=Leg.LONG).status is OrderStatus.FILLED
    desk.engine.disturbances.force_mode(desk.account, PositionMode.ONE_WAY)
    assert sizes(desk) == {Leg.NET: dec("0.9")}
    after = desk.engine.wallet(desk.account)
    assert after.coins[0].cumulative_pnl == after.wallet_balance - 100_000
    assert before.wallet_balance > after.wallet_balance
    desk.price(BTC, 94_000)
    assert desk.size(BTC) == 0


def test_the_mode_of_one_symbol_and_back_again_keeps_what_was_earned(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    for mode in (PositionMode.HEDGE, PositionMode.ONE_WAY, PositionMode.HEDGE):
        desk.engine.disturbances.force_mode(desk.account, mode, BTC)
        assert desk.engine.position_mode(desk.account, BTC) is mode
        assert desk.engine.position_mode(desk.account, ETH) is PositionMode.ONE_WAY
    desk.place(BTC, SELL, 1, leg=Leg.LONG)
    desk.engine.disturbances.force_mode(desk.account, PositionMode.ONE_WAY, BTC)
    desk.place(BTC, BUY, 1)
    desk.engine.disturbances.force_mode(desk.account, PositionMode.HEDGE, BTC)
    wallet = desk.engine.wallet(desk.account)
    assert wallet.coins[0].cumulative_pnl == wallet.wallet_balance - 100_000


def test_a_symbol_with_both_legs_stays_in_hedge_mode(hedged: Desk) -> None:
    hedged.place(BTC, BUY, 1, leg=Leg.LONG)
    hedged.place(BTC, SELL, 1, leg=Leg.SHORT)
    hedged.engine.disturbances.force_mode(hedged.account, PositionMode.ONE_WAY)
    assert hedged.engine.position_mode(hedged.account, BTC) is PositionMode.HEDGE
    assert hedged.engine.position_mode(hedged.account, ETH) is PositionMode.ONE_WAY
    assert sizes(hedged) == {Leg.LONG: 1, Leg.SHORT: 1}


def test_a_reduction_opens_the_opposite_leg(hedged: Desk) -> None:
    hedged.place(BTC, BUY, 1, leg=Leg.LONG)
    hedged.engine.disturbances.open_opposite(hedged.account, True)
    order = hedged.place(BTC, SELL, "0.4", leg=Leg.LONG, reduce_only=True)
    assert (order.leg, order.reduce_only, order.status) == (Leg.SHORT, False, OrderStatus.FILLED)
    assert sizes(hedged) == {Leg.LONG: 1, Leg.SHORT: dec("0.4")}
    hedged.place(BTC, BUY, "0.4", leg=Leg.SHORT)
    assert sizes(hedged) == {Leg.LONG: dec("1.4"), Leg.SHORT: dec("0.4")}
    hedged.place(BTC, SELL, "0.1", leg=Leg.SHORT)
    assert sizes(hedged) == {Leg.LONG: dec("1.4"), Leg.SHORT: dec("0.5")}
    hedged.engine.disturbances.open_opposite(hedged.account, False)
    hedged.place(BTC, SELL, "0.4", leg=Leg.LONG)
    assert sizes(hedged)[Leg.LONG] == 1


def test_in_one_way_mode_the_opposite_turns_the_symbol_to_hedge_mode(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    desk.engine.disturbances.open_opposite(desk.account, True)
    with refused(Reason.POSITION_MODE_MISMATCH):
        desk.place(BTC, SELL, "0.4", leg=Leg.LONG, reduce_only=True)
    with refused(Reason.INSUFFICIENT_MARGIN):
        desk.place(BTC, SELL, 50, reduce_only=True)
    assert desk.engine.position_mode(desk.account, BTC) is PositionMode.ONE_WAY
    assert sizes(desk) == {Leg.NET: 1}
    desk.place(BTC, SELL, "0.4", reduce_only=True)
    assert sizes(desk) == {Leg.LONG: 1, Leg.SHORT: dec("0.4")}
    assert desk.place(BTC, BUY, "0.1", leg=Leg.LONG).status is OrderStatus.FILLED


def test_a_haircut_cuts_value_and_no_coin(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    before = desk.engine.wallet(desk.account)
    desk.engine.disturbances.haircut(desk.account, dec("0.3"))
    after = desk.engine.wallet(desk.account)
    assert after.haircut == before.wallet_balance * dec("0.3")
    assert after.margin_balance == before.margin_balance - after.haircut
    assert after.available == before.available - after.haircut
    assert (after.wallet_balance, after.equity) == (before.wallet_balance, before.equity)
    assert after.maintenance_margin == before.maintenance_margin
    (position,) = desk.engine.positions(desk.account)
    assert (position.size, position.unrealised_pnl) == (1, after.unrealised_pnl)
    assert abs(desk.engine.totals().difference) < dec("1e-5")
    desk.engine.disturbances.haircut(desk.account, dec(0))
    assert desk.engine.wallet(desk.account) == before


def test_a_haircut_moves_the_liquidation_price_and_can_liquidate(desk: Desk) -> None:
    desk.engine.set_leverage(desk.account, BTC, dec(50))
    desk.place(BTC, BUY, 9)
    first = desk.engine.position(desk.account, BTC).liquidation_price
    desk.engine.disturbances.haircut(desk.account, dec("0.2"))
    second = desk.engine.position(desk.account, BTC).liquidation_price
    assert first is not None
    assert second is not None
    assert second > first
    desk.engine.disturbances.haircut(desk.account, dec("0.97"))
    records = desk.engine.liquidations(desk.account)
    assert records
    assert desk.size(BTC) < 9
    assert sum(record.insurance for record in records) == 0
    assert desk.engine.wallet(desk.account).wallet_balance > 90_000
    assert abs(desk.engine.totals().difference) < dec("1e-5")


def test_a_haircut_of_everything_is_no_debt_of_the_account(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    desk.engine.disturbances.haircut(desk.account, dec(1))
    assert desk.size(BTC) == 0
    assert desk.engine.wallet(desk.account).wallet_balance > 99_000
    assert sum(record.insurance for record in desk.engine.liquidations()) == 0
    desk.run(60)
    assert desk.engine.wallet(desk.account).wallet_balance > 99_000


def test_isolated_margin_is_cut_too() -> None:
    desk = open_desk(100_000, margin_mode=MarginMode.ISOLATED)
    desk.place(BTC, BUY, 1)
    before = desk.engine.position(desk.account, BTC)
    desk.engine.disturbances.haircut(desk.account, dec("0.2"))
    after = desk.engine.position(desk.account, BTC)
    assert after.isolated_margin == before.isolated_margin
    assert before.liquidation_price is not None
    assert after.liquidation_price is not None
    assert after.liquidation_price > before.liquidation_price
    wallet = desk.engine.wallet(desk.account)
    assert wallet.haircut == wallet.wallet_balance * dec("0.2")
    desk.engine.disturbances.haircut(desk.account, dec("0.96"))
    assert desk.size(BTC) == 0
    assert abs(desk.engine.totals().difference) < dec("1e-5")


@pytest.mark.parametrize("side", list(Side))
def test_orders_of_a_delisted_symbol_end_without_their_owner(desk: Desk, side: Side) -> None:
    price = 90_000 if side is BUY else 110_000
    order = desk.place(BTC, side, "0.1", price=price)
    desk.engine.disturbances.delist(BTC)
    ended = desk.engine.find_order(desk.account, order_id=order.order_id)
    assert ended is not None
    assert (ended.status, ended.cause) == (OrderStatus.CANCELLED, CancelCause.DELISTED)
