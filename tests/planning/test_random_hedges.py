"""What every hedge must keep, on random accounts, whatever becomes of the orders of a plan."""

from decimal import Decimal
from itertools import combinations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import Action, Hedge, OrderRequest, Plan, Side, StepKind, Unknown, position_key
from bot.planning.aftermath import Addition, with_addition
from bot.planning.check import is_inside
from bot.planning.hedged import plan_with_hedges
from bot.planning.linked import as_holding, virtual
from bot.planning.measures import recomputed
from bot.planning.request import OrderTerms, PlanRequest, watch_of
from bot.planning.rounding import smallest
from bot.risk.assemble import build_portfolio
from bot.risk.definitions import HEDGEABLE
from tests.examples import examples
from tests.planning.build import NOW, RELEASED, demand, measured, opened, position
from tests.planning.hedges import BTC, of_kind, random_hedgeable

UNHEALTHY = [HealthCheck.too_slow, HealthCheck.filter_too_much]
QUICK = settings(max_examples=examples(80), deadline=None, suppress_health_check=UNHEALTHY)
SEEDS = st.integers(0, 100_000)
IMPACT = 0.0002
ALMOST = 1e-6


def exposure(asked: PlanRequest, sizes: dict[str, Decimal]) -> float:
    """Exposure by beta of what is held, in USD."""
    total = 0.0
    for key, contracts in sizes.items():
        symbol, side = key.split("#")
        one = virtual(symbol, Side(side), 0, contracts, asked)
        found = as_holding(one, asked) if one is not None and contracts else None
        total += found.sign * found.beta * found.notional if found else 0.0
    return total


def beta_of(asked: PlanRequest, symbol: str) -> float:
    beta = asked.context.stats.betas.get(symbol)
    return 1.0 if beta is None else beta.beta


@QUICK
@given(SEEDS, st.sampled_from(HEDGEABLE), st.floats(0.5, 0.98))
def test_a_hedge_is_bounded_checked_and_nearer(seed: int, metric: str, tightness: float) -> None:
    asked = random_hedgeable(seed, metric, tightness)
    made = plan_with_hedges(asked)
    assert plan_with_hedges(asked) == made
    found = of_kind(made, StepKind.HEDGE)
    if not found:
        assert made.refusals or made.proofs[0].met
        return
    ((step, sent),) = found
    assert [one.kind for one in made.steps] == [StepKind.HEDGE]
    assert step.hedge is not None
    parent = asked.snapshot.position(step.hedge.parent)
    assert parent is not None
    assert (sent.symbol, sent.position_side) != (parent.symbol, parent.side)
    assert sent.position_side is not parent.side
    terms = asked.snapshot.markets[BTC]
    assert sent.contracts % terms.amount_step == 0
    assert sent.contracts >= smallest(terms, Decimal(50_000), OrderTerms())
    one = virtual(sent.symbol, sent.position_side, 0, sent.contracts, asked)
    held = asked.portfolio.holding(parent.key)
    assert one is not None
    assert held is not None
    unit = as_holding(one, asked)
    assert unit is not None
    assert unit.notional <= 0.8 * held.notional * (1 + ALMOST)
    assert unit.beta * unit.notional <= held.beta * held.notional * (1 + ALMOST)
    before = sum(one.sign * one.beta * one.notional for one in asked.portfolio.holdings)
    after = before + unit.sign * unit.beta * unit.notional
    assert abs(after) < abs(before)
    assert after * before >= 0
    assert sent.price is not None
    state = with_addition(opened(asked), asked, Addition(one, unit, sent.price))
    value = recomputed(watch_of(asked.demands[0]), state, asked.context)
    assert not isinstance(value, Unknown)
    limit = watch_of(asked.demands[0])
    was = measured(limit, asked)
    nearer = value < was if limit.sense.value == "max" else value > was
    assert nearer
    (proof,) = made.proofs
    assert proof.met == is_inside(value, limit.goal, limit.sense)


def with_hedge(asked: PlanRequest, made: Plan) -> tuple[PlanRequest, Hedge]:
    """The account as it is when the hedge of a plan stands."""
    ((step, sent),) = of_kind(made, StepKind.HEDGE)
    assert step.hedge is not None
    added = position(BTC, sent.position_side, sent.contracts, "50000")
    shot = replace(asked.snapshot, positions=(*asked.snapshot.positions, added))
    lot = Hedge(
        symbol=BTC,
        side=sent.position_side,
        position_index=0,
        parent=step.hedge.parent,
        rule="shock",
        episode="shock.0",
        contracts=sent.contracts,
        ratio=sent.contracts / step.hedge.parent_contracts,
        opened_at=NOW,
        stop=0.1,
    )
    portfolio = build_portfolio(shot, asked.context.stats, RELEASED, IMPACT)
    return replace(asked, snapshot=shot, portfolio=portfolio, hedges=(lot,), demands=(), watches=()), lot


