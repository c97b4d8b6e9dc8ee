"""What a plan leaves alone, because the owner says so of positions that the guard did not open. Pure."""

from bot.model import Order, OrderSide, Policy, Position, Side, left_alone, policy_of
from bot.planning.pricing import NoQuote
from bot.planning.request import PlanRequest

STRANGER = "stranger"
"""Code of refusals that name such a position, or its orders."""


def stranger_quote(position: Position, request: PlanRequest) -> NoQuote | None:
    """Say why nothing may be taken off a position; None where it is guarded."""
    return stranger_side(position.symbol, position.side, request)


def stranger_order(order: Order, request: PlanRequest) -> NoQuote | None:
    """Say why an order stays, by the side that it would add to; None where rules may cancel it."""
    side = Side.LONG if order.side is OrderSide.BUY else Side.SHORT
    return stranger_side(order.symbol, side, request)


def stranger_side(symbol: str, side: Side, request: PlanRequest) -> NoQuote | None:
    """Say why one side of a symbol is left alone."""
    policy = policy_of(request.strangers, symbol, side)
    return None if policy is Policy.ADOPT else NoQuote(STRANGER, left_alone(policy, symbol, side))
