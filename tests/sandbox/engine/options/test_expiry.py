"""What becomes of options at their expiry."""

from bot.sandbox.engine.types import (
    CancelCause,
    ExecutionKind,
    LogKind,
    Reason,
    Side,
    TimeInForce,
)
from tests.sandbox.engine.options.support import SOON, bid, open_options, trade
from tests.sandbox.engine.support import BTC, dec, refused

TO_EXPIRY_S = 32 * 3_600
WORTHLESS = "BTC-15NOV25-90000-P-USDT"


def test_what_is_in_the_money_is_paid_in_cash_less_the_delivery_fee() -> None:
    desk = open_options()
    bought = trade(desk, Side.BUY, 2, SOON)
    before = desk.engine.wallet(desk.account).wallet_balance
    desk.run(TO_EXPIRY_S)
    fee = 2 * dec("0.00015") * 100_000
    assert desk.engine.wallet(desk.account).wallet_balance == before + 2 * dec(10_000) - fee
    assert desk.engine.options.positions(desk.account) == []
    (record,) = desk.engine.options.deliveries(desk.account)
    assert (record.qty, record.settlement, record.fee, record.side) == (2, 100_000, fee, Side.SELL)
    assert record.realised_pnl == 2 * dec(10_000) - bought.filled_value - fee
    last = desk.engine.options.executions(desk.account)[-1]
    assert (last.kind, last.price, last.closed_qty) == (ExecutionKind.DELIVERY, 10_000, 2)
    assert desk.engine.transaction_log(desk.account)[-1].kind is LogKind.DELIVERY
    assert desk.engine.totals("USDT").difference == 0


def test_what_is_out_of_the_money_is_gone_without_a_fee() -> None:
    desk = open_options()
    bought = trade(desk, Side.BUY, 1, WORTHLESS)
    before = desk.engine.wallet(desk.account).wallet_balance
    desk.run(TO_EXPIRY_S)
    assert desk.engine.wallet(desk.account).wallet_balance == before
    (record,) = desk.engine.options.deliveries(desk.account)
    assert (record.fee, record.realised_pnl) == (0, -bought.filled_value)
    assert desk.engine.options.position(desk.account, WORTHLESS).size == 0


def test_the_delivery_fee_is_at_most_an_eighth_of_what_is_paid() -> None:
    desk = open_options()
    trade(desk, Side.BUY, 1, "BTC-15NOV25-100000-P-USDT")
    desk.run(TO_EXPIRY_S - 3_600)
    desk.price(BTC, 99_990)
    desk.run(3_600)
    (record,) = desk.engine.options.deliveries(desk.account)
    assert record.fee == dec("0.125") * 10


def test_it_settles_at_the_average_of_the_last_half_hour() -> None:
    desk = open_options()
    trade(desk, Side.BUY, 1, SOON)
    desk.run(TO_EXPIRY_S - 900)
    assert desk.engine.options.quote(SOON).expected_settlement == 100_000
    assert desk.engine.options.quote(SOON.replace("15NOV", "28NOV")).expected_settlement is None
    desk.price(BTC, 90_000)
    desk.run(900)
    (record,) = desk.engine.options.deliveries(desk.account)
    assert record.settlement == 95_000


def test_expired_contracts_leave_the_chain_with_their_orders_and_cannot_be_traded() -> None:
    desk = open_options()
    low = bid(desk, SOON) - 1_000
    trade(desk, Side.BUY, 1, SOON, price=low, time_in_force=TimeInForce.GTC)
    desk.run(TO_EXPIRY_S)
    assert SOON not in {one.symbol for one in desk.engine.options.listed()}
    (order,) = desk.engine.options.order_history(desk.account)
    assert order.cause is CancelCause.EXPIRED
    with refused(Reason.DELISTED):
        trade(desk, Side.BUY, 1, SOON)
    assert desk.engine.options.knows(SOON)
    assert desk.engine.options.depth(SOON, 5).asks == ()


def test_a_put_on_its_last_day_is_worth_its_inner_value_in_the_end() -> None:
    desk = open_options()
    desk.run(TO_EXPIRY_S - 60)
    assert abs(desk.engine.options.quote(SOON).mark - 10_000) < 5
