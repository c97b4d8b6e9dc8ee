"""Inverse contracts through the gateway: read whole, asked for only where something tells of them."""

import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.exchange.answers import INCOMPLETE
from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.venues.bybit_inverse import LOOK_EVERY
from bot.exchange.venues.bybit_markets import looks_inverse
from bot.model import (
    CancelRequest,
    LeverageRequest,
    MarginRequest,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    PositionMode,
    Sendable,
    Side,
    StopRequest,
    Style,
    Unknown,
    Verdict,
)
from bot.sandbox.engine.types import OrderKind as EngineKind
from bot.sandbox.engine.types import OrderRequest as EngineOrder
from bot.sandbox.engine.types import Side as EngineSide
from tests.exchange.stub import (
    Reply,
    StubVenue,
    envelope,
    instrument,
    listed,
    position,
    stop,
    ticker,
    wallet,
)
from tests.exchange.test_sandbox import hold, onto
from tests.sandbox.support import Running, serving

D = Decimal
LINEAR, INVERSE = "BTC/USDT:USDT", "BTC/USD:BTC"
POSITIONS, ORDERS, WALLET = "/v5/position/list", "/v5/order/realtime", "/v5/account/wallet-balance"
MARKETS, TICKERS, TIERS = (f"/v5/market/{name}" for name in ("instruments-info", "tickers", "risk-limit"))
COINS = {"BTC": D(1)}


def contract(**changes: object) -> dict[str, object]:
    """The inverse contract as the venue lists it."""
    row = instrument(
        "BTC", symbol="BTCUSD", contractType="InversePerpetual", quoteCoin="USD", settleCoin="BTC"
    )
    lots = {"qtyStep": "1", "minOrderQty": "1", "maxOrderQty": "25000000", "maxMktOrderQty": "5000000"}
    return {**row, "lotSizeFilter": lots, **changes}


def held(**changes: object) -> dict[str, object]:
    """A long of 50,000 USD at 100,000, at a mark of 80,000."""
    row = position(
        "BTCUSD",
        size="50000",
        avgPrice="100000",
        markPrice="80000",
        liqPrice="40000",
        positionValue="0.5",
        positionIM="0.0625",
        positionMM="0.0034",
        positionBalance="0",
        unrealisedPnl="-0.125",
    )
    return {**row, **changes}


def purse(**changes: object) -> dict[str, object]:
    """A wallet that tells of that position."""
    coin: dict[str, object] = {
        "coin": "BTC",
        "walletBalance": "1",
        "equity": "0.875",
        "usdValue": "70000",
        "unrealisedPnl": "-0.125",
        "totalPositionIM": "0.0625",
        "totalPositionMM": "0.0034",
        "totalOrderIM": "0",
    }
    usdt: dict[str, object] = {"coin": "USDT", "walletBalance": "0", "totalPositionIM": "0"}
    return wallet(coins=[usdt, {**coin, **changes}], totalInitialMargin="5000", totalPerpUPL="-10000")


@pytest.fixture
def both(venue: StubVenue) -> StubVenue:
    """A venue at which an inverse position is held, and nothing else."""
    venue.set(WALLET, listed(purse()))
    venue.inverse = {
        MARKETS: listed(contract()),
        POSITIONS: listed(held()),
        TICKERS: listed(ticker("BTCUSD", markPrice="80000")),
        TIERS: listed(
            {
                "symbol": "BTCUSD",
                "riskLimitValue": "150",
                "maintenanceMargin": "0.5",
                "initialMargin": "1",
                "maxLeverage": "100.00",
            }
        ),
    }
    return venue


async def test_money_is_in_dollars_and_size_in_contracts(both: StubVenue, guarded: CcxtGateway) -> None:
    shot = await guarded.snapshot()
    (one,) = shot.positions
    assert (one.key, one.contracts, one.contract_size, one.inverse) == (f"{INVERSE}#long", 50_000, 1, True)
    assert (one.size, one.notional(one.contracts, D(80_000))) == (D("0.625"), 50_000)
    assert (one.unrealised_pnl, one.maintenance_margin) == (-10_000, D("272"))
    market = shot.markets[INVERSE]
    assert (market.linear, market.settle, market.amount_step, market.notional_min) == (False, "BTC", 1, 0)
    assert (market.coins(D(40_000), D(80_000)), market.notional(D(40_000), D(80_000))) == (D("0.5"), 40_000)
    assert [(tier.cap, tier.maintenance_rate) for tier in shot.tiers[INVERSE]] == [(150, D("0.005"))]
    assert shot.marks[INVERSE].mark == 80_000
    assert shot.balance.worth["BTC"] == 70_000
    assert shot.position_mode is None


