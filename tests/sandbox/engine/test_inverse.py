"""Inverse contracts: sized in USD, settled in the coin, in one account with everything else."""

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import LogKind, MarginMode, OrderKind, PositionMode, Reason, Side, TriggerBy
from tests.sandbox.engine.support import BTC, BUY, INVERSE, SELL, Desk, dec, open_desk, refused

WHOLE = VenueTerms(coin_haircut=Decimal(0))
RATE = dec("0.005") + dec("0.00055")
"""Maintenance rate of the first tier, with the fee to close."""


def holder(coins: object = 1, deposit: object = 0, terms: VenueTerms = WHOLE) -> Desk:
    """A desk whose account holds bitcoin."""
    desk = open_desk(deposit, terms=terms)
    desk.engine.transfer(desk.account, "BTC", dec(coins))
    return desk


def held(desk: Desk, coin: str = "BTC") -> Decimal:
    """What the wallet holds of a coin."""
    return next(one for one in desk.engine.wallet(desk.account).coins if one.coin == coin).wallet_balance


def test_profit_margin_and_value_are_in_coins() -> None:
    desk = holder()
    desk.engine.open_position(desk.account, INVERSE, BUY, dec(50_000), leverage=dec(10))
    desk.price(BTC, 80_000)
    position = desk.engine.position(desk.account, INVERSE)
    assert position.mark_price == 80_000
    assert position.value == dec("0.625")
    assert position.entry_value == dec("0.5")
    assert position.unrealised_pnl == dec("0.5") - dec("0.625")
    assert position.maintenance_margin == dec("0.625") * RATE
    assert position.initial_margin == dec("0.625") * (dec("0.1") + dec("0.00055"))
    wallet = desk.engine.wallet(desk.account)
    coin = next(one for one in wallet.coins if one.coin == "BTC")
    assert (coin.wallet_balance, coin.equity, coin.usd_value) == (1, dec("0.875"), 70_000)
    assert (wallet.equity, wallet.unrealised_pnl, wallet.coins_worth) == (70_000, -10_000, 80_000)
    assert wallet.maintenance_margin == 50_000 * RATE


def test_a_trade_books_profit_and_fee_in_coins_and_blends_the_entry() -> None:
    desk = holder()
    fee = dec("0.00055")
    desk.engine.open_position(desk.account, INVERSE, SELL, dec(10_000))
    desk.price(BTC, 50_000)
    order = desk.place(INVERSE, SELL, 10_000)
    price = order.average_price
    assert price is not None
    assert order.filled_value == 10_000 / price
    entry = desk.engine.position(desk.account, INVERSE).entry_price
    assert entry == pytest.approx(20_000 / (dec("0.1") + 10_000 / price))
    before = held(desk)
    assert before == pytest.approx(1 - order.filled_value * fee, abs=dec("1e-8"))
    closed = desk.place(INVERSE, BUY, 5_000, reduce_only=True)
    at = closed.average_price
    assert at is not None
    gained = -(5_000 / entry - 5_000 / at)
    assert held(desk) - before == pytest.approx(gained - closed.filled_value * fee, abs=dec("1e-7"))
    kinds = {entry.coin for entry in desk.engine.transaction_log(desk.account) if entry.symbol == INVERSE}
    assert kinds == {"BTC"}
    assert held(desk, "USDT") == 0


def test_funding_is_paid_in_coins() -> None:
    desk = holder()
    desk.engine.open_position(desk.account, INVERSE, BUY, dec(100_000))
    desk.run(8 * 3600)
    paid = [one for one in desk.engine.transaction_log(desk.account) if one.kind is LogKind.FUNDING]
    assert [(one.coin, one.funding) for one in paid] == [("BTC", -dec("0.0001"))]


