"""What cannot be read of one symbol stops no other; what cannot be true is unknown."""

from decimal import Decimal
from typing import Any

import pytest

from bot.clock import VirtualClock
from bot.decision import decide
from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.facts import Facts, GuardTerms, Remembered, decision_input
from bot.model import (
    Caps,
    MarketStats,
    OrderKind,
    OrderRequest,
    OrderSide,
    ProtectionTerms,
    Side,
    Snapshot,
    State,
    StopRequest,
    Style,
    Unknown,
    Usage,
    Verdict,
)
from bot.risk.assemble import build_portfolio
from bot.risk.flows import Flows
from bot.risk.terms import venue_terms
from bot.rules import RulesMemory, load_rules_text
from tests.exchange.stub import (
    BTC,
    NOW,
    Reply,
    StubVenue,
    envelope,
    gateway,
    instrument,
    listed,
    order,
    position,
    risk_limits,
    stop,
    ticker,
    wallet,
)

D = Decimal
ETH = "ETH/USDT:USDT"
ORDERS, MARKETS, TIERS = "/v5/order/realtime", "/v5/market/instruments-info", "/v5/market/risk-limit"
STATS = MarketStats("BTC", {}, {}, {}, NOW)
RULES = """version: 1
rules:
  - name: room
    metric: position.liquidation_distance
    min: 60%
    restore: 65%
    do: [trim]
"""


def found(shot: Snapshot) -> dict[str, State]:
    """States of the rule by symbol, decided as the guard decides."""
    facts = Facts(Remembered(RulesMemory(), None, {}), Usage(0, D(0), D(0)), {})
    terms = GuardTerms(Caps(), ProtectionTerms(), max_age_seconds=10.0)
    given = decision_input(shot, STATS, facts, Flows(), terms, NOW)
    made = decide(given, load_rules_text(RULES, "test"))
    return {str(one.target.symbol): one.state for one in made.evaluation.findings}


def two(broken: dict[str, object], venue: StubVenue) -> None:
    venue.holds(broken, position("ETHUSDT"))


@pytest.mark.parametrize(
    "broken",
    [
        position(markPrice="x", avgPrice=None, leverage=[], unrealisedPnl="?", updatedTime="now"),
        position(tradeMode="?"),
        position(positionIdx="x"),
        position(positionIdx="0.5"),
        position(positionMM={}, liqPrice=True, stopLoss="none?"),
    ],
)
async def test_a_row_with_a_size_and_a_side_is_a_position(
    venue: StubVenue, guarded: CcxtGateway, broken: dict[str, object]
) -> None:
    two(broken, venue)
    shot = await guarded.snapshot()
    assert [(held.symbol, held.side, held.contracts) for held in shot.positions] == [
        (BTC, Side.LONG, D("0.5")),
        (ETH, Side.LONG, D("0.5")),
    ]
    assert found(shot)[ETH] is State.FIRING


async def test_nothing_is_sent_for_a_leg_that_is_not_known(venue: StubVenue, guarded: CcxtGateway) -> None:
    two(position(positionIdx="x"), venue)
    unknown = (await guarded.snapshot()).positions[0].position_index
    trim = OrderRequest("reef-1", BTC, OrderSide.SELL, Side.LONG, unknown, D("0.1"), Style.MARKET, None)
    for request in (trim, StopRequest("reef-2", BTC, Side.LONG, unknown, D(70000))):
        answer = await guarded.submit(request)
        assert answer.verdict is Verdict.REJECTED
        assert "leg" in answer.message
    assert not [sent for sent in venue.sent if sent.method == "POST"]


@pytest.mark.parametrize(
    "listing",
    [
        listed(instrument("BTC", priceFilter=None), instrument("ETH")),
        listed(instrument("BTC", lotSizeFilter={"qtyStep": "0"}), instrument("ETH")),
        listed(instrument("BTC", contractType="Option"), instrument("ETH")),
        listed(instrument("BTC", baseCoin=""), instrument("ETH")),
        listed(instrument("ETH")),
    ],
)
async def test_a_contract_that_cannot_be_read_or_is_gone_stops_no_other(
    venue: StubVenue, guarded: CcxtGateway, listing: Reply
) -> None:
    venue.answers[MARKETS] = lambda sent: (
        envelope({}, code=10001, message="symbol invalid") if "symbol" in sent.query else listing
    )
    two(position(), venue)
    for _ in range(2):
        shot = await guarded.snapshot()
        assert set(shot.markets) == set(shot.tiers) == {ETH}
        states = found(shot)
        assert states.pop(ETH) is State.FIRING
        assert set(states.values()) == {State.UNKNOWN}


@pytest.mark.parametrize(
    "reply", [listed(), listed({"symbol": "BTCUSDT"}), envelope({}, code=10001, message="symbol invalid")]
)
async def test_risk_limits_that_cannot_be_read_stop_no_other(reply: Reply) -> None:
    venue, clock = StubVenue(), VirtualClock(NOW)
    guarded = gateway(venue, clock)
    venue.answers[TIERS] = lambda sent: (
        reply if sent.query["symbol"] == "BTCUSDT" else listed(*risk_limits("ETHUSDT"))
    )
    two(position(), venue)
    for _ in range(3):
        shot = await guarded.snapshot()
    assert (shot.tiers[BTC], len(shot.tiers[ETH])) == ((), 2)
    portfolio = build_portfolio(shot, STATS, venue_terms("bybit"), 0.0005)
    assert list(portfolio.missing) == [f"{BTC}#long"]
    assert len(venue.paths(TIERS)) == 2
    venue.answers[TIERS] = lambda sent: listed(*risk_limits(sent.query["symbol"]))
    clock.advance(61)
    assert len((await guarded.snapshot()).tiers[BTC]) == 2
    await guarded.close()


