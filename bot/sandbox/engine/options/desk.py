"""The option desk: orders, what can be asked, and what time does to options.

Only long options are offered: a premium is paid out of the wallet, and what is sold must be held. Users trade
with the synthetic book alone, not with each other.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import takewhile

from bot.sandbox.engine import checks
from bot.sandbox.engine.accounts import Account
from bot.sandbox.engine.core import Core, money
from bot.sandbox.engine.options import affording, views
from bot.sandbox.engine.options.bad_data import BadDataRules
from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.options.delivery import deliver
from bot.sandbox.engine.options.fills import OptionFill, books_of, fill, save, tell
from bot.sandbox.engine.options.holdings import Holding, OptionBooks
from bot.sandbox.engine.options.orders import end, option_order
from bot.sandbox.engine.options.values import Delivery, OptionExecution, OptionPosition, OptionQuote
from bot.sandbox.engine.types import (
    ZERO,
    BookDepth,
    BookLevel,
    CancelCause,
    EngineRefusal,
    Order,
    OrderKind,
    OrderRequest,
    Reason,
    Side,
    TimeInForce,
)


class OptionDesk:
    """All that is done with options."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # Markets

    @property
    def any_listed(self) -> bool:
        """Whether there are options at all."""
        return bool(self._core.chains.by_coin)

    @property
    def bad_data(self) -> BadDataRules:
        """What faults make the chains show."""
        return self._core.chains.bad_data

    def listed(self) -> Sequence[OptionContract]:
        """The contracts that are shown as listed."""
        return self._core.chains.listed()

    def shows(self, contract: OptionContract) -> bool:
        """Whether a contract is shown as listed."""
        return self._core.chains.shows(contract)

    def contract(self, symbol: str) -> OptionContract:
        """A contract that is or ever was listed. Refusal: UNKNOWN_SYMBOL."""
        return self._core.chains.contract(symbol)

    def knows(self, symbol: str) -> bool:
        """Whether a symbol is or ever was listed."""
        return self._core.chains.find(symbol) is not None

    def quote(self, symbol: str) -> OptionQuote:
        """A contract's market. Refusal: UNKNOWN_SYMBOL."""
        return views.quote(self._core, self.contract(symbol))

    def depth(self, symbol: str, count: int) -> BookDepth:
        """The best levels of a contract's book. Refusal: UNKNOWN_SYMBOL."""
        return views.depth(self._core, self.contract(symbol), count)

    # Accounts

    def positions(self, account_id: str) -> list[OptionPosition]:
        """What an account holds, by symbol."""
        account = self._core.account(account_id)
        held = sorted(self._books(account).held(), key=lambda one: one.contract.symbol)
        return [views.position_view(self._core, account, one) for one in held]

    def position(self, account_id: str, symbol: str) -> OptionPosition:
        """One contract's position, flat or not. Refusal: UNKNOWN_SYMBOL."""
        account = self._core.account(account_id)
        contract = self.contract(symbol)
        holding = self._books(account).holdings.get(symbol) or Holding(contract)
        return views.position_view(self._core, account, holding)

    def open_orders(self, account_id: str) -> list[Order]:
        """Resting orders."""
        return list(self._books(self._core.account(account_id)).orders.values())

    def order_history(self, account_id: str) -> list[Order]:
        """Orders that have ended, in the order in which they ended."""
        return list(self._books(self._core.account(account_id)).history.values())

    def executions(self, account_id: str) -> list[OptionExecution]:
        """Fills and deliveries, oldest first."""
        return list(self._books(self._core.account(account_id)).executions)

    def deliveries(self, account_id: str) -> list[Delivery]:
        """What became of options at their expiry, oldest first."""
        return list(self._books(self._core.account(account_id)).deliveries)

    # Orders

    def place(self, account_id: str, request: OrderRequest) -> Order:
        """Accept an order, match it at once, and return how it stands afterwards.

        IOC, FOK and market orders that cannot trade come back CANCELLED with their `cause`. Refusals: those
        of symbol, price, quantity and reduce-only orders, DUPLICATE_CLIENT_ID, DELISTED (it has expired),
        INSUFFICIENT_BALANCE (the premium is not there), INSUFFICIENT_MARGIN (it would open a short option).
        """
        core, account = self._core, self._core.account(account_id)
        contract = self.contract(request.symbol)
        self._check(account, contract, request)
        qty = request.qty
        if request.side is Side.SELL:
            qty = books_of(account).sellable(contract, request)
        else:
            affording.check(core, account, contract, request)
        order = option_order(core, account_id, request, qty, last=views.quote(core, contract).last)
        if order.client_id:
            account.client_ids[order.client_id] = order.order_id
        return self._execute(account, contract, save(core, order))

    def cancel(self, account_id: str, *, order_id: str = "", client_id: str = "", symbol: str = "") -> Order:
        """Cancel a resting order. Refusals: ORDER_NOT_FOUND, TOO_LATE_TO_CHANGE."""
        account = self._core.account(account_id)
        order = self._books(account).find(order_id or account.client_ids.get(client_id, ""))
        if order is None or symbol not in {"", order.symbol}:
            raise EngineRefusal(
                Reason.ORDER_NOT_FOUND, f"no order {order_id or client_id!r} {symbol}".rstrip()
            )
        if not order.status.is_open:
            raise EngineRefusal(
                Reason.TOO_LATE_TO_CHANGE, f"order {order.order_id} is {order.status.value} already"
            )
        return end(self._core, order, CancelCause.USER)

    def _check(self, account: Account, contract: OptionContract, request: OrderRequest) -> None:
        checks.check_client_id(account, request.client_id)
        if not self._core.chains.is_live(contract):
            raise EngineRefusal(Reason.DELISTED, f"{contract.symbol} has expired and cannot be traded")
        checks.check_qty(contract, request.qty, request.kind)
        if request.kind is OrderKind.LIMIT:
            if request.price is None:
                raise EngineRefusal(Reason.INVALID_VALUE, "a limit order needs a price")
            checks.check_price(contract, request.price)
        if request.reduce_only and request.side is Side.BUY:
            raise EngineRefusal(
                Reason.REDUCE_ONLY_REJECTED, "a reduce-only buy would increase a long option position"
            )

    def _execute(self, account: Account, contract: OptionContract, order: Order) -> Order:
        reachable = self._reachable(contract, order)
        if order.time_in_force is TimeInForce.POST_ONLY and reachable:
            return end(self._core, order, CancelCause.POST_ONLY_WOULD_TAKE)
        there = sum((level.qty for level in reachable), ZERO)
        if order.time_in_force is TimeInForce.FOK and there < order.leaves_qty:
            return end(self._core, order, CancelCause.FOK_UNFILLABLE)
        for level in reachable:
            qty = min(level.qty, order.leaves_qty)
            if qty > 0:
                order = self._fill(contract, order, qty, level.price, maker=False)
        order = self._close_or_rest(order)
        if order.filled_qty:
            tell(self._core, account, books_of(account).of(contract))
        return order

    def _close_or_rest(self, order: Order) -> Order:
        if not order.status.is_open or order.time_in_force in {TimeInForce.GTC, TimeInForce.POST_ONLY}:
            return save(self._core, order)
        market = order.kind is OrderKind.MARKET and not order.filled_qty
        return end(self._core, order, CancelCause.NO_LIQUIDITY if market else CancelCause.IOC_REMAINDER)

    def _reachable(self, contract: OptionContract, order: Order) -> list[BookLevel]:
        sign, limit = order.side.sign, order.price
        levels = self._core.chains.levels(contract, order.side)
        return list(takewhile(lambda one: limit is None or sign * (one.price - limit) <= 0, levels))

    def _fill(
        self, contract: OptionContract, order: Order, qty: Decimal, price: Decimal, *, maker: bool
    ) -> Order:
        chains = self._core.chains
        fee = money(qty * contract.fee(price, chains.index(contract.base), maker=maker))
        order = fill(self._core, OptionFill(order=order, qty=qty, price=price, fee=fee, is_maker=maker))
        chains.eat(contract, order.side, qty)
        chains.last[contract.symbol] = price
        return order

    # Time

    def pass_to(self, now_ms: int) -> None:
        """Go on to a market time: resting orders are met, and what expires is settled."""
        chains = self._core.chains
        chains.pass_to(now_ms)
        self.cross()
        if chains.has_expired:
            for settlement, contract in chains.expire():
                deliver(self._core, contract, settlement)

    def cross(self) -> None:
        """Fill resting orders that the market has come to, each at its own price."""
        for account in self._core.accounts.values():
            if account.options is not None:
                for order in list(account.options.orders.values()):
                    self._meet(account, self.contract(order.symbol), order)

    def _meet(self, account: Account, contract: OptionContract, order: Order) -> None:
        there = sum((level.qty for level in self._reachable(contract, order)), ZERO)
        qty = min(there, order.leaves_qty)
        if qty <= 0 or order.price is None:
            return
        if not affording.is_there(self._core, account, order, qty):
            end(self._core, order, CancelCause.INSUFFICIENT_MARGIN)
            return
        save(self._core, self._fill(contract, order, qty, order.price, maker=True))
        tell(self._core, account, books_of(account).of(contract))

    @staticmethod
    def _books(account: Account) -> OptionBooks:
        """The account's options to be read; of one that never traded any, empty ones that are not kept."""
        return account.options or OptionBooks()
