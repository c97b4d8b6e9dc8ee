"""Options through the gateway: the chain beside the snapshots, and what is held apart from the perpetuals."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.clock import Clock, VirtualClock
from bot.exchange.errors import GatewayError
from bot.exchange.failures import MalformedDataError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.options import MAX_AGE
from bot.exchange.venues.bybit_calls import OPTION, category_of
from bot.exchange.venues.bybit_options import parse_option, unclear
from bot.model import OrderRequest, OrderSide, Right, Side, Style, Unknown, Verdict, option_base
from tests.exchange.stub import NOW, Reply, Sent, StubVenue, envelope, gateway, listed, position

D = Decimal
EXPIRY = datetime(2025, 12, 26, 8, tzinfo=UTC)
PUT = "BTC/USDT:USDT-251226-70000-P"
VENUE_PUT = "BTC-26DEC25-70000-P-USDT"
MARKETS, TICKERS, POSITIONS = "/v5/market/instruments-info", "/v5/market/tickers", "/v5/position/list"


def contract(symbol: str = VENUE_PUT, **changes: Any) -> dict[str, Any]:
    """A contract as the venue lists it."""
    settle = "USDT" if symbol.endswith("-USDT") else "USDC"
    row = {
        "symbol": symbol,
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": settle,
        "settleCoin": settle,
        "optionsType": "Put" if "-P" in symbol else "Call",
        "deliveryTime": str(int(EXPIRY.timestamp() * 1000)),
        "deliveryFeeRate": "0.00015",
        "priceFilter": {"minPrice": "5", "maxPrice": "10000000", "tickSize": "5"},
        "lotSizeFilter": {"maxOrderQty": "500", "minOrderQty": "0.01", "qtyStep": "0.01"},
    }
    return {**row, **changes}


def quoted(symbol: str = VENUE_PUT, **changes: Any) -> dict[str, Any]:
    """What it is quoted at."""
    row = {
        "symbol": symbol,
        "bid1Price": "1000",
        "bid1Size": "2",
        "ask1Price": "1100",
        "ask1Size": "3",
        "markPrice": "1050",
        "markIv": "0.61",
        "underlyingPrice": "80100",
        "delta": "-0.2",
        "theta": "-31.5",
    }
    return {**row, **changes}


def held(symbol: str = VENUE_PUT, **changes: Any) -> dict[str, Any]:
    """A position in it."""
    row = {
        "symbol": symbol,
        "side": "Buy",
        "size": "0.5",
        "avgPrice": "900",
        "markPrice": "1050",
        "unrealisedPnl": "75",
        "positionIdx": 0,
        "positionMM": "",
        "liqPrice": "",
        "leverage": "",
        "updatedTime": "1763708400000",
    }
    return {**row, **changes}


@asynccontextmanager
async def onto(venue: StubVenue, clock: Clock | None = None) -> AsyncIterator[CcxtGateway]:
    """A gateway onto the venue."""
    guarded = gateway(venue) if clock is None else gateway(venue, clock)
    try:
        yield guarded
    finally:
        await guarded.close()


class Options(StubVenue):
    """A venue that has options, too."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        super().__init__()
        self.options: dict[str, Reply] = {
            MARKETS: listed(contract(), contract("BTC-26DEC25-90000-C")),
            TICKERS: listed(quoted(), quoted("BTC-26DEC25-90000-C"), quoted("BTC-1JAN26-1-P")),
            POSITIONS: listed(*rows),
        }

    def reply_to(self, sent: Sent) -> Reply:
        """Answer a request of the category by itself."""
        if sent.query.get("category") == "option":
            return self.options.get(sent.path, self.nothing())
        return super().reply_to(sent)

    def asked(self, path: str) -> int:
        """How often the category was asked for a list."""
        return sum(one.path == path and one.query.get("category") == "option" for one in self.sent)


