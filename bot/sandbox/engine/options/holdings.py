"""What an account has of options; everything here is mutable and stays inside the engine."""

from dataclasses import dataclass, field
from decimal import Decimal

from bot.sandbox.engine.options.contracts import OptionContract
from bot.sandbox.engine.options.values import Delivery, OptionExecution
from bot.sandbox.engine.types import ZERO, EngineRefusal, Order, OrderRequest, Reason, Side


@dataclass(slots=True)
class Holding:
    """One contract that an account holds or held; `qty` is never below 0."""

    contract: OptionContract
    qty: Decimal = ZERO
    entry_price: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    cumulative_pnl: Decimal = ZERO
    created_ms: int = 0
    updated_ms: int = 0
    sequence: int = 0


@dataclass(slots=True)
class OptionBooks:
    """An account's options, orders and their history."""

    holdings: dict[str, Holding] = field(default_factory=dict)
    """Every contract ever held, flat ones included."""
    orders: dict[str, Order] = field(default_factory=dict)
    history: dict[str, Order] = field(default_factory=dict)
    executions: list[OptionExecution] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    def find(self, order_id: str) -> Order | None:
        """An order of any state."""
        return self.orders.get(order_id) or self.history.get(order_id)

    def of(self, contract: OptionContract) -> Holding:
        """What is held of a contract, made flat where it never was."""
        return self.holdings.setdefault(contract.symbol, Holding(contract))

    def held(self) -> list[Holding]:
        """What is not flat."""
        return [one for one in self.holdings.values() if one.qty]

    def free_to_sell(self, contract: OptionContract) -> Decimal:
        """What is held of a contract less what resting orders sell."""
        selling = (
            order.leaves_qty
            for order in self.orders.values()
            if order.symbol == contract.symbol and order.side is Side.SELL
        )
        return self.of(contract).qty - sum(selling, ZERO)

    def sellable(self, contract: OptionContract, request: OrderRequest) -> Decimal:
        """How much of a sale may be placed; refused where it would open a short option.

        A reduce-only order is cut to what is held and not for sale yet.
        """
        free, held = self.free_to_sell(contract), self.of(contract).qty
        if request.reduce_only:
            if not held:
                raise EngineRefusal(Reason.POSITION_FLAT, f"no {contract.symbol} is held")
            if free <= 0:
                raise EngineRefusal(
                    Reason.REDUCE_ONLY_COVERED, f"resting orders sell all {held} {contract.symbol} already"
                )
            return min(free, request.qty)
        if request.qty > free:
            raise EngineRefusal(
                Reason.INSUFFICIENT_MARGIN,
                f"short options are not offered: {request.qty} {contract.symbol} are to be sold, {free} are "
                "held and free",
            )
        return request.qty
