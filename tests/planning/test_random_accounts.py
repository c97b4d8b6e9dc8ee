"""What every plan must keep, on random accounts: cross and isolated, tiers, both sides, 1 to 20 positions."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.model import OrderRequest, OrderSide, Plan, Sense, Side, Step, Unknown
from bot.planning.aftermath import Removal, state_after
from bot.planning.check import is_inside
from bot.planning.measures import recomputed
from bot.planning.planner import plan
from bot.planning.request import PlanRequest, watch_of
from tests.examples import examples
from tests.planning.build import KEPT, RELEASED, context, demand, measured, opened, random_account, request

QUICK = settings(max_examples=examples(250), deadline=None, suppress_health_check=[HealthCheck.too_slow])

ACCOUNT_METRICS = (
    "account.leverage",
    "account.net_leverage",
    "account.margin_ratio",
    "account.joint_distance",
    "account.stress_loss",
    "account.cushion",
)
POSITION_METRICS = (
    "position.leverage",
    "position.equity_share",
    "position.liquidation_distance",
    "position.liquidation_distance_atr",
    "position.liquidation_distance_sigma",
)
FURTHEST = {"position.liquidation_distance_atr": 100.0, "position.liquidation_distance_sigma": 33.3}
REACHED = {
    "cap_share",
    "goal_out_of_reach",
    "trimming_cannot_help",
    "check_failed",
    "cap_slippage",
    "goal_missed",
}


def asked_of(seed: int, metric: str, tightness: float, *, kept: bool = False) -> PlanRequest:
    """A request whose one limit is passed by a random share."""
    shot, stats = random_account(seed)
    about = context(value=0.95, stats=stats)
    found = demand(metric, 1.0)
    if metric.startswith("position."):
        one = sorted(shot.positions, key=lambda position: position.key)[seed % len(shot.positions)]
        found = replace(found, target=type(found.target)("main", one.symbol, one.side.value))
    asked = request(shot, (), about=about, terms=KEPT if kept else RELEASED)
    value = measured(watch_of(found), asked)
    goal = value * tightness if found.sense is Sense.MAX else value * (2 - tightness) + 1e-6
    if found.sense is Sense.MIN:
        goal = min(goal, 0.9 * FURTHEST.get(metric, 1.0))
    found = replace(found, value=value, limit=goal, goal=goal, drawdown_budget=goal)
    return replace(asked, demands=(found,), watches=(watch_of(found),))


def orders(made: Plan) -> list[tuple[Step, OrderRequest]]:
    return [(step, step.request) for step in made.steps if isinstance(step.request, OrderRequest)]


def removals(made: Plan) -> dict[str, Removal]:
    found: dict[str, Removal] = {}
    for _, asked in orders(made):
        assert asked.price is not None
        found[f"{asked.symbol}#{asked.position_side.value}"] = Removal(
            asked.contracts, asked.price, asked.price
        )
    return found


def expected(asked: PlanRequest, made: Plan) -> dict[str, Removal]:
    """The same at expected prices, which survival and leverage may be sized with."""
    found: dict[str, Removal] = {}
    for key, removal in removals(made).items():
        holding = asked.portfolio.holding(key)
        assert holding is not None
        fee = float(asked.snapshot.markets[holding.symbol].taker_fee)
        price = Decimal(repr(holding.price * (1 - holding.sign * (holding.trade_cost - fee))))
        found[key] = Removal(removal.contracts, price, price)
    return found


def after(asked: PlanRequest, taken: dict[str, Removal]) -> float | Unknown:
    state = state_after(opened(asked), asked, taken)
    return recomputed(watch_of(asked.demands[0]), state, asked.context)


def assert_reduces(asked: PlanRequest, made: Plan) -> None:
    keys: set[str] = set()
    for _, one in orders(made):
        key = f"{one.symbol}#{one.position_side.value}"
        held = asked.snapshot.position(key)
        assert held is not None
        assert key not in keys, "one order a position"
        keys.add(key)
        assert 0 < one.contracts <= held.contracts
        assert one.side is (OrderSide.SELL if held.side is Side.LONG else OrderSide.BUY)
        market = asked.snapshot.markets[one.symbol]
        assert one.contracts == held.contracts or one.contracts % market.amount_step == 0
        assert one.price is not None
        assert one.price % market.price_step == 0


def assert_minimal(asked: PlanRequest, made: Plan) -> None:
    """One lot step less on the position that was trimmed last must break the limit."""
    taken = removals(made)
    partial = {
        key: removal
        for key, removal in taken.items()
        if removal.contracts != getattr(asked.snapshot.position(key), "contracts", None)
    }
    watch = watch_of(asked.demands[0])
    for key, removal in partial.items():
        market = asked.snapshot.markets[key.split("#", maxsplit=1)[0]]
        least = max(market.amount_min, market.notional_min / (removal.worst * market.contract_size))
        if removal.contracts - market.amount_step < least:
            continue
        fewer = {**taken, key: replace(removal, contracts=removal.contracts - market.amount_step)}
        value = after(asked, fewer)
        assert not isinstance(value, Unknown)
        assert not is_inside(value, watch.goal, watch.sense) or is_edge(value, watch.goal)


def is_edge(value: float, goal: float) -> bool:
    return abs(value - goal) <= 2e-9 * max(1.0, abs(goal))


@given(
    seed=st.integers(0, 2**32),
    metric=st.sampled_from(ACCOUNT_METRICS + POSITION_METRICS),
    tightness=st.floats(0.05, 0.995),
    kept=st.booleans(),
)
@QUICK
def test_a_trim_meets_its_limit_or_says_why_not(seed: int, metric: str, tightness: float, kept: bool) -> None:
    asked = asked_of(seed, metric, tightness, kept=kept)
    made = plan(asked)
    assert_reduces(asked, made)
    (proof,) = made.proofs
    if not proof.met:
        assert {refusal.code for refusal in made.refusals} & REACHED
        return
    value = after(asked, removals(made))
    wanted = asked.demands[0]
    if proof.expected:
        value = after(asked, expected(asked, made))
    assert isinstance(value, Unknown) or is_inside(value, wanted.goal, wanted.sense)
    assert not made.refusals
    isolated = asked.portfolio.holdings[0].isolated_equity is not None
    bounded = isolated and metric in ("account.stress_loss", "account.cushion")
    if len(asked.snapshot.positions) == 1 and not bounded:
        assert_minimal(asked, made)