async def test_what_cannot_be_valued_is_unknown(both: StubVenue, guarded: CcxtGateway) -> None:
    both.inverse[POSITIONS] = listed(held(markPrice=""))
    (one,) = (await guarded.snapshot()).positions
    assert isinstance(one.maintenance_margin, Unknown)
    assert isinstance(one.unrealised_pnl, Unknown)
    assert one.size.is_nan()


SMALLER = held(size="1000", positionIM="0.00125", positionMM="0.00006", unrealisedPnl="-0.0025")


@pytest.mark.parametrize(
    ("lists", "wanted"),
    [
        (listed(), "shows unrealised PnL but the list"),
        (listed(SMALLER), "incomplete: its initial margin"),
        (listed(held(unrealisedPnl="0")), "incomplete or old: its unrealised PnL"),
        (listed(position("BTCUSDT")), "named like none"),
        (envelope({"list": None}), "no list in the answer"),
        (envelope({}), "no list in the answer"),
        (envelope({}, code=10001, message="category"), "category"),
        ((200, "null"), "BrokenAnswerError"),
    ],
)
async def test_an_answer_that_the_wallet_contradicts_is_an_error(
    both: StubVenue, guarded: CcxtGateway, lists: Reply, wanted: str
) -> None:
    both.inverse[POSITIONS] = lists
    with pytest.raises(GatewayError, match=wanted):
        await guarded.snapshot()
    if "PnL" in wanted or "margin" in wanted:
        assert len(both.inverse_paths(POSITIONS)) == 2


async def test_beside_linear_positions_it_is_checked_by_itself(both: StubVenue, guarded: CcxtGateway) -> None:
    profit = {"unrealisedPnl": "0", "positionIM": "100", "positionMM": "50", "positionValue": "1000"}
    usdt: dict[str, object] = {
        "coin": "USDT",
        "totalPositionIM": "100",
        "totalPositionMM": "50",
        "unrealisedPnl": "0",
    }
    coin = purse()["coin"]
    assert isinstance(coin, list)
    both.set(WALLET, listed(wallet(coins=[usdt, coin[1]], totalPerpUPL="-10000")))
    both.holds(position("BTCUSDT", **profit, size="0.01", positionBalance="0"))
    shot = await guarded.snapshot()
    assert {one.symbol for one in shot.positions} == {LINEAR, INVERSE}
    assert shot.position_mode is PositionMode.ONE_WAY
    both.inverse[POSITIONS] = listed()
    with pytest.raises(GatewayError, match="settled in BTC but the list of them is empty") as caught:
        await guarded.snapshot()
    assert caught.value.code == INCOMPLETE
    both.inverse[POSITIONS] = listed(held())
    both.holds()
    with pytest.raises(GatewayError, match="settled in USDT but the list of them is empty"):
        await guarded.snapshot()