@settings(max_examples=60, deadline=None)
@given(
    side=st.sampled_from(Side),
    coins=st.integers(1, 500),
    contracts=st.integers(1_000, 900_000),
    entry=st.integers(60_000, 140_000),
    other=st.integers(0, 20_000),
)
def test_the_liquidation_price_is_the_closed_form(
    side: Side, coins: int, contracts: int, entry: int, other: int
) -> None:
    desk = open_desk(other, terms=WHOLE)
    owned, sign = dec(coins) / 100, side.sign
    desk.engine.transfer(desk.account, "BTC", owned)
    assume(contracts < 20 * (coins * 1_000 + other))
    desk.engine.open_position(desk.account, INVERSE, side, dec(contracts), dec(entry), dec(50))
    # equity at x is (B + s c / p0) x - s c + U, maintenance margin r c
    held_coins = owned + sign * dec(contracts) / entry
    expected = (contracts * (sign + RATE) - other) / held_coins if held_coins else None
    # in the first tier, up to 150 coins
    assume(expected is None or expected > dec(contracts) / 150 or side is SELL)
    shown = desk.engine.position(desk.account, INVERSE).liquidation_price
    if expected is None or expected <= 0 or (held_coins > 0) is not (side is BUY):
        assert shown is None
    else:
        assert shown == pytest.approx(expected, rel=dec("1e-12"))


def test_an_account_is_liquidated_at_that_price_and_not_before() -> None:
    desk = holder(deposit=1_000)
    desk.engine.open_position(desk.account, INVERSE, BUY, dec(200_000), leverage=dec(20))
    price = desk.engine.position(desk.account, INVERSE).liquidation_price
    assert price is not None
    above = price - price % dec("0.1") + dec("0.1")
    desk.price(BTC, above)
    assert desk.engine.liquidations() == []
    desk.price(BTC, above - dec("0.1"))
    steps = desk.engine.liquidations()
    assert steps
    assert desk.size(INVERSE) < 200_000
    assert steps[0].margin_ratio_before == pytest.approx(1, abs=dec("0.001"))
    assert abs(desk.engine.totals("BTC").difference) < dec("1e-6")


def test_a_haircut_takes_from_the_coins_alone() -> None:
    plain, cut = holder(), holder(terms=VenueTerms(coin_haircut=dec("0.1")))
    prices = []
    for desk in (plain, cut):
        desk.engine.open_position(desk.account, INVERSE, BUY, dec(100_000))
        price = desk.engine.position(desk.account, INVERSE).liquidation_price
        assert price is not None
        prices.append(price)
    assert prices == pytest.approx([100_000 * (1 + RATE) / 2, 100_000 * (1 + RATE) / dec("1.9")])


def test_coins_hedged_by_a_short_are_never_liquidated() -> None:
    desk = holder()
    desk.engine.open_position(desk.account, INVERSE, SELL, dec(100_000))
    assert desk.engine.position(desk.account, INVERSE).liquidation_price is None
    for price in (1_000, 100_000, 900_000):
        desk.price(BTC, price)
        assert desk.engine.wallet(desk.account).equity == pytest.approx(100_000)
    assert desk.engine.liquidations() == []


def test_a_linear_and_an_inverse_position_fall_together() -> None:
    desk = holder(deposit=5_000)
    desk.engine.open_position(desk.account, INVERSE, BUY, dec(100_000))
    alone = desk.engine.position(desk.account, INVERSE).liquidation_price
    desk.engine.open_position(desk.account, BTC, BUY, dec(2))
    both = [desk.engine.position(desk.account, symbol).liquidation_price for symbol in (INVERSE, BTC)]
    assert alone is not None
    assert both[0] is not None
    assert both[1] is not None
    assert both[0] == pytest.approx(both[1])
    assert both[0] > alone
    desk.price(BTC, int(both[0]) + 1)
    assert desk.engine.liquidations() == []
    desk.price(BTC, int(both[0]))
    assert desk.engine.liquidations()


