"""Bybit v5: margin, leverage, transfers and conversions onto the wire, and the evidence about them.

Field meanings: docs/v5/position/manual-add-margin, docs/v5/position/leverage,
docs/v5/asset/transfer/create-inter-transfer and inter-transfer-list, docs/v5/order/create-order (spot).

Neither margin nor leverage has an id of ours: what the position shows is their proof. A transfer has one, a
UUID that the venue takes once; a conversion is a spot order with its orderLinkId.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from bot.exchange.failures import MalformedDataError, NotSentError
from bot.exchange.parts import Wire
from bot.exchange.reading import Call, Reads
from bot.exchange.values import Row, moment, optional, plain, required, text
from bot.exchange.venues import bybit_calls as calls
from bot.exchange.venues.bybit_orders import LEGS, parse_fills, parse_report, report_from_fills
from bot.model import (
    ConvertRequest,
    LeverageRequest,
    MarginRequest,
    Market,
    OrderReport,
    OrderStatus,
    PositionMove,
    SpotMarket,
    TransferRequest,
    Verdict,
    WalletMove,
)

ZERO = Decimal(0)
CENT = Decimal("0.01")

TRANSFER_STATES = {
    "SUCCESS": OrderStatus.FILLED,
    "PENDING": OrderStatus.OPEN,
    "STATUS_UNKNOWN": OrderStatus.OPEN,
    "FAILED": OrderStatus.REJECTED,
}

_REJECTED = (
    "10005 131203 131207 131208 131210 131211 131212 131213 131215 131217 131231 131232"
    " 170121 170130 170131 170132 170133 170134 170135 170136 170137 170140 170148 170193 170194"
)
_DUPLICATE = "131214 170141"

CODES = {
    **dict.fromkeys(_REJECTED.split(), Verdict.REJECTED),
    **dict.fromkeys(_DUPLICATE.split(), Verdict.DUPLICATE),
}
"""What the venue's codes prove of a transfer or a conversion, beside the table of all requests.

10005 is among them: a key may trade and not transfer, and that says nothing of its orders. Left out are
131200, 131201 and 131206 (errors of the service): whether money moved is looked up then."""


def transfer_id(client_order_id: str) -> str:
    """Return the venue's id of a transfer: the same for the same intent, always."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"reef:{client_order_id}"))


def position_wire(request: PositionMove, market: Market) -> Wire:
    """Write a request about a position's margin or leverage. Raises NotSentError."""
    common: dict[str, object] = {**calls.category_of(market), "symbol": market.venue_symbol}
    if isinstance(request, LeverageRequest):
        if request.leverage < 1:
            raise NotSentError(f"a leverage of {request.leverage} is below 1")
        leverage = plain(request.leverage)
        return Wire(
            "privatePostV5PositionSetLeverage", {**common, "buyLeverage": leverage, "sellLeverage": leverage}
        )
    if request.position_index not in LEGS:
        raise NotSentError(f"the leg of the position in {request.symbol} is not known")
    if not market.linear:
        raise NotSentError(f"{request.symbol} holds its margin in coins: none can be added in USD")
    _whole_cents("margin", request.amount)
    body = {"margin": plain(request.amount), "positionIdx": request.position_index}
    return Wire("privatePostV5PositionAddMargin", {**common, **body})


def wallet_wire(request: WalletMove) -> Wire:
    """Write a transfer or a conversion. Raises NotSentError."""
    if isinstance(request, TransferRequest):
        _whole_cents("transfer", request.amount)
        body: dict[str, object] = {
            "transferId": transfer_id(request.client_order_id),
            "coin": request.coin,
            "amount": plain(request.amount),
            "fromAccountType": "UNIFIED",
            "toAccountType": "FUND",
        }
        return Wire("privatePostV5AssetTransferInterTransfer", body)
    if request.amount <= 0 or request.price <= 0:
        raise NotSentError(f"selling {request.amount} {request.coin} at {request.price} is no order")
    body = {
        "category": "spot",
        "symbol": _spot_symbol(request),
        "side": "Sell",
        "orderType": "Limit",
        "timeInForce": "IOC",
        "qty": plain(request.amount),
        "price": plain(request.price),
        "orderLinkId": request.client_order_id,
    }
    return Wire("privatePostV5OrderCreate", body)


