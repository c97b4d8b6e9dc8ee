"""Margin, leverage, transfers and conversions: what leaves, what an answer proves, and the evidence."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bot.exchange.errors import GatewayError
from bot.exchange.failures import MalformedDataError
from bot.exchange.gateway import CcxtGateway
from bot.exchange.spots import worth_selling
from bot.exchange.venues.bybit_codes import verdict_of
from bot.exchange.venues.bybit_moves import parse_spot, transfer_id
from bot.exchange.venues.bybit_parse import parse_balance
from bot.model import (
    ConvertRequest,
    LeverageRequest,
    MarginRequest,
    Move,
    NotFound,
    OrderReport,
    OrderStatus,
    Side,
    TransferRequest,
    Unknown,
    Verdict,
)
from tests.exchange.stub import (
    BTC,
    NOW_MS,
    Reply,
    Sent,
    StubVenue,
    envelope,
    instrument,
    listed,
    order,
    wallet,
)
from tests.exchange.test_answers import ORDER

D = Decimal
MARGIN = MarginRequest("reef-m", BTC, Side.LONG, 0, D("12.50"), D(5000), D(1))
LEVERAGE = LeverageRequest("reef-l", BTC, D(5))
TRANSFER = TransferRequest("reef-t", "USDT", D("250.10"))
CONVERT = ConvertRequest("reef-c", "ETH/USDT", "ETH", "USDT", D("1.5"), D("3980.1"), D(4000))
ADD, SET = "/v5/position/add-margin", "/v5/position/set-leverage"
MOVE, LIST = "/v5/asset/transfer/inter-transfer", "/v5/asset/transfer/query-inter-transfer-list"
CREATE = "/v5/order/create"
FLAT: dict[str, object] = {"totalMaintenanceMargin": "0"}

GOLDEN: list[tuple[Move, str, dict[str, object]]] = [
    (
        MARGIN,
        ADD,
        {"category": "linear", "symbol": "BTCUSDT", "margin": "12.50", "positionIdx": 0},
    ),
    (
        LEVERAGE,
        SET,
        {"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "5", "sellLeverage": "5"},
    ),
    (
        TRANSFER,
        MOVE,
        {
            "transferId": transfer_id("reef-t"),
            "coin": "USDT",
            "amount": "250.10",
            "fromAccountType": "UNIFIED",
            "toAccountType": "FUND",
        },
    ),
    (
        CONVERT,
        CREATE,
        {
            "category": "spot",
            "symbol": "ETHUSDT",
            "side": "Sell",
            "orderType": "Limit",
            "timeInForce": "IOC",
            "qty": "1.5",
            "price": "3980.1",
            "orderLinkId": "reef-c",
        },
    ),
]
PROOFS = {
    ADD: {"symbol": "BTCUSDT"},
    SET: {},
    MOVE: {"transferId": transfer_id("reef-t"), "status": "SUCCESS"},
    CREATE: {"orderId": "o-7", "orderLinkId": "reef-c"},
}


def spot_row(**changes: object) -> dict[str, object]:
    """A spot market as the venue lists it."""
    lots = {"basePrecision": "0.01", "minOrderQty": "0.02", "maxOrderQty": "100", "minOrderAmt": "5"}
    return {
        "symbol": "ETHUSDT",
        "status": "Trading",
        "lotSizeFilter": lots,
        "priceFilter": {"tickSize": "0.1"},
        **changes,
    }


def coins(**worth: str) -> list[dict[str, object]]:
    """Coins of a wallet, each one coin."""
    usdt: dict[str, object] = {"coin": "USDT", "walletBalance": "1000", "usdValue": "1000"}
    others: list[dict[str, object]] = [
        {"coin": name, "walletBalance": "1", "usdValue": usd} for name, usd in worth.items()
    ]
    return [usdt, *others]


@pytest.mark.parametrize(("request_", "path", "body"), GOLDEN)
async def test_what_leaves_is_pinned(
    venue: StubVenue, guarded: CcxtGateway, request_: Move, path: str, body: dict[str, object]
) -> None:
    venue.set(path, envelope(PROOFS[path]))
    answer = await guarded.submit(request_)
    (sent,) = venue.paths(path)
    assert (sent.method, sent.body) == ("POST", body)
    assert answer.verdict is Verdict.ACCEPTED


def test_a_transfer_has_one_uuid_for_ever() -> None:
    assert transfer_id("reef-t") == transfer_id("reef-t") != transfer_id("reef-u")
    assert len(transfer_id("reef-t")) == 36


@pytest.mark.parametrize(
    "wrong",
    [
        replace(MARGIN, amount=D("0.001")),
        replace(MARGIN, amount=D(-5)),
        replace(MARGIN, position_index=-1),
        replace(LEVERAGE, leverage=D("0.5")),
        replace(TRANSFER, amount=D(0)),
        replace(CONVERT, amount=D(0)),
        replace(CONVERT, price=D(0)),
    ],
)
async def test_nonsense_never_leaves(venue: StubVenue, guarded: CcxtGateway, wrong: Move) -> None:
    answer = await guarded.submit(wrong)
    assert (answer.verdict, answer.code) == (Verdict.REJECTED, "not_sent")
    assert [sent.path for sent in venue.sent if sent.method == "POST"] == []


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        (TRANSFER, {"transferId": "another"}),
        (TRANSFER, {}),
        (CONVERT, {"orderId": "", "orderLinkId": "reef-c"}),
        (CONVERT, {"orderId": "o", "orderLinkId": "another"}),
    ],
)
async def test_a_success_that_does_not_name_it_proves_nothing(
    venue: StubVenue, guarded: CcxtGateway, request_: Move, result: dict[str, object]
) -> None:
    venue.set(MOVE if request_ is TRANSFER else CREATE, envelope(result))
    assert (await guarded.submit(request_)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("request_", "code", "verdict"),
    [
        (TRANSFER, "131212", Verdict.REJECTED),
        (TRANSFER, "131214", Verdict.DUPLICATE),
        (TRANSFER, "131200", Verdict.UNKNOWN),
        (TRANSFER, "10005", Verdict.REJECTED),
        (TRANSFER, "10003", Verdict.AUTH),
        (CONVERT, "170131", Verdict.REJECTED),
        (CONVERT, "170141", Verdict.DUPLICATE),
        (CONVERT, "170007", Verdict.UNKNOWN),
        (CONVERT, "10005", Verdict.REJECTED),
        (MARGIN, "110014", Verdict.REJECTED),
        (MARGIN, "10005", Verdict.AUTH),
        (LEVERAGE, "110043", Verdict.NOTHING_TO_DO),
        (LEVERAGE, "110044", Verdict.REJECTED),
        (ORDER, "131212", Verdict.UNKNOWN),
        (ORDER, "10005", Verdict.AUTH),
    ],
)
def test_what_codes_prove(request_: Any, code: str, verdict: Verdict) -> None:
    assert verdict_of(code, "", request_) is verdict


@pytest.mark.parametrize(
    ("status", "found", "filled"),
    [
        ("SUCCESS", OrderStatus.FILLED, "250.1"),
        ("PENDING", OrderStatus.OPEN, "0"),
        ("STATUS_UNKNOWN", OrderStatus.OPEN, "0"),
        ("FAILED", OrderStatus.REJECTED, "0"),
    ],
)
async def test_a_transfer_is_looked_up_by_its_uuid(
    venue: StubVenue, guarded: CcxtGateway, status: str, found: OrderStatus, filled: str
) -> None:
    name = transfer_id("reef-t")
    row = {"transferId": name, "coin": "USDT", "amount": "250.1", "status": status, "timestamp": str(NOW_MS)}
    venue.set(LIST, listed({**row, "transferId": "another"}, row))
    report = await guarded.find_move(TRANSFER)
    assert isinstance(report, OrderReport)
    assert (report.status, report.filled, report.client_order_id) == (found, D(filled), "reef-t")
    assert venue.paths(LIST)[0].query["transferId"] == name
    venue.set(LIST, listed())
    assert isinstance(await guarded.find_move(TRANSFER), NotFound)
    venue.set(LIST, listed({**row, "status": "ODD"}))
    with pytest.raises(GatewayError):
        await guarded.find_move(TRANSFER)


async def test_a_conversion_is_looked_up_like_an_order(venue: StubVenue, guarded: CcxtGateway) -> None:
    assert isinstance(await guarded.find_move(CONVERT), NotFound)
    asked = [sent for sent in venue.sent if sent.query.get("orderLinkId") == "reef-c"]
    assert {sent.query["category"] for sent in asked} == {"spot"}
    assert len(asked) == 4
    row = order(orderLinkId="reef-c", symbol="ETHUSDT", orderStatus="Cancelled", qty="1.5", cumExecQty="0.5")
    venue.set("/v5/order/history", listed({**row, "cumFeeDetail": {"USDT": "2"}}))
    report = await guarded.find_move(CONVERT)
    assert isinstance(report, OrderReport)
    assert (report.status, report.filled, report.fee) == (OrderStatus.CANCELLED, D("0.5"), D(2))
    venue.set("/v5/order/history", listed())
    fill = {
        "symbol": "ETHUSDT",
        "orderLinkId": "reef-c",
        "orderId": "o-7",
        "execId": "e-1",
        "execType": "Trade",
        "side": "Sell",
        "orderQty": "1.5",
        "execQty": "1.5",
        "execPrice": "3990",
        "execFee": "6",
        "execTime": str(NOW_MS),
    }
    venue.set("/v5/execution/list", listed(fill))
    from_fills = await guarded.find_move(CONVERT)
    assert isinstance(from_fills, OrderReport)
    assert (from_fills.status, from_fills.filled) == (OrderStatus.FILLED, D("1.5"))


def instruments(venue: StubVenue, spot: Reply) -> None:
    """Answer for contracts as usual, and for spot markets with `spot`."""

    def answer(sent: Sent) -> Reply:
        if sent.query.get("category") == "spot":
            return spot if sent.query["symbol"] == "ETHUSDT" else listed()
        return listed(instrument("BTC"), instrument("ETH"))

    venue.answers["/v5/market/instruments-info"] = answer


async def test_spot_markets_are_read_one_a_snapshot_and_for_coins_of_worth(
    venue: StubVenue, guarded: CcxtGateway
) -> None:
    instruments(venue, listed(spot_row()))
    venue.set("/v5/account/wallet-balance", listed(wallet(coins=coins(ETH="4000", DUST="9"), **FLAT)))
    first = await guarded.snapshot()
    assert set(first.spots) == {"ETH/USDT"}
    assert first.spots["ETH/USDT"].amount_step == D("0.01")
    assert first.balance.worth["ETH"] == 4000
    await guarded.snapshot()
    await guarded.snapshot()
    asked = [sent for sent in venue.paths("/v5/market/instruments-info") if sent.query["category"] == "spot"]
    assert [sent.query["symbol"] for sent in asked] == ["ETHUSDT", "ETHUSDC"]


@pytest.mark.parametrize(
    "spot", [(503, "no"), TimeoutError(), envelope({}, code=10001), listed({"symbol": "ETHUSDT"}), listed()]
)
async def test_a_spot_market_that_cannot_be_read_stops_no_snapshot(
    venue: StubVenue, guarded: CcxtGateway, spot: Reply
) -> None:
    instruments(venue, spot)
    venue.set("/v5/account/wallet-balance", listed(wallet(coins=coins(ETH="4000"), **FLAT)))
    assert (await guarded.snapshot()).spots == {}


@pytest.mark.parametrize(
    "wrong", [{"lotSizeFilter": {}}, {"priceFilter": None}, {"priceFilter": {"tickSize": "0"}}]
)
def test_a_spot_market_without_steps_is_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(MalformedDataError):
        parse_spot([spot_row(**wrong)], "ETH", "USDT")


def test_only_a_spot_market_that_trades_counts() -> None:
    assert parse_spot([spot_row(status="PreLaunch"), spot_row(symbol="XETHUSDT")], "ETH", "USDT") is None


def test_worth_is_what_the_venue_says() -> None:
    rows = wallet(coins=coins(ETH="4000", BTC="10", DUST="9.99", USDC="500", ODD=""))
    assert worth_selling(parse_balance(rows)) == ["BTC", "ETH"]


def test_in_isolated_margin_mode_the_coins_tell_what_is_free() -> None:
    usdt: dict[str, object] = {
        "coin": "USDT",
        "walletBalance": "1000",
        "totalPositionIM": "300",
        "totalOrderIM": "50",
        "locked": "20",
        "bonus": "5",
    }
    full = {**usdt, "coin": "USDC", "totalPositionIM": "2000"}
    btc: dict[str, object] = {"coin": "BTC", "walletBalance": "3"}
    row = wallet(coins=[usdt, full, btc], totalAvailableBalance="")
    assert parse_balance(row).available == 625
    for key in ("walletBalance", "totalPositionIM", "bonus"):
        odd = wallet(coins=[{**usdt, key: ""}], totalAvailableBalance="")
        assert isinstance(parse_balance(odd).available, Unknown)
    stated = parse_balance(wallet(coins=[usdt], totalAvailableBalance="77")).available
    assert stated == 77
    assert isinstance(parse_balance(wallet(coins=[usdt], totalAvailableBalance="x")).available, Unknown)
