"""The liquidation engine."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.engine.events import LiquidationEvent
from bot.sandbox.engine.feeds import ManualFeed, Tick
from bot.sandbox.engine.hooks import Hooks
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.engine.types import (
    CancelCause,
    ExecutionKind,
    Leg,
    LogKind,
    MarginMode,
    Origin,
    PositionMode,
)
from tests.sandbox.engine.support import BTC, BUY, ETH, PRICES, SELL, START_MS, dec, open_desk


class ThinBook(Hooks):
    """A market in which next to nothing rests."""

    def tick(self, symbol: str, time_ms: int, tick: Tick) -> Tick:
        return Tick(last=tick.last, index=tick.index, mark=tick.mark, depth_usd=100.0)


def test_account_is_liquidated_at_its_price_and_not_before() -> None:
    desk = open_desk(10_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.9"))
    price = desk.engine.position(desk.account, BTC).liquidation_price
    assert price is not None
    tick = desk.engine.instrument(BTC).tick
    above = price - price % tick + tick
    desk.price(BTC, above)
    assert desk.engine.liquidations() == []
    assert desk.engine.account(desk.account).liquidated_ms is None
    desk.price(BTC, above - tick)
    steps = desk.engine.liquidations(desk.account)
    assert steps
    assert desk.engine.account(desk.account).liquidated_ms == START_MS
    assert steps[0].margin_ratio_before is not None
    assert steps[0].margin_ratio_before >= 1


def test_steps_stop_as_soon_as_the_account_is_safe() -> None:
    desk = open_desk(10_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.9"))
    price = desk.engine.position(desk.account, BTC).liquidation_price
    assert price is not None
    desk.price(BTC, price - price % dec("0.1"))
    steps = desk.engine.liquidations()
    assert 0 < desk.size(BTC) < dec("0.9")
    assert desk.size(BTC) + sum(one.qty for one in steps) == dec("0.9")
    ratio = desk.engine.wallet(desk.account).margin_ratio
    assert ratio is not None
    assert ratio < 1
    assert steps[-1].margin_ratio_after == ratio
    assert all(one.margin_ratio_after is None or one.margin_ratio_after >= 1 for one in steps[:-1])


def test_higher_tiers_step_down_first() -> None:
    desk = open_desk(1_700_000)
    desk.engine.set_leverage(desk.account, BTC, dec(20))
    desk.engine.open_position(desk.account, BTC, BUY, dec(150))
    price = desk.engine.position(desk.account, BTC).liquidation_price
    assert price is not None
    desk.price(BTC, price - price % dec("0.1"))
    first = desk.engine.liquidations()[0]
    held = (150 - first.qty) * first.mark_price
    caps = [tier.cap for tier in desk.engine.instrument(BTC).tiers]
    assert any(cap - 200 < held <= cap for cap in caps)


def test_a_small_position_goes_in_few_steps() -> None:
    desk = open_desk(100)
    desk.engine.set_leverage(desk.account, BTC, dec(40))
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.03"))
    desk.price(BTC, 97_200)
    steps = desk.engine.liquidations()
    assert steps[0].qty == dec("0.021")


def test_orders_are_cancelled_first_and_everything_is_written_down() -> None:
    desk = open_desk(10_000)
    told: list[object] = []
    desk.engine.subscribe(told.append)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.9"))
    resting = desk.place(BTC, BUY, "0.001", price=50_000)
    desk.price(BTC, 89_000)
    cancelled = desk.engine.find_order(desk.account, order_id=resting.order_id)
    assert cancelled is not None
    assert cancelled.cause is CancelCause.LIQUIDATION
    steps = desk.engine.liquidations()
    assert [one.cancelled_orders for one in steps] == [1] + [0] * (len(steps) - 1)
    fills = [e for e in desk.engine.executions(desk.account) if e.kind is ExecutionKind.LIQUIDATION]
    assert sum(e.qty for e in fills) == sum(one.qty for one in steps)
    assert sum(e.fee for e in fills) == sum(one.taker_fee for one in steps)
    made = [o for o in desk.engine.order_history(desk.account) if o.origin is Origin.LIQUIDATION]
    assert len(made) == len(steps)
    fees = [e for e in desk.engine.transaction_log(desk.account) if e.kind is LogKind.LIQUIDATION_FEE]
    assert sum(e.fee for e in fees) == sum(one.fee for one in steps)
    assert [e.record for e in told if isinstance(e, LiquidationEvent)] == steps
    assert desk.engine.totals().difference == 0


def test_a_gap_leaves_no_debt() -> None:
    desk = open_desk(10_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.9"))
    desk.price(BTC, 50_000)
    assert desk.size(BTC) == 0
    assert desk.engine.wallet(desk.account).equity == 0
    last = desk.engine.liquidations()[-1]
    assert last.insurance > 30_000
    assert last.equity_after == 0
    assert last.margin_ratio_before is None
    kinds = [entry.kind for entry in desk.engine.transaction_log(desk.account)]
    assert LogKind.INSURANCE in kinds
    fund = desk.engine.state().insurance_fund
    assert fund == VenueTerms().insurance_fund - last.insurance
    assert desk.engine.totals().difference == 0


def test_isolated_position_loses_its_own_margin_and_nothing_else() -> None:
    desk = open_desk(100_000, margin_mode=MarginMode.ISOLATED)
    desk.engine.open_position(desk.account, BTC, BUY, dec("1"))
    desk.engine.open_position(desk.account, ETH, BUY, dec("10"))
    own = desk.engine.position(desk.account, BTC).isolated_margin
    elsewhere = desk.place(ETH, BUY, "0.01", price=3000)
    desk.price(BTC, 80_000)
    assert desk.engine.open_orders(desk.account) == [elsewhere]
    assert desk.size(BTC) == 0
    assert desk.size(ETH) == 10
    assert desk.engine.wallet(desk.account).wallet_balance == 100_000 - own
    assert desk.engine.liquidations()[-1].insurance > 0
    assert desk.engine.totals().difference == 0


def test_what_is_left_of_an_isolated_margin_goes_to_the_fund() -> None:
    terms = VenueTerms(liquidation_fraction=Decimal(1))
    desk = open_desk(100_000, margin_mode=MarginMode.ISOLATED, terms=terms)
    desk.engine.open_position(desk.account, BTC, BUY, dec("1"))
    shown = desk.engine.position(desk.account, BTC)
    assert shown.liquidation_price is not None
    desk.price(BTC, shown.liquidation_price - shown.liquidation_price % dec("0.1"))
    assert desk.engine.wallet(desk.account).wallet_balance == 100_000 - shown.isolated_margin
    assert desk.engine.liquidations()[-1].insurance < 0
    assert desk.engine.totals().difference == 0


def test_isolated_position_is_reduced_in_steps() -> None:
    desk = open_desk(100_000, margin_mode=MarginMode.ISOLATED)
    desk.engine.open_position(desk.account, BTC, SELL, dec("1"))
    price = desk.engine.position(desk.account, BTC).liquidation_price
    assert price is not None
    desk.price(BTC, price - price % dec("0.1") + dec("0.1"))
    steps = desk.engine.liquidations()
    assert steps[0].qty == dec("0.25")
    assert steps[0].margin_mode is MarginMode.ISOLATED
    assert desk.engine.totals().difference == 0


def test_what_the_book_cannot_take_goes_to_the_fund_at_the_bankruptcy_price() -> None:
    desk = open_desk(10_000, feed=ManualFeed(START_MS, PRICES))
    desk.engine.hooks = ThinBook()
    desk.run(1)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.9"))
    desk.price(BTC, 89_000)
    assert desk.size(BTC) == 0
    steps = desk.engine.liquidations()
    assert steps[0].bankruptcy_price is not None
    fills = [e for e in desk.engine.executions(desk.account) if e.kind is ExecutionKind.LIQUIDATION]
    assert steps[0].bankruptcy_price in {e.price for e in fills}
    assert desk.engine.wallet(desk.account).equity >= 0
    assert desk.engine.totals().difference == 0


def test_stops_stay_with_what_is_left() -> None:
    desk = open_desk(10_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.9"))
    desk.engine.set_trading_stop(desk.account, BTC, take_profit=dec(120_000))
    price = desk.engine.position(desk.account, BTC).liquidation_price
    assert price is not None
    desk.price(BTC, price - price % dec("0.1"))
    left = desk.engine.position(desk.account, BTC)
    assert left.size > 0
    assert left.take_profit == 120_000
    assert desk.engine.open_orders(desk.account)[0].qty == left.size


def test_cross_and_isolated_positions_are_liquidated_apart() -> None:
    desk = open_desk(30_000)
    desk.engine.set_margin_mode(desk.account, MarginMode.ISOLATED, BTC)
    desk.engine.open_position(desk.account, BTC, BUY, dec("1"))
    desk.engine.open_position(desk.account, ETH, BUY, dec("30"))
    eth_order = desk.place(ETH, BUY, "0.01", price=3000)
    btc_order = desk.place(BTC, BUY, "0.001", price=50_000)
    desk.price(BTC, 85_000)
    assert (desk.size(BTC), desk.size(ETH)) == (dec(0), dec(30))
    assert [o.order_id for o in desk.engine.open_orders(desk.account)] == [eth_order.order_id]
    assert btc_order.order_id != eth_order.order_id
    desk.price(BTC, 100_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.5"))
    desk.price(ETH, 2500)
    assert desk.size(ETH) == 0
    assert desk.size(BTC) == dec("0.5")
    assert desk.engine.wallet(desk.account).equity >= 0
    assert desk.engine.totals().difference == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-60, 60), min_size=1, max_size=6),
    st.sampled_from(list(MarginMode)),
    st.sampled_from(list(PositionMode)),
    st.integers(2, 50),
)
def test_equity_never_stays_negative(
    moves: list[int], margin: MarginMode, mode: PositionMode, leverage: int
) -> None:
    desk = open_desk(20_000, margin_mode=margin, position_mode=mode)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.15"), None, dec(leverage))
    side = BUY if mode is PositionMode.ONE_WAY else SELL
    desk.engine.open_position(desk.account, ETH, side, dec("2"), None, dec(leverage))
    if mode is PositionMode.HEDGE:
        desk.engine.open_position(desk.account, BTC, SELL, dec("0.05"))
    price = dec(100_000)
    for move in moves:
        price = max(dec(100), (price * (100 + move) / 100).quantize(dec("1.0")))
        desk.price(BTC, price)
        wallet = desk.engine.wallet(desk.account)
        assert wallet.wallet_balance >= 0 or desk.engine.positions(desk.account)
        assert wallet.equity >= 0
        assert abs(desk.engine.totals().difference) < dec("1e-6")


@pytest.mark.parametrize("leg", [Leg.LONG, Leg.SHORT])
def test_hedged_account_can_be_liquidated_too(leg: Leg) -> None:
    desk = open_desk(10_100, position_mode=PositionMode.HEDGE)
    desk.engine.set_leverage(desk.account, BTC, dec(50))
    desk.engine.open_position(desk.account, BTC, BUY, dec("1") if leg is Leg.LONG else dec("0.5"))
    desk.engine.open_position(desk.account, BTC, SELL, dec("0.5") if leg is Leg.LONG else dec("1"))
    desk.price(BTC, 75_000 if leg is Leg.LONG else 125_000)
    assert desk.engine.account(desk.account).liquidated_ms is not None
    assert desk.engine.wallet(desk.account).equity >= 0
    assert desk.engine.totals().difference == 0


@pytest.mark.parametrize("first", [True, False])
def test_a_stop_in_a_gap_leaves_no_debt_and_no_safe_account(first: bool) -> None:
    desk = open_desk(50_000, terms=VenueTerms(liquidation_first=first))
    told: list[object] = []
    desk.engine.subscribe(told.append)
    desk.place(BTC, BUY, 1)
    desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(80_000))
    desk.price(BTC, 40_000)
    assert desk.size(BTC) == 0
    assert desk.engine.wallet(desk.account).equity == 0
    assert desk.engine.account(desk.account).liquidated_ms == START_MS
    (record,) = desk.engine.liquidations(desk.account)
    assert record.insurance > 10_000
    assert record.equity_after == 0
    assert [e.record for e in told if isinstance(e, LiquidationEvent)] == [record]
    assert desk.engine.state().insurance_fund == VenueTerms().insurance_fund - record.insurance
    assert desk.engine.totals().difference == 0
    closed_by = {e.kind for e in desk.engine.executions(desk.account)} - {ExecutionKind.TRADE}
    assert bool(closed_by) is first
    desk.run(5)
    assert desk.engine.liquidations(desk.account) == [record]


@pytest.mark.parametrize("first", [True, False])
def test_a_stop_of_a_safe_account_fires_in_either_order(first: bool) -> None:
    desk = open_desk(50_000, terms=VenueTerms(liquidation_first=first))
    desk.place(BTC, BUY, 1)
    desk.engine.set_trading_stop(desk.account, BTC, stop_loss=dec(80_000))
    desk.price(BTC, 79_000)
    assert desk.size(BTC) == 0
    assert desk.engine.liquidations() == []
    assert desk.engine.account(desk.account).liquidated_ms is None
    assert desk.engine.wallet(desk.account).equity > 25_000
