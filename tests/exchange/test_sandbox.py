"""The gateway against the sandbox exchange, over real HTTP."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from bot.clock import SystemClock, VirtualClock
from bot.exchange.errors import GatewayError
from bot.exchange.factory import make_gateway
from bot.exchange.gateway import CcxtGateway
from bot.exchange.values import to_milliseconds
from bot.model import (
    CancelRequest,
    Figure,
    MarginMode,
    NotFound,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    PositionMode,
    Side,
    StopRequest,
    Style,
    Unknown,
    Verdict,
)
from bot.sandbox.engine.clocks import VirtualClock as EngineVirtualClock
from bot.sandbox.engine.types import MarginMode as EngineMarginMode
from bot.sandbox.engine.types import PositionMode as EnginePositionMode
from bot.sandbox.engine.types import Side as EngineSide
from bot.sandbox.host import Sandbox
from bot.sandbox.transport import InProcessTransport
from tests.sandbox.support import (
    KEY,
    SECRET,
    Running,
    admin,
    ccxt_client,
    engine_with_symbols,
    make_engine,
    open_account,
    serving,
)

D = Decimal
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@asynccontextmanager
async def onto(running: Running, **settings: object) -> AsyncIterator[CcxtGateway]:
    gateway = make_gateway(
        **{  # type: ignore[arg-type]
            "account": "main",
            "venue": "bybit",
            "network": "sandbox",
            "api_key": KEY,
            "api_secret": SECRET,
            "base_url": running.url,
            "clock": SystemClock(),
            **settings,
        }
    )
    for client in (gateway._reader, gateway._looker, gateway._trader):
        client.enableRateLimit = False
    try:
        yield gateway
    finally:
        await gateway.close()


def known(figures: Iterable[Figure]) -> Decimal:
    total = D(0)
    for figure in figures:
        assert isinstance(figure, Decimal)
        total += figure
    return total


def hold(running: Running, symbol: str, side: EngineSide, qty: str) -> None:
    running.engine.open_position(running.account.account_id, symbol, side, D(qty))


def sell(client_order_id: str, contracts: str, price: str | None = None, symbol: str = BTC) -> OrderRequest:
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=symbol,
        side=OrderSide.SELL,
        position_side=Side.LONG,
        position_index=0,
        contracts=D(contracts),
        style=Style.MARKET if price is None else Style.IOC,
        price=None if price is None else D(price),
    )


async def test_a_snapshot_agrees_with_the_engine() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        hold(running, "ETHUSDT", EngineSide.SELL, "10")
        async with ccxt_client(running.url) as client:
            await client.create_order(BTC, "limit", "buy", 0.1, 90000.0, {"clientOrderId": "mine-1"})
        snapshot = await gateway.snapshot()

        assert {held.key for held in snapshot.positions} == {f"{BTC}#long", f"{ETH}#short"}
        for held in snapshot.positions:
            assert held.margin_mode is MarginMode.CROSS
            assert held.position_index == 0
            assert isinstance(held.maintenance_margin, Decimal)
            assert isinstance(held.mark_price, Decimal)
        assert snapshot.position_mode is PositionMode.ONE_WAY
        balance = snapshot.balance
        assert balance.equity == known(
            [balance.wallet, *(held.unrealised_pnl for held in snapshot.positions)]
        )
        assert balance.maintenance_margin == known(held.maintenance_margin for held in snapshot.positions)
        (order,) = snapshot.orders
        assert (order.client_order_id, order.price, order.contracts) == ("mine-1", D(90000), D("0.1"))
        assert snapshot.marks[BTC].mark == D(100000)
        for symbol in (BTC, ETH):
            instrument = running.engine.instrument(snapshot.markets[symbol].venue_symbol)
            assert snapshot.markets[symbol].amount_step == instrument.qty_step
            assert snapshot.markets[symbol].price_step == instrument.tick
            assert [tier.deduction for tier in snapshot.tiers[symbol]] == [
                tier.deduction for tier in instrument.tiers
            ]
        assert snapshot.times.newest - snapshot.times.oldest < timedelta(seconds=5)


async def test_isolated_hedge_legs() -> None:
    engine = make_engine()
    open_account(engine, margin_mode=EngineMarginMode.ISOLATED, position_mode=EnginePositionMode.HEDGE)
    async with serving(engine) as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        hold(running, "BTCUSDT", EngineSide.SELL, "0.2")
        snapshot = await gateway.snapshot()
        assert [(held.side, held.position_index) for held in snapshot.positions] == [
            (Side.LONG, 1),
            (Side.SHORT, 2),
        ]
        assert snapshot.position_mode is PositionMode.HEDGE
        for held in snapshot.positions:
            assert held.margin_mode is MarginMode.ISOLATED
            assert isinstance(held.isolated_margin, Decimal)
            assert isinstance(held.liquidation_price, Decimal)
        assert isinstance(snapshot.balance.maintenance_margin, Unknown)


async def test_201_positions_are_all_there() -> None:
    engine = engine_with_symbols(201)
    open_account(engine, deposit="100000000")
    async with serving(engine) as running, onto(running) as gateway:
        for instrument in engine.instruments.values():
            hold(running, instrument.symbol, EngineSide.BUY, str(instrument.min_qty * 100))
        snapshot = await gateway.snapshot()
        assert len(snapshot.positions) == len(snapshot.marks) == len(snapshot.markets) == 201


async def test_a_trim_is_filled_once_and_found_again() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        started = (await gateway.snapshot()).times.oldest
        answer = await gateway.submit(sell("reef-1", "0.2", "99000.0"))
        assert answer.verdict is Verdict.ACCEPTED

        report = await gateway.find_order(BTC, "reef-1")
        assert isinstance(report, OrderReport)
        assert (report.order_id, report.status) == (answer.order_id, OrderStatus.FILLED)
        assert (report.contracts, report.filled) == (D("0.2"), D("0.2"))
        assert report.average_price is not None
        fills = await gateway.fills(BTC, started)
        assert sum((fill.contracts for fill in fills), D(0)) == D("0.2")
        assert {fill.client_order_id for fill in fills} == {"reef-1"}
        assert sum((fill.fee for fill in fills), D(0)) == report.fee > 0
        assert [held.contracts for held in await gateway.positions(BTC)] == [D("0.3")]

        again = await gateway.submit(sell("reef-1", "0.2", "99000.0"))
        assert again.verdict is Verdict.DUPLICATE
        assert [held.contracts for held in await gateway.positions(BTC)] == [D("0.3")]


async def test_a_close_never_turns_the_position() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        await gateway.submit(sell("reef-1", "0.8"))
        assert await gateway.positions(BTC) == ()
        gone = await gateway.submit(sell("reef-2", "0.1"))
        assert gone.verdict is Verdict.NOTHING_TO_DO
        assert isinstance(await gateway.find_order(BTC, "reef-2"), NotFound)


async def test_refusals_are_the_venues_own() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        wrong_leg = OrderRequest("reef-1", BTC, OrderSide.SELL, Side.LONG, 1, D("0.1"), Style.MARKET, None)
        assert (await gateway.submit(wrong_leg)).verdict is Verdict.REJECTED
        adds = OrderRequest("reef-2", BTC, OrderSide.BUY, Side.LONG, 0, D("0.1"), Style.MARKET, None)
        assert (await gateway.submit(adds)).verdict is Verdict.REJECTED
        assert [held.contracts for held in await gateway.positions(BTC)] == [D("0.5")]


async def test_an_ioc_that_meets_nobody_is_cancelled() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        assert (await gateway.submit(sell("reef-1", "0.2", "103000.0"))).verdict is Verdict.ACCEPTED
        report = await gateway.find_order(BTC, "reef-1")
        assert isinstance(report, OrderReport)
        assert (report.status, report.filled, report.average_price) == (OrderStatus.CANCELLED, D(0), None)


async def test_the_positions_stop_is_set_moved_shown_and_gone() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        stop = StopRequest("reef-stop", BTC, Side.LONG, 0, D("80000.0"))
        assert (await gateway.submit(stop)).verdict is Verdict.ACCEPTED
        assert (await gateway.submit(stop)).verdict is Verdict.NOTHING_TO_DO
        moved = StopRequest("reef-stop", BTC, Side.LONG, 0, D("81000.0"))
        assert (await gateway.submit(moved)).verdict is Verdict.ACCEPTED

        snapshot = await gateway.snapshot()
        (held,), (shown,) = snapshot.positions, snapshot.stops
        assert held.stop_price == shown.trigger_price == D(81000)
        assert (shown.trigger_by, shown.side, shown.attached) == ("mark", OrderSide.SELL, True)
        assert shown.reduce_only
        assert snapshot.orders == ()

        above = StopRequest("reef-stop", BTC, Side.LONG, 0, D("120000.0"))
        assert (await gateway.submit(above)).verdict is Verdict.REJECTED
        await gateway.submit(sell("reef-close", "0.5"))
        assert (await gateway.snapshot()).stops == ()
        assert (await gateway.submit(stop)).verdict is Verdict.NOTHING_TO_DO


async def test_other_peoples_orders_are_cancelled_by_id() -> None:
    async with serving() as running, onto(running) as gateway:
        async with ccxt_client(running.url) as client:
            await client.create_order(BTC, "limit", "buy", 0.1, 90000.0)
            trigger = {"triggerPrice": 110000.0, "triggerDirection": "ascending"}
            await client.create_order(BTC, "limit", "buy", 0.1, 111000.0, trigger)
        snapshot = await gateway.snapshot()
        (plain,), (waiting,) = snapshot.orders, snapshot.stops
        assert (waiting.trigger_price, waiting.attached, waiting.reduce_only) == (D(110000), False, False)
        for number, (order, conditional) in enumerate(((plain, False), (waiting, True))):
            request = CancelRequest(f"reef-{number}", BTC, order.order_id, conditional)
            assert (await gateway.submit(request)).verdict is Verdict.ACCEPTED
            assert (await gateway.submit(request)).verdict is Verdict.NOTHING_TO_DO
        snapshot = await gateway.snapshot()
        assert snapshot.orders == snapshot.stops == ()


async def test_the_log_adds_up_to_the_wallet() -> None:
    async with serving() as running, onto(running) as gateway:
        first = await gateway.snapshot()
        account = running.account.account_id
        running.engine.transfer(account, "USDT", D("500.25"))
        running.engine.open_position(account, "BTCUSDT", EngineSide.BUY, D("0.1"), None, D(10))
        running.engine.transfer(account, "USDT", D(-200))
        (long,) = (await gateway.snapshot()).positions
        closing = OrderRequest("reef-1", BTC, OrderSide.SELL, long.side, 0, D("0.1"), Style.MARKET, None)
        await gateway.submit(closing)
        last = await gateway.snapshot()
        changes = await gateway.wallet_changes(first.times.balance)
        before, after = first.balance.coins["USDT"], last.balance.coins["USDT"]
        assert isinstance(before, D)
        assert isinstance(after, D)
        assert sum(change.amount for change in changes) == after - before
        assert sorted(one.transfer for one in changes if one.transfer is not None) == [D(-200), D("500.25")]


async def test_candles() -> None:
    async with serving() as running, onto(running) as gateway:
        candles = await gateway.candles(BTC, "1h", 300)
        assert len(candles) == 300
        assert all(later.at - earlier.at == timedelta(hours=1) for earlier, later in pairwise(candles))


async def test_an_executed_order_without_an_answer_is_unknown_and_then_found() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        await gateway.snapshot()
        gateway._trader.timeout = 300
        assert admin(running.sandbox, "POST", "fault", {"name": "hang", "count": 1})[0] == 200
        assert (await gateway.submit(sell("reef-1", "0.2"))).verdict is Verdict.UNKNOWN
        report = await gateway.find_order(BTC, "reef-1")
        assert isinstance(report, OrderReport)
        assert report.status is OrderStatus.FILLED


async def test_a_dropped_order_is_unknown_and_not_found() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        await gateway.snapshot()
        assert admin(running.sandbox, "POST", "fault", {"name": "drop", "count": 1})[0] == 200
        assert (await gateway.submit(sell("reef-1", "0.2"))).verdict is Verdict.UNKNOWN
        assert isinstance(await gateway.find_order(BTC, "reef-1"), NotFound)


@pytest.mark.parametrize("fault", ["corrupt", "status"])
async def test_a_broken_list_is_an_error(fault: str) -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        await gateway.snapshot()
        armed = {"name": fault, "path": "/v5/position/list", "count": 1}
        assert admin(running.sandbox, "POST", "fault", armed)[0] == 200
        with pytest.raises(GatewayError):
            await gateway.snapshot()
        assert len((await gateway.snapshot()).positions) == 1


async def test_an_empty_list_is_not_believed() -> None:
    async with serving() as running, onto(running) as gateway:
        hold(running, "BTCUSDT", EngineSide.BUY, "0.5")
        running.engine.set_price("BTCUSDT", D(99000))
        assert admin(running.sandbox, "POST", "fault", {"name": "empty_positions"})[0] == 200
        with pytest.raises(GatewayError, match="list of positions is empty"):
            await gateway.snapshot()


async def test_a_wrong_key_is_a_matter_of_authentication() -> None:
    async with serving() as running, onto(running, api_secret="not-the-secret") as gateway:
        with pytest.raises(GatewayError) as caught:
            await gateway.snapshot()
        assert caught.value.verdict is Verdict.AUTH
        assert KEY not in str(caught.value)
        assert (await gateway.submit(sell("reef-1", "0.2"))).verdict is Verdict.AUTH


async def test_the_whole_path_in_virtual_time() -> None:
    start = datetime(2025, 11, 21, tzinfo=UTC)
    clock = VirtualClock(start)
    engine = make_engine(EngineVirtualClock(to_milliseconds(start)))
    account = open_account(engine)
    engine.open_position(account.account_id, "BTCUSDT", EngineSide.BUY, D("0.5"))
    transport = InProcessTransport(Sandbox(engine).handle)
    gateway = make_gateway(
        account="main",
        venue="bybit",
        network="sandbox",
        api_key=KEY,
        api_secret=SECRET,
        base_url="http://127.0.0.1:1",
        clock=clock,
        transport=transport,
    )
    snapshot = await gateway.snapshot()
    assert snapshot.times.oldest == snapshot.times.newest == snapshot.taken_at == start
    assert (await gateway.submit(sell("reef-1", "0.5"))).verdict is Verdict.ACCEPTED
    assert await gateway.positions(BTC) == ()
    await gateway.close()


@pytest.mark.parametrize("mode", list(EngineMarginMode))
async def test_a_false_flat_is_refused(mode: EngineMarginMode) -> None:
    async with serving() as running, onto(running) as gateway:
        account = running.account.account_id
        if mode is EngineMarginMode.ISOLATED:
            running.engine.set_margin_mode(account, mode)
        for symbol, qty in (("BTCUSDT", "0.4"), ("ETHUSDT", "3")):
            running.engine.open_position(account, symbol, EngineSide.BUY, D(qty), None, D(10))
        assert len((await gateway.snapshot()).positions) == 2
        running.sandbox.faults.arm({"name": "empty_positions"})
        with pytest.raises(GatewayError, match="list of positions is empty"):
            await gateway.snapshot()
        running.sandbox.faults.clear()
        assert len((await gateway.snapshot()).positions) == 2
