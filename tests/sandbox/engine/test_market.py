"""Market data, events, hooks and clocks."""

import time
from collections.abc import Sequence

import pytest

from bot.sandbox.engine import clocks
from bot.sandbox.engine.events import (
    Event,
    ExecutionEvent,
    MarketEvent,
    OrderEvent,
    PositionEvent,
    PublicTrade,
    WalletEvent,
)
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.feeds import ManualFeed, Tick
from bot.sandbox.engine.hooks import Hooks
from bot.sandbox.engine.types import (
    EngineRefusal,
    Execution,
    Order,
    OrderRequest,
    OrderStatus,
    Position,
    PositionMode,
    Reason,
)
from tests.sandbox.engine.support import BTC, BUY, ETH, SELL, START_MS, dec, open_desk, refused


def test_depth_is_ordered_and_shows_resting_orders() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.01", price=99_996)
    depth = desk.engine.depth(BTC, 20)
    assert len(depth.bids) == len(depth.asks) == 20
    assert [level.price for level in depth.bids] == sorted((b.price for b in depth.bids), reverse=True)
    assert [level.price for level in depth.asks] == sorted(level.price for level in depth.asks)
    assert depth.bids[0].price < depth.asks[0].price
    assert (depth.bids[0].price, depth.bids[0].qty) == (dec(99_996), dec("0.01"))
    assert len({level.price for level in desk.engine.depth("GALAUSDT", 50).asks}) == 50
    desk.engine.cancel_all(desk.account)
    assert desk.engine.depth(BTC).bids[0].price == dec(99_995)


def test_book_changes_change_the_update_id() -> None:
    desk = open_desk()
    first = desk.engine.depth(BTC).update_id
    desk.run(1)
    assert desk.engine.depth(BTC).update_id > first


def test_ticker_figures() -> None:
    desk = open_desk()
    desk.place(BTC, BUY, "0.02")
    desk.price(BTC, 104_000)
    ticker = desk.engine.ticker(BTC)
    assert (ticker.last_price, ticker.mark_price, ticker.index_price) == (dec(104_000),) * 3
    assert ticker.bid_price is not None
    assert ticker.ask_price is not None
    assert ticker.bid_price < 104_000 < ticker.ask_price
    assert ticker.low_24h <= 100_000 < ticker.high_24h
    assert ticker.high_24h >= 104_000
    assert ticker.open_interest == dec("0.02")
    assert ticker.volume_24h > 0
    assert ticker.previous_price_1h > 0
    with refused(Reason.UNKNOWN_SYMBOL):
        desk.engine.ticker("NOPE")


def test_held_price_yields_to_the_feed_when_released() -> None:
    desk = open_desk()
    desk.price(BTC, 90_000)
    desk.run(60)
    assert desk.engine.ticker(BTC).last_price == 90_000
    desk.engine.release_price(BTC)
    desk.run(1)
    assert desk.engine.ticker(BTC).last_price == 100_000
    with refused(Reason.PRICE_NOT_A_TICK):
        desk.engine.set_price(BTC, dec("1.23"))
    with refused(Reason.INVALID_VALUE):
        desk.engine.set_price(BTC, dec(100), dec(-5))
    with refused(Reason.UNKNOWN_SYMBOL):
        desk.engine.set_price("NOPE", dec(1))


def test_events_tell_what_happened_in_order() -> None:
    desk = open_desk()
    told: list[Event] = []
    stop = desk.engine.subscribe(told.append)
    order = desk.place(BTC, BUY, "0.01")
    kinds = [type(event) for event in told]
    assert kinds == [
        OrderEvent,
        ExecutionEvent,
        PublicTrade,
        OrderEvent,
        PositionEvent,
        WalletEvent,
        MarketEvent,
    ]
    assert [e.order.status for e in told if isinstance(e, OrderEvent)] == [
        OrderStatus.NEW,
        OrderStatus.FILLED,
    ]
    positions = [e.position for e in told if isinstance(e, PositionEvent)]
    assert positions == [desk.engine.position(desk.account, BTC)]
    wallets = [e.wallet for e in told if isinstance(e, WalletEvent)]
    assert wallets == [desk.engine.wallet(desk.account)]
    assert order.order_id
    told.clear()
    desk.run(30)
    assert [type(event) for event in told] == [MarketEvent]
    assert isinstance(told[0], MarketEvent)
    assert set(told[0].symbols) == {BTC, ETH, "SOLUSDT", "BTCUSD", "ETHUSD"}
    stop()
    stop()
    told.clear()
    desk.run(30)
    assert told == []


