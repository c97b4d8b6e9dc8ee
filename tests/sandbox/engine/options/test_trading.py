"""Buying options, holding them, selling them again; what that does to wallet and margin."""

from decimal import Decimal
from typing import Any

from bot.sandbox.engine.events import ExecutionEvent, OptionEvent, OrderEvent, WalletEvent
from bot.sandbox.engine.types import (
    CancelCause,
    OrderKind,
    OrderStatus,
    Reason,
    Side,
    TimeInForce,
)
from tests.sandbox.engine.options.support import PUT, ask, bid, open_options, trade
from tests.sandbox.engine.support import BTC, dec, refused

BUY, SELL = Side.BUY, Side.SELL
USDC_PUT = PUT.removesuffix("-USDT")


def test_a_premium_leaves_the_wallet_and_its_value_stays_in_equity_but_is_no_margin() -> None:
    desk = open_options()
    before = desk.engine.wallet(desk.account)
    price = ask(desk)
    order = trade(desk, BUY, "0.5", price=price)
    assert order.status is OrderStatus.FILLED
    assert order.average_price == price
    fee = dec("0.5") * dec("0.0003") * 100_000
    assert order.fee == fee
    after, quote = desk.engine.wallet(desk.account), desk.engine.options.quote(PUT)
    assert after.wallet_balance == before.wallet_balance - price / 2 - fee
    assert after.margin_balance == after.wallet_balance
    assert after.option_value == quote.mark / 2
    assert after.equity == after.wallet_balance + quote.mark / 2
    assert after.unrealised_pnl == 0
    assert quote.open_interest == dec("0.5")
    (coin,) = [one for one in after.coins if one.coin == "USDT"]
    assert coin.equity == coin.usd_value == after.equity
    assert abs(desk.engine.totals("USDT").difference) < dec("1e-8")


def test_where_the_venue_credits_options_their_value_is_margin() -> None:
    desk = open_options(credit="1")
    trade(desk, BUY, 1)
    wallet = desk.engine.wallet(desk.account)
    assert wallet.margin_balance == wallet.wallet_balance + wallet.option_value
    assert wallet.option_value > 0


def test_a_credited_put_keeps_a_position_alive_that_dies_with_an_uncredited_one() -> None:
    def falls(credit: str) -> bool:
        desk = open_options(10_000, credit=credit)
        trade(desk, BUY, "0.5", "BTC-28NOV25-100000-P-USDT")
        desk.place(BTC, BUY, "0.5")
        for price in range(99_000, 79_000, -1_000):
            desk.price(BTC, price)
        return bool(desk.engine.liquidations(desk.account))

    assert falls("0")
    assert not falls("1")


def test_a_position_shows_entry_mark_profit_and_greeks_of_the_whole() -> None:
    desk = open_options()
    first = trade(desk, BUY, 1).average_price
    desk.price(BTC, 95_000)
    second = trade(desk, BUY, 1).average_price
    assert first is not None
    assert second is not None
    (held,) = desk.engine.options.positions(desk.account)
    assert held.size == 2
    assert held.entry_price == (first + second) / 2
    quote = desk.engine.options.quote(PUT)
    assert held.mark_price == quote.mark
    assert held.unrealised_pnl == 2 * (quote.mark - held.entry_price)
    assert held.greeks.delta == 2 * quote.greeks.delta < 0


def test_selling_again_realises_the_difference_less_both_fees() -> None:
    desk = open_options()
    start = desk.engine.wallet(desk.account).wallet_balance
    bought = trade(desk, BUY, 2)
    desk.price(BTC, 90_000)
    sold = trade(desk, SELL, 2, reduce_only=True)
    assert sold.status is OrderStatus.FILLED
    assert sold.filled_value > bought.filled_value
    earned = sold.filled_value - bought.filled_value - sold.fee - bought.fee
    assert desk.engine.wallet(desk.account).wallet_balance == start + earned
    assert desk.engine.options.positions(desk.account) == []
    flat = desk.engine.options.position(desk.account, PUT)
    assert (flat.size, flat.cumulative_pnl) == (0, earned)
    kinds = [one.closed_qty for one in desk.engine.options.executions(desk.account)]
    assert sum(kinds) == 2
    assert desk.engine.totals("USDT").difference == 0


def test_a_fee_is_at_most_seven_percent_of_the_premium() -> None:
    desk = open_options()
    order = trade(desk, BUY, 1, "BTC-28NOV25-70000-P-USDT")
    assert order.average_price is not None
    assert order.average_price * dec("0.07") < dec("0.0003") * 100_000
    assert order.fee == order.average_price * dec("0.07")


