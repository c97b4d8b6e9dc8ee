"""Accounts, leverage, modes, isolated margin and transfers."""

from decimal import Decimal

import pytest

from bot.sandbox.engine.types import (
    AccountSpec,
    Leg,
    LogKind,
    MarginMode,
    PositionMode,
    Reason,
)
from tests.sandbox.engine.support import BTC, BUY, ETH, SELL, START_MS, dec, open_desk, refused


def test_accounts_are_found_by_key_and_hide_their_secret() -> None:
    desk = open_desk()
    second = desk.add("second", 0, permissions=frozenset({"read"}), read_only=True, coins={"BTC": dec(2)})
    info = desk.engine.account_by_key("second")
    assert info is not None
    assert (info.account_id, info.secret, info.read_only) == (second, "secret", True)
    assert "secret" not in repr(info)
    assert "secret" not in repr(AccountSpec(api_key="a", secret="secret"))
    assert desk.engine.account_by_key("nobody") is None
    assert [one.account_id for one in desk.engine.accounts()] == [desk.account, second]
    wallet = desk.engine.wallet(second)
    assert [(c.coin, c.wallet_balance, c.is_collateral) for c in wallet.coins] == [
        ("BTC", dec(2), True),
        ("USDT", dec(0), True),
    ]
    assert wallet.coins_worth == 2 * desk.engine.ticker(BTC).index_price
    assert wallet.available == wallet.coins_worth * dec("0.95")
    assert info.created_ms == START_MS


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (AccountSpec(api_key="key", secret="s"), Reason.ACCOUNT_EXISTS),
        (AccountSpec(api_key="new", secret="s", account_id="100001"), Reason.ACCOUNT_EXISTS),
        (AccountSpec(api_key="", secret="s"), Reason.INVALID_VALUE),
        (AccountSpec(api_key="new", secret=""), Reason.INVALID_VALUE),
        (AccountSpec(api_key="new", secret="s", deposit=dec(-1)), Reason.INVALID_VALUE),
        (AccountSpec(api_key="new", secret="s", coins={"BTC": dec("NaN")}), Reason.INVALID_VALUE),
    ],
)
def test_bad_accounts_are_refused(spec: AccountSpec, reason: Reason) -> None:
    desk = open_desk()
    with refused(reason):
        desk.engine.add_account(spec)
    assert len(desk.engine.accounts()) == 1


def test_own_fee_tier() -> None:
    desk = open_desk()
    cheap = desk.add("cheap", taker_fee=dec("0.0003"), maker_fee=dec(0))
    assert desk.place(BTC, BUY, "0.01", account=cheap).fee == dec("0.01") * dec(100_005) * dec("0.0003")
    desk.place(BTC, SELL, "0.01", account=cheap, price=101_000)
    desk.price(BTC, 101_500)
    assert desk.engine.executions(cheap)[-1].fee == 0


def test_leverage() -> None:
    desk = open_desk()
    engine, account = desk.engine, desk.account
    assert engine.leverage(account, BTC) == 10
    engine.set_leverage(account, BTC, dec(20))
    assert engine.leverage(account, BTC) == 20
    with refused(Reason.NOT_MODIFIED):
        engine.set_leverage(account, BTC, dec(20))
    for wrong in ("0.5", "101", "NaN"):
        with refused(Reason.LEVERAGE_OUT_OF_RANGE):
            engine.set_leverage(account, BTC, dec(wrong))
    with refused(Reason.LEVERAGE_MUST_MATCH):
        engine.set_leverage(account, BTC, dec(5), dec(6))
    desk.place(BTC, BUY, "1")
    with refused(Reason.INSUFFICIENT_MARGIN):
        engine.set_leverage(account, BTC, dec(5))
    assert engine.leverage(account, BTC) == 20
    assert engine.leverage(account, "GALAUSDT") == 10


def test_leverage_of_an_isolated_position_moves_its_margin() -> None:
    desk = open_desk(margin_mode=MarginMode.ISOLATED)
    engine, account = desk.engine, desk.account
    engine.open_position(account, BTC, BUY, dec("0.5"), None, dec(20))
    before = engine.position(account, BTC).isolated_margin
    engine.set_leverage(account, BTC, dec(10))
    assert engine.position(account, BTC).isolated_margin == before + 2500
    engine.set_leverage(account, BTC, dec(20))
    assert engine.position(account, BTC).isolated_margin == before
    desk.price(BTC, 96_500)
    with refused(Reason.MARGIN_TOO_LOW):
        engine.set_leverage(account, BTC, dec(50))
    with refused(Reason.INSUFFICIENT_MARGIN):
        engine.set_leverage(account, BTC, dec(1))


