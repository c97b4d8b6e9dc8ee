"""Snapshots out of canned answers: exact, complete, or an error."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.values import from_milliseconds
from bot.model import (
    MarginMode,
    OrderKind,
    OrderSide,
    PositionMode,
    Side,
    Unknown,
    cover,
)
from tests.exchange.stub import (
    BTC,
    NOW,
    NOW_MS,
    Reply,
    Sent,
    StubVenue,
    envelope,
    instrument,
    listed,
    market,
    order,
    position,
    stop,
    ticker,
    wallet,
)

D = Decimal
POSITIONS, ORDERS, WALLET = "/v5/position/list", "/v5/order/realtime", "/v5/account/wallet-balance"


async def test_snapshot_holds_every_part_exactly(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position(stopLoss="70000"), at=NOW_MS - 5))
    venue.set(WALLET, listed(wallet(), at=NOW_MS - 4))
    venue.set("/v5/market/tickers", listed(ticker("BTCUSDT"), ticker("ETHUSDT"), at=NOW_MS - 1))
    venue.answers[ORDERS] = lambda sent: (
        listed(stop(), at=NOW_MS - 2)
        if sent.query["orderFilter"] == "StopOrder"
        else listed(order(), at=NOW_MS - 3)
    )

    snapshot = await guarded.snapshot()

    (held,) = snapshot.positions
    assert (held.symbol, held.side, held.contracts, held.contract_size) == (BTC, Side.LONG, D("0.5"), D(1))
    assert (held.entry_price, held.mark_price) == (D("98000.125"), D("100000.25"))
    assert (held.margin_mode, held.isolated_margin, held.leverage) == (MarginMode.CROSS, None, D(10))
    assert (held.unrealised_pnl, held.maintenance_margin) == (D("1000.0625"), D("278.5"))
    assert (held.liquidation_price, held.stop_price) == (D("61000.5"), D(70000))
    assert held.updated_at == from_milliseconds(NOW_MS - 1000)

    assert snapshot.balance.equity == D("20000.5")
    assert snapshot.balance.margin_balance == D("19999.5")
    assert snapshot.balance.maintenance_margin == D("500.25")
    assert (snapshot.balance.wallet, snapshot.balance.available) == (D(19500), D("17999.5"))

    (resting,) = snapshot.orders
    assert (resting.kind, resting.price, resting.remaining) == (OrderKind.LIMIT, D(90000), D("0.15"))
    assert (resting.trigger_price, resting.trigger_by, resting.reduce_only) == (None, "", False)
    (protection,) = snapshot.stops
    assert (protection.kind, protection.side) == (OrderKind.STOP, OrderSide.SELL)
    assert (protection.trigger_price, protection.trigger_by, protection.price) == (D(70000), "mark", None)
    assert protection.attached
    assert protection.reduce_only

    assert set(snapshot.marks) == {BTC}
    mark = snapshot.marks[BTC]
    assert (mark.mark, mark.index, mark.funding_rate) == (D("100000.25"), D("100010.01"), D("-0.0001"))
    assert snapshot.markets == {BTC: market()}
    assert [(tier.floor, tier.maintenance_rate, tier.deduction) for tier in snapshot.tiers[BTC]] == [
        (D(0), D("0.005"), D(0)),
        (D(2000000), D("0.01"), D(10000)),
    ]
    times = snapshot.times
    moments = (times.positions, times.balance, times.orders, times.stops, times.marks)
    assert moments == tuple(from_milliseconds(NOW_MS - back) for back in (5, 4, 3, 2, 1))
    assert (snapshot.taken_at, snapshot.position_mode) == (NOW, PositionMode.ONE_WAY)
    assert (snapshot.account, snapshot.venue, snapshot.network) == ("main", "bybit", "sandbox")
    assert (guarded.account, guarded.venue) == ("main", "bybit")


async def test_a_flat_account_is_a_complete_snapshot(venue: StubVenue, guarded: CcxtGateway) -> None:
    snapshot = await guarded.snapshot()
    assert snapshot.positions == ()
    assert snapshot.orders == ()
    assert snapshot.position_mode is None
    assert snapshot.balance.equity == D("20000.5")


async def test_an_empty_list_beside_unrealised_pnl_is_not_flat(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    venue.set(WALLET, listed(wallet(totalPerpUPL="-12.5")))
    with pytest.raises(GatewayError, match="list of positions is empty"):
        await guarded.snapshot()


@pytest.mark.parametrize(
    "shown",
    [
        wallet(coins=[{"coin": "USDT", "totalPositionIM": "2000"}]),
        wallet(coins=[{"coin": "USDT", "totalPositionMM": "500", "totalPositionIM": ""}]),
        wallet(coins=[{"coin": "USDC", "totalPositionMM": "500"}]),
        wallet(coins=[]),
    ],
)
async def test_an_empty_list_beside_margin_in_use_is_not_flat(
    venue: StubVenue, guarded: CcxtGateway, shown: dict[str, object]
) -> None:
    venue.set(WALLET, listed(shown))
    with pytest.raises(GatewayError, match="margin in use for positions but the list of positions is empty"):
        await guarded.snapshot()


async def test_margin_of_orders_or_loans_is_no_position(venue: StubVenue, guarded: CcxtGateway) -> None:
    usdt: dict[str, object] = {"coin": "USDT", "totalPositionIM": "0", "totalPositionMM": "0"}
    usdt["totalOrderIM"] = "700"
    venue.set(WALLET, listed(wallet(coins=[usdt], totalMaintenanceMargin="3")))
    assert (await guarded.snapshot()).positions == ()


@pytest.mark.parametrize(("margin", "whole"), [("300", True), ("370", True), ("380", False), ("5000", False)])
async def test_a_list_without_most_of_the_margin_is_incomplete(
    venue: StubVenue, guarded: CcxtGateway, margin: str, whole: bool
) -> None:
    venue.set(POSITIONS, listed(position(positionMM="278.5")))
    coins: list[dict[str, object]] = [{"coin": "USDT", "totalPositionMM": margin}, {"coin": "USDC"}]
    venue.set(WALLET, listed(wallet(coins=coins)))
    if whole:
        assert len((await guarded.snapshot()).positions) == 1
        return
    with pytest.raises(GatewayError, match="list of positions is incomplete"):
        await guarded.snapshot()


async def test_isolated_margin_and_hedge_legs(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set("/v5/account/info", envelope({"marginMode": "ISOLATED_MARGIN"}))
    venue.set(WALLET, listed(wallet(totalMarginBalance="", totalMaintenanceMargin="", totalInitialMargin="")))
    legs = (
        position(positionIdx=1),
        position(positionIdx=2, side="Sell", size="0.1", positionBalance="1010.5"),
    )
    venue.set(POSITIONS, listed(*legs))
    snapshot = await guarded.snapshot()
    long, short = snapshot.positions
    assert snapshot.position_mode is PositionMode.HEDGE
    assert (long.margin_mode, long.isolated_margin, long.position_index) == (MarginMode.ISOLATED, D(4900), 1)
    assert (short.side, short.contracts, short.isolated_margin) == (Side.SHORT, D("0.1"), D("1010.5"))
    assert isinstance(snapshot.balance.margin_balance, Unknown)


@pytest.mark.parametrize("nonsense", ["", "0", "0.00", "NaN", "Infinity", "soon", None, True, [], "-1"])
async def test_what_cannot_be_known_is_unknown(
    venue: StubVenue, guarded: CcxtGateway, nonsense: object
) -> None:
    venue.set(POSITIONS, listed(position(markPrice=nonsense, liqPrice=nonsense, positionMM=nonsense)))
    venue.set("/v5/market/tickers", listed(ticker("BTCUSDT", markPrice=nonsense, bid1Price=nonsense)))
    snapshot = await guarded.snapshot()
    held, mark = snapshot.positions[0], snapshot.marks[BTC]
    for value in (held.mark_price, held.liquidation_price, held.maintenance_margin, mark.mark, mark.bid):
        assert isinstance(value, Unknown)
        assert value.reason


@pytest.mark.parametrize(
    "row",
    [
        position(size=""),
        position(size="many"),
        position(side=""),
        position(side="None"),
        position(size="-1"),
        position(symbol=""),
    ],
)
async def test_a_position_without_size_or_side_is_an_error(
    venue: StubVenue, guarded: CcxtGateway, row: dict[str, object]
) -> None:
    venue.set(POSITIONS, listed(row))
    with pytest.raises(GatewayError, match=r"account main: .*MalformedDataError"):
        await guarded.snapshot()


async def test_a_text_for_a_stop_is_unknown(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position(stopLoss="none?")))
    assert isinstance((await guarded.snapshot()).positions[0].stop_price, Unknown)


@dataclass
class Pages:
    """Answers pages of positions by cursor."""

    pages: dict[str, Reply]

    def __call__(self, sent: Sent) -> Reply:
        return self.pages[sent.query.get("cursor", "")]


async def test_pages_are_followed_to_their_end(venue: StubVenue, guarded: CcxtGateway) -> None:
    rows = [instrument(f"C{number:03d}") for number in range(201)]
    venue.set("/v5/market/instruments-info", listed(*rows))
    held = [position(f"C{number:03d}USDT") for number in range(201)]
    twice = position("C199USDT", size="0.7")
    venue.answers[POSITIONS] = Pages(
        {
            "": listed(*held[:200], cursor="C199USDT%2C1"),
            "C199USDT,1": listed(twice, held[200], cursor="C200USDT%2C1"),
            "C200USDT,1": listed(cursor="C200USDT%2C1"),
        }
    )
    snapshot = await guarded.snapshot()
    assert len(snapshot.positions) == 201
    assert snapshot.position("C199/USDT:USDT#long").contracts == D("0.7")  # type: ignore[union-attr]


async def test_a_list_without_an_end_is_refused(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position(), cursor="again"))
    with pytest.raises(GatewayError, match="no end"):
        await guarded.snapshot()


async def test_a_list_that_always_goes_on_is_refused(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.answers[POSITIONS] = lambda _: listed(position(), cursor=f"page-{len(venue.sent)}")
    with pytest.raises(GatewayError, match="passes the bound"):
        await guarded.snapshot()


async def test_another_settle_coin_in_use_is_read_too(venue: StubVenue, guarded: CcxtGateway) -> None:
    usdc = instrument("BTC", symbol="BTCPERP", quoteCoin="USDC", settleCoin="USDC")
    venue.set("/v5/market/instruments-info", listed(instrument("BTC"), usdc))
    venue.set(WALLET, listed(wallet(coins=[{"coin": "USDC", "totalPositionIM": "10"}])))
    venue.answers[POSITIONS] = lambda sent: (
        listed(position("BTCPERP"), at=NOW_MS - 9)
        if sent.query["settleCoin"] == "USDC"
        else listed(position())
    )
    venue.set("/v5/market/tickers", listed(ticker("BTCUSDT"), ticker("BTCPERP")))
    snapshot = await guarded.snapshot()
    assert {held.symbol for held in snapshot.positions} == {BTC, "BTC/USDC:USDC"}
    assert snapshot.times.positions == from_milliseconds(NOW_MS - 9)


async def test_margin_in_a_coin_without_a_position_is_an_error(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    venue.set(WALLET, listed(wallet(coins=[{"coin": "BTC", "totalPositionMM": "0.1"}])))
    with pytest.raises(GatewayError, match="the list of positions is empty"):
        await guarded.snapshot()
    venue.holds(position())
    with pytest.raises(GatewayError, match="positions settled in BTC but the list of them is empty"):
        await guarded.snapshot()


async def test_a_delisted_symbol_is_kept_and_has_no_market(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.answers["/v5/market/instruments-info"] = lambda sent: (
        envelope({}, code=10001, message="symbol invalid")
        if "symbol" in sent.query
        else listed(instrument("BTC"))
    )
    venue.set(POSITIONS, listed(position(), position("GONEUSDT")))
    for _ in range(2):
        snapshot = await guarded.snapshot()
        assert [held.symbol for held in snapshot.positions] == [BTC, "GONEUSDT"]
        assert set(snapshot.markets) == set(snapshot.tiers) == {BTC}
    asked = [sent for sent in venue.paths("/v5/market/instruments-info") if "symbol" in sent.query]
    assert len(asked) == 1


async def test_a_contract_that_closes_is_found_by_name(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.answers["/v5/market/instruments-info"] = lambda sent: (
        listed(instrument("OLD", status="Delivering"))
        if "symbol" in sent.query
        else listed(instrument("BTC"))
    )
    venue.set(POSITIONS, listed(position("OLDUSDT")))
    snapshot = await guarded.snapshot()
    assert not snapshot.markets["OLD/USDT:USDT"].active


async def test_a_broken_list_of_one_contract_is_no_delisting(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.answers["/v5/market/instruments-info"] = lambda sent: (
        (502, "<html>") if "symbol" in sent.query else listed(instrument("BTC"))
    )
    venue.set(POSITIONS, listed(position("OLDUSDT")))
    with pytest.raises(GatewayError, match="502"):
        await guarded.snapshot()


async def test_a_forgotten_market_is_read_anew_once(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position()))
    before = (await guarded.snapshot()).markets[BTC]
    guarded.forget_market("NONE/USDT:USDT")
    guarded.forget_market(BTC)
    coarse = {"maxOrderQty": "1190", "minOrderQty": "0.01", "qtyStep": "0.01", "minNotionalValue": "5"}
    changed = instrument("BTC", lotSizeFilter=coarse)
    one: Reply = (502, "<html>")
    venue.answers["/v5/market/instruments-info"] = lambda sent: one
    assert (await guarded.snapshot()).markets[BTC].amount_step == before.amount_step
    one = listed(changed)
    for _ in range(3):
        after = (await guarded.snapshot()).markets[BTC]
        assert (after.amount_step, after.amount_min) == (Decimal("0.01"), Decimal("0.01"))
    asked = [sent for sent in venue.paths("/v5/market/instruments-info") if "symbol" in sent.query]
    assert [sent.query["symbol"] for sent in asked] == ["BTCUSDT", "BTCUSDT"]


async def test_prices_of_few_symbols_are_asked_one_by_one(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position(), position("ETHUSDT")))
    venue.answers["/v5/market/tickers"] = lambda sent: (
        listed(ticker(sent.query["symbol"]))
        if "symbol" in sent.query
        else listed(ticker("BTCUSDT"), ticker("ETHUSDT"), ticker("SOLUSDT"))
    )
    assert set((await guarded.snapshot()).marks) == {BTC, "ETH/USDT:USDT"}
    venue.sent.clear()
    assert set((await guarded.snapshot()).marks) == {BTC, "ETH/USDT:USDT"}
    assert {sent.query.get("symbol") for sent in venue.paths("/v5/market/tickers")} == {"BTCUSDT", "ETHUSDT"}
    venue.set("/v5/market/instruments-info", listed(*(instrument(base) for base in ("BTC", "ETH", "SOL"))))
    venue.holds(position(), position("SOLUSDT"))
    snapshot = await guarded.snapshot()
    assert set(snapshot.marks) == {BTC, "SOL/USDT:USDT"}


async def test_a_refused_single_price_falls_back_to_all(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(POSITIONS, listed(position()))
    venue.answers["/v5/market/tickers"] = lambda sent: (
        envelope({}, code=10001, message="symbol invalid")
        if "symbol" in sent.query
        else listed(ticker("BTCUSDT"))
    )
    await guarded.snapshot()
    assert set((await guarded.snapshot()).marks) == {BTC}
    venue.answers["/v5/market/tickers"] = lambda sent: TimeoutError()
    with pytest.raises(GatewayError, match="RequestTimeout"):
        await guarded.snapshot()


async def test_an_order_that_stands_in_both_lists_counts_once(venue: StubVenue, guarded: CcxtGateway) -> None:
    triggered = stop(orderStatus="New", triggerBy="MarkPrice")
    venue.set(ORDERS, listed(triggered, order(stopOrderType="")))
    snapshot = await guarded.snapshot()
    assert len(snapshot.orders) == 2
    assert snapshot.stops == ()
    assert {resting.kind for resting in snapshot.orders} == {OrderKind.MARKET, OrderKind.LIMIT}


async def test_a_partial_stop_of_a_position_has_a_size_of_its_own(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    venue.set(POSITIONS, listed(position(stopLoss="70000")))
    venue.set(ORDERS, listed(stop(stopOrderType="PartialStopLoss", qty="0.1")))
    snapshot = await guarded.snapshot()
    (partial,) = snapshot.stops
    assert (partial.stop_loss, partial.attached, partial.reduce_only) == (True, False, True)
    assert "covers 0.1 of" in cover(snapshot.positions[0], snapshot).trouble


async def test_what_is_asked_for_is_shown_although_nothing_names_it(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    venue.set(POSITIONS, listed(position("ETHUSDT")))
    venue.answers["/v5/market/tickers"] = lambda sent: (
        listed(ticker(sent.query["symbol"]))
        if "symbol" in sent.query
        else listed(ticker("BTCUSDT"), ticker("ETHUSDT"))
    )
    guarded.show({BTC, "NONE/USDT:USDT"})
    for _ in range(2):
        shot = await guarded.snapshot()
        assert set(shot.marks) == set(shot.markets) == set(shot.tiers) == {BTC, "ETH/USDT:USDT"}
        assert [one.symbol for one in shot.positions] == ["ETH/USDT:USDT"]
    guarded.show(())
    assert set((await guarded.snapshot()).marks) == {"ETH/USDT:USDT"}
