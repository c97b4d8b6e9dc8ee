"""What an order must satisfy before it is accepted. Each check raises `EngineRefusal` and changes nothing."""

from decimal import Decimal

from bot.sandbox.engine import margin
from bot.sandbox.engine.accounts import Account, PositionState
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.positions import closing_qty
from bot.sandbox.engine.types import (
    EngineRefusal,
    Leg,
    MarginMode,
    Order,
    OrderKind,
    OrderRequest,
    Reason,
    Side,
    StopKind,
    TriggerBy,
    TriggerDirection,
)


def check_price(instrument: Instrument | OptionContract, price: Decimal, name: str = "price") -> None:
    """A price is finite, positive and on the tick."""
    if not price.is_finite() or price <= 0:
        raise EngineRefusal(Reason.INVALID_VALUE, f"{name} {price} must be a positive number")
    if price % instrument.tick:
        raise EngineRefusal(
            Reason.PRICE_NOT_A_TICK,
            f"{name} {price} of {instrument.symbol} is no multiple of {instrument.tick}",
        )


def check_qty(
    instrument: Instrument | OptionContract, qty: Decimal, kind: OrderKind, *, whole_close: bool = False
) -> None:
    """A quantity is finite, on the step and within the limits of its kind of order.

    A `whole_close` is held to the largest quantity only.
    """
    if not qty.is_finite() or qty <= 0:
        raise EngineRefusal(Reason.INVALID_VALUE, f"quantity {qty} must be a positive number")
    if qty % instrument.qty_step and not whole_close:
        raise EngineRefusal(
            Reason.QTY_NOT_A_STEP,
            f"quantity {qty} of {instrument.symbol} is no multiple of {instrument.qty_step}",
        )
    if qty < instrument.min_qty and not whole_close:
        raise EngineRefusal(
            Reason.QTY_BELOW_MINIMUM, f"quantity {qty} of {instrument.symbol} is below {instrument.min_qty}"
        )
    most = instrument.max_market_qty if kind is OrderKind.MARKET else instrument.max_qty
    if qty > most:
        raise EngineRefusal(
            Reason.QTY_ABOVE_MAXIMUM, f"{kind.value} quantity {qty} of {instrument.symbol} is above {most}"
        )


def check_limit_price(core: Core, market: Market, side: Side, price: Decimal) -> None:
    """A limit price is valid and inside the band of the market or the venue, where there is one."""
    check_price(market.instrument, price)
    band = core.terms.limit_price_band if market.limit_band is None else market.limit_band
    if band is None:
        return
    limit = market.mark * (1 + side.sign * band)
    if side.sign * (price - limit) > 0:
        raise EngineRefusal(
            Reason.PRICE_OUT_OF_BAND, f"price {price} crosses the mark {market.mark} by more than {band:%}"
        )


def check_notional(market: Market, qty: Decimal, price: Decimal | None) -> None:
    """An order that may open is worth the minimum notional."""
    value = market.instrument.notional(qty, market.mark if price is None else price)
    if value < market.instrument.min_notional:
        raise EngineRefusal(
            Reason.NOTIONAL_BELOW_MINIMUM,
            f"{qty} {market.symbol} is worth {value}, below {market.instrument.min_notional}",
        )


def check_reduction(
    core: Core, account: Account, market: Market, request: OrderRequest, qty: Decimal
) -> None:
    """An order that can only reduce is worth the minimum notional, where the venue does not exempt it."""
    state = account.state(market.instrument, request.leg)
    if not core.terms.reduce_only_notional_exempt and not _is_whole_close(core, state, request.side, qty):
        check_notional(market, qty, request.price if request.kind is OrderKind.LIMIT else None)


def check_order_qty(core: Core, account: Account, market: Market, request: OrderRequest) -> None:
    """As `check_qty`; the close of a whole position may be off the step, where the venue's terms say so."""
    state = account.state(market.instrument, request.leg)
    whole = can_only_reduce(request) and _is_whole_close(core, state, request.side, request.qty)
    check_qty(market.instrument, request.qty, request.kind, whole_close=whole)


def _is_whole_close(core: Core, state: PositionState, side: Side, qty: Decimal) -> bool:
    return core.terms.whole_close_exempt and qty == closing_qty(state, side, abs(state.qty))


def check_listed(market: Market) -> None:
    """The market can be traded."""
    if market.delisted:
        raise EngineRefusal(Reason.DELISTED, f"{market.symbol} is delisted: nobody can trade it any more")


def check_client_id(account: Account, client_id: str) -> None:
    """A client id was never used by the account."""
    if client_id and client_id in account.client_ids:
        raise EngineRefusal(
            Reason.DUPLICATE_CLIENT_ID,
            f"client id {client_id!r} was used for order {account.client_ids[client_id]}; take a new one",
        )


def trigger_direction(market: Market, request: OrderRequest) -> TriggerDirection:
    """The direction of a conditional order, refused where it would fire at once."""
    trigger = request.trigger_price
    if trigger is None:
        raise EngineRefusal(Reason.INVALID_VALUE, "a conditional order needs a trigger price")
    check_price(market.instrument, trigger, "trigger price")
    watched = market.watched(request.trigger_by)
    direction = request.trigger_direction
    if direction is None:
        direction = TriggerDirection.RISE if trigger > watched else TriggerDirection.FALL
    if fires(direction, trigger, watched):
        raise EngineRefusal(
            Reason.IMMEDIATE_TRIGGER,
            f"{request.trigger_by.value} {watched} is past the trigger {trigger} ({direction.name}) already",
        )
    return direction


