"""Accounts that may be hedged, or are: BTC's market is shown although nobody holds it."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.model import (
    Action,
    Beta,
    Demand,
    Hedge,
    HedgeTerms,
    MarketStats,
    OrderRequest,
    Plan,
    Position,
    Scenario,
    Side,
    Snapshot,
    Step,
    StepKind,
)
from bot.planning.request import PlanRequest, Watch, watch_of
from tests.planning.build import (
    NOW,
    context,
    demand,
    mark,
    market,
    measured,
    position,
    random_account,
    request,
    snapshot,
    tiers,
)

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
LONG, SHORT = f"{ETH}#long", f"{BTC}#short"
CRASH = (Scenario("a fifth", {"BTC": -0.2}),)
BETAS = MarketStats(
    "BTC",
    {ETH: Beta(1.4, 0.0, "test"), SOL: Beta(1.8, 0.0, "test"), BTC: Beta(1.0, 0.0, "test")},
    {},
    {},
    NOW,
)
PERMITS = (Action.HEDGE,)


def shown(shot: Snapshot, price: str = "50000", **changes: Any) -> Snapshot:
    """Show BTC's market beside what is held."""
    return replace(
        shot,
        marks={**shot.marks, BTC: mark(BTC, Decimal(price))},
        markets={**shot.markets, BTC: market(BTC, **changes)},
        tiers={**shot.tiers, BTC: tiers()},
    )


def account(*others: Position, size: str = "40", equity: float = 50_000, index: int = 0) -> Snapshot:
    """A long in ETH of 100,000 USD, and what else is held."""
    held = (position(ETH, Side.LONG, size, "2500", position_index=index), *others)
    return shown(snapshot(held, equity))


def short(contracts: str = "0.6", **changes: Any) -> Position:
    """A short in BTC."""
    return position(BTC, Side.SHORT, contracts, "50000", **changes)


def hedge(contracts: str = "0.6", **changes: Any) -> Hedge:
    """A hedge of the long in ETH, as the journal adds it up."""
    found = Hedge(
        symbol=BTC,
        side=Side.SHORT,
        position_index=0,
        parent=LONG,
        rule="shock",
        episode="shock.0",
        contracts=Decimal(contracts),
        ratio=Decimal(contracts) / 40,
        opened_at=NOW,
        stop=0.1,
    )
    return replace(found, **changes)


def shock(goal: float = 0.5, **changes: Any) -> Demand:
    """A limit on the stress loss that permits a hedge."""
    found = demand("account.stress_loss", goal, rule="shock", episode="shock.1", scenarios=CRASH)
    found = replace(found, permits=PERMITS, hedge=HedgeTerms())
    return replace(found, **changes)


def asked(shot: Snapshot, *demands: Demand, stats: MarketStats = BETAS, **changes: Any) -> PlanRequest:
    """A request in which the demands' limits are watched, and the rule `shock` may hedge."""
    watches: tuple[Watch, ...] = changes.pop("watches", tuple(watch_of(one) for one in demands))
    changes.setdefault("hedging", {"shock": HedgeTerms()})
    return request(shot, demands, watches, about=context(stats=stats), **changes)


def of_kind(made: Plan, kind: StepKind) -> list[tuple[Step, OrderRequest]]:
    """Orders of a kind."""
    return [
        (step, step.request)
        for step in made.steps
        if step.kind is kind and isinstance(step.request, OrderRequest)
    ]


def codes(made: Plan) -> set[str]:
    """Why something is not done."""
    return {refusal.code for refusal in made.refusals}


def random_hedgeable(seed: int, metric: str, tightness: float) -> PlanRequest:
    """A random account without BTC whose one limit is passed by a random share, and may be hedged."""
    shot, stats = random_account(seed, count=2 + seed % 6, isolated=0.15, leverage=(1.0, 6.0))
    held = tuple(one for one in shot.positions if one.symbol != BTC)
    shot = replace(shot, positions=held)
    found = replace(
        demand(metric, 1.0, rule="shock", episode="shock.1", permits=PERMITS), hedge=HedgeTerms(max_share=0.8)
    )
    about = context(value=0.97, stats=stats)
    free = request(shot, (), about=about)
    value = measured(watch_of(found), free)
    goal = value * tightness if metric != "account.joint_distance" else min(value * (2 - tightness), 0.9)
    found = replace(found, value=value, limit=goal, goal=goal, drawdown_budget=goal)
    return replace(free, demands=(found,), watches=(watch_of(found),), hedging={"shock": HedgeTerms()})
