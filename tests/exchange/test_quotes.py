"""Prices and order books of markets that are not held: canned rows, and real ccxt against the sandbox."""

from decimal import Decimal

import pytest

from bot.clock import VirtualClock
from bot.exchange.budget import Allowance, Budget
from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.protocol import MarketReader
from bot.model import BookLevel, Unknown, Verdict
from bot.sandbox.engine.clocks import RealClock
from tests.exchange.stub import BTC, NOW, StubVenue, envelope, gateway, instrument, listed, ticker
from tests.exchange.test_sandbox import onto
from tests.sandbox.support import make_engine, serving

D = Decimal
ETH = "ETH/USDT:USDT"
BOOK = "/v5/market/orderbook"
TICKERS = "/v5/market/tickers"


def book(bids: object, asks: object, symbol: str = "ETHUSDT") -> dict[str, object]:
    return {"s": symbol, "b": bids, "a": asks, "ts": 1, "u": 1, "seq": 1}


async def test_a_ticker_is_that_of_its_symbol(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(TICKERS, listed(ticker("BTCUSDT"), ticker("ETHUSDT", markPrice="3500.5", indexPrice="")))
    mark = await guarded.ticker(ETH)
    assert (mark.symbol, mark.mark, mark.funding_rate, mark.at) == (ETH, D("3500.5"), D("-0.0001"), NOW)
    assert isinstance(mark.index, Unknown)
    assert venue.paths(TICKERS)[-1].query == {"category": "linear", "symbol": "ETHUSDT"}


async def test_prices_of_another_symbol_are_no_answer(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(TICKERS, listed(ticker("BTCUSDT")))
    with pytest.raises(GatewayError, match="no prices of ETHUSDT"):
        await guarded.ticker(ETH)


async def test_a_book_is_in_coins_and_best_first(venue: StubVenue) -> None:
    venue.set("/v5/market/instruments-info", listed(instrument("ETH", contractSize="0.1")))
    rows = book([["3499", "20"], ["3500", "10"]], [["3502", "5"], ["3501", "1.5"]])
    venue.set(BOOK, envelope(rows))
    guarded = gateway(venue)
    found = await guarded.order_book(ETH)
    assert found.bids == (BookLevel(D(3500), D(1)), BookLevel(D(3499), D(2)))
    assert found.asks == (BookLevel(D(3501), D("0.15")), BookLevel(D(3502), D("0.5")))
    assert found.at == NOW
    assert venue.paths(BOOK)[0].query["limit"] == "500"
    await guarded.close()


@pytest.mark.parametrize(
    "rows",
    [
        book([], [], symbol="BTCUSDT"),
        book(None, []),
        book([], "none"),
        book([["3500"]], []),
        book(["3500"], []),
        book([["3500", "0"]], []),
        book([["0", "1"]], []),
        book([["3500", "many"]], []),
    ],
)
async def test_a_book_that_cannot_be_read_is_an_error(
    venue: StubVenue, guarded: CcxtGateway, rows: dict[str, object]
) -> None:
    venue.set(BOOK, envelope(rows))
    with pytest.raises(GatewayError, match="MalformedDataError") as caught:
        await guarded.order_book(ETH)
    assert caught.value.verdict is Verdict.UNKNOWN


async def test_an_empty_book_is_a_book(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(BOOK, envelope(book([], [])))
    assert (await guarded.order_book(ETH)).bids == ()


async def test_a_base_names_its_perpetual(venue: StubVenue, guarded: CcxtGateway) -> None:
    usdc = {"symbol": "SOLPERP", "quoteCoin": "USDC", "settleCoin": "USDC"}
    dated = {"contractType": "LinearFutures", "deliveryTime": "1774598400000", "symbol": "XRPUSDT-27MAR26"}
    rows = (instrument("BTC"), instrument("BTC", **{**usdc, "symbol": "BTCPERP"}))
    venue.set(
        "/v5/market/instruments-info", listed(*rows, instrument("SOL", **usdc), instrument("XRP", **dated))
    )
    assert await guarded.perpetual("BTC") == BTC
    assert await guarded.perpetual("SOL") == "SOL/USDC:USDC"
    assert await guarded.perpetual("XRP") is None
    assert await guarded.perpetual("btc") is None


async def test_while_polls_are_held_back_nothing_is_asked(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    budget = Budget(Allowance(rate=1.0, burst=9.0, reserve=2.0), clock)
    guarded = gateway(venue, clock, budget=budget)
    reader: MarketReader = guarded
    await reader.perpetual("BTC")
    before = len(venue.sent)
    budget.turned_away(60.0, 0.0)
    for read in (
        reader.perpetual("BTC"),
        reader.ticker(BTC),
        reader.order_book(BTC),
        reader.candles(BTC, "1h", 1),
    ):
        with pytest.raises(GatewayError) as caught:
            await read
        assert caught.value.verdict is Verdict.THROTTLED
    assert len(venue.sent) == before
    await guarded.close()


async def test_market_readings_leave_the_reserve_to_orders(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    budget = Budget(Allowance(rate=0.05, burst=10.0, reserve=4.0), clock)
    guarded = gateway(venue, clock, budget=budget)
    venue.set(BOOK, envelope(book([], [])))
    for _ in range(2):
        await guarded.ticker(ETH)
        await guarded.order_book(ETH)
    with pytest.raises(GatewayError) as caught:
        await guarded.ticker(ETH)
    assert caught.value.verdict is Verdict.THROTTLED
    assert len(venue.sent) == 6
    await guarded.close()


async def test_real_ccxt_against_the_sandbox() -> None:
    async with serving(make_engine(RealClock())) as running, onto(running) as guarded:
        symbol = await guarded.perpetual("ETH")
        assert symbol == ETH
        assert await guarded.perpetual("NOPE") is None
        mark = await guarded.ticker(symbol)
        assert mark.mark == D(4000)
        found = await guarded.order_book(symbol)
        assert len(found.bids) > 100
        assert found.bids[0].price == mark.bid
        assert found.asks[0].price == mark.ask
        assert all(left.price > right.price for left, right in zip(found.bids, found.bids[1:], strict=False))
        engine = running.engine.depth("ETHUSDT", 500)
        assert sum(level.coins for level in found.asks) == sum(level.qty for level in engine.asks)
        assert guarded.clock_offset.total_seconds() == 0
