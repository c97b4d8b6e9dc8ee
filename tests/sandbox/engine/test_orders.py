"""Placing, matching, amending and cancelling."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.sandbox.engine.clocks import VirtualClock
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed
from bot.sandbox.engine.instruments import default_instruments
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import (
    AccountSpec,
    CancelCause,
    Leg,
    OrderKind,
    OrderRequest,
    OrderStatus,
    PositionMode,
    Reason,
    TimeInForce,
    TriggerBy,
    TriggerDirection,
)
from tests.sandbox.engine.support import BTC, BUY, ETH, PRICES, SELL, START_MS, dec, open_desk, refused


def test_market_order_walks_the_book_and_pays_the_taker_fee() -> None:
    desk = open_desk(10_000_000)
    depth = desk.engine.depth(BTC, 10)
    qty = depth.asks[0].qty + depth.asks[1].qty
    order = desk.place(BTC, BUY, qty)
    assert order.status is OrderStatus.FILLED
    assert (
        order.average_price
        == (depth.asks[0].price * depth.asks[0].qty + depth.asks[1].price * depth.asks[1].qty) / qty
    )
    fills = desk.engine.executions(desk.account, order_id=order.order_id)
    assert [one.price for one in fills] == [depth.asks[0].price, depth.asks[1].price]
    assert fills[-1].leaves_qty == 0
    assert order.fee == sum((one.value for one in fills), Decimal(0)) * dec("0.00055")
    assert desk.engine.wallet(desk.account).wallet_balance == 10_000_000 - order.fee


def test_book_refills_after_it_was_eaten() -> None:
    desk = open_desk(10_000_000)
    before = desk.engine.depth(BTC, 1).asks[0]
    desk.place(BTC, BUY, before.qty * 3)
    eaten = desk.engine.depth(BTC, 1).asks[0]
    assert eaten.price > before.price
    desk.run(10)
    assert before.price <= desk.engine.depth(BTC, 1).asks[0].price < eaten.price
    desk.run(300)
    assert desk.engine.depth(BTC, 1).asks[0] == before


def test_order_beyond_the_book_is_cut() -> None:
    desk = open_desk(10_000_000_000)
    order = desk.place("GALAUSDT", BUY, 12_000_000)
    for _ in range(12):
        order = desk.place("GALAUSDT", BUY, 12_000_000)
    assert (order.status, order.filled_qty) == (OrderStatus.CANCELLED, dec(0))
    assert order.cause is CancelCause.NO_LIQUIDITY
    assert desk.engine.ticker("GALAUSDT").ask_price is None


def test_limit_order_rests_and_fills_at_its_own_price_when_the_market_comes() -> None:
    desk = open_desk()
    order = desk.place(BTC, BUY, "0.1", price=99_000)
    assert order.status is OrderStatus.NEW
    assert desk.engine.open_orders(desk.account) == [order]
    assert desk.engine.wallet(desk.account).order_initial_margin == dec(9900) * dec("0.10055")
    desk.price(BTC, 98_900)
    found = desk.engine.find_order(desk.account, order_id=order.order_id)
    assert found is not None
    assert found.status is OrderStatus.FILLED
    assert found.average_price == 99_000
    assert found.fee == 9900 * dec("0.0002")
    assert desk.engine.executions(desk.account)[0].is_maker
    assert desk.engine.wallet(desk.account).order_initial_margin == 0


def test_limit_order_that_crosses_trades_and_the_rest_stays() -> None:
    desk = open_desk(50_000_000)
    best = desk.engine.depth(BTC, 1).asks[0]
    order = desk.place(BTC, BUY, best.qty + 1, price=best.price)
    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert (order.filled_qty, order.leaves_qty) == (best.qty, dec(1))
    assert desk.engine.depth(BTC, 1).bids[0].price == best.price


@pytest.mark.parametrize(
    ("time_in_force", "cause"),
    [(TimeInForce.IOC, CancelCause.IOC_REMAINDER), (TimeInForce.FOK, CancelCause.FOK_UNFILLABLE)],
)
def test_immediate_orders_never_rest(time_in_force: TimeInForce, cause: CancelCause) -> None:
    desk = open_desk(50_000_000)
    best = desk.engine.depth(BTC, 1).asks[0]
    order = desk.place(BTC, BUY, best.qty + 1, price=best.price, time_in_force=time_in_force)
    assert (order.status, order.cause) == (OrderStatus.CANCELLED, cause)
    assert order.filled_qty == (best.qty if time_in_force is TimeInForce.IOC else 0)
    assert desk.engine.open_orders(desk.account) == []
    assert desk.place(BTC, BUY, "0.1", price=best.price + 500, time_in_force=TimeInForce.FOK).leaves_qty == 0


def test_post_only_is_cancelled_or_refused_as_the_terms_say() -> None:
    desk = open_desk()
    order = desk.place(BTC, BUY, "0.01", price=101_000, time_in_force=TimeInForce.POST_ONLY)
    assert (order.status, order.cause) == (OrderStatus.CANCELLED, CancelCause.POST_ONLY_WOULD_TAKE)
    assert desk.place(BTC, BUY, "0.01", price=99_000, time_in_force=TimeInForce.POST_ONLY).status.is_open
    strict = open_desk(terms=VenueTerms(refuse_post_only=True))
    with refused(Reason.POST_ONLY_WOULD_TAKE):
        strict.place(BTC, BUY, "0.01", price=101_000, time_in_force=TimeInForce.POST_ONLY)
    assert strict.place(BTC, BUY, "0.01", price=99_000, time_in_force=TimeInForce.POST_ONLY).status.is_open


def test_users_trade_with_each_other_before_the_synthetic_book() -> None:
    desk = open_desk()
    other = desk.add("other")
    resting = desk.place(BTC, SELL, "0.05", account=other, price=100_001)
    taken = desk.place(BTC, BUY, "0.02")
    assert taken.average_price == 100_001
    maker = desk.engine.find_order(other, order_id=resting.order_id)
    assert maker is not None
    assert (maker.status, maker.filled_qty) == (OrderStatus.PARTIALLY_FILLED, dec("0.02"))
    assert desk.size(BTC, other) == dec("-0.02")
    assert desk.engine.totals().difference == 0


def test_reduce_only_is_clipped_and_never_opens() -> None:
    desk = open_desk()
    with refused(Reason.POSITION_FLAT):
        desk.place(BTC, SELL, "0.1", reduce_only=True)
    desk.place(BTC, BUY, "0.1")
    with refused(Reason.REDUCE_ONLY_REJECTED):
        desk.place(BTC, BUY, "0.1", reduce_only=True)
    order = desk.place(BTC, SELL, "0.5", reduce_only=True)
    assert (order.qty, order.status) == (dec("0.1"), OrderStatus.FILLED)
    assert desk.size(BTC) == 0


def test_resting_reduce_only_orders_shrink_with_the_position() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.1")
    first = desk.place(BTC, SELL, "0.1", price=110_000, reduce_only=True)
    desk.place(BTC, SELL, "0.06")
    assert desk.engine.open_orders(desk.account)[0].qty == dec("0.04")
    desk.place(BTC, SELL, "0.2")
    ended = desk.engine.find_order(desk.account, order_id=first.order_id)
    assert ended is not None
    assert (ended.status, ended.cause) == (OrderStatus.CANCELLED, CancelCause.REDUCE_ONLY)
    assert desk.size(BTC) == dec("-0.16")


def test_reduce_only_maker_never_overshoots() -> None:
    desk = open_desk(100_000)
    other = desk.add("other", 1_000_000)
    desk.place(BTC, BUY, "0.1")
    desk.place(BTC, SELL, "0.1", price=100_001, reduce_only=True)
    desk.place(BTC, SELL, "0.1", price=100_002, reduce_only=True)
    desk.place(BTC, BUY, "0.3", account=other)
    assert desk.size(BTC) == 0
    assert desk.engine.open_orders(desk.account) == []


def test_an_order_through_zero_flips_the_position() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.1")
    desk.place(BTC, SELL, "0.25")
    position = desk.engine.position(desk.account, BTC)
    assert (position.side, position.size) == (SELL, dec("0.15"))
    assert position.entry_price == desk.engine.executions(desk.account)[-1].price


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"symbol": "NOPEUSDT"}, Reason.UNKNOWN_SYMBOL),
        ({"qty": "0.0005"}, Reason.QTY_NOT_A_STEP),
        ({"qty": "0"}, Reason.INVALID_VALUE),
        ({"qty": "NaN"}, Reason.INVALID_VALUE),
        ({"qty": "5000", "price": 100}, Reason.QTY_ABOVE_MAXIMUM),
        ({"qty": "300"}, Reason.QTY_ABOVE_MAXIMUM),
        ({"price": "99000.05"}, Reason.PRICE_NOT_A_TICK),
        ({"price": "-1"}, Reason.INVALID_VALUE),
        ({"kind": OrderKind.LIMIT}, Reason.INVALID_VALUE),
        ({"qty": "0.001", "price": "4000"}, Reason.NOTIONAL_BELOW_MINIMUM),
        ({"leg": Leg.LONG}, Reason.POSITION_MODE_MISMATCH),
        ({"qty": "3"}, Reason.INSUFFICIENT_MARGIN),
        ({"trigger_price": 90_000, "trigger_direction": TriggerDirection.RISE}, Reason.IMMEDIATE_TRIGGER),
        ({"trigger_price": 100_000, "trigger_by": TriggerBy.INDEX}, Reason.IMMEDIATE_TRIGGER),
        ({"account": "nobody"}, Reason.UNKNOWN_ACCOUNT),
    ],
)
def test_refusals_change_nothing(more: dict[str, object], reason: Reason) -> None:
    desk = open_desk(1000)
    asked = {"symbol": BTC, "side": BUY, "qty": "0.01", **more}
    with refused(reason):
        desk.place(**asked)  # type: ignore[arg-type]
    assert desk.engine.open_orders(desk.account) == []
    assert desk.engine.order_history(desk.account) == []
    assert desk.engine.wallet(desk.account).wallet_balance == 1000


def test_minimum_quantity_may_be_above_the_step() -> None:
    listed = [replace(one, min_qty=one.qty_step * 5) for one in default_instruments()]
    engine = Engine(VirtualClock(START_MS), ManualFeed(START_MS, PRICES), listed)
    account = engine.add_account(AccountSpec(api_key="a", secret="b", deposit=dec(1000))).account_id
    with refused(Reason.QTY_BELOW_MINIMUM):
        engine.place(account, OrderRequest(symbol=ETH, side=BUY, qty=dec("0.04")))
    assert engine.place(account, OrderRequest(symbol=ETH, side=BUY, qty=dec("0.05"))).filled_qty


def test_price_band_and_risk_limit() -> None:
    desk = open_desk(1_000_000_000, terms=VenueTerms(limit_price_band=dec("0.05")))
    with refused(Reason.PRICE_OUT_OF_BAND):
        desk.place(BTC, BUY, "0.1", price=106_000)
    with refused(Reason.PRICE_OUT_OF_BAND):
        desk.place(BTC, SELL, "0.1", price=94_000)
    assert desk.place(BTC, BUY, "0.1", price=90_000).status.is_open
    for _ in range(6):
        desk.engine.open_position(desk.account, "GALAUSDT", BUY, dec(60_000_000))
    with refused(Reason.RISK_LIMIT_EXCEEDED):
        desk.place("GALAUSDT", BUY, 10_000_000)


def test_client_id_is_used_once_for_ever() -> None:
    desk = open_desk()
    order = desk.place(BTC, BUY, "0.01", client_id="mine")
    with refused(Reason.DUPLICATE_CLIENT_ID):
        desk.place(BTC, BUY, "0.01", client_id="mine")
    assert desk.size(BTC) == dec("0.01")
    assert desk.engine.find_order(desk.account, client_id="mine") == order
    assert desk.engine.find_order(desk.account, client_id="other") is None
    other = desk.add("other")
    assert desk.place(BTC, BUY, "0.01", account=other, client_id="mine").status is OrderStatus.FILLED


def test_amend_moves_and_matches_again() -> None:
    desk = open_desk()
    order = desk.place(BTC, BUY, "0.1", price=90_000, client_id="a")
    engine, account = desk.engine, desk.account
    with refused(Reason.NOT_MODIFIED):
        engine.amend(account, order_id=order.order_id, price=dec(90_000))
    with refused(Reason.PRICE_NOT_A_TICK):
        engine.amend(account, order_id=order.order_id, price=dec("90000.01"))
    with refused(Reason.INSUFFICIENT_MARGIN):
        engine.amend(account, order_id=order.order_id, qty=dec(5))
    with refused(Reason.ORDER_NOT_FOUND):
        engine.amend(account, client_id="a", symbol=ETH, qty=dec("0.2"))
    with refused(Reason.TOO_LATE_TO_CHANGE):
        engine.amend(account, client_id="a", trigger_price=dec(1000))
    changed = engine.amend(account, client_id="a", qty=dec("0.2"))
    assert (changed.qty, changed.order_id) == (dec("0.2"), order.order_id)
    filled = engine.amend(account, client_id="a", price=dec(101_000))
    assert filled.status is OrderStatus.FILLED
    with refused(Reason.TOO_LATE_TO_CHANGE):
        engine.amend(account, client_id="a", price=dec(102_000))


def test_amend_of_partly_filled_and_reduce_only_orders() -> None:
    desk = open_desk(50_000_000)
    best = desk.engine.depth(BTC, 1).asks[0]
    order = desk.place(BTC, BUY, best.qty + 1, price=best.price)
    with refused(Reason.INVALID_VALUE):
        desk.engine.amend(desk.account, order_id=order.order_id, qty=best.qty)
    exit_order = desk.place(BTC, SELL, 1, price=120_000, reduce_only=True)
    changed = desk.engine.amend(desk.account, order_id=exit_order.order_id, qty=dec(500))
    assert changed.qty == desk.size(BTC)


def test_cancel_one_and_all() -> None:
    desk = open_desk()
    engine, account = desk.engine, desk.account
    one = desk.place(BTC, BUY, "0.01", price=90_000)
    desk.place(BTC, BUY, "0.01", trigger_price=110_000)
    desk.place(ETH, BUY, "0.1", price=3000)
    gone = engine.cancel(account, order_id=one.order_id)
    assert (gone.status, gone.cause) == (OrderStatus.CANCELLED, CancelCause.USER)
    with refused(Reason.TOO_LATE_TO_CHANGE):
        engine.cancel(account, order_id=one.order_id)
    with refused(Reason.ORDER_NOT_FOUND):
        engine.cancel(account, client_id="unknown")
    with refused(Reason.UNKNOWN_SYMBOL):
        engine.cancel_all(account, symbol="NOPE")
    assert [o.symbol for o in engine.cancel_all(account, symbol=ETH)] == [ETH]
    stopped = engine.cancel_all(account, conditional=True)
    assert [o.status for o in stopped] == [OrderStatus.DEACTIVATED]
    assert engine.cancel_all(account) == []
    assert len(engine.order_history(account, BTC)) == 2


@pytest.mark.parametrize("by", list(TriggerBy))
def test_conditional_order_fires_on_its_price(by: TriggerBy) -> None:
    desk = open_desk()
    order = desk.place(BTC, SELL, "0.01", trigger_price=95_000, trigger_by=by)
    assert (order.status, order.trigger_direction) == (OrderStatus.UNTRIGGERED, TriggerDirection.FALL)
    assert desk.engine.wallet(desk.account).order_initial_margin == 0
    desk.price(BTC, 95_001)
    assert desk.size(BTC) == 0
    desk.price(BTC, 95_000)
    assert desk.size(BTC) == dec("-0.01")
    found = desk.engine.find_order(desk.account, order_id=order.order_id)
    assert found is not None
    assert found.triggered


def test_conditional_limit_rests_after_its_trigger() -> None:
    desk = open_desk()
    order = desk.place(BTC, BUY, "0.01", trigger_price=105_000, price=104_000)
    desk.price(BTC, 105_000)
    found = desk.engine.open_orders(desk.account)
    assert [(o.order_id, o.status) for o in found] == [(order.order_id, OrderStatus.NEW)]


def test_conditional_order_that_cannot_act_is_cancelled() -> None:
    desk = open_desk(1000)
    exit_order = desk.place(BTC, SELL, "0.01", trigger_price=95_000, reduce_only=True)
    opening = desk.place(BTC, SELL, "3", trigger_price=95_000)
    desk.price(BTC, 94_000)
    causes = [desk.engine.find_order(desk.account, order_id=o.order_id) for o in (exit_order, opening)]
    assert [o.cause for o in causes if o] == [CancelCause.POSITION_CLOSED, CancelCause.INSUFFICIENT_MARGIN]


def test_conditional_reduce_only_is_clipped_when_it_fires() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.05")
    order = desk.place(BTC, SELL, "1", trigger_price=95_000, reduce_only=True)
    with refused(Reason.IMMEDIATE_TRIGGER):
        desk.engine.amend(desk.account, order_id=order.order_id, trigger_price=dec(101_000))
    moved = desk.engine.amend(desk.account, order_id=order.order_id, trigger_price=dec(97_000))
    assert moved.trigger_direction is TriggerDirection.FALL
    assert desk.engine.amend(desk.account, order_id=order.order_id, qty=dec(2)).qty == 2
    desk.price(BTC, 97_000)
    assert desk.size(BTC) == 0


def test_hedge_mode_closing_side_only_closes() -> None:
    desk = open_desk(position_mode=PositionMode.HEDGE)
    with refused(Reason.POSITION_MODE_MISMATCH):
        desk.place(BTC, BUY, "0.01")
    with refused(Reason.POSITION_FLAT):
        desk.place(BTC, SELL, "0.01", leg=Leg.LONG)
    desk.place(BTC, BUY, "0.03", leg=Leg.LONG)
    desk.place(BTC, SELL, "0.01", leg=Leg.SHORT)
    desk.place(BTC, SELL, "0.5", leg=Leg.LONG)
    rows = desk.engine.positions(desk.account, BTC, flat=True)
    assert [(row.leg, row.size) for row in rows] == [(Leg.LONG, 0), (Leg.SHORT, dec("0.01"))]


def test_order_values_carry_times_and_sequence() -> None:
    desk = open_desk()
    first = desk.place(BTC, BUY, "0.01", price=90_000)
    desk.run(5)
    second = desk.place(BTC, BUY, "0.01", price=90_000)
    assert first.created_ms == START_MS
    assert second.created_ms == START_MS + 5000
    assert second.sequence > first.sequence
    assert len({first.order_id, second.order_id}) == 2