def test_an_option_that_settles_in_usdc_is_paid_in_usdc() -> None:
    desk = open_options(usdc="5000")
    order = trade(desk, BUY, 1, USDC_PUT)
    wallet = desk.engine.wallet(desk.account)
    coins = {one.coin: one for one in wallet.coins}
    assert coins["USDT"].wallet_balance == 100_000
    assert coins["USDC"].wallet_balance == 5_000 - order.filled_value - order.fee
    assert coins["USDC"].equity == coins["USDC"].wallet_balance + wallet.option_value
    assert wallet.equity == sum(one.usd_value for one in wallet.coins)
    assert desk.engine.totals("USDC").difference == 0
    with refused(Reason.INSUFFICIENT_BALANCE):
        trade(desk, BUY, 50, USDC_PUT)


def test_what_the_wallet_cannot_pay_is_refused_at_market_and_at_a_limit() -> None:
    desk = open_options(1_000)
    with refused(Reason.INSUFFICIENT_BALANCE):
        trade(desk, BUY, 2)
    with refused(Reason.INSUFFICIENT_BALANCE):
        trade(desk, BUY, 1, price=1_000)
    assert trade(desk, BUY, "0.5").status is OrderStatus.FILLED


def test_margin_that_positions_need_cannot_be_spent() -> None:
    desk = open_options(10_500)
    desk.place(BTC, BUY, 1)
    assert desk.engine.wallet(desk.account).available < 1_000
    with refused(Reason.INSUFFICIENT_BALANCE):
        trade(desk, BUY, 1)


def test_short_options_are_refused_and_reduce_only_never_opens() -> None:
    desk = open_options()
    with refused(Reason.INSUFFICIENT_MARGIN):
        trade(desk, SELL, 1)
    with refused(Reason.POSITION_FLAT):
        trade(desk, SELL, 1, reduce_only=True)
    with refused(Reason.REDUCE_ONLY_REJECTED):
        trade(desk, BUY, 1, reduce_only=True)
    trade(desk, BUY, 1)
    with refused(Reason.INSUFFICIENT_MARGIN):
        trade(desk, SELL, 2)
    assert trade(desk, SELL, 2, reduce_only=True).qty == 1
    assert desk.engine.options.positions(desk.account) == []


def test_resting_sales_keep_what_they_sell() -> None:
    desk = open_options()
    trade(desk, BUY, 1)
    high = ask(desk) + 500
    trade(desk, SELL, "0.4", price=high, time_in_force=TimeInForce.GTC)
    assert trade(desk, SELL, 1, price=high, time_in_force=TimeInForce.GTC, reduce_only=True).qty == dec("0.6")
    with refused(Reason.REDUCE_ONLY_COVERED):
        trade(desk, SELL, "0.1", reduce_only=True)


def test_steps_limits_ids_and_prices_are_checked() -> None:
    desk = open_options()
    cases: list[tuple[Reason, str, dict[str, Any]]] = [
        (Reason.QTY_NOT_A_STEP, "0.015", {}),
        (Reason.INVALID_VALUE, "0", {}),
        (Reason.QTY_ABOVE_MAXIMUM, "501", {}),
        (Reason.PRICE_NOT_A_TICK, "1", {"price": 1_001}),
        (Reason.INVALID_VALUE, "1", {"kind": OrderKind.LIMIT}),
    ]
    for reason, qty, more in cases:
        with refused(reason):
            trade(desk, BUY, qty, **more)
    trade(desk, BUY, 1, client_id="once")
    with refused(Reason.DUPLICATE_CLIENT_ID):
        trade(desk, BUY, 1, client_id="once")
    with refused(Reason.UNKNOWN_SYMBOL):
        trade(desk, BUY, 1, "BTC-28NOV25-90001-P-USDT")


def test_orders_end_as_their_time_in_force_says() -> None:
    desk = open_options(1_000_000)
    first = ask(desk)
    short = trade(desk, BUY, 10, price=first)
    assert (short.status, short.cause, short.filled_qty) == (
        OrderStatus.CANCELLED,
        CancelCause.IOC_REMAINDER,
        3,
    )
    desk.run(600)
    whole = trade(desk, BUY, 10, price=first, time_in_force=TimeInForce.FOK)
    assert (whole.filled_qty, whole.cause) == (0, CancelCause.FOK_UNFILLABLE)
    taker = trade(desk, BUY, 1, price=first, time_in_force=TimeInForce.POST_ONLY)
    assert (taker.filled_qty, taker.cause) == (0, CancelCause.POST_ONLY_WOULD_TAKE)
    below = trade(desk, BUY, 1, price=bid(desk) - 100)
    assert (below.filled_qty, below.cause) == (0, CancelCause.IOC_REMAINDER)
    large = trade(desk, BUY, 100)
    assert large.cause is CancelCause.IOC_REMAINDER
    assert 10 < large.filled_qty < 16


