"""The order desk: accepting, amending, cancelling and triggering orders."""

from decimal import Decimal

from msgspec.structs import replace

from bot.sandbox.engine import checks, matching, modes, stops
from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core
from bot.sandbox.engine.drafts import draft
from bot.sandbox.engine.markets import Market
from bot.sandbox.engine.positions import closing_qty
from bot.sandbox.engine.types import (
    CancelCause,
    EngineRefusal,
    Leg,
    Order,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Origin,
    Position,
    PositionMode,
    Reason,
    StopKind,
    TimeInForce,
)
from bot.sandbox.engine.views import position_view


class OrderDesk:
    """Everything that users (and triggers) do with orders."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def place(self, account_id: str, request: OrderRequest, origin: Origin = Origin.USER) -> Order:
        """Check an order, accept it and match it (see `Engine.place`)."""
        core = self._core
        account = core.account(account_id)
        request = core.hooks.request(account_id, request)
        market = core.market(request.symbol)
        checks.check_listed(market)
        if account.opens_opposite and checks.can_only_reduce(request):
            account.require_leg(market.symbol, request.leg)
            return self._place_opposite(account, request, origin)
        return self._place(account, market, request, origin)

    def _place_opposite(self, account: Account, request: OrderRequest, origin: Origin) -> Order:
        # a one-way symbol is turned to hedge mode by the same mistake; a refusal leaves all as it was
        symbol, mode = request.symbol, account.position_mode(request.symbol)
        modes.force(self._core, account, PositionMode.HEDGE, symbol)
        try:
            return self._place(account, self._core.market(symbol), modes.opposite(request), origin)
        except EngineRefusal:
            modes.force(self._core, account, mode, symbol)
            raise

    def _place(self, account: Account, market: Market, request: OrderRequest, origin: Origin) -> Order:
        core = self._core
        order = self._draft(account, market, request, origin)
        if order.status is OrderStatus.NEW:
            self._admit(account, market, order)
        if order.client_id:
            account.client_ids[order.client_id] = order.order_id
        core.save(order)
        if order.status is OrderStatus.UNTRIGGERED:
            return order
        return self._execute(account, order)

    def _draft(self, account: Account, market: Market, request: OrderRequest, origin: Origin) -> Order:
        core, limit = self._core, request.kind is OrderKind.LIMIT
        checks.check_client_id(account, request.client_id)
        account.require_leg(market.symbol, request.leg)
        checks.check_order_qty(core, account, market, request)
        if limit:
            if request.price is None:
                raise EngineRefusal(Reason.INVALID_VALUE, "a limit order needs a price")
            checks.check_limit_price(core, market, request.side, request.price)
        conditional = request.trigger_price is not None
        direction = checks.trigger_direction(market, request) if conditional else None
        reduces = checks.can_only_reduce(request)
        qty = request.qty
        if not reduces:
            checks.check_notional(market, qty, request.price if limit else None)
        else:
            checks.check_reduction(core, account, market, request, qty)
            if not conditional:
                qty = checks.reducible_qty(account, market, request.leg, request.side, qty)
        return draft(
            core,
            account.account_id,
            request,
            qty=qty,
            reduce_only=reduces,
            origin=origin,
            stop_kind=StopKind.CONDITIONAL if conditional else StopKind.NONE,
            direction=direction,
        )

    def _admit(self, account: Account, market: Market, order: Order) -> None:
        if order.reduce_only:
            checks.check_covered(account, order, order.qty)
        else:
            checks.check_margin(self._core, account, order, order.qty, order.price)
        if (
            self._core.terms.refuse_post_only
            and order.time_in_force is TimeInForce.POST_ONLY
            and order.price is not None
            and matching.would_take(market, order.side, order.price)
        ):
            raise EngineRefusal(
                Reason.POST_ONLY_WOULD_TAKE, f"a post-only {order.side.value} at {order.price} would take"
            )

    def _execute(self, account: Account, order: Order) -> Order:
        order = matching.execute(self._core, order)
        request = order.request
        if order.filled_qty and (request.stop_loss or request.take_profit):
            self._attach(account, order)
        return order

    def _attach(self, account: Account, order: Order) -> None:
        request = order.request
        state = account.state(self._core.markets[order.symbol].instrument, order.leg)
        try:
            stops.set_stops(
                self._core,
                account,
                state,
                (request.stop_loss, request.stop_loss_trigger_by),
                (request.take_profit, request.take_profit_trigger_by),
            )
        except EngineRefusal:
            # the order has traded; a stop that does not fit the position any more is left out, as venues do
            return

    def amend(
        self,
        account_id: str,
        order_id: str,
        client_id: str,
        symbol: str,
        qty: Decimal | None,
        price: Decimal | None,
        trigger_price: Decimal | None,
    ) -> Order:
        """Change an open order (see `Engine.amend`)."""
        core = self._core
        account, order = self._open_order(account_id, order_id, client_id, symbol)
        market = core.markets[order.symbol]
        checks.check_listed(market)
        changed = replace(
            order,
            qty=order.qty if qty is None else qty,
            price=order.price if price is None or order.kind is OrderKind.MARKET else price,
            trigger_price=order.trigger_price if trigger_price is None else trigger_price,
            updated_ms=core.now_ms(),
        )
        if (changed.qty, changed.price, changed.trigger_price) == (
            order.qty,
            order.price,
            order.trigger_price,
        ):
            raise EngineRefusal(Reason.NOT_MODIFIED, f"order {order.order_id} already stands as asked")
        changed = self._checked_change(account, market, order, changed)
        core.save(changed)
        if changed.status is OrderStatus.UNTRIGGERED or changed.price == order.price:
            return changed
        return self._execute(account, changed)

    def _checked_change(self, account: Account, market: Market, order: Order, changed: Order) -> Order:
        waiting = order.status is OrderStatus.UNTRIGGERED
        checks.check_qty(market.instrument, changed.qty, changed.kind)
        if changed.qty <= order.filled_qty:
            raise EngineRefusal(
                Reason.INVALID_VALUE, f"quantity {changed.qty} is not above the filled {order.filled_qty}"
            )
        if changed.price is not None:
            checks.check_limit_price(self._core, market, order.side, changed.price)
        if changed.trigger_price != order.trigger_price:
            if not waiting:
                raise EngineRefusal(Reason.TOO_LATE_TO_CHANGE, f"order {order.order_id} was triggered")
            checks.trigger_direction(
                market,
                replace(
                    order.request,
                    trigger_price=changed.trigger_price,
                    trigger_direction=order.trigger_direction,
                    trigger_by=order.trigger_by,
                ),
            )
        leaves = changed.qty - changed.filled_qty
        if order.reduce_only:
            if not waiting:
                leaves = checks.reducible_qty(account, market, order.leg, order.side, leaves)
                checks.check_covered(account, order, leaves)
            return replace(changed, qty=changed.filled_qty + leaves)
        checks.check_notional(market, changed.qty, changed.price)
        if not waiting:
            checks.check_margin(self._core, account, order, leaves, changed.price, order.order_id)
        return changed

    def cancel(self, account_id: str, order_id: str, client_id: str, symbol: str) -> Order:
        """Cancel one order (see `Engine.cancel`)."""
        account, order = self._open_order(account_id, order_id, client_id, symbol)
        return self._cancelled(account, order)

    def cancel_all(self, account_id: str, symbol: str | None, conditional: bool | None) -> list[Order]:
        """Cancel all orders that fit (see `Engine.cancel_all`)."""
        account = self._core.account(account_id)
        if symbol is not None:
            self._core.market(symbol)
        wanted = [
            order
            for order in account.orders.values()
            if symbol in {None, order.symbol}
            and conditional in {None, order.status is OrderStatus.UNTRIGGERED}
        ]
        return [self._cancelled(account, order) for order in wanted]

    def _cancelled(self, account: Account, order: Order) -> Order:
        stops.forget(account.state(self._core.markets[order.symbol].instrument, order.leg), order)
        return matching.end(self._core, order, CancelCause.USER)

    def _open_order(
        self, account_id: str, order_id: str, client_id: str, symbol: str
    ) -> tuple[Account, Order]:
        account = self._core.account(account_id)
        order = account.find(order_id, client_id)
        if order is None or symbol not in {"", order.symbol}:
            asked = f"id {order_id!r}" if order_id else f"client id {client_id!r}"
            raise EngineRefusal(Reason.ORDER_NOT_FOUND, f"no order with {asked} {symbol}".rstrip())
        if not order.status.is_open:
            raise EngineRefusal(
                Reason.TOO_LATE_TO_CHANGE, f"order {order.order_id} is {order.status.value} already"
            )
        return account, order

    def trigger(self, market: Market) -> None:
        """Fire the symbol's conditional orders whose price was reached, oldest first."""
        for order in list(market.waiting.values()):
            trigger, direction = order.trigger_price, order.trigger_direction
            if order.order_id not in market.waiting or trigger is None or direction is None:
                continue
            if checks.fires(direction, trigger, market.watched(order.trigger_by)):
                self._fire(market, order)

    def _fire(self, market: Market, order: Order) -> None:
        account = self._core.accounts[order.account_id]
        state = account.state(market.instrument, order.leg)
        stops.forget(state, order)
        order = replace(order, status=OrderStatus.NEW, triggered=True, updated_ms=self._core.now_ms())
        if order.reduce_only:
            qty = closing_qty(state, order.side, order.qty)
            if not qty:
                matching.end(self._core, order, CancelCause.POSITION_CLOSED)
                return
            order = replace(order, qty=qty)
        else:
            try:
                self._admit(account, market, order)
            except EngineRefusal:
                matching.end(self._core, order, CancelCause.INSUFFICIENT_MARGIN)
                return
        self._core.save(order)
        self._execute(account, order)

    def set_trading_stop(
        self, account_id: str, symbol: str, leg: Leg, loss: stops.StopChange, profit: stops.StopChange
    ) -> Position:
        """Set the stops of a position (see `Engine.set_trading_stop`)."""
        account, market = self._core.account(account_id), self._core.market(symbol)
        checks.check_listed(market)
        account.require_leg(symbol, leg)
        state = account.state(market.instrument, leg)
        stops.set_stops(self._core, account, state, loss, profit)
        self._core.flush_market_events()
        return position_view(self._core, account, state)
