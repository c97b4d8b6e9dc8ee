"""What naive policies would pay for the same limits: the smallest trim of each that meets all of them."""

from collections.abc import Callable
from decimal import Decimal

from bot.model import Unknown
from bot.planning.check import is_inside
from bot.planning.costs import average
from bot.planning.measures import recomputed
from bot.planning.recomputation import Removal, State, state_after, state_before
from bot.planning.request import PlanRequest, watch_of

WORST = Decimal("0.005")
"""What the rules permit as slippage: naive policies are measured at it, too."""


def cost_of(asked: PlanRequest, shares: dict[str, float]) -> float:
    """Expected cost in USD of taking these shares off."""
    total = 0.0
    for holding in asked.portfolio.holdings:
        usd = shares.get(holding.key, 0.0) * holding.notional
        fee = float(asked.snapshot.markets[holding.symbol].taker_fee)
        total += usd * average(holding, holding.side, fee, usd, asked)
    return total


def is_met(asked: PlanRequest, shares: dict[str, float]) -> bool:
    """Whether every demanded limit is at its goal after these trims."""
    before = state_before(asked)
    assert isinstance(before, State)
    taken: dict[str, Removal] = {}
    for key, share in shares.items():
        held = asked.snapshot.position(key)
        assert held is not None
        assert isinstance(held.mark_price, Decimal)
        price = held.mark_price * (1 - held.side.sign * WORST)
        contracts = held.contracts * Decimal(min(share, 1.0))
        if contracts > 0:
            taken[key] = Removal(contracts, price, price)
    after = state_after(before, asked, taken)
    for one in asked.demands:
        value = recomputed(watch_of(one), after, asked.context)
        if not isinstance(value, Unknown) and not is_inside(value, one.goal, one.sense):
            return False
    return True


def smallest(asked: PlanRequest, shares_at: Callable[[float], dict[str, float]]) -> float | None:
    """Cost of the smallest amount of a policy that meets all limits; None where none does."""
    low, high = 0.0, 1.0
    if not is_met(asked, shares_at(1.0)):
        return None
    for _ in range(24):
        middle = (low + high) / 2
        if is_met(asked, shares_at(middle)):
            high = middle
        else:
            low = middle
    return cost_of(asked, shares_at(high))


def proportional(asked: PlanRequest) -> float | None:
    """The same share of every position."""
    keys = [one.key for one in asked.portfolio.holdings]
    return smallest(asked, lambda share: dict.fromkeys(keys, share))


def riskiest_first(asked: PlanRequest) -> float | None:
    """Position after position, that with the largest part in a fall of the market first."""
    ranked = sorted(
        asked.portfolio.holdings, key=lambda one: (-one.notional * (one.beta + one.residual), one.key)
    )

    def shares_at(part: float) -> dict[str, float]:
        done = part * len(ranked)
        return {one.key: min(max(done - index, 0.0), 1.0) for index, one in enumerate(ranked)}

    return smallest(asked, shares_at)


def close_all(asked: PlanRequest) -> float | None:
    """Everything."""
    return cost_of(asked, {one.key: 1.0 for one in asked.portfolio.holdings})


POLICIES = {"proportional": proportional, "riskiest first": riskiest_first, "close all": close_all}