async def test_a_chain_holds_contracts_and_what_they_are_quoted_at() -> None:
    async with onto(Options()) as guarded:
        chain = await guarded.chain("BTC")
    assert set(chain.markets) == {PUT, "BTC/USDC:USDC-251226-90000-C"}
    market, quote = chain.markets[PUT], chain.quotes[PUT]
    assert (market.right, market.strike, market.expiry) == (Right.PUT, 70_000, EXPIRY)
    assert (market.base, market.settle, market.contract_size) == ("BTC", "USDT", 1)
    assert (quote.bid, quote.ask, quote.ask_size, quote.iv) == (1000, 1100, 3, D("0.61"))
    assert (quote.underlying, quote.delta, quote.theta, quote.at) == (80_100, D("-0.2"), D("-31.5"), NOW)
    assert set(chain.quotes) == set(chain.markets)


async def test_contracts_are_listed_once_an_hour_and_the_old_list_serves_while_that_fails() -> None:
    venue, clock = Options(), VirtualClock(NOW)
    async with onto(venue, clock=clock) as guarded:
        await guarded.chain("BTC")
        await guarded.chain("BTC")
        assert (venue.asked(MARKETS), venue.asked(TICKERS)) == (1, 2)
        clock.advance(MAX_AGE.total_seconds())
        venue.options[MARKETS] = (503, "")
        assert PUT in (await guarded.chain("BTC")).markets
        assert venue.asked(MARKETS) == 2


async def test_a_chain_that_was_never_listed_is_an_error() -> None:
    venue = Options()
    venue.options[MARKETS] = (503, "")
    async with onto(venue) as guarded:
        with pytest.raises(GatewayError):
            await guarded.chain("BTC")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"optionsType": "Call"}, "is said to be a 'Call'"),
        ({"optionsType": "Straddle"}, "is said to be a 'Straddle'"),
        ({"contractSize": "many"}, "the contract size of"),
        ({"contractMultiplier": "0"}, "the contract size of"),
        ({"symbol": "BTC-26DEC25-70000"}, "is not named like an option"),
        ({"symbol": "BTC-26DEC25-0-P"}, "has a strike of 0"),
        ({"symbol": "BTC-26DEC25-x-P"}, "strike is not a number"),
        ({"deliveryTime": ""}, "deliveryTime is not a time"),
        ({"lotSizeFilter": None}, "has no lotSizeFilter"),
        ({"priceFilter": {"tickSize": "0"}}, "tickSize is 0"),
    ],
)
async def test_a_contract_that_is_unclear_is_set_aside(changes: dict[str, Any], reason: str) -> None:
    venue = Options()
    venue.options[MARKETS] = listed(contract(**changes), contract("BTC-26DEC25-90000-C"))
    async with onto(venue) as guarded:
        chain = await guarded.chain("BTC")
    assert set(chain.markets) == {"BTC/USDC:USDC-251226-90000-C"}
    (told,) = chain.aside.values()
    assert reason in told


def test_a_contract_size_that_the_row_states_is_taken() -> None:
    assert parse_option(contract(contractSize="0.1"), str).contract_size == D("0.1")


async def test_what_is_not_quoted_is_unknown_and_never_zero() -> None:
    venue = Options()
    nothing = {"bid1Price": "0", "ask1Price": "", "markIv": "0", "ask1Size": "0", "underlyingPrice": "x"}
    venue.options[TICKERS] = listed(quoted(**nothing))
    async with onto(venue) as guarded:
        quote = (await guarded.chain("BTC")).quotes[PUT]
    for figure in (quote.bid, quote.ask, quote.iv, quote.ask_size, quote.underlying):
        assert isinstance(figure, Unknown)


async def test_nothing_of_the_category_is_asked_for_unless_it_is_wanted() -> None:
    venue = Options(held())
    async with onto(venue) as guarded:
        shot = await guarded.snapshot()
    assert (shot.options, shot.options_unread) == ((), "")
    assert venue.asked(POSITIONS) == venue.asked(MARKETS) == 0


