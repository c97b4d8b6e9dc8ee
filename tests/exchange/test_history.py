"""Orders looked up, executions, transfers and candles out of canned answers."""

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.exchange.errors import GatewayError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.values import from_milliseconds, to_milliseconds
from bot.model import NotFound, OrderReport, OrderSide, OrderStatus, Verdict
from tests.exchange.stub import (
    BTC,
    NOW,
    NOW_MS,
    Answerer,
    Reply,
    Sent,
    StubVenue,
    envelope,
    execution,
    listed,
    order,
)

D = Decimal
REALTIME, HISTORY, EXECUTIONS = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"
LOG, KLINE, INDEX = "/v5/account/transaction-log", "/v5/market/kline", "/v5/market/index-price-kline"
MINE = "link-o-1"


def paged(*pages: list[dict[str, object]]) -> Answerer:
    def answer(sent: Sent) -> Reply:
        number = int(sent.query.get("cursor", 0))
        following = str(number + 1) if number + 1 < len(pages) else ""
        return listed(*pages[number], cursor=following)

    return answer


async def test_found_among_open_orders(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(REALTIME, listed(order("o-9"), order("o-1", cumFeeDetail={"USDT": "1.5", "USDC": "0.5"})))
    report = await guarded.find_order(BTC, MINE)
    assert isinstance(report, OrderReport)
    assert (report.order_id, report.client_order_id, report.status) == ("o-1", MINE, OrderStatus.OPEN)
    assert (report.contracts, report.filled, report.average_price) == (D("0.2"), D("0.05"), D(90000))
    assert (report.fee, report.reason, report.at) == (D(2), "", from_milliseconds(NOW_MS - 4000))
    assert venue.paths(REALTIME)[0].query == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderLinkId": MINE,
    }
    assert not venue.paths(HISTORY)


async def test_found_among_orders_closed_a_moment_ago(venue: StubVenue, guarded: CcxtGateway) -> None:
    gone = order(
        orderStatus="Cancelled", cancelType="CancelByUser", cumExecFee="", cumExecQty="0", avgPrice=""
    )
    venue.answers[REALTIME] = lambda sent: listed(gone) if sent.query.get("openOnly") == "1" else listed()
    report = await guarded.find_order(BTC, MINE)
    assert isinstance(report, OrderReport)
    assert (report.status, report.reason) == (OrderStatus.CANCELLED, "CancelByUser")
    assert (report.fee, report.average_price) == (D(0), None)