def test_each_leg_has_its_leverage_in_isolated_hedge_mode() -> None:
    desk = open_desk(margin_mode=MarginMode.ISOLATED, position_mode=PositionMode.HEDGE)
    desk.engine.set_leverage(desk.account, BTC, dec(5), dec(7))
    assert desk.engine.leverage(desk.account, BTC, Leg.LONG) == 5
    assert desk.engine.leverage(desk.account, BTC, Leg.SHORT) == 7


def test_position_mode() -> None:
    desk = open_desk()
    engine, account = desk.engine, desk.account
    engine.set_position_mode(account, PositionMode.HEDGE, BTC)
    assert engine.position_mode(account, BTC) is PositionMode.HEDGE
    assert engine.position_mode(account, ETH) is PositionMode.ONE_WAY
    with refused(Reason.NOT_MODIFIED):
        engine.set_position_mode(account, PositionMode.HEDGE, BTC)
    desk.place(BTC, BUY, "0.01", leg=Leg.LONG)
    with refused(Reason.HAS_POSITION_OR_ORDERS):
        engine.set_position_mode(account, PositionMode.ONE_WAY, BTC)
    with refused(Reason.HAS_POSITION_OR_ORDERS):
        engine.set_position_mode(account, PositionMode.ONE_WAY)
    desk.place(BTC, SELL, "0.01", leg=Leg.LONG)
    engine.set_position_mode(account, PositionMode.ONE_WAY)
    assert engine.position_mode(account, BTC) is PositionMode.ONE_WAY
    with refused(Reason.NOT_MODIFIED):
        engine.set_position_mode(account, PositionMode.ONE_WAY)


def test_margin_mode() -> None:
    desk = open_desk()
    engine, account = desk.engine, desk.account
    with refused(Reason.NOT_MODIFIED):
        engine.set_margin_mode(account, MarginMode.CROSS)
    engine.set_margin_mode(account, MarginMode.ISOLATED, BTC)
    with refused(Reason.NOT_MODIFIED):
        engine.set_margin_mode(account, MarginMode.ISOLATED, BTC)
    desk.place(BTC, BUY, "0.01")
    with refused(Reason.HAS_POSITION_OR_ORDERS):
        engine.set_margin_mode(account, MarginMode.CROSS, BTC)
    engine.set_margin_mode(account, MarginMode.ISOLATED, ETH)
    with refused(Reason.HAS_POSITION_OR_ORDERS):
        engine.set_margin_mode(account, MarginMode.CROSS)
    desk.place(BTC, SELL, "0.01")
    engine.set_margin_mode(account, MarginMode.CROSS)
    assert engine.margin_mode(account, BTC) is MarginMode.CROSS
    desk.place(BTC, BUY, "0.01")
    assert engine.position(account, BTC).isolated_margin == 0


def test_isolated_margin_is_added_and_taken_out() -> None:
    desk = open_desk(margin_mode=MarginMode.ISOLATED)
    engine, account = desk.engine, desk.account
    with refused(Reason.POSITION_FLAT):
        engine.add_isolated_margin(account, BTC, dec(10))
    engine.open_position(account, BTC, BUY, dec("0.1"))
    before = engine.position(account, BTC)
    after = engine.add_isolated_margin(account, BTC, dec(500))
    assert after.isolated_margin == before.isolated_margin + 500
    assert before.liquidation_price is not None
    assert after.liquidation_price is not None
    assert after.liquidation_price < before.liquidation_price
    wallet = engine.wallet(account)
    assert wallet.isolated_margin == after.isolated_margin
    assert wallet.available == wallet.wallet_balance - after.isolated_margin
    engine.add_isolated_margin(account, BTC, dec(-500))
    with refused(Reason.MARGIN_TOO_LOW):
        engine.add_isolated_margin(account, BTC, dec(-500))
    with refused(Reason.INSUFFICIENT_BALANCE):
        engine.add_isolated_margin(account, BTC, dec(100_000))
    with refused(Reason.INVALID_VALUE):
        engine.add_isolated_margin(account, BTC, dec(0))
    with refused(Reason.POSITION_MODE_MISMATCH):
        engine.add_isolated_margin(account, BTC, dec(1), Leg.SHORT)
    crossed = open_desk()
    crossed.place(BTC, BUY, "0.01")
    with refused(Reason.NOT_ISOLATED):
        crossed.engine.add_isolated_margin(crossed.account, BTC, dec(1))