async def test_what_is_held_stands_apart_from_the_perpetuals() -> None:
    venue = Options(held(), held("BTC-26DEC25-90000-C", side="Sell"), held("BTC-26DEC25-60000-P", size="0"))
    async with onto(venue) as guarded:
        guarded.show_options(True)
        shot = await guarded.snapshot()
        guarded.show_options(False)
        assert (await guarded.snapshot()).options == ()
    assert shot.positions == ()
    put, call = shot.options
    assert (put.key, put.position.contracts, put.position.entry_price) == (f"{PUT}#long", D("0.5"), 900)
    assert (put.quote.mark, put.market.strike) == (1050, 70_000)
    assert call.position.side is Side.SHORT
    assert shot.position(put.key) == put.position
    assert isinstance(put.position.liquidation_price, Unknown)


async def test_no_position_asks_for_no_list_of_contracts() -> None:
    venue = Options()
    async with onto(venue) as guarded:
        guarded.show_options(True)
        assert (await guarded.snapshot()).options == ()
    assert (venue.asked(POSITIONS), venue.asked(MARKETS)) == (1, 0)


async def test_a_contract_that_is_listed_no_more_is_there_and_cannot_be_reckoned_with() -> None:
    venue = Options(held("BTC-28NOV25-60000-P"))
    async with onto(venue) as guarded:
        guarded.show_options(True)
        (one,) = (await guarded.snapshot()).options
    assert one.market.contract_size.is_nan()
    assert one.market.expiry == datetime(2025, 11, 28, 8, tzinfo=UTC)
    assert isinstance(one.quote.iv, Unknown)
    assert not one.market.active


@pytest.mark.parametrize(
    "reply",
    [
        (503, ""),
        envelope({"list": [held(size="x")]}),
        envelope({"list": [held(side="")]}),
        envelope({"list": [held("BTC-99DEC25-1-P")]}),
        envelope({"list": [held("NONE")]}),
    ],
)
async def test_what_cannot_be_read_is_told_and_holds_up_nothing(reply: Reply) -> None:
    venue = Options()
    venue.options[POSITIONS] = reply
    venue.holds(position("BTCUSDT"))
    async with onto(venue) as guarded:
        guarded.show_options(True)
        shot = await guarded.snapshot()
    assert shot.options == ()
    assert shot.options_unread
    assert len(shot.positions) == 1


async def test_an_order_goes_into_the_category() -> None:
    venue = Options()
    venue.set("/v5/order/create", envelope({"orderId": "7", "orderLinkId": "reef0-1"}))
    request = OrderRequest(
        "reef0-1", PUT, OrderSide.BUY, Side.LONG, 0, D("0.25"), Style.IOC, D(1100), opens=True
    )
    async with onto(venue) as guarded:
        answer = await guarded.submit(request)
        unlisted = await guarded.submit(
            OrderRequest("reef0-2", PUT.replace("7", "6"), OrderSide.BUY, Side.LONG, 0, D(1), Style.IOC, D(5))
        )
    assert (answer.verdict, unlisted.verdict) == (Verdict.ACCEPTED, Verdict.REJECTED)
    (sent,) = venue.paths("/v5/order/create")
    assert sent.body is not None
    assert sent.body["category"] == "option"
    assert (sent.body["symbol"], sent.body["qty"], sent.body["price"]) == (VENUE_PUT, "0.25", "1100")
    assert (sent.body["timeInForce"], sent.body["reduceOnly"]) == ("IOC", False)


async def test_the_position_in_one_contract_is_read_by_its_name() -> None:
    async with onto(Options(held())) as guarded:
        (one,) = await guarded.positions(PUT)
    assert (one.symbol, one.contracts, one.side) == (PUT, D("0.5"), Side.LONG)


def test_names_are_told_apart() -> None:
    assert option_base(PUT) == "BTC"
    assert option_base("BTC/USDT:USDT") is option_base("BTC/USDT:USDT-251226") is None
    market = parse_option(contract(), str).market
    assert category_of(market) == OPTION
    with pytest.raises(MalformedDataError):
        unclear("BTCUSDT")