def fires(direction: TriggerDirection, trigger: Decimal, watched: Decimal) -> bool:
    """Whether a watched price has reached a trigger."""
    return watched >= trigger if direction is TriggerDirection.RISE else watched <= trigger


def closes_leg(leg: Leg, side: Side) -> bool:
    """Whether an order can only close its leg: selling the long one, buying the short one."""
    return (leg is Leg.LONG and side is Side.SELL) or (leg is Leg.SHORT and side is Side.BUY)


def can_only_reduce(request: OrderRequest) -> bool:
    """Whether a request can never open or enlarge a position."""
    return request.reduce_only or request.close_on_trigger or closes_leg(request.leg, request.side)


def reducible_qty(account: Account, market: Market, leg: Leg, side: Side, qty: Decimal) -> Decimal:
    """The part of a reduce-only quantity that the position allows; refused where that is nothing."""
    state = account.state(market.instrument, leg)
    if not state.qty:
        raise EngineRefusal(Reason.POSITION_FLAT, f"{market.symbol} {leg.name} has no position to reduce")
    clipped = closing_qty(state, side, qty)
    if not clipped:
        raise EngineRefusal(
            Reason.REDUCE_ONLY_REJECTED,
            f"a reduce-only {side.value} would increase the {market.symbol} position of {state.qty}",
        )
    return clipped


def check_covered(account: Account, order: Order, qty: Decimal) -> None:
    """Resting reduce-only orders leave room for one more of `qty`, on an account whose orders are counted.

    Orders attached to the position do not count, nor does `order` itself (when amending); one that waits for
    a trigger is not refused, but counts for the next.
    """
    if not account.counts_reduce_only:
        return
    resting = sum(
        (
            one.leaves_qty
            for one in account.orders.values()
            if one.reduce_only
            and (one.symbol, one.leg, one.side) == (order.symbol, order.leg, order.side)
            and one.stop_kind in {StopKind.NONE, StopKind.CONDITIONAL}
            and one.order_id != order.order_id
        ),
        Decimal(0),
    )
    state = account.held.get((order.symbol, order.leg))
    size = abs(state.qty) if state else Decimal(0)
    if resting and resting + qty > size:
        raise EngineRefusal(
            Reason.REDUCE_ONLY_COVERED,
            f"open reduce-only orders over {resting} and this one over {qty} exceed the {order.symbol} "
            f"position of {size}; cancel or shrink them first",
        )


def check_margin(
    core: Core, account: Account, order: Order, qty: Decimal, price: Decimal | None, replaced: str = ""
) -> None:
    """The account can carry the part of `qty` that would open.

    Initial margin, fee to open and the risk limit.

    `replaced` is the id of the order that this one takes the place of (when amending).
    """
    market = core.markets[order.symbol]
    if market.instrument.inverse and account.margin_mode(order.symbol) is MarginMode.ISOLATED:
        raise EngineRefusal(
            Reason.INVALID_VALUE, "inverse contracts in isolated margin are not offered: use cross margin"
        )
    if price is None:
        price = market.round_price(market.book.mid * (1 + order.side.sign * market.book.half_spread))
    candidate = margin.Candidate(order.symbol, order.leg, order.side, qty, price)
    opening = qty - closing_qty(account.state(market.instrument, order.leg), order.side, qty)
    if opening <= 0:
        return
    added = margin.margin_with(core, account, candidate, replaced) - margin.order_margin(core, account)
    worth = margin.rate(core, account, market.instrument)
    fee = market.instrument.value(opening, price) * account.fee_rate(market.instrument, maker=False) * worth
    free = margin.figures(core, account).free
    if added > 0 and added + fee > free:
        raise EngineRefusal(
            Reason.INSUFFICIENT_MARGIN,
            f"{order.side.value} {qty} {order.symbol} needs {added + fee:.8f} {account.settle_coin}, "
            f"of which {max(free, Decimal(0)):.8f} is available",
        )
    held = account.state(market.instrument, order.leg)
    same_side = abs(held.qty) if order.side is held.side else Decimal(0)
    value, cap = market.instrument.value(same_side + opening, market.mark), market.instrument.tiers[-1].cap
    if value > cap:
        raise EngineRefusal(
            Reason.RISK_LIMIT_EXCEEDED, f"the {order.symbol} position would be worth {value:.2f}, above {cap}"
        )


def check_stop_side(market: Market, is_long: bool, price: Decimal, by: TriggerBy, *, is_loss: bool) -> None:
    """A stop loss stands on the losing side of the watched price, a take profit on the other."""
    watched = market.watched(by)
    if (price < watched) is not (is_long is is_loss) or price == watched:
        name, place = ("stop loss", "below") if is_loss else ("take profit", "above")
        if not is_long:
            place = "above" if is_loss else "below"
        raise EngineRefusal(
            Reason.STOP_ON_WRONG_SIDE,
            f"the {name} {price} of a {'long' if is_long else 'short'} must be {place} "
            f"the {by.value} price {watched}",
        )