async def test_nothing_is_asked_of_it_while_nothing_tells_of_it(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    for _ in range(LOOK_EVERY + 1):
        await guarded.snapshot()
    assert len(venue.inverse_paths(POSITIONS)) == 2
    assert len(venue.inverse_paths(ORDERS)) == 4
    assert len(venue.inverse_paths(MARKETS)) == 1
    assert not venue.inverse_paths(TICKERS)
    assert len(venue.paths(POSITIONS)) == LOOK_EVERY + 1


@pytest.mark.parametrize(
    "told",
    [
        wallet(coins=[{"coin": "USDT"}, {"coin": "BTC", "totalPositionIM": "0.1"}]),
        wallet(coins=[{"coin": "USDT"}, {"coin": "BTC", "totalOrderIM": "0.1", "totalPositionIM": "0"}]),
        wallet(coins=[{"coin": "USDT"}, {"coin": "BTC", "unrealisedPnl": "-0.1", "totalPositionIM": "0"}]),
        wallet(coins=[{"coin": "BTC", "walletBalance": "1", "totalPositionIM": ""}]),
        wallet(coins=[{"coin": "USDT", "totalPositionIM": "100"}], totalInitialMargin="200"),
    ],
)
async def test_a_wallet_that_tells_of_it_has_it_asked_for(
    venue: StubVenue, guarded: CcxtGateway, told: dict[str, object]
) -> None:
    await guarded.snapshot()
    venue.set(WALLET, listed(told))
    with contextlib.suppress(GatewayError):
        await guarded.snapshot()
    assert len(venue.inverse_paths(POSITIONS)) > 1


async def test_an_order_that_waits_without_a_position_is_found(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    await guarded.snapshot()
    waits = stop("far", symbol="BTCUSD", stopOrderType="Stop", reduceOnly=False, closeOnTrigger=False)
    venue.inverse = {
        MARKETS: listed(contract()),
        ORDERS: listed(waits),
        TICKERS: listed(ticker("BTCUSD")),
        TIERS: listed(
            {
                "symbol": "BTCUSD",
                "riskLimitValue": "150",
                "maintenanceMargin": "0.005",
                "initialMargin": "0.01",
                "maxLeverage": "100",
            }
        ),
    }
    shots = [await guarded.snapshot() for _ in range(LOOK_EVERY + 2)]
    assert [one.order_id for one in shots[-1].stops] == ["far"]
    assert shots[-1].stops[0].symbol == INVERSE
    asked = len(venue.inverse_paths(POSITIONS))
    venue.inverse[ORDERS] = listed()
    assert (await guarded.snapshot()).stops == ()
    await guarded.snapshot()
    assert len(venue.inverse_paths(POSITIONS)) == asked + 1


async def test_a_small_position_that_vanishes_is_asked_for_by_name(
    both: StubVenue, guarded: CcxtGateway
) -> None:
    small = held(symbol="ETHUSD", size="1", positionIM="0.00003", positionMM="0", unrealisedPnl="0")
    small["positionValue"] = "0.0003"
    eth: dict[str, object] = {
        "coin": "ETH",
        "totalPositionIM": "0.00003",
        "walletBalance": "1",
        "unrealisedPnl": "0",
    }
    coins = purse()["coin"]
    assert isinstance(coins, list)
    both.set(WALLET, listed(wallet(coins=[*coins, eth], totalInitialMargin="0", totalPerpUPL="-10000")))
    both.inverse[POSITIONS] = listed(held(), small)
    assert len((await guarded.snapshot()).positions) == 2
    other = {**eth, "totalPositionIM": ""}
    both.set(WALLET, listed(wallet(coins=[*coins, other], totalInitialMargin="0", totalPerpUPL="-10000")))
    both.inverse[POSITIONS] = listed(held())
    with pytest.raises(GatewayError, match="lacks ETHUSD"):
        await guarded.snapshot()
    named = [sent for sent in both.inverse_paths(POSITIONS) if "symbol" in sent.query]
    assert {sent.query["symbol"] for sent in named} == {"ETHUSD"}


async def test_an_account_without_the_category_is_none_the_worse(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    refused = envelope({}, code=10001, message="category not offered")
    venue.inverse = dict.fromkeys((MARKETS, POSITIONS, ORDERS), refused)
    venue.holds(position())
    shot = await guarded.snapshot()
    assert [one.symbol for one in shot.positions] == [LINEAR]
    venue.inverse = dict.fromkeys((POSITIONS, ORDERS), (500, ""))
    for _ in range(LOOK_EVERY - 1):
        await guarded.snapshot()
    with pytest.raises(GatewayError):
        await guarded.snapshot()


@pytest.mark.parametrize(
    ("symbol", "is_it"),
    [("BTCUSD", True), ("ETHUSDH27", True), ("BTCUSDT", False), ("BTCPERP", False), ("BTC-26DEC26", False)],
)
def test_a_symbol_tells_its_category(symbol: str, is_it: bool) -> None:
    assert looks_inverse(symbol) is is_it


async def test_an_older_row_is_no_news(both: StubVenue, guarded: CcxtGateway) -> None:
    both.inverse[POSITIONS] = listed(held(seq=100))
    await guarded.snapshot()
    both.inverse[POSITIONS] = listed(held(seq=99, updatedTime="1763708300000"))
    with pytest.raises(GatewayError, match="shown as it was before"):
        await guarded.snapshot()


async def test_requests_go_to_the_category_of_their_market(both: StubVenue, guarded: CcxtGateway) -> None:
    both.set("/v5/order/create", envelope({"orderId": "o-1"}))
    both.set("/v5/order/cancel", envelope({"orderId": "o-1"}))
    await guarded.snapshot()
    asked: list[Sendable] = [
        OrderRequest("reef-1", INVERSE, OrderSide.SELL, Side.LONG, 0, D(100), Style.MARKET, None),
        StopRequest("reef-2", INVERSE, Side.LONG, 0, D(70_000)),
        CancelRequest("reef-3", INVERSE, "o-1", conditional=False),
        LeverageRequest("reef-4", INVERSE, D(5)),
    ]
    for request in asked:
        await guarded.submit(request)
    posted = [sent.body for sent in both.sent if sent.method == "POST"]
    assert [(body or {}).get("category") for body in posted] == ["inverse"] * len(asked)
    half = await guarded.submit(
        OrderRequest("reef-5", INVERSE, OrderSide.SELL, Side.LONG, 0, D("0.5"), Style.MARKET, None)
    )
    added = await guarded.submit(MarginRequest("reef-6", INVERSE, Side.LONG, 0, D(5), D(0), D(1)))
    assert (half.verdict, added.verdict) == (Verdict.REJECTED, Verdict.REJECTED)
    assert len([sent for sent in both.sent if sent.method == "POST"]) == len(asked)


async def test_the_real_thing_over_real_ccxt() -> None:
    async with serving(deposit="5000", coins=COINS) as running, onto(running) as guarded:
        hold(running, "BTCUSD", EngineSide.BUY, "50000")
        hold(running, "BTCUSDT", EngineSide.SELL, "0.1")
        running.engine.set_price("BTCUSDT", D(90_000))
        account = running.account.account_id
        resting = EngineOrder(
            symbol="BTCUSD", side=EngineSide.BUY, qty=D(1_000), kind=EngineKind.LIMIT, price=D(50_000)
        )
        running.engine.place(account, resting)
        shot = await guarded.snapshot()
        theirs = running.engine.position(account, "BTCUSD")
        ours = shot.position(f"{INVERSE}#long")
        assert ours is not None
        assert ours.contracts == theirs.size
        assert ours.unrealised_pnl == pytest.approx(theirs.unrealised_pnl * 90_000)
        assert ours.maintenance_margin == pytest.approx(theirs.maintenance_margin * 90_000)
        assert ours.liquidation_price == pytest.approx(theirs.liquidation_price)
        assert shot.balance.equity == pytest.approx(running.engine.wallet(account).equity)
        assert [one.symbol for one in shot.orders] == [INVERSE]
        await _trade(running, guarded)


async def _trade(running: Running, guarded: CcxtGateway) -> None:
    sold = OrderRequest("reef-1", INVERSE, OrderSide.SELL, Side.LONG, 0, D(20_000), Style.MARKET, None)
    assert (await guarded.submit(sold)).verdict is Verdict.ACCEPTED
    report = await guarded.find_order(INVERSE, "reef-1")
    assert isinstance(report, OrderReport)
    assert (report.status, report.filled) == (OrderStatus.FILLED, 20_000)
    assert report.fee == pytest.approx(D(20_000) * D("0.00055"), rel=D("1e-4"))
    placed = await guarded.submit(StopRequest("reef-2", INVERSE, Side.LONG, 0, D(80_000)))
    assert placed.verdict is Verdict.ACCEPTED
    shot = await guarded.snapshot()
    held_now = shot.position(f"{INVERSE}#long")
    assert held_now is not None
    assert (held_now.contracts, held_now.stop_price) == (30_000, 80_000)
    fills = await guarded.fills(INVERSE, report.at - timedelta(hours=1))
    (fill,) = [one for one in fills if one.client_order_id]
    assert fill.fee == pytest.approx(report.fee, rel=D("1e-6"))
    assert fill.contracts == 20_000
    candles = await guarded.candles(INVERSE, "1h", 3)
    assert len(candles) == 3
    book = await guarded.order_book(INVERSE)
    assert D("0.1") < book.bids[0].coins < 100
    running.engine.set_price("BTCUSDT", D(79_000))
    assert [one.symbol for one in (await guarded.snapshot()).positions] == [LINEAR]
