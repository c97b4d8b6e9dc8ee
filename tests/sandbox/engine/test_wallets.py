"""Coins as collateral, the funding wallet, and spot trades: no money appears or vanishes."""

from decimal import Decimal

import pytest

from bot.sandbox.engine.moves import SpotRequest
from bot.sandbox.engine.spot import FEE_RATE
from bot.sandbox.engine.types import LogKind, OrderKind, OrderStatus, Reason
from bot.sandbox.engine.wallets import FUND, UNIFIED
from tests.sandbox.engine.support import BTC, BUY, ETH, SELL, Desk, dec, open_desk, refused


def rich(coins: str = "2") -> Desk:
    """A desk whose account holds ETH beside 10,000 USDT."""
    desk = open_desk()
    desk.engine.transfer(desk.account, "ETH", dec(coins))
    return desk


def move(desk: Desk, name: str, amount: object, source: str = UNIFIED, target: str = FUND) -> None:
    desk.engine.move_between_wallets(desk.account, name, "USDT", dec(amount), source, target)


def sell(desk: Desk, qty: object, **more: object) -> Decimal:
    """Sell ETH; what was filled."""
    asked = SpotRequest(symbol=ETH, side=SELL, qty=dec(qty), **more)  # type: ignore[arg-type]
    return desk.engine.trade_spot(desk.account, asked).filled_qty


def test_other_coins_are_worth_their_price_and_carry_positions_less_a_haircut() -> None:
    desk = rich()
    wallet = desk.engine.wallet(desk.account)
    assert (wallet.coins_worth, wallet.equity) == (7000, 17_000)
    assert wallet.margin_balance == wallet.available == 10_000 + 7000 * dec("0.95")
    desk.price(ETH, 7000)
    assert desk.engine.wallet(desk.account).equity == 24_000
    desk.engine.open_position(desk.account, BTC, BUY, dec(2), None, dec(10))
    assert desk.engine.wallet(desk.account).available < 4000


def test_a_fall_of_the_collateral_liquidates() -> None:
    desk = rich()
    desk.engine.open_position(desk.account, BTC, BUY, dec("1.5"), None, dec(100))
    desk.price(BTC, 92_000)
    assert desk.engine.liquidations(desk.account) == []
    desk.price(ETH, 1000)
    desk.run(2)
    assert desk.engine.liquidations(desk.account)


def test_what_positions_need_stays() -> None:
    desk = rich()
    desk.engine.open_position(desk.account, BTC, BUY, dec("1.5"), None, dec(10))
    with refused(Reason.INSUFFICIENT_BALANCE):
        desk.engine.transfer(desk.account, "ETH", dec(-2))
    desk.engine.transfer(desk.account, "ETH", dec("-0.1"))
    desk.price(BTC, 130_000)
    desk.engine.transfer(desk.account, "ETH", dec("-1.9"))


def test_money_goes_to_the_funding_wallet_and_back_once_each() -> None:
    desk = open_desk()
    move(desk, "a", 4000)
    assert desk.engine.fund(desk.account) == {"USDT": 4000}
    assert desk.engine.wallet(desk.account).equity == 6000
    with refused(Reason.DUPLICATE_TRANSFER):
        move(desk, "a", 10)
    move(desk, "b", 1000, FUND, UNIFIED)
    assert desk.engine.fund(desk.account) == {"USDT": 3000}
    kinds = [(one.kind, one.change) for one in desk.engine.transaction_log(desk.account)]
    assert kinds[1:] == [(LogKind.TRANSFER_OUT, -4000), (LogKind.TRANSFER_IN, 1000)]
    assert [one.transfer_id for one in desk.engine.wallet_moves(desk.account)] == ["a", "b"]
    assert desk.engine.totals().difference == 0