class Bent(Hooks):
    """Bends everything that can be bent."""

    def tick(self, symbol: str, time_ms: int, tick: Tick) -> Tick:
        return Tick(last=1.0, index=1.0, mark=1.0) if symbol == BTC else tick

    def request(self, account_id: str, request: OrderRequest) -> OrderRequest:
        raise EngineRefusal(Reason.INVALID_VALUE, "closed for maintenance")

    def orders(self, account_id: str, orders: Sequence[Order]) -> Sequence[Order]:
        return []

    def positions(self, account_id: str, positions: Sequence[Position]) -> Sequence[Position]:
        return []

    def executions(self, account_id: str, executions: Sequence[Execution]) -> Sequence[Execution]:
        return [*executions, *executions]


def test_hooks_bend_what_is_shown_and_done() -> None:
    desk = open_desk()
    desk.place(ETH, BUY, "0.1", client_id="seen")
    desk.place(ETH, BUY, "0.1", price=3000)
    assert isinstance(desk.engine.hooks, Hooks)
    desk.engine.hooks = Bent()
    engine, account = desk.engine, desk.account
    assert engine.positions(account) == []
    assert engine.open_orders(account) == []
    assert engine.order_history(account) == []
    assert engine.find_order(account, client_id="seen") is None
    assert len(engine.executions(account)) == 2
    with refused(Reason.INVALID_VALUE):
        desk.place(ETH, BUY, "0.1")
    desk.run(1)
    assert engine.ticker(BTC).mark_price == 1
    engine.hooks = Hooks()
    assert len(engine.positions(account)) == 1


def test_queries_by_symbol_and_flat_legs() -> None:
    desk = open_desk()
    desk.engine.set_position_mode(desk.account, PositionMode.HEDGE, ETH)
    desk.place(BTC, BUY, "0.01")
    desk.place(BTC, SELL, "0.01")
    engine, account = desk.engine, desk.account
    assert engine.positions(account) == []
    assert [(p.symbol, p.side) for p in engine.positions(account, flat=True)] == [(BTC, None)]
    assert [int(p.leg) for p in engine.positions(account, ETH, flat=True)] == [1, 2]
    assert [e.symbol for e in engine.executions(account, BTC)] == [BTC, BTC]
    assert engine.executions(account, ETH) == []
    with refused(Reason.UNKNOWN_SYMBOL):
        engine.positions(account, "NOPE")
    with refused(Reason.UNKNOWN_ACCOUNT):
        engine.wallet("nobody")
    assert engine.clock is desk.clock
    assert engine.market_ms == engine.start_ms == START_MS


def test_steps_stand_on_a_grid_whatever_the_calls() -> None:
    once, often = open_desk(), open_desk()
    assert once.run(10) == 10
    assert sum(often.run(0.7) for _ in range(14)) == 9
    assert often.run(0.2) == 1
    assert once.engine.market_ms == often.engine.market_ms
    assert once.engine.candles(BTC, 60_000) == often.engine.candles(BTC, 60_000)
    assert once.run(0) == 0


def test_virtual_time_stamps_what_happens_inside_a_step() -> None:
    desk = open_desk(market_step_ms=60_000)
    desk.engine.open_position(desk.account, BTC, BUY, dec("0.1"))
    desk.run(10 * 3600)
    assert desk.engine.executions(desk.account)[-1].time_ms == START_MS + 8 * 3_600_000


def test_clocks() -> None:
    virtual = clocks.VirtualClock(5)
    virtual.advance(1.5)
    assert (virtual.server_ms(), virtual.market_ms()) == (1505, 1505)
    with pytest.raises(ValueError, match="back"):
        virtual.advance(-1)
    with pytest.raises(ValueError, match="positive"):
        clocks.ScaledClock(0, 0)


def test_scaled_clock_runs_and_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000_000]
    monkeypatch.setattr(time, "monotonic_ns", lambda: now[0])
    scaled = clocks.ScaledClock(1000, 60, paused=True)
    now[0] += 1_000_000_000
    assert (scaled.paused, scaled.market_ms()) == (True, 1000)
    scaled.resume()
    scaled.resume()
    now[0] += 2_000_000_000
    assert (scaled.paused, scaled.market_ms()) == (False, 121_000)
    scaled.pause()
    scaled.pause()
    now[0] += 2_000_000_000
    assert scaled.market_ms() == 121_000
    assert abs(scaled.server_ms() - time.time_ns() // 1_000_000) < 60_000
    real = clocks.RealClock()
    assert abs(real.server_ms() - real.market_ms()) < 60_000


def test_real_time_stamps_are_the_wall_clocks() -> None:
    clock = clocks.ScaledClock(START_MS, 3600)
    engine = Engine(clock, ManualFeed(START_MS, {BTC: 100_000.0}))
    deadline = time.monotonic() + 20
    while not engine.advance():
        assert time.monotonic() < deadline
    assert START_MS < engine.market_ms <= clock.market_ms()
    assert engine.state().server_ms > START_MS
