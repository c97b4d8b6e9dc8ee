"""`reef doctor --deep`: a reduce-only order that waits far from mark is placed, read back and cancelled.

It can trade nothing: it may only reduce, it waits at half the price (or twice it), and it is gone again
within seconds. It proves that the key may trade, that the venue takes the order type and that it cancels.
"""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bot.doctor.checks import Check, Grade
from bot.doctor.venue import Patient
from bot.exchange.errors import GatewayError
from bot.model import (
    CancelRequest,
    Market,
    NotFound,
    OrderReport,
    OrderSide,
    OrderStatus,
    Position,
    PositionMode,
    Side,
    Snapshot,
    TriggerRequest,
    Unknown,
    Verdict,
)

NAME = "trial order"
FAR_BELOW, FAR_ABOVE = Decimal("0.5"), Decimal(2)
BY_HAND = "Cancel it by hand at the venue: {order}."


async def probe(gateway: Patient, snapshot: Snapshot, symbol: str, now: datetime) -> Check:
    """Place, read back and cancel one far-away order on the largest position's market, or on `symbol`."""
    try:
        request = await trial(gateway, snapshot, symbol, now)
    except GatewayError as error:
        return Check(gateway.account, NAME, Grade.WRONG, str(error), "Nothing was placed.")
    if isinstance(request, Unknown):
        return Check(gateway.account, NAME, Grade.SKIPPED, request.reason)
    answer = await gateway.submit(request)
    where = f"{request.symbol} at {request.trigger_price:f}"
    if answer.verdict not in (Verdict.ACCEPTED, Verdict.UNKNOWN):
        todo = "Protective stops would be refused too, perhaps: see docs/failure-modes.md, row 29."
        said = f"the venue refused {where}: {answer.verdict.value} {answer.code} {answer.message}"
        return Check(gateway.account, NAME, Grade.WRONG, said, todo)
    return await _withdrawn(gateway, request, where)


async def _withdrawn(gateway: Patient, request: TriggerRequest, where: str) -> Check:
    """Read the order back, cancel it, and see that it is gone."""
    account, by_hand = gateway.account, BY_HAND.format(order=f"{request.client_order_id}, {where}")
    try:
        placed = await gateway.find_order(request.symbol, request.client_order_id)
        if isinstance(placed, NotFound):
            said = f"{where} was sent, and the venue does not list it"
            return Check(account, NAME, Grade.WRONG, said, f"Look at the venue. {by_hand}")
        name = f"{request.client_order_id}c"
        cancelled = await gateway.submit(
            CancelRequest(name, request.symbol, placed.order_id, conditional=True)
        )
        left = await gateway.find_order(request.symbol, request.client_order_id)
    except GatewayError as error:
        return Check(account, NAME, Grade.WRONG, str(error), by_hand)
    if isinstance(left, OrderReport) and left.status is OrderStatus.OPEN:
        said = f"{where} was placed and could not be cancelled: {cancelled.code} {cancelled.message}"
        return Check(account, NAME, Grade.WRONG, said, by_hand)
    return Check(account, NAME, Grade.FINE, f"{where} was placed, read back and cancelled")


async def trial(gateway: Patient, snapshot: Snapshot, symbol: str, now: datetime) -> TriggerRequest | Unknown:
    """Make up the order: the smallest there is, reduce-only, far on the losing side of mark."""
    position = max(snapshot.positions, key=_worth, default=None)
    symbol = position.symbol if position else symbol
    market = await gateway.market(symbol)
    price = await _price(gateway, snapshot, symbol)
    if isinstance(price, Unknown):
        return price
    side = position.side if position else Side.LONG
    falling = side is Side.LONG
    trigger = _rounded(price * (FAR_BELOW if falling else FAR_ABOVE), market.price_step, falling=falling)
    hedge = snapshot.position_mode is PositionMode.HEDGE
    return TriggerRequest(
        client_order_id=f"trial{now:%Y%m%d%H%M%S}",
        symbol=symbol,
        side=OrderSide.SELL if falling else OrderSide.BUY,
        position_index=position.position_index if position else int(hedge),
        contracts=_least(market, trigger),
        trigger_price=trigger,
        falling=falling,
    )


def _worth(position: Position) -> Decimal:
    worth = position.size
    return worth if worth.is_finite() else Decimal(0)


async def _price(gateway: Patient, snapshot: Snapshot, symbol: str) -> Decimal | Unknown:
    mark = snapshot.marks.get(symbol)
    if mark is not None and isinstance(mark.mark, Decimal):
        return mark.mark
    candles = await gateway.candles(symbol, "1m", 1)
    return candles[-1].close if candles else Unknown(f"there is no price of {symbol}")


def _rounded(price: Decimal, step: Decimal, *, falling: bool) -> Decimal:
    return (price / step).to_integral_value(ROUND_FLOOR if falling else ROUND_CEILING) * step


def _least(market: Market, price: Decimal) -> Decimal:
    """Return the fewest contracts that the market takes at a price."""
    wanted = max(market.amount_min, market.notional_min / market.notional(Decimal(1), price))
    return (wanted / market.amount_step).to_integral_value(ROUND_CEILING) * market.amount_step