def test_a_resting_order_keeps_its_premium_back_and_fills_as_maker_when_the_market_comes() -> None:
    desk = open_options()
    price = bid(desk)
    order = trade(desk, BUY, 1, price=price, time_in_force=TimeInForce.GTC, client_id="rests")
    assert order.status is OrderStatus.NEW
    kept = price + min(dec(30), price * dec("0.07"))
    wallet = desk.engine.wallet(desk.account)
    assert wallet.order_initial_margin == kept
    assert wallet.available == 100_000 - kept
    desk.price(BTC, 104_000)
    (done,) = desk.engine.options.order_history(desk.account)
    assert (done.status, done.average_price, done.client_id) == (OrderStatus.FILLED, price, "rests")
    (made,) = desk.engine.options.executions(desk.account)
    assert made.is_maker
    assert made.fee == dec("0.0002") * 104_000
    assert desk.engine.wallet(desk.account).order_initial_margin == 0


def test_a_resting_sale_fills_at_its_own_price_when_the_market_comes() -> None:
    desk = open_options()
    trade(desk, BUY, 1)
    price = ask(desk) + 500
    trade(desk, SELL, 1, price=price, time_in_force=TimeInForce.GTC, reduce_only=True)
    desk.price(BTC, 95_000)
    (*_, sold) = desk.engine.options.order_history(desk.account)
    assert (sold.status, sold.average_price) == (OrderStatus.FILLED, price)
    assert bid(desk) > price
    assert desk.engine.options.positions(desk.account) == []


def test_a_liquidation_leaves_options_alone() -> None:
    desk = open_options(10_000)
    trade(desk, BUY, "0.1")
    desk.place(BTC, BUY, "0.9")
    desk.price(BTC, 85_000)
    assert desk.engine.liquidations(desk.account)
    assert desk.engine.positions(desk.account) == []
    (held,) = desk.engine.options.positions(desk.account)
    assert held.size == dec("0.1")
    wallet = desk.engine.wallet(desk.account)
    assert wallet.equity == wallet.wallet_balance + held.value
    assert wallet.wallet_balance >= 0
    assert abs(desk.engine.totals("USDT").difference) < dec("1e-6")


def test_a_resting_order_that_can_no_longer_be_paid_is_cancelled() -> None:
    desk = open_options(2_000)
    trade(desk, BUY, 1, price=bid(desk) + 20, time_in_force=TimeInForce.GTC)
    desk.place(BTC, SELL, "0.05")
    desk.price(BTC, 112_000)
    (order,) = desk.engine.options.order_history(desk.account)
    assert (order.status, order.cause) == (OrderStatus.CANCELLED, CancelCause.INSUFFICIENT_MARGIN)


def test_orders_are_cancelled_by_either_id_once() -> None:
    desk = open_options()
    low = bid(desk) - 200
    order = trade(desk, BUY, 1, price=low, time_in_force=TimeInForce.GTC, client_id="mine")
    with refused(Reason.ORDER_NOT_FOUND):
        desk.engine.options.cancel(desk.account, client_id="other")
    with refused(Reason.ORDER_NOT_FOUND):
        desk.engine.options.cancel(desk.account, order_id=order.order_id, symbol=USDC_PUT)
    ended = desk.engine.options.cancel(desk.account, client_id="mine", symbol=PUT)
    assert (ended.status, ended.cause) == (OrderStatus.CANCELLED, CancelCause.USER)
    with refused(Reason.TOO_LATE_TO_CHANGE):
        desk.engine.options.cancel(desk.account, order_id=order.order_id)
    assert desk.engine.options.open_orders(desk.account) == []


def test_subscribers_hear_of_orders_fills_positions_and_wallets() -> None:
    desk = open_options()
    desk.engine.subscribe(desk.events.append)
    trade(desk, BUY, 1)
    kinds = [type(one) for one in desk.events]
    assert {OrderEvent, ExecutionEvent, OptionEvent, WalletEvent} <= set(kinds)
    (told,) = [one.position for one in desk.events if isinstance(one, OptionEvent)]
    assert (told.size, told.contract.symbol) == (Decimal(1), PUT)


def test_perpetuals_and_options_keep_apart() -> None:
    desk = open_options()
    trade(desk, BUY, 1)
    assert desk.engine.positions(desk.account) == []
    assert desk.engine.executions(desk.account) == []
    assert desk.engine.order_history(desk.account) == []
    state = desk.engine.state()
    assert [one.contract.symbol for one in state.accounts[0].options] == [PUT]