async def test_found_in_history(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(HISTORY, listed(order(orderStatus="Rejected", rejectReason="EC_NoImmediateQtyToFill")))
    report = await guarded.find_order(BTC, MINE)
    assert isinstance(report, OrderReport)
    assert (report.status, report.reason) == (OrderStatus.REJECTED, "EC_NoImmediateQtyToFill")


@pytest.mark.parametrize(("second", "status"), [("0.3", OrderStatus.FILLED), ("0.1", OrderStatus.OPEN)])
async def test_found_by_executions_alone(
    venue: StubVenue, guarded: CcxtGateway, second: str, status: OrderStatus
) -> None:
    later = execution("e-2", execQty=second, execPrice="98000", execTime=str(NOW_MS))
    other = execution("e-3", orderLinkId="another")
    venue.set(EXECUTIONS, listed(later, execution(), execution(), other))
    report = await guarded.find_order(BTC, MINE)
    assert isinstance(report, OrderReport)
    assert (report.status, report.contracts, report.filled) == (status, D("0.5"), D("0.2") + D(second))
    assert report.average_price is not None
    assert D(98000) < report.average_price < D(99000)
    assert report.at == from_milliseconds(NOW_MS)


async def test_not_found_needs_every_list(venue: StubVenue, guarded: CcxtGateway) -> None:
    assert await guarded.find_order(BTC, MINE) == NotFound(MINE, NOW)
    assert [len(venue.paths(path)) for path in (REALTIME, HISTORY, EXECUTIONS)] == [2, 1, 1]


@pytest.mark.parametrize("path", [REALTIME, HISTORY, EXECUTIONS])
@pytest.mark.parametrize("reply", [(200, "null"), (504, ""), envelope({}, code=10016), TimeoutError()])
async def test_a_list_that_fails_is_no_absence(
    venue: StubVenue, guarded: CcxtGateway, path: str, reply: Reply
) -> None:
    venue.set(path, reply)
    with pytest.raises(GatewayError):
        await guarded.find_order(BTC, MINE)


@pytest.mark.parametrize(
    "row", [order(orderStatus="Dreaming"), order(cumExecQty=""), order(cumExecFee="", cumFeeDetail={})]
)
async def test_a_malformed_report_is_an_error(
    venue: StubVenue, guarded: CcxtGateway, row: dict[str, object]
) -> None:
    venue.set(REALTIME, listed(row))
    with pytest.raises(GatewayError, match="MalformedDataError"):
        await guarded.find_order(BTC, MINE)


async def test_fills_come_once_in_order_and_without_funding(venue: StubVenue, guarded: CcxtGateway) -> None:
    last = execution("e-9", execTime=str(NOW_MS), execType="BustTrade", side="Buy")
    funding = execution("e-5", execType="Funding")
    venue.answers[EXECUTIONS] = paged([last, execution()], [execution(), funding])
    first, second = await guarded.fills(BTC, NOW - timedelta(hours=1))
    assert (first.fill_id, second.fill_id) == ("e-1", "e-9")
    assert (first.contracts, first.price, first.fee) == (D("0.2"), D(99000), D("10.89"))
    assert (first.side, first.liquidation) == (OrderSide.SELL, False)
    assert (second.side, second.liquidation) == (OrderSide.BUY, True)
    asked = venue.paths(EXECUTIONS)[0].query
    assert asked["startTime"] == str(NOW_MS - 3_600_000)
    assert asked["endTime"] == str(NOW_MS + 60_000)


@pytest.mark.parametrize(
    ("row", "kind", "closed"),
    [
        ({"closedSize": "0.2"}, "trade", D("0.2")),
        ({"closedSize": "0", "stopOrderType": "StopLoss"}, "stop loss", D(0)),
        ({"closedSize": "", "stopOrderType": "UNKNOWN"}, "trade", None),
        ({"execType": "AdlTrade", "stopOrderType": "StopLoss"}, "ADL", None),
        ({"execType": "BustTrade", "closedSize": "0.1"}, "liquidation", D("0.1")),
    ],
)
async def test_a_fill_says_what_made_it_and_what_it_closed(
    venue: StubVenue, guarded: CcxtGateway, row: dict[str, str], kind: str, closed: D | None
) -> None:
    venue.set(EXECUTIONS, listed(execution(**row)))
    (fill,) = await guarded.fills(BTC, NOW - timedelta(hours=1))
    assert (fill.kind, fill.closed) == (kind, closed)


async def test_long_ranges_are_asked_week_by_week(venue: StubVenue, guarded: CcxtGateway) -> None:
    await guarded.fills(BTC, NOW - timedelta(days=15))
    asked = [(int(sent.query["startTime"]), int(sent.query["endTime"])) for sent in venue.paths(EXECUTIONS)]
    assert len(asked) == 3
    assert asked[0][0] == to_milliseconds(NOW - timedelta(days=15))
    assert asked[-1][1] == NOW_MS + 60_000
    assert all(left[1] == right[0] for left, right in itertools.pairwise(asked))
    assert all(end - start <= 7 * 86_400_000 for start, end in asked)


def moved(row_id: str, change: str, at: int = NOW_MS - 10, **changes: object) -> dict[str, object]:
    return {"id": row_id, "currency": "USDT", "change": change, "transactionTime": str(at), **changes}


async def test_the_wallets_log_values_transfers_in_dollars(venue: StubVenue, guarded: CcxtGateway) -> None:
    rows = (
        moved("t-1", "1000.5", type="TRANSFER_IN"),
        moved("t-3", "0.5", type="TRANSFER_IN", currency="BTC", at=NOW_MS - 5),
        moved("t-2", "", type="TRANSFER_OUT", at=NOW_MS - 20, cashFlow="-200"),
        moved("t-4", "-3.25", type="TRADE", at=NOW_MS - 1),
    )
    venue.set(LOG, listed(*rows))
    venue.set(INDEX, envelope({"list": [[str(NOW_MS), "1", "1", "1", "90000"]]}))
    changes = await guarded.wallet_changes(NOW - timedelta(days=1))
    assert [(item.change_id, item.coin, item.amount, item.transfer) for item in changes] == [
        ("t-2", "USDT", D(-200), D(-200)),
        ("t-1", "USDT", D("1000.5"), D("1000.5")),
        ("t-3", "BTC", D("0.5"), D(45000)),
        ("t-4", "USDT", D("-3.25"), None),
    ]
    assert venue.paths(INDEX)[0].query["symbol"] == "BTCUSDT"


async def test_a_transfer_without_a_price_is_an_error(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.set(LOG, listed(moved("t-1", "3", type="TRANSFER_IN", currency="ZZZ")))
    venue.set(INDEX, envelope({"list": []}))
    with pytest.raises(GatewayError, match="no price of ZZZ"):
        await guarded.wallet_changes(NOW - timedelta(days=1))


async def test_the_wallets_log_follows_the_cursor(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.answers[LOG] = paged([moved("t-1", "1")], [moved("t-2", "2")])
    assert len(await guarded.wallet_changes(NOW - timedelta(days=1))) == 2


def candle(minute: int) -> list[str]:
    return [str(minute * 60_000), "10", "12", "9", "11", "5.5", "60"]


def kline(sent: Sent) -> Reply:
    newest = min(int(sent.query.get("end", 3_000_000_000)) // 60_000, 2500)
    oldest = max(newest - int(sent.query["limit"]) + 1, 1)
    return envelope({"list": [candle(minute) for minute in range(newest, oldest - 1, -1)]})


async def test_candles_are_oldest_first_over_several_pages(venue: StubVenue, guarded: CcxtGateway) -> None:
    venue.answers[KLINE] = kline
    candles = await guarded.candles(BTC, "1m", 2200)
    assert len(candles) == 2200
    assert candles[-1].at == from_milliseconds(2500 * 60_000)
    assert all(right.at - left.at == timedelta(minutes=1) for left, right in itertools.pairwise(candles))
    assert (candles[0].open, candles[0].high, candles[0].low, candles[0].close) == (D(10), D(12), D(9), D(11))
    assert candles[0].volume == D("5.5")
    assert len(venue.paths(KLINE)) == 3
    assert len(await guarded.candles(BTC, "1m", 9000)) == 2500


@pytest.mark.parametrize(("timeframe", "limit"), [("7m", 10), ("1m", 0)])
async def test_impossible_candles_are_refused(guarded: CcxtGateway, timeframe: str, limit: int) -> None:
    with pytest.raises(GatewayError) as caught:
        await guarded.candles(BTC, timeframe, limit)
    assert caught.value.verdict is Verdict.REJECTED


@pytest.mark.parametrize("rows", ["many", ["x"], [["1"]], [["1", "a", "1", "1", "1", "1"]]])
async def test_malformed_candles_are_an_error(venue: StubVenue, guarded: CcxtGateway, rows: object) -> None:
    venue.set(KLINE, envelope({"list": rows}))
    with pytest.raises(GatewayError, match="MalformedDataError"):
        await guarded.candles(BTC, "1h", 5)
