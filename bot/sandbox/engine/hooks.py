"""The seam for faults: every hook does nothing here, and a subclass changes one thing."""

from collections.abc import Sequence

from bot.sandbox.engine.feeds import Tick
from bot.sandbox.engine.types import Execution, Order, OrderRequest, Position


class Hooks:
    """Points where a fault may bend what the engine does or shows.

    Each default returns its value unchanged.
    """

    def tick(self, symbol: str, time_ms: int, tick: Tick) -> Tick:
        """The feed's tick before the market takes it: wicks, zero prices, thin books."""
        return tick

    def request(self, account_id: str, request: OrderRequest) -> OrderRequest:
        """A request before it is checked; may raise `EngineRefusal`."""
        return request

    def orders(self, account_id: str, orders: Sequence[Order]) -> Sequence[Order]:
        """What order queries show: hidden or stale orders."""
        return orders

    def positions(self, account_id: str, positions: Sequence[Position]) -> Sequence[Position]:
        """What position queries show: empty, cut or stale lists."""
        return positions

    def executions(self, account_id: str, executions: Sequence[Execution]) -> Sequence[Execution]:
        """What execution queries show: repeated or reordered fills."""
        return executions
