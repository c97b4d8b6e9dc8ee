"""A market that is thin, empty, banded, wicked, gone, or has other filters than before."""

import pytest

from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import (
    CancelCause,
    OrderStatus,
    Reason,
    TimeInForce,
    TriggerBy,
)
from tests.sandbox.engine.support import BTC, BUY, ETH, SELL, Desk, dec, open_desk, refused


@pytest.fixture
def desk() -> Desk:
    return open_desk(100_000)


def test_a_thin_book_fills_an_ioc_in_part(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    desk.engine.disturbances.thin_book(BTC, dec("0.001"))
    order = desk.place(BTC, SELL, 1, price=99_900, time_in_force=TimeInForce.IOC, reduce_only=True)
    assert order.status is OrderStatus.CANCELLED
    assert order.cause is CancelCause.IOC_REMAINDER
    assert 0 < order.filled_qty < 1
    assert desk.size(BTC) == 1 - order.filled_qty


def test_the_thinnest_book_has_one_step_a_level_and_depth_comes_back(desk: Desk) -> None:
    whole = desk.engine.depth(BTC, 1).asks[0].qty
    desk.engine.disturbances.thin_book(BTC, dec("0.0000001"))
    assert desk.engine.depth(BTC, 1).asks[0].qty == dec("0.001")
    assert desk.engine.depth(ETH, 1).asks[0].qty > 1
    desk.engine.disturbances.thin_book(BTC, dec(1))
    assert desk.engine.depth(BTC, 1).asks[0].qty == whole


def test_an_empty_book_fills_nothing_and_rests_what_rests(desk: Desk) -> None:
    desk.engine.disturbances.thin_book(BTC, dec(0))
    market = desk.place(BTC, BUY, 1)
    assert (market.status, market.cause) == (OrderStatus.CANCELLED, CancelCause.NO_LIQUIDITY)
    ioc = desk.place(BTC, BUY, 1, price=110_000, time_in_force=TimeInForce.IOC)
    assert (ioc.status, ioc.filled_qty) == (OrderStatus.CANCELLED, 0)
    resting = desk.place(BTC, BUY, "0.1", price=99_000)
    desk.price(BTC, 90_000)
    assert desk.engine.open_orders(desk.account) == [resting]
    assert desk.engine.ticker(BTC).bid_price == 99_000
    assert desk.engine.ticker(BTC).ask_price is None
    desk.engine.disturbances.thin_book(BTC, dec(1))
    desk.price(BTC, 90_000)
    assert desk.size(BTC) == dec("0.1")


def test_a_stop_that_triggers_into_an_empty_book_is_gone_and_the_position_is_open(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    desk.engine.set_trading_stop(
        desk.account, BTC, stop_loss=dec(95_000), stop_loss_trigger_by=TriggerBy.MARK
    )
    desk.engine.disturbances.thin_book(BTC, dec(0))
    desk.price(BTC, 94_000)
    assert desk.size(BTC) == 1
    assert desk.engine.position(desk.account, BTC).stop_loss is None
    assert desk.engine.order_history(desk.account)[-1].cause is CancelCause.NO_LIQUIDITY
    assert desk.engine.open_orders(desk.account) == []


def test_liquidation_in_an_empty_book_goes_to_the_fund(desk: Desk) -> None:
    desk.engine.set_leverage(desk.account, BTC, dec(50))
    desk.place(BTC, BUY, 20)
    desk.engine.disturbances.thin_book(BTC, dec(0))
    desk.price(BTC, 90_000)
    assert desk.size(BTC) == 0
    assert abs(desk.engine.totals().difference) < dec("1e-5")


def test_a_price_band_refuses_what_crosses_the_mark_too_far(desk: Desk) -> None:
    disturbances = desk.engine.disturbances
    disturbances.set_price_band(BTC, dec("0.01"))
    with refused(Reason.PRICE_OUT_OF_BAND):
        desk.place(BTC, SELL, 1, price=98_900)
    with refused(Reason.PRICE_OUT_OF_BAND):
        desk.place(BTC, BUY, 1, price=101_100)
    assert desk.place(BTC, BUY, "0.1", price=80_000).status is OrderStatus.NEW
    assert desk.place(BTC, BUY, "0.1", price=100_900).status is OrderStatus.FILLED
    assert desk.place(ETH, BUY, "0.1", price=4_000).status is OrderStatus.FILLED
    disturbances.set_price_band(BTC, None)
    assert desk.place(BTC, BUY, "0.1", price=105_000).status is OrderStatus.FILLED


def test_the_minimum_notional_changes_and_reductions_are_exempt(desk: Desk) -> None:
    desk.place(BTC, BUY, "0.01")
    desk.engine.disturbances.set_min_notional(BTC, dec(5_000))
    with refused(Reason.NOTIONAL_BELOW_MINIMUM):
        desk.place(BTC, BUY, "0.01")
    assert desk.place(BTC, SELL, "0.004", reduce_only=True).status is OrderStatus.FILLED
    desk.engine.disturbances.set_min_notional(BTC, None)
    assert desk.place(BTC, BUY, "0.01").status is OrderStatus.FILLED


@pytest.mark.parametrize("whole_exempt", [True, False])
def test_without_the_exemption_only_the_close_of_the_whole_may_be_small(whole_exempt: bool) -> None:
    terms = VenueTerms(reduce_only_notional_exempt=False, whole_close_exempt=whole_exempt)
    desk = open_desk(100_000, terms=terms)
    desk.place(BTC, BUY, "0.01")
    desk.engine.disturbances.set_min_notional(BTC, dec(5_000))
    with refused(Reason.NOTIONAL_BELOW_MINIMUM):
        desk.place(BTC, SELL, "0.004", reduce_only=True)
    with refused(Reason.NOTIONAL_BELOW_MINIMUM):
        desk.place(BTC, SELL, "0.004", price=99_000, reduce_only=True)
    if whole_exempt:
        assert desk.place(BTC, SELL, "0.01", reduce_only=True).status is OrderStatus.FILLED
    else:
        with refused(Reason.NOTIONAL_BELOW_MINIMUM):
            desk.place(BTC, SELL, "0.01", reduce_only=True)


def test_a_coarser_step_leaves_only_the_close_of_the_whole(desk: Desk) -> None:
    desk.place(BTC, BUY, "0.015")
    desk.engine.disturbances.set_qty_step(BTC, dec("0.01"))
    listed = desk.engine.instrument(BTC)
    assert (listed.qty_step, listed.min_qty) == (dec("0.01"), dec("0.01"))
    for qty in ("0.011", "0.003"):
        with refused(Reason.QTY_NOT_A_STEP):
            desk.place(BTC, SELL, qty, reduce_only=True)
    with refused(Reason.QTY_NOT_A_STEP):
        desk.place(BTC, SELL, "0.015")
    assert desk.place(BTC, SELL, "0.015", reduce_only=True).status is OrderStatus.FILLED
    assert desk.size(BTC) == 0
    desk.engine.disturbances.set_qty_step(BTC, None)
    assert desk.place(BTC, BUY, "0.015").status is OrderStatus.FILLED


def test_without_the_exemption_what_a_coarser_step_leaves_stays() -> None:
    desk = open_desk(100_000, terms=VenueTerms(whole_close_exempt=False))
    desk.place(BTC, BUY, "0.015")
    desk.engine.disturbances.set_qty_step(BTC, dec("0.01"))
    with refused(Reason.QTY_NOT_A_STEP):
        desk.place(BTC, SELL, "0.015", reduce_only=True)
    desk.place(BTC, SELL, "0.01", reduce_only=True)
    assert desk.size(BTC) == dec("0.005")


def test_the_largest_quantity_holds_for_a_whole_close_too(desk: Desk) -> None:
    desk.engine.set_leverage(desk.account, "XRPUSDT", dec(50))
    desk.engine.open_position(desk.account, "XRPUSDT", BUY, dec(1_200_000))
    with refused(Reason.QTY_ABOVE_MAXIMUM):
        desk.place("XRPUSDT", SELL, 1_200_000, reduce_only=True)


def test_liquidation_never_sells_more_than_an_odd_position_has(desk: Desk) -> None:
    desk.engine.set_leverage(desk.account, BTC, dec(100))
    desk.engine.transfer(desk.account, "USDT", dec(-99_800))
    desk.place(BTC, BUY, "0.125")
    desk.engine.disturbances.set_qty_step(BTC, dec("0.1"))
    desk.price(BTC, 97_000)
    assert desk.size(BTC) == 0
    assert all(record.qty <= dec("0.125") for record in desk.engine.liquidations())


def test_a_wick_is_shown_everywhere_and_decides_nothing(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    desk.engine.set_trading_stop(
        desk.account, BTC, stop_loss=dec(95_000), stop_loss_trigger_by=TriggerBy.MARK
    )
    before = desk.engine.wallet(desk.account)
    desk.engine.disturbances.wick(BTC, dec("-0.2"))
    ticker = desk.engine.ticker(BTC)
    assert ticker.mark_price == 80_000
    assert (ticker.index_price, ticker.last_price) != (80_000, 80_000)
    (position,) = desk.engine.positions(desk.account)
    assert (position.mark_price, position.value) == (80_000, 80_000)
    assert desk.engine.position(desk.account, BTC) == position
    assert desk.engine.wallet(desk.account).equity == before.equity - 20_000
    desk.run(10)
    assert desk.size(BTC) == 1
    assert desk.engine.liquidations() == []
    desk.engine.disturbances.wick(BTC, dec(0))
    assert desk.engine.ticker(BTC).mark_price == 100_000
    assert desk.engine.wallet(desk.account).equity == before.equity


def test_a_delisted_market_keeps_positions_and_cancels_orders(desk: Desk) -> None:
    desk.place(BTC, BUY, 1)
    desk.engine.set_trading_stop(
        desk.account, BTC, stop_loss=dec(95_000), stop_loss_trigger_by=TriggerBy.MARK
    )
    resting = desk.place(BTC, BUY, "0.1", price=99_000)
    other = desk.place(ETH, BUY, 1, price=3_000)
    desk.engine.disturbances.delist(BTC)
    assert BTC not in desk.engine.listed
    assert BTC in desk.engine.instruments
    assert desk.engine.open_orders(desk.account) == [other]
    assert {order.cause for order in desk.engine.order_history(desk.account)} >= {CancelCause.DELISTED}
    (position,) = desk.engine.positions(desk.account)
    assert (position.size, position.stop_loss) == (1, None)
    with refused(Reason.DELISTED):
        desk.place(BTC, SELL, 1, reduce_only=True)
    with refused(Reason.DELISTED):
        desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(95_000))
    with refused(Reason.TOO_LATE_TO_CHANGE):
        desk.engine.amend(desk.account, order_id=resting.order_id, price=dec(98_000))
    with refused(Reason.DELISTED):
        desk.engine.disturbances.trade_by_hand(desk.account, BTC, dec(1))
    desk.engine.disturbances.list_again(BTC)
    assert desk.place(BTC, SELL, 1, reduce_only=True).status is OrderStatus.FILLED


def test_the_venues_clock_is_skewed_and_the_engines_is_not(desk: Desk) -> None:
    now = desk.clock.server_ms()
    for seconds in (60, -60):
        desk.engine.disturbances.skew_clock(seconds)
        assert desk.engine.venue_ms() == now + seconds * 1000
        assert desk.place(BTC, BUY, "0.01").created_ms == now
    desk.engine.disturbances.skew_clock(0)
    assert desk.engine.venue_ms() == now


def test_the_contract_size_is_the_protocols_alone(desk: Desk) -> None:
    desk.engine.disturbances.set_contract_size(BTC, dec(10))
    assert desk.engine.instrument(BTC).contract_size == 10
    desk.place(BTC, BUY, "0.1")
    assert desk.engine.position(desk.account, BTC).value == 10_000
    desk.engine.disturbances.set_contract_size(BTC, None)
    assert desk.engine.instrument(BTC).contract_size == 1


def test_nonsense_is_refused(desk: Desk) -> None:
    disturbances = desk.engine.disturbances
    for ask in (
        lambda: disturbances.thin_book(BTC, dec("1.5")),
        lambda: disturbances.set_price_band(BTC, dec("NaN")),
        lambda: disturbances.set_min_notional(BTC, dec(-1)),
        lambda: disturbances.set_qty_step(BTC, dec(0)),
        lambda: disturbances.set_contract_size(BTC, dec("Infinity")),
        lambda: disturbances.wick(BTC, dec(-2)),
        lambda: disturbances.haircut(desk.account, dec(2)),
        lambda: disturbances.deleverage(desk.account, BTC, dec(-1)),
    ):
        with refused(Reason.INVALID_VALUE):
            ask()
    with refused(Reason.UNKNOWN_SYMBOL):
        disturbances.delist("NOUSDT")