def sizes_after(asked: PlanRequest, orders: tuple[OrderRequest, ...]) -> dict[str, Decimal]:
    sizes = {one.key: one.contracts for one in asked.snapshot.positions}
    for sent in orders:
        sizes[position_key(sent.symbol, sent.position_side)] -= sent.contracts
    return sizes


TRIMS = (
    demand("account.leverage", 1.0, rule="cap"),
    demand("account.margin_ratio", 1.0, rule="ratio"),
    demand("account.drawdown", 0.1, rule="stop", permits=(Action.CLOSE_ALL,)),
)


@QUICK
@given(SEEDS, st.sampled_from(HEDGEABLE), st.floats(0.5, 0.98), st.sampled_from(TRIMS), st.floats(0.2, 0.95))
def test_whatever_fills_parent_and_hedge_never_turn(
    seed: int, metric: str, tightness: float, trim: object, share: float
) -> None:
    free = random_hedgeable(seed, metric, tightness)
    first = plan_with_hedges(free)
    assume(of_kind(first, StepKind.HEDGE))
    asked, lot = with_hedge(free, first)
    found = TRIMS[[id(one) for one in TRIMS].index(id(trim))]
    if Action.TRIM in found.permits:
        value = measured(watch_of(found), asked)
        found = replace(found, value=value, limit=value * share, goal=value * share)
    made = plan_with_hedges(replace(asked, demands=(found,)))
    sent = tuple(step.request for step in made.steps if isinstance(step.request, OrderRequest))
    assert all(not one.opens for one in sent)
    taken = {position_key(one.symbol, one.position_side): one.contracts for one in sent}
    side = 1 if lot.side is Side.SHORT else -1
    for count in range(len(sent) + 1):
        for some in combinations(sent, count):
            sizes = sizes_after(asked, some)
            pair = {key: sizes[key] for key in (lot.key, lot.parent)}
            assert exposure(asked, pair) * side >= -1.0
    left = sizes_after(asked, sent)
    if taken.get(lot.parent, Decimal(0)):
        assert left[lot.key] <= left[lot.parent] * lot.ratio * Decimal("1.000001")


@QUICK
@given(SEEDS, st.sampled_from(HEDGEABLE), st.floats(0.5, 0.98))
def test_a_close_of_all_comes_to_its_end(seed: int, metric: str, tightness: float) -> None:
    """However much of its parent a hedge is: every cycle goes on from what the one before has left."""
    free = random_hedgeable(seed, metric, tightness)
    first = plan_with_hedges(free)
    assume(of_kind(first, StepKind.HEDGE))
    asked, lot = with_hedge(free, first)
    for _ in range(4):
        made = plan_with_hedges(replace(asked, demands=(TRIMS[2],)))
        sent = tuple(step.request for step in made.steps if isinstance(step.request, OrderRequest))
        sizes = sizes_after(asked, sent)
        held = tuple(
            replace(one, contracts=sizes[one.key]) for one in asked.snapshot.positions if sizes[one.key]
        )
        shot = replace(asked.snapshot, positions=held)
        lots = tuple(replace(one, contracts=sizes.get(one.key, Decimal(0))) for one in (lot,))
        portfolio = build_portfolio(shot, asked.context.stats, RELEASED, IMPACT)
        asked = replace(asked, snapshot=shot, portfolio=portfolio, hedges=lots)
    assert asked.snapshot.positions == ()


@QUICK
@given(SEEDS, st.sampled_from(HEDGEABLE), st.floats(0.5, 0.98), st.integers(0, 100))
def test_it_follows_its_parent_whoever_makes_that_smaller(
    seed: int, metric: str, tightness: float, percent: int
) -> None:
    free = random_hedgeable(seed, metric, tightness)
    first = plan_with_hedges(free)
    assume(of_kind(first, StepKind.HEDGE))
    asked, lot = with_hedge(free, first)
    parent = asked.snapshot.position(lot.parent)
    assert parent is not None
    smaller = parent.contracts * percent / 100
    others = tuple(one for one in asked.snapshot.positions if one.key != lot.parent)
    held = (*others, replace(parent, contracts=smaller)) if smaller else others
    shot = replace(asked.snapshot, positions=held)
    portfolio = build_portfolio(shot, asked.context.stats, RELEASED, IMPACT)
    now = replace(asked, snapshot=shot, portfolio=portfolio)
    made = plan_with_hedges(now)
    left = lot.contracts - sum((sent.contracts for _, sent in of_kind(made, StepKind.UNWIND)), Decimal(0))
    assert left <= smaller * lot.ratio * Decimal("1.000001")
    side = 1 if lot.side is Side.SHORT else -1
    assert exposure(now, {lot.key: left, lot.parent: smaller}) * side >= -1.0