def test_what_is_owed_in_coins_is_paid_by_the_fund() -> None:
    desk = holder(coins="0.01", deposit=500)
    desk.engine.open_position(desk.account, INVERSE, BUY, dec(20_000), leverage=dec(50))
    desk.price(BTC, 60_000)
    wallet = desk.engine.wallet(desk.account)
    assert desk.size(INVERSE) == 0
    assert desk.engine.liquidations()[-1].insurance > 5_000
    assert wallet.equity >= 0
    assert all(one.wallet_balance >= 0 for one in wallet.coins)
    for coin in ("BTC", "USDT"):
        assert abs(desk.engine.totals(coin).difference) < dec("1e-6")


def test_a_loss_in_coins_that_are_not_there_is_debt() -> None:
    desk = open_desk(50_000, terms=WHOLE)
    desk.engine.open_position(desk.account, INVERSE, BUY, dec(50_000))
    desk.price(BTC, 80_000)
    desk.place(INVERSE, SELL, 50_000, reduce_only=True)
    wallet = desk.engine.wallet(desk.account)
    owed = next(one for one in wallet.coins if one.coin == "BTC")
    assert owed.wallet_balance < dec("-0.125")
    assert owed.usd_value == owed.wallet_balance * 80_000
    assert wallet.margin_balance == wallet.equity == 50_000 + owed.usd_value


def test_orders_hold_margin_in_their_coin() -> None:
    desk = holder()
    desk.place(INVERSE, BUY, 40_000, price=80_000)
    wallet = desk.engine.wallet(desk.account)
    coin = next(one for one in wallet.coins if one.coin == "BTC")
    assert coin.order_initial_margin == dec("0.5") * (dec("0.1") + dec("0.00055"))
    assert wallet.order_initial_margin == coin.order_initial_margin * 100_000
    with refused(Reason.INSUFFICIENT_MARGIN):
        desk.place(INVERSE, BUY, 1_200_000, price=80_000)


def test_a_stop_by_mark_closes_it() -> None:
    desk = holder()
    desk.engine.open_position(desk.account, INVERSE, BUY, dec(50_000))
    desk.engine.set_trading_stop(
        desk.account, INVERSE, stop_loss=dec(90_000), stop_loss_trigger_by=TriggerBy.MARK
    )
    desk.price(BTC, 89_999)
    assert desk.size(INVERSE) == 0
    assert held(desk) < 1


def test_what_is_not_offered_is_refused() -> None:
    desk = open_desk(10_000, margin_mode=MarginMode.ISOLATED)
    with refused(Reason.INVALID_VALUE):
        desk.place(INVERSE, BUY, 1_000)
    desk = open_desk(10_000, position_mode=PositionMode.HEDGE)
    desk.place(INVERSE, BUY, 1_000)
    assert desk.size(INVERSE) == 1_000
    with refused(Reason.QTY_NOT_A_STEP):
        desk.place(INVERSE, BUY, "10.5", price=90_000)


def test_it_takes_the_prices_of_the_linear_one_unless_it_is_held() -> None:
    desk = open_desk()
    desk.price(BTC, 91_234.5)
    assert desk.engine.ticker(INVERSE).mark_price == dec("91234.5")
    desk.price(INVERSE, 91_000)
    assert desk.engine.ticker(BTC).mark_price == dec("91234.5")
    desk.engine.release_price(BTC)
    desk.run(1)
    assert {desk.engine.ticker(symbol).mark_price for symbol in (BTC, INVERSE)} == {100_000}


def test_the_book_is_as_deep_in_dollars() -> None:
    desk = open_desk()
    coins = sum((one.qty for one in desk.engine.depth(BTC, 50).bids), Decimal(0))
    dollars = sum((one.qty for one in desk.engine.depth(INVERSE, 50).bids), Decimal(0))
    assert dollars == pytest.approx(coins * 100_000, rel=dec("0.01"))
    order = desk.place(INVERSE, BUY, 1_000, price=100_100, kind=OrderKind.LIMIT)
    assert order.filled_qty == 1_000