def _whole_cents(what: str, amount: Decimal) -> None:
    if amount <= 0 or amount % CENT:
        raise NotSentError(f"{what} {amount} is not a positive number of cents")


def _spot_symbol(request: ConvertRequest) -> str:
    return request.coin + request.stable


def move_id_of(request: PositionMove | WalletMove, result: Row) -> str | None:
    """Read the venue's id out of a success, '' where there is none; None where it proves nothing."""
    if isinstance(request, MarginRequest | LeverageRequest):
        return ""
    if isinstance(request, TransferRequest):
        named = text(result, "transferId")
        return named if named == transfer_id(request.client_order_id) else None
    same = result.get("orderLinkId") in (None, "", request.client_order_id)
    return (text(result, "orderId") or None) if same else None


async def find_move(reads: Reads, request: WalletMove) -> tuple[OrderReport | None, datetime]:
    """Look a transfer or a conversion up; None only when every list holds nothing. Raises GatewayError."""
    if isinstance(request, TransferRequest):
        return await _find_transfer(reads, request)
    return await _find_conversion(reads, request)


async def _find_transfer(reads: Reads, request: TransferRequest) -> tuple[OrderReport | None, datetime]:
    wanted = transfer_id(request.client_order_id)
    call = calls.transfers(wanted)
    answer = await reads.rows(call)
    with reads.told(call.method):
        for row in answer.rows:
            if row.get("transferId") == wanted:
                return parse_transfer(row, request), answer.at
    return None, answer.at


def parse_transfer(row: Row, request: TransferRequest) -> OrderReport:
    """Read what became of a transfer. Raises MalformedDataError."""
    status = TRANSFER_STATES.get(text(row, "status"))
    if status is None:
        raise MalformedDataError(f"a transfer of {request.coin} with status {row.get('status')!r}")
    amount = required(row, "amount")
    return OrderReport(
        order_id=text(row, "transferId"),
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        status=status,
        contracts=amount,
        filled=amount if status is OrderStatus.FILLED else ZERO,
        average_price=None,
        fee=ZERO,
        reason="",
        at=moment(row, "timestamp"),
    )


async def _find_conversion(reads: Reads, request: ConvertRequest) -> tuple[OrderReport | None, datetime]:
    symbol, wanted = _spot_symbol(request), request.client_order_id
    for call in calls.spot_order_lists(symbol, wanted):
        rows, at = await _named(reads, call, wanted)
        with reads.told(call.method):
            if rows:
                return parse_report(rows[0], request.symbol), at
    call = calls.spot_executions_of(symbol, wanted)
    rows, at = await _named(reads, call, wanted)
    with reads.told(call.method):
        fills = parse_fills(rows, request.symbol)
        return (report_from_fills(fills, rows) if fills else None), at


async def _named(reads: Reads, call: Call, client_order_id: str) -> tuple[list[Row], datetime]:
    answer = await reads.rows(call)
    return [row for row in answer.rows if row.get("orderLinkId") == client_order_id], answer.at


async def read_spot(reads: Reads, coin: str, stable: str) -> SpotMarket | None:
    """Read where a coin may be sold for a stablecoin; None where it trades nowhere. Raises GatewayError."""
    call = calls.spot_market(coin + stable)
    answer = await reads.rows(call)
    with reads.told(call.method):
        return parse_spot(answer.rows, coin, stable)


def parse_spot(rows: Iterable[Row], coin: str, stable: str) -> SpotMarket | None:
    """Read one spot market; None where it is not among the rows, or does not trade."""
    for row in rows:
        lots, prices = row.get("lotSizeFilter"), row.get("priceFilter")
        if row.get("symbol") != coin + stable or text(row, "status") != "Trading":
            continue
        if not isinstance(lots, dict) or not isinstance(prices, dict):
            raise MalformedDataError(f"the spot market {coin}{stable} states no steps")
        return SpotMarket(
            symbol=f"{coin}/{stable}",
            base=coin,
            quote=stable,
            amount_step=_step(lots, "basePrecision"),
            amount_min=required(lots, "minOrderQty"),
            amount_max=optional(lots, "maxOrderQty"),
            price_step=_step(prices, "tickSize"),
            notional_min=optional(lots, "minOrderAmt") or ZERO,
        )
    return None


def _step(row: Row, key: str) -> Decimal:
    step = required(row, key)
    if step <= 0:
        raise MalformedDataError(f"{key} is {step}")
    return step