async def test_risk_limits_that_are_not_answered_are_an_error(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.holds(position())
    venue.set(TIERS, (502, "<html>"))
    with pytest.raises(GatewayError, match="502"):
        await guarded.snapshot()


async def test_a_fee_that_cannot_be_read_leaves_the_list_price(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    two(position(), venue)
    broken = {"symbol": "BTCUSDT", "takerFeeRate": "", "makerFeeRate": "0.1"}
    fee = {"symbol": "ETHUSDT", "takerFeeRate": "0.0004", "makerFeeRate": "0.0001"}
    venue.set("/v5/account/fee-rate", listed(broken, fee))
    markets = (await guarded.snapshot()).markets
    assert (markets[BTC].taker_fee, markets[ETH].taker_fee) == (D("0.00055"), D("0.0004"))


async def test_an_order_with_unclear_levels_rests_and_covers_nothing(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    broken = (
        stop("s-1", triggerBy="Moon"),
        stop("s-2", triggerPrice="low"),
        stop("s-3", price="cheap", createdTime="never"),
    )
    venue.answers[ORDERS] = lambda sent: (
        listed(*broken)
        if sent.query["orderFilter"] == "StopOrder"
        else listed(order(price="cheap", cumExecQty="?"))
    )
    shot = await guarded.snapshot()
    assert [one.trigger_by == "mark" for one in shot.stops] == [False] * 3
    (resting,) = shot.orders
    assert (resting.kind, resting.price, resting.remaining) == (OrderKind.LIMIT, None, D("0.2"))


HEALTHY: dict[str, Any] = {"totalMarginBalance": "20000", "totalMaintenanceMargin": "500"}
NEAR: dict[str, Any] = {"totalMarginBalance": "20000", "totalMaintenanceMargin": "16000"}
UNTOLD: dict[str, Any] = {"totalMarginBalance": "", "totalMaintenanceMargin": "500"}


@pytest.mark.parametrize(
    ("side", "price", "account", "believed"),
    [
        ("Buy", "61000.5", HEALTHY, True),
        ("Buy", "", HEALTHY, False),
        ("Buy", "0", HEALTHY, False),
        ("Buy", "NaN", HEALTHY, False),
        ("Buy", "101000", HEALTHY, False),
        ("Buy", "101000", NEAR, True),
        ("Buy", "101000", UNTOLD, True),
        ("Sell", "139000", HEALTHY, True),
        ("Sell", "99000", HEALTHY, False),
        ("Sell", "99000", NEAR, True),
        ("Sell", "9999999", HEALTHY, True),
        ("Sell", "16900000", HEALTHY, False),
        ("Sell", "16900000", NEAR, False),
        ("Sell", "99999999", UNTOLD, False),
    ],
)
async def test_a_liquidation_price_that_cannot_be_is_unknown_and_ours_stands_in(
    venue: StubVenue,
    guarded: CcxtGateway,
    side: str,
    price: str,
    account: dict[str, Any],
    believed: bool,
) -> None:
    venue.holds(position(side=side, size="2", liqPrice=price, positionMM="1000"))
    venue.set("/v5/account/wallet-balance", listed(wallet(**account)))
    shot = await guarded.snapshot()
    (held,) = shot.positions
    if believed:
        assert held.liquidation_price == D(price)
        return
    assert isinstance(held.liquidation_price, Unknown)
    assert "liqPrice" in held.liquidation_price.reason
    (holding,) = build_portfolio(shot, STATS, venue_terms("bybit"), 0.0005).holdings
    if account is UNTOLD:
        assert isinstance(holding.liquidation_price, Unknown)
    else:
        assert isinstance(holding.liquidation_price, float)
        assert abs(holding.liquidation_price / 100_000 - 1) < 0.2
        assert found(shot)[BTC] is State.FIRING


@pytest.mark.parametrize(
    ("changes", "believed"),
    [
        ({"positionBalance": "5000"}, False),
        ({"positionBalance": "300", "unrealisedPnl": "10"}, True),
        ({"positionBalance": ""}, True),
        ({"positionBalance": "5000", "unrealisedPnl": ""}, True),
        ({"positionBalance": "5000", "positionMM": ""}, True),
    ],
)
async def test_an_isolated_position_is_judged_by_its_own_margin(
    venue: StubVenue, guarded: CcxtGateway, changes: dict[str, Any], believed: bool
) -> None:
    venue.set("/v5/account/info", envelope({"marginMode": "ISOLATED_MARGIN"}))
    venue.holds(position(liqPrice="101000", **changes))
    (held,) = (await guarded.snapshot()).positions
    assert isinstance(held.liquidation_price, Decimal) is believed


async def test_without_a_ticker_the_positions_own_mark_counts(venue: StubVenue, guarded: CcxtGateway) -> None:
    two(position(), venue)
    venue.set("/v5/market/tickers", listed(ticker("ETHUSDT")))
    shot = await guarded.snapshot()
    assert set(shot.marks) == {ETH}
    assert not build_portfolio(shot, STATS, venue_terms("bybit"), 0.0005).missing