def test_partial_close_of_an_isolated_position_keeps_its_liquidation_price() -> None:
    desk = open_desk(margin_mode=MarginMode.ISOLATED)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.2"))
    before = desk.engine.position(desk.account, BTC)
    desk.place(BTC, SELL, "0.1", reduce_only=True)
    after = desk.engine.position(desk.account, BTC)
    assert after.isolated_margin == before.isolated_margin / 2
    assert after.liquidation_price is not None
    assert before.liquidation_price is not None
    assert abs(after.liquidation_price - before.liquidation_price) < dec("1e-9")


def test_transfers() -> None:
    desk = open_desk(1000)
    engine, account = desk.engine, desk.account
    entry = engine.transfer(account, "USDT", dec(500))
    assert (entry.kind, entry.change, entry.balance) == (LogKind.TRANSFER_IN, dec(500), dec(1500))
    assert engine.transfer(account, "USDT", dec(-100)).kind is LogKind.TRANSFER_OUT
    engine.transfer(account, "ETH", dec(3))
    with refused(Reason.INSUFFICIENT_BALANCE):
        engine.transfer(account, "ETH", dec(-4))
    with refused(Reason.INSUFFICIENT_BALANCE):
        engine.transfer(account, "USDT", dec(-1500))
    for coin, amount in (("USDT", dec(0)), ("", dec(1)), ("USDT", dec("inf"))):
        with refused(Reason.INVALID_VALUE):
            engine.transfer(account, coin, amount)
    engine.open_position(account, BTC, BUY, dec("0.1"))
    desk.price(BTC, 150_000)
    with refused(Reason.INSUFFICIENT_BALANCE):
        engine.transfer(account, "USDT", dec(-1500))
    assert engine.wallet(account).available > 1500
    assert engine.totals().deposits == 1400


def test_open_position_by_the_operator() -> None:
    desk = open_desk()
    engine, account = desk.engine, desk.account
    opened = engine.open_position(account, BTC, SELL, dec("0.2"), dec(110_000), dec(25))
    assert (opened.side, opened.entry_price, opened.leverage) == (SELL, dec(110_000), dec(25))
    assert engine.wallet(account).wallet_balance == 10_000
    for wrong in ("0.0001", "-1"):
        with pytest.raises(Exception, match="quantity"):
            engine.open_position(account, BTC, BUY, dec(wrong))
    with refused(Reason.PRICE_NOT_A_TICK):
        engine.open_position(account, BTC, SELL, dec("0.2"), dec("1.23"))
    with refused(Reason.LEVERAGE_OUT_OF_RANGE):
        engine.open_position(account, BTC, SELL, dec("0.2"), None, dec(1000))
    with refused(Reason.INSUFFICIENT_MARGIN):
        engine.open_position(account, ETH, SELL, dec(100), None, dec(2))
    assert engine.leverage(account, ETH) == 10
    with refused(Reason.INSUFFICIENT_MARGIN):
        engine.open_position(account, BTC, SELL, dec("10"), None, dec(2))
    assert engine.leverage(account, BTC) == 25
    assert engine.totals().difference == 0


def test_state_shows_everything_but_secrets() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.01")
    desk.place(BTC, BUY, "0.01", price=90_000)
    state = desk.engine.state()
    assert state.accounts[0].api_key == "key"
    assert (state.accounts[0].order_count, state.accounts[0].execution_count) == (2, 1)
    assert len(state.tickers) == len(desk.engine.instruments)
    assert "secret" not in repr(state)


def test_every_wallet_change_is_in_the_log() -> None:
    desk = open_desk(margin_mode=MarginMode.ISOLATED, market_step_ms=60_000)
    desk.place(BTC, BUY, "0.1")
    desk.run(8 * 3600)
    desk.place(BTC, SELL, "0.05")
    desk.price(BTC, 80_000)
    log = desk.engine.transaction_log(desk.account)
    assert {one.kind for one in log} >= {
        LogKind.TRANSFER_IN,
        LogKind.TRADE,
        LogKind.FUNDING,
        LogKind.LIQUIDATION,
    }
    balance = Decimal(0)
    for entry in log:
        balance += entry.change
        assert entry.change == entry.cash_flow + entry.funding - entry.fee
        assert entry.balance == balance
    assert balance == desk.engine.wallet(desk.account).wallet_balance
    assert len({entry.entry_id for entry in log}) == len(log)
