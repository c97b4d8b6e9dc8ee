"""What the venue's own books say of an account, behind every fault that bends what is shown of them."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from bot.planning.identity import PREFIX
from bot.sandbox.engine.exchange import Engine
from bot.sandbox.engine.instruments import Instrument
from bot.sandbox.engine.types import Execution, ExecutionKind, Leg, Order

Key = tuple[str, Leg]
"""A leg of a symbol."""


class Truth:
    """One account in the engine's books."""

    def __init__(self, engine: Engine, account: str) -> None:
        self._engine = engine
        self._books = engine._core.account(account)
        self.account = account

    def held(self) -> dict[Key, Decimal]:
        """Return the size of every open leg, shorts negative."""
        return {key: state.qty for key, state in self._books.held.items()}

    def order(self, client_id: str) -> Order | None:
        """Return an order of any state by its client id."""
        return self._books.find("", client_id)

    def order_by_id(self, order_id: str) -> Order | None:
        """Return an order of any state by the venue's id."""
        return self._books.find(order_id, "")

    def own_orders(self) -> list[Order]:
        """Return every order that carries the guard's prefix."""
        books = (self._books.orders, self._books.history)
        return [order for book in books for order in book.values() if order.client_id.startswith(PREFIX)]

    def contracts(self, order: Order) -> Decimal:
        """Return what an order traded, in the venue's contracts."""
        return order.filled_qty / self.instrument(order.symbol).contract_size

    def trades(self, after: int = 0) -> Sequence[Execution]:
        """Return the executions behind the first `after`, payments of funding among them."""
        return self._books.executions[after:]

    def own_fills(self, key: Key, after: datetime) -> list[str]:
        """Return client ids of the guard's orders that filled on a leg after a moment of the venue's time."""
        after_ms = round(after.timestamp() * 1000)
        recent = (one for one in reversed(self._books.executions) if is_own(one))
        found = itertools.takewhile(lambda one: one.time_ms > after_ms, recent)
        return sorted({one.client_id for one in found if (one.symbol, one.leg) == key})

    @property
    def clock_is_skewed(self) -> bool:
        """Whether the venue tells a time that is not that of its books."""
        return bool(self._engine._core.clock_skew_ms)

    def stop(self, key: Key) -> Decimal | None:
        """Return where the stop of a leg rests."""
        state = self._books.held.get(key)
        order = self._books.orders.get(state.stop_loss_id) if state else None
        return order.trigger_price if order else None

    def instrument(self, symbol: str) -> Instrument:
        """Return a symbol's steps and limits."""
        return self._engine.instrument(symbol)

    def instrument_price(self, symbol: str) -> Decimal:
        """Return what one contract of a symbol is worth at mark."""
        return self._engine.ticker(symbol).mark_price * self.instrument(symbol).contract_size

    @property
    def equity(self) -> Decimal:
        """Equity in USD."""
        return self._engine.wallet(self.account).equity

    @property
    def liquidated(self) -> bool:
        """Whether the liquidation engine touched the account."""
        return self._books.liquidated_ms is not None


def is_own(trade: Execution) -> bool:
    """Whether an order of the guard made it; what the position's stop closed is the venue's."""
    return trade.client_id.startswith(PREFIX)


def net(sizes: Mapping[Key, Decimal]) -> dict[str, Decimal]:
    """Add the legs of each symbol up."""
    found: dict[str, Decimal] = {}
    for (symbol, _), size in sizes.items():
        found[symbol] = found.get(symbol, Decimal(0)) + size
    return found


def moves(trades: Sequence[Execution]) -> Mapping[Key, Decimal]:
    """Add up what trades did to the size of each leg."""
    found: dict[Key, Decimal] = {}
    for one in trades:
        if one.kind is not ExecutionKind.FUNDING:
            key = (one.symbol, one.leg)
            found[key] = found.get(key, Decimal(0)) + one.side.sign * one.qty
    return found
