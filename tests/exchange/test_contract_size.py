"""Contracts of other sizes than one coin, from the venue's row through the plan onto the wire."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.clock import VirtualClock
from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.values import from_milliseconds
from bot.exchange.venues.bybit_markets import OneContract, parse_market
from bot.exchange.venues.bybit_orders import wire_of
from bot.exchange.venues.bybit_positions import parse_positions
from bot.model import MarginMode, Market, OrderRequest, Unknown, Verdict
from bot.planning.planner import plan
from bot.planning.request import watch_of
from bot.risk.assemble import build_portfolio
from bot.risk.terms import venue_terms
from tests.exchange.stub import BTC, NOW, NOW_MS, StubVenue, gateway, instrument, listed, position
from tests.exchange.test_answers import ORDER
from tests.planning.build import demand, request, snapshot, stats_for

D = Decimal
SIZES = ("0.01", "1", "10", "100")
PRICE = D("2500")
STEP = D("0.001")
"""Of coins, whatever the contract."""


def in_contracts(coins: Decimal, size: str) -> str:
    return format((coins / D(size)).normalize(), "f")


def listed_market(size: str) -> Market:
    lots = {
        "qtyStep": in_contracts(STEP, size),
        "minOrderQty": in_contracts(STEP, size),
        "maxOrderQty": in_contracts(D(100_000), size),
        "maxMktOrderQty": in_contracts(D(10_000), size),
        "minNotionalValue": "5",
    }
    return parse_market(instrument("ETH", contractSize=size, lotSizeFilter=lots), str)


def trimmed(size: str, coins: Decimal, side: str, equity: Decimal, goal: float) -> Decimal:
    """Coins that a plan takes off a position of so many coins, held in contracts of `size`."""
    market = listed_market(size)
    row = position(
        "ETHUSDT",
        side=side,
        size=in_contracts(coins, size),
        avgPrice=str(PRICE),
        markPrice=str(PRICE),
        unrealisedPnl="0",
        liqPrice="",
        positionMM="",
    )
    (held,) = parse_positions([row], OneContract(market), MarginMode.CROSS, from_milliseconds(NOW_MS))
    assert held.size == coins
    shot = replace(snapshot([held], str(equity)), markets={market.symbol: market})
    found = demand("account.leverage", goal)
    asked = request(shot, (found,), (watch_of(found),))
    orders = [step.request for step in plan(asked).steps if isinstance(step.request, OrderRequest)]
    taken = D(0)
    for order in orders:
        body = wire_of(order, market).params
        assert D(str(body["qty"])) == order.contracts
        assert order.contracts % market.amount_step == 0
        assert order.contracts >= market.amount_min
        assert order.contracts * market.contract_size * PRICE >= market.notional_min
        taken += order.contracts * market.contract_size
    assert taken <= coins
    return taken


@given(
    thousandths=st.integers(4_000, 4_000_000),
    side=st.sampled_from(["Buy", "Sell"]),
    leverage=st.floats(1.0, 12.0),
    kept=st.floats(0.05, 0.95),
)
@settings(max_examples=60, deadline=None)
def test_a_trim_in_coins_does_not_depend_on_the_contract(
    thousandths: int, side: str, leverage: float, kept: float
) -> None:
    coins = D(thousandths) * STEP
    equity = (coins * PRICE / D(repr(leverage))).quantize(D("0.01"))
    taken = {size: trimmed(size, coins, side, equity, leverage * kept) for size in SIZES}
    assert taken["1"] > 0
    for size in SIZES:
        assert abs(taken[size] - taken["1"]) <= STEP


@pytest.mark.parametrize("size", SIZES)
async def test_the_whole_gateway_counts_in_contracts(
    venue: StubVenue, guarded: CcxtGateway, size: str
) -> None:
    venue.set("/v5/market/instruments-info", listed(instrument("BTC", contractSize=size)))
    venue.holds(position())
    shot = await guarded.snapshot()
    assert shot.markets[BTC].contract_size == D(size)
    assert shot.positions[0].size == D("0.5") * D(size)
    assert (await guarded.positions(BTC))[0].contract_size == D(size)
    terms = venue_terms("bybit")
    (holding,) = build_portfolio(shot, stats_for([BTC]), terms, 0.0005).holdings
    assert holding.size == pytest.approx(0.5 * float(size))


@pytest.mark.parametrize("key", ["contractSize", "multiplier"])
@pytest.mark.parametrize("size", ["", "0", "-1", "NaN", "ten", None, "0.0"])
async def test_an_unclear_contract_size_is_never_taken_to_be_one(
    venue: StubVenue, guarded: CcxtGateway, key: str, size: object
) -> None:
    venue.set("/v5/market/instruments-info", listed(instrument("BTC", **{key: size}), instrument("ETH")))
    venue.holds(position(), position("ETHUSDT"))
    shot = await guarded.snapshot()
    unclear, clear = shot.positions
    assert (unclear.symbol, clear.symbol) == (BTC, "ETH/USDT:USDT")
    assert not unclear.size.is_finite()
    assert set(shot.markets) == {"ETH/USDT:USDT"}
    portfolio = build_portfolio(shot, stats_for([BTC]), venue_terms("bybit"), 0.0005)
    assert set(portfolio.missing) == {unclear.key}
    assert isinstance(portfolio.margin_balance, Unknown)
    assert [holding.key for holding in portfolio.holdings] == [clear.key]
    answer = await guarded.submit(ORDER)
    assert answer.verdict is Verdict.REJECTED
    assert "contract size" in answer.message
    with pytest.raises(GatewayError, match="contract size"):
        await guarded.positions(BTC)


async def test_a_contract_that_is_listed_no_more_keeps_its_size(venue: StubVenue) -> None:
    clock = VirtualClock(NOW)
    guarded = gateway(venue, clock)
    venue.set("/v5/market/instruments-info", listed(instrument("BTC", contractSize="0.01")))
    venue.holds(position())
    await guarded.snapshot()
    venue.answers["/v5/market/instruments-info"] = lambda sent: (
        listed() if "symbol" in sent.query else listed(instrument("ETH"))
    )
    clock.advance(3601)
    shot = await guarded.snapshot()
    assert shot.markets == {}
    assert shot.positions[0].size == D("0.005")
    await guarded.close()
