"""What naive policies would pay for the same limits: the smallest trim of each that meets all of them."""

from collections.abc import Callable
from decimal import Decimal

from bot.model import Unknown
from bot.planning.aftermath import Removal, state_after
from bot.planning.check import is_inside
from bot.planning.depth import ladder_of
from bot.planning.measures import recomputed
from bot.planning.recomputation import State, state_before
from bot.planning.request import PlanRequest, watch_of
from bot.planning.rounding import round_up
from bot.risk.portfolio import Holding

WORST = Decimal("0.005")
"""What the rules permit as slippage: naive policies are measured at it, too."""


def contracts_of(asked: PlanRequest, shares: dict[str, float]) -> dict[str, Decimal]:
    """Contracts that these shares come to, rounded up to lots as every order is."""
    found: dict[str, Decimal] = {}
    for key, share in shares.items():
        held = asked.snapshot.position(key)
        assert held is not None
        step = asked.snapshot.markets[held.symbol].amount_step
        wanted = min(round_up(held.contracts * Decimal(min(share, 1.0)), step), held.contracts)
        if wanted > 0:
            found[key] = wanted
    return found


def cost_of(asked: PlanRequest, shares: dict[str, float]) -> float:
    """Expected cost in USD of taking these shares off."""
    total = 0.0
    for key, contracts in contracts_of(asked, shares).items():
        held, holding = asked.snapshot.position(key), asked.portfolio.holding(key)
        assert held is not None
        assert holding is not None
        total += holding.notional * float(contracts / held.contracts) * _rate(asked, holding, contracts)
    return total


def _rate(asked: PlanRequest, holding: Holding, contracts: Decimal) -> float:
    """Cost of one USD out of the book, or the constant."""
    found, mark = asked.depths.get(holding.symbol), asked.snapshot.marks[holding.symbol].mark
    market = asked.snapshot.markets[holding.symbol]
    if found is None:
        return holding.trade_cost
    assert isinstance(mark, Decimal)
    ladder = ladder_of(found, holding.side, market, mark)
    assert ladder is not None
    cost = ladder.cost(contracts, mark, float(market.taker_fee))
    assert cost is not None
    return cost


def is_met(asked: PlanRequest, shares: dict[str, float]) -> bool:
    """Whether every demanded limit is at its goal after these trims."""
    before = state_before(asked)
    assert isinstance(before, State)
    taken: dict[str, Removal] = {}
    for key, contracts in contracts_of(asked, shares).items():
        held = asked.snapshot.position(key)
        assert held is not None
        assert isinstance(held.mark_price, Decimal)
        price = held.mark_price * (1 - held.side.sign * WORST)
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
