"""Spot trades of coins that have a perpetual here: at once, at the best price of its book, or not at all."""

from decimal import Decimal
from typing import Any

from bot.sandbox.engine import margin, views
from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.moves import SpotOrder, SpotRequest
from bot.sandbox.engine.types import ZERO, EngineRefusal, LogKind, OrderStatus, Reason, Side

STEP = Decimal("0.000001")
MIN_QTY = Decimal("0.00001")
MIN_VALUE = Decimal(5)
FEE_RATE = Decimal("0.001")


def place(core: Core, account_id: str, request: SpotRequest) -> SpotOrder:
    """Trade (see `Engine.trade_spot`)."""
    account, market = core.account(account_id), core.market(request.symbol)
    if request.client_id and request.client_id in account.spot_ids:
        raise EngineRefusal(
            Reason.DUPLICATE_CLIENT_ID, f"client order id {request.client_id!r} was used before"
        )
    ticker = views.ticker(core, market)
    best = ticker.bid_price if request.side is Side.SELL else ticker.ask_price
    _check(request, market.mark)
    met = best is not None and (request.price is None or (best - request.price) * -request.side.sign >= 0)
    price = best if met and best is not None else ZERO
    value = money(request.qty * price)
    if met:
        _afford(core, account, market.instrument.base, request, value)
        _book(core, account, market.instrument.base, request, price, value)
    order = SpotOrder(
        order_id=core.new_id(),
        execution_id=core.new_id(),
        account_id=account_id,
        request=request,
        status=OrderStatus.FILLED if met else OrderStatus.CANCELLED,
        filled_qty=request.qty if met else ZERO,
        filled_value=value,
        fee=money(value * FEE_RATE),
        price=price,
        time_ms=core.now_ms(),
    )
    account.spot_orders.append(order)
    if request.client_id:
        account.spot_ids.add(request.client_id)
    return order


def _check(request: SpotRequest, mark: Decimal) -> None:
    if not request.qty.is_finite() or request.qty <= 0 or request.qty % STEP:
        raise EngineRefusal(
            Reason.QTY_NOT_A_STEP, f"quantity {request.qty} is no positive multiple of {STEP}"
        )
    if request.qty < MIN_QTY:
        raise EngineRefusal(Reason.QTY_BELOW_MINIMUM, f"quantity {request.qty} is below {MIN_QTY}")
    if request.qty * (request.price or mark) < MIN_VALUE:
        raise EngineRefusal(Reason.NOTIONAL_BELOW_MINIMUM, f"the order is worth less than {MIN_VALUE}")


def _afford(core: Core, account: Account, coin: str, request: SpotRequest, value: Decimal) -> None:
    """Nothing is borrowed: the coin, or the free settle coin, must be there."""
    held = account.wallets.get(coin, ZERO)
    sums = margin.figures(core, account)
    if request.side is Side.BUY:
        held = min(sums.free, sums.balance - sums.isolated_margin)
    needed = request.qty if request.side is Side.SELL else value
    if needed > held:
        raise EngineRefusal(Reason.INSUFFICIENT_BALANCE, f"{needed} are needed, {max(ZERO, held)} are there")


def _book(
    core: Core, account: Account, coin: str, request: SpotRequest, price: Decimal, value: Decimal
) -> None:
    """Move both coins; the synthetic book takes the other side, and the fee is in the settle coin."""
    selling, fee = request.side is Side.SELL, money(value * FEE_RATE)

    def credit(**what: Any) -> None:
        core.credit(
            account,
            LogKind.SPOT,
            symbol=request.symbol,
            side=request.side,
            qty=request.qty,
            price=price,
            client_id=request.client_id,
            **what,
        )

    credit(coin=coin, cash_flow=request.side.sign * request.qty)
    credit(cash_flow=value if selling else -value, fee=fee, fee_rate=FEE_RATE)
    pool = core.pool(account.settle_coin)
    pool.counterparty_cash += -value if selling else value
    pool.fees += fee
    core.pool(coin).counterparty_cash += -request.side.sign * request.qty
