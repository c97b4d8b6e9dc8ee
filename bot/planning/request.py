"""What the planner is given: everything, so that it needs no clock and no look-up."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from msgspec import Struct

from bot.model import (
    Caps,
    Chain,
    Demand,
    Hedge,
    HedgeTerms,
    OrderBook,
    RefusedBefore,
    Scenario,
    Sense,
    Snapshot,
    Stranger,
    Target,
    Usage,
)
from bot.planning.identity import PREFIX
from bot.risk.ages import age_trouble, parts_trouble
from bot.risk.context import MetricContext
from bot.risk.options import exposure_of
from bot.risk.portfolio import Portfolio
from bot.risk.terms import VenueTerms


class Watch(Struct, frozen=True):
    """A limit that a plan may not make worse, whether or not it is demanded now."""

    rule: str
    metric: str
    sense: Sense
    limit: float
    goal: float
    target: Target
    scenarios: tuple[Scenario, ...] = ()


class OrderTerms(Struct, frozen=True):
    """How the venue treats small reduce-only orders."""

    exempt_from_notional_min: bool = False
    """Whether a reduce-only order may be smaller than the market's smallest order value."""
    close_dust: bool = True
    """Whether the whole position is closed where less than the smallest order would stay."""


class PlanRequest(Struct, frozen=True, dict=True):
    """One decision's input. The same request gives the same plan, byte for byte."""

    account: str
    at: datetime
    snapshot: Snapshot
    portfolio: Portfolio
    """The same snapshot as numbers."""
    context: MetricContext
    terms: VenueTerms
    demands: tuple[Demand, ...]
    watches: tuple[Watch, ...]
    caps: Caps
    usage: Usage
    max_age_seconds: float
    """A part of the snapshot that is older allows no step."""
    steps_taken: Mapping[str, int] = {}
    """Steps already recorded for each episode; new ones are numbered after them."""
    blocked_symbols: frozenset[str] = frozenset()
    """Instruments on which the outcome of an earlier request is unknown."""
    crowded_symbols: frozenset[str] = frozenset()
    """Instruments on which resting reduce-only orders leave room for less than the position."""
    refused: tuple[RefusedBefore, ...] = ()
    """What the venue has refused and is not asked for yet."""
    strangers: tuple[Stranger, ...] = ()
    """What is made of positions and orders that the guard did not open."""
    order_terms: OrderTerms = OrderTerms()
    own_order_prefix: str = PREFIX
    hedges: tuple[Hedge, ...] = ()
    """What the guard opened against positions, and what others closed of that of late."""
    hedging: Mapping[str, HedgeTerms] = {}
    """Rules that permit hedges, by name: a hedge of any other rule is unwound."""
    asked_first: frozenset[str] = frozenset()
    """Rules that ask their owner first: an old option of theirs is not replaced."""
    lifted: frozenset[str] = frozenset()
    """Rules whose condition is false: their hedges are needed no more, whatever their limit says."""
    asleep: tuple[Watch, ...] = ()
    """Limits of rules that hedge, outside their hours: their hedges stay for them, and nothing else does."""
    doubted: bool = False
    """Whether a price is not believed yet: then no hedge is unwound for being needed no more."""
    unbound: bool = False
    """Whether a parent may be trimmed below its hedges: only to see how much of these must go first."""
    impact: float = 0.0
    """Price impact to allow for, as a fraction, beside half spread and fee."""
    chains: Mapping[str, Chain] = {}
    """Options by base currency, where a rule may buy them."""
    depths: Mapping[str, OrderBook] = {}
    """Order books of markets, by symbol, where they were read."""

    @cached_property
    def net_exposure(self) -> float:
        """The account's exposure to the reference market in USD, hedges, coins and options included."""
        portfolio = self.portfolio
        held = sum(one.sign * one.beta * one.notional for one in portfolio.holdings)
        held += sum(coin.beta * coin.worth for coin in portfolio.coins)
        return held + sum(one.beta * exposure_of(one) for one in portfolio.options)

    @cached_property
    def hedge_keys(self) -> frozenset[str]:
        """Keys of the positions that are hedges, or hold one."""
        return frozenset(lot.key for lot in self.hedges if lot.contracts)


def watch_of(demand: Demand) -> Watch:
    """Return the limit behind a demand."""
    return Watch(
        rule=demand.rule,
        metric=demand.metric,
        sense=demand.sense,
        limit=demand.limit,
        goal=demand.goal,
        target=demand.target,
        scenarios=demand.scenarios,
    )


def stale_reason(request: PlanRequest) -> str | None:
    """Say which part of the snapshot is too old to act on, None where all are fresh."""
    snapshot, limit = request.snapshot, request.max_age_seconds
    trouble = age_trouble("snapshot", snapshot.taken_at, request.at, limit)
    trouble = trouble or parts_trouble(snapshot, request.at, limit)
    return f"{trouble}; observe again" if trouble else None