@pytest.mark.parametrize(
    ("amount", "source", "target", "reason"),
    [
        (20_000, UNIFIED, FUND, Reason.INSUFFICIENT_BALANCE),
        (1, FUND, UNIFIED, Reason.INSUFFICIENT_BALANCE),
        (0, UNIFIED, FUND, Reason.INVALID_VALUE),
        ("NaN", UNIFIED, FUND, Reason.INVALID_VALUE),
        (1, UNIFIED, UNIFIED, Reason.INVALID_VALUE),
        (1, UNIFIED, "SPOT", Reason.INVALID_VALUE),
    ],
)
def test_transfers_that_are_refused(amount: object, source: str, target: str, reason: Reason) -> None:
    desk = open_desk()
    with refused(reason):
        move(desk, "a", amount, source, target)
    assert desk.engine.fund(desk.account) == {}
    assert desk.engine.wallet_moves(desk.account) == []


def test_a_coin_is_sold_at_the_bid_and_its_fee_is_paid_in_dollars() -> None:
    desk = rich()
    bid = desk.engine.ticker(ETH).bid_price
    assert bid is not None
    assert sell(desk, "1.5", client_id="mine") == dec("1.5")
    (order,) = desk.engine.spot_orders(desk.account)
    value = dec("1.5") * bid
    assert (order.filled_value, order.fee) == (value, value * FEE_RATE)
    coins = {one.coin: one.wallet_balance for one in desk.engine.wallet(desk.account).coins}
    assert coins == {"ETH": dec("0.5"), "USDT": 10_000 + value - order.fee}
    changes = [(one.coin, one.change) for one in desk.engine.transaction_log(desk.account)[-2:]]
    assert changes == [("ETH", dec("-1.5")), ("USDT", value - order.fee)]
    assert desk.engine.totals().difference == 0
    with refused(Reason.DUPLICATE_CLIENT_ID):
        sell(desk, "0.1", client_id="mine")


def test_a_coin_is_bought_with_what_is_free() -> None:
    desk = rich()
    ask = desk.engine.ticker(ETH).ask_price
    assert ask is not None
    asked = SpotRequest(symbol=ETH, side=BUY, qty=dec(1), kind=OrderKind.LIMIT, price=ask)
    assert desk.engine.trade_spot(desk.account, asked).status is OrderStatus.FILLED
    assert desk.engine.totals().difference == 0
    with refused(Reason.INSUFFICIENT_BALANCE):
        desk.engine.trade_spot(desk.account, SpotRequest(symbol=ETH, side=BUY, qty=dec(100)))


def test_a_limit_that_is_not_met_sells_nothing() -> None:
    desk = rich()
    before = desk.engine.wallet(desk.account)
    assert sell(desk, 1, kind=OrderKind.LIMIT, price=dec(3600)) == 0
    assert desk.engine.spot_orders(desk.account)[0].status is OrderStatus.CANCELLED
    assert desk.engine.wallet(desk.account).coins == before.coins
    assert sell(desk, 1, kind=OrderKind.LIMIT, price=dec(3400)) == 1


@pytest.mark.parametrize(
    ("qty", "reason"),
    [
        ("3", Reason.INSUFFICIENT_BALANCE),
        ("0.0000001", Reason.QTY_NOT_A_STEP),
        ("-1", Reason.QTY_NOT_A_STEP),
        ("0.000001", Reason.QTY_BELOW_MINIMUM),
        ("0.001", Reason.NOTIONAL_BELOW_MINIMUM),
    ],
)
def test_spot_orders_that_are_refused(qty: str, reason: Reason) -> None:
    desk = rich()
    with refused(reason):
        sell(desk, qty)
    assert desk.engine.spot_orders(desk.account) == []


def test_coins_without_a_market_are_worth_nothing_here() -> None:
    desk = open_desk()
    desk.engine.transfer(desk.account, "NOPE", dec(5))
    wallet = desk.engine.wallet(desk.account)
    assert (wallet.coins_worth, wallet.equity) == (0, 10_000)
    assert [one.is_collateral for one in wallet.coins] == [False, True]
