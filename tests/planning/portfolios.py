"""Random portfolios for the programme, and a judge of its plans.

`python -m tests.planning.portfolios [COUNT] [SEED]` prints the tables of docs/planning.md.
"""

import sys
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from random import Random
from statistics import mean, median

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    Action,
    BookLevel,
    Caps,
    Demand,
    HedgeTerms,
    MarginMode,
    Market,
    MarketStats,
    OrderBook,
    OrderRequest,
    Plan,
    Policy,
    Position,
    Sense,
    Side,
    Snapshot,
    Stranger,
    Tier,
    TrimTerms,
    Unknown,
    position_key,
)
from bot.planning.aftermath import Removal, state_after
from bot.planning.check import is_inside
from bot.planning.hedged import plan_with_hedges
from bot.planning.measures import recomputed
from bot.planning.nature import SURVIVAL
from bot.planning.recomputation import State, state_before
from bot.planning.request import PlanRequest, watch_of
from bot.risk.definitions import HEDGEABLE
from tests.planning.build import (
    KEPT,
    RELEASED,
    context,
    dec,
    demand,
    mark,
    market,
    position,
    request,
    stats_for,
    target,
    tiers,
)
from tests.planning.build import snapshot as shown
from tests.planning.hedges import BTC
from tests.planning.hedges import shown as shown_too
from tests.planning.policies import POLICIES
from tests.planning.richer import illegal_margin, illegal_option, with_added, with_margins, with_options

SEED = 20_251_121
ACCOUNT_METRICS = (
    "account.leverage",
    "account.net_leverage",
    "account.margin_ratio",
    "account.joint_distance",
    "account.stress_loss",
    "account.cushion",
)
POSITION_METRICS = ("position.liquidation_distance", "position.equity_share", "position.leverage")


class Kind(Struct, frozen=True):
    """A set of portfolios."""

    name: str
    isolated: float = 0.0
    strangers: float = 0.0
    """Share of positions that may not be touched."""
    capped: float = 0.0
    """Share of portfolios whose rules bound what one cycle takes."""
    hedges: float = 0.0
    """Share of portfolios whose rules permit hedges."""
    beside: bool = False
    """Whether rules may buy options and add margin."""


KINDS = (
    Kind("cross"),
    Kind("30 % isolated", isolated=0.3),
    Kind("capped at 60 %", isolated=0.15, capped=1.0),
    Kind("no-touch, 30 % isolated", isolated=0.3, strangers=0.3),
    Kind("everything, hedges permitted", isolated=0.2, strangers=0.1, capped=0.3, hedges=1.0),
    Kind("options and margin permitted", isolated=0.3, capped=0.2, hedges=0.5, beside=True),
)


def portfolio(seed: int, kind: Kind, count: int | None = None) -> PlanRequest:
    """A random account with limits that are passed, and every limit watched."""
    rng = Random(seed)
    number = count or min(int(50 ** rng.random()) + rng.randint(0, 3), 50)
    shot, stats, depths = account(rng, number, kind)
    about = context(value=0.95, stats=stats)
    caps = Caps()
    if kind.capped and rng.random() < 0.3:
        caps = Caps(notional_per_day=dec(10 ** rng.uniform(4, 7)))
    free = request(shot, (), about=about, terms=rng.choice([KEPT, RELEASED]), depths=depths, caps=caps)
    demands = limits(rng, free, kind)
    watched = [watch_of(one) for one in demands]
    keep = tuple(
        Stranger(Policy.WATCH, symbol=(one.symbol.upper(),))
        for one in shot.positions
        if rng.random() < kind.strangers
    )
    made = replace(
        free,
        demands=tuple(demands),
        watches=tuple(watched),
        strangers=keep,
        hedging={one.rule: one.hedge for one in demands if one.hedge is not None},
    )
    return with_margins(with_options(made, rng), rng) if kind.beside else made


def account(rng: Random, number: int, kind: Kind) -> tuple[Snapshot, MarketStats, dict[str, OrderBook]]:
    """Positions of all sizes in markets of all depths; the first is BTC."""
    positions: list[Position] = []
    markets: dict[str, Market] = {}
    brackets: dict[str, tuple[Tier, ...]] = {}
    depths: dict[str, OrderBook] = {}
    marks = {}
    apart, gross = Decimal(0), 0.0
    for index in range(number):
        symbol = BTC if index == 0 and not kind.hedges else f"C{index:02}/USDT:USDT"
        price = dec(10 ** rng.uniform(0, 4.7), "0.0001")
        step = dec(10 ** -round(rng.uniform(0, 3)))
        notional = 10 ** rng.uniform(3.5, 6.5)
        contracts = max((Decimal(notional) / price / step).to_integral_value(ROUND_CEILING) * step, step * 4)
        value = contracts * price
        side = rng.choice([Side.LONG, Side.LONG, Side.SHORT])
        one = position(symbol, side, contracts, price)
        if rng.random() < kind.isolated:
            equity = value * dec(rng.uniform(0.06, 0.6))
            one = replace(one, margin_mode=MarginMode.ISOLATED, isolated_margin=equity)
            apart += equity
        else:
            gross += float(value)
        positions.append(one)
        markets[symbol] = market(symbol, amount_step=step, amount_min=step, price_step=Decimal("0.0001"))
        rate = str(rng.choice([0.004, 0.005, 0.01, 0.015, 0.025]))
        brackets[symbol] = tiers(rate, str(rng.choice([50_000, 500_000, 2_000_000])))
        half = dec(10 ** rng.uniform(-4.3, -3.0), "0.00000001")
        marks[symbol] = mark(symbol, price, str(2 * half))
        if rng.random() < 0.8:
            depths[symbol] = depth(rng, symbol, price, half, float(value))
    rng.shuffle(positions)
    margin = dec(gross / rng.uniform(1.0, 10.0)) + apart + 1000
    shot = shown(positions, str(margin), markets=markets, tiers=brackets, marks=marks)
    if kind.hedges:  # nobody holds BTC: what hedges is the guard's alone
        shot = shown_too(shot)
    return shot, stats_for(sorted(shot.marks), rng), depths


def depth(rng: Random, symbol: str, price: Decimal, half: Decimal, value: float) -> OrderBook:
    """A book that holds between a fifth and many times the position within a few tenths of a percent."""
    first = value * 10 ** rng.uniform(-1.7, 0.7) / float(price)
    bids, asks = [], []
    for level in range(12):
        away, coins = half + dec(level * 0.00025, "0.00000001"), dec(first * 1.3**level + 1e-5, "0.00001")
        bids.append(BookLevel(price * (1 - away), coins))
        asks.append(BookLevel(price * (1 + away), coins))
    at = shown([], 1).taken_at
    return OrderBook(symbol, tuple(bids), tuple(asks), at)


def limits(rng: Random, free: PlanRequest, kind: Kind) -> list[Demand]:
    """One to four limits of the account and up to two of positions, each passed by a random share."""
    capped = rng.random() < kind.capped
    hedged = rng.random() < kind.hedges
    metrics = HEDGEABLE if hedged and rng.random() < 0.6 else ACCOUNT_METRICS
    chosen = [(metric, "") for metric in rng.sample(metrics, rng.randint(1, min(4, len(metrics) - 1)))]
    chosen += [
        (rng.choice(POSITION_METRICS), rng.choice(free.snapshot.positions).key)
        for _ in range(0 if metrics is HEDGEABLE else rng.randint(0, 2))
    ]
    found: list[Demand] = []
    for index, (metric, key) in enumerate(chosen):
        one = demand(metric, 1.0, rule=f"r{index}", episode=f"r{index}.1")
        if key:
            held = free.snapshot.position(key)
            assert held is not None
            one = replace(one, target=target(held.symbol, held.side))
        state = state_before(free)
        assert isinstance(state, State)
        value = recomputed(watch_of(one), state, free.context)
        if isinstance(value, Unknown) or not 1e-6 < value < 100:
            continue
        share = rng.uniform(0.5, 0.97)
        goal = value * share if one.sense is Sense.MAX else min(value / share, 0.9)
        if one.sense is Sense.MIN and goal <= value:
            continue
        one = replace(one, value=value, limit=goal, goal=goal, drawdown_budget=goal)
        if capped:
            one = replace(one, trim=TrimTerms(max_share=0.6))
        if hedged and not key:
            one = replace(one, permits=(*one.permits, Action.HEDGE), hedge=HedgeTerms())
        found.append(one)
    return found


class Verdict(Struct, frozen=True):
    """What a plan is: verified, infeasible (and says so), or wrong and why."""

    word: str
    why: str = ""


def judge(asked: PlanRequest, made: Plan) -> Verdict:
    """Carry a plan out on the account and measure everything again."""
    wrong = illegal(asked, made) or illegal_margin(asked, made)
    if wrong:
        return Verdict("wrong", wrong)
    given, asked = asked, with_added(asked, made)
    if any(isinstance(step.request, OrderRequest) and step.request.opens for step in made.steps):
        met = all(proof.met or _is_told(proof.rule, made) for proof in made.proofs)
        return Verdict("hedged") if met else Verdict("wrong", "a hedge leaves a limit unmet in silence")
    before = state_before(given)
    standing = state_before(asked)
    assert isinstance(before, State)
    assert isinstance(standing, State)
    after = state_after(standing, asked, removals(asked, made))
    missed: list[str] = []
    for one in asked.demands:
        watch = watch_of(one)
        was, now = (recomputed(watch, state, asked.context) for state in (before, after))
        if isinstance(now, Unknown) or is_inside(now, watch.goal, watch.sense):
            continue
        missed.append(one.rule)
        assert not isinstance(was, Unknown)
        worse = now - was if watch.sense is Sense.MAX else was - now
        if worse > _bearable(one, asked) * max(1.0, abs(was)):
            return Verdict("wrong", f"{one.metric} went from {was} to {now}")
    silent = [rule for rule in missed if not _is_told(rule, made)]
    if silent:
        return Verdict("wrong", f"{silent} are missed in silence")
    return Verdict("infeasible") if missed else Verdict("verified")


def _bearable(one: Demand, asked: PlanRequest) -> float:
    """How much worse a limit that cannot be met may get: survival not at all, others by the cost of trades.

    A demand for survival does not yield to a limit on exposure.
    """
    if one.metric in SURVIVAL:
        return 1e-9
    return 1e9 if any(other.metric in SURVIVAL for other in asked.demands) else 0.05


def _is_told(rule: str, made: Plan) -> bool:
    """A cap is told of the rule whose order it made smaller, and holds for all of them."""
    return any(one.rule == rule or one.code.startswith("cap_") for one in made.refusals)


def illegal(asked: PlanRequest, made: Plan) -> str:
    """Say what a plan does that nobody permits; '' for nothing."""
    apart = {symbol for one in asked.strangers for symbol in one.symbol}
    traded = 0.0
    for step in made.steps:
        sent = step.request
        if not isinstance(sent, OrderRequest):
            continue
        traded += step.notional
        if sent.symbol.upper() in apart and not sent.opens:
            return f"{sent.symbol} may not be touched"
        if sent.opens and sent.symbol not in asked.snapshot.markets:
            wrong = illegal_option(asked, made, sent)
            if wrong:
                return wrong
        if sent.opens:
            continue
        held = asked.snapshot.position(position_key(sent.symbol, sent.position_side))
        if held is None or not 0 < sent.contracts <= held.contracts:
            return f"{sent.contracts} of {sent.symbol}"
        step_size = asked.snapshot.markets[sent.symbol].amount_step
        if sent.contracts != held.contracts and sent.contracts % step_size:
            return f"{sent.contracts} of {sent.symbol} fit no lot"
        share = max(one.trim.max_share for one in asked.demands)
        if share < 1 and sent.contracts > max(held.contracts * Decimal(str(share)), step_size * 2):
            least = Decimal(5) / Decimal(str(step.notional)) * sent.contracts
            if sent.contracts > least + step_size:
                return f"{sent.contracts} of {held.contracts} {sent.symbol} are more than the share"
    most = asked.caps.notional_per_day
    if most is not None and traded > float(most) * (1 + 1e-9):
        return f"{traded} USD of {most}"
    return ""


def removals(asked: PlanRequest, made: Plan) -> dict[str, Removal]:
    """What a plan takes off, at its worst prices."""
    found: dict[str, Removal] = {}
    for step in made.steps:
        sent = step.request
        if isinstance(sent, OrderRequest) and sent.price is not None:
            key = position_key(sent.symbol, sent.position_side)
            found[key] = Removal(sent.contracts, sent.price, sent.price)
    return found


def lots(asked: PlanRequest) -> float:
    """What a lot of each position costs: so much rounding may add to a plan."""
    return sum(
        one.trade_cost * one.price * float(asked.snapshot.markets[one.symbol].amount_step)
        for one in asked.portfolio.holdings
    )


class Tally(Struct):
    """What came of a set of portfolios."""

    kind: Kind
    verdicts: dict[str, int] = {}
    methods: dict[str, int] = {}
    wrong: list[tuple[int, str]] = []
    ours: list[float] = []
    theirs: dict[str, list[tuple[float, float, float]]] = {}
    """Cost of the policy, and of the plan, where both meet every limit; and of a lot of each position."""


def run(kind: Kind, count: int, seed: int, *, compare: bool = False) -> Tally:
    """Plan a set of portfolios."""
    found = Tally(kind, {}, {}, [], [], {name: [] for name in POLICIES})
    for number in range(count):
        asked = portfolio(seed + number, kind)
        made = plan_with_hedges(asked)
        verdict = judge(asked, made)
        found.verdicts[verdict.word] = found.verdicts.get(verdict.word, 0) + 1
        method = "" if made.reasoning is None else f"{made.reasoning.method} {made.reasoning.code}".strip()
        found.methods[method] = found.methods.get(method, 0) + 1
        if verdict.word == "wrong":
            found.wrong.append((seed + number, verdict.why))
        cost = sum(step.cost for step in made.steps if isinstance(step.request, OrderRequest))
        if not compare or verdict.word != "verified" or cost <= 0.0:
            continue
        for name, policy in POLICIES.items():
            paid = policy(asked)
            if paid is not None:
                found.theirs[name].append((paid, cost, lots(asked)))
    return found


def table(tallies: Sequence[Tally]) -> list[str]:
    """Say what came of them, as tables of a page."""
    lines = [
        "| portfolios | cases | verified | hedged | infeasible, and said so | wrong |",
        "|---|---|---|---|---|---|",
    ]
    for one in tallies:
        told = [str(one.verdicts.get(word, 0)) for word in ("verified", "hedged", "infeasible", "wrong")]
        lines.append(f"| {one.kind.name} | {sum(one.verdicts.values())} | {' | '.join(told)} |")
    lines += ["", "| policy | cases | mean | median | aggregate |", "|---|---|---|---|---|"]
    for name in POLICIES:
        pairs = [pair for one in tallies for pair in one.theirs[name]]
        if pairs:
            ratios = [paid / ours for paid, ours, _ in pairs]
            whole = sum(paid for paid, _, _ in pairs) / sum(ours for _, ours, _ in pairs)
            lines.append(
                f"| {name} | {len(pairs)} | {mean(ratios):.2f} | {median(ratios):.2f} | {whole:.2f} |"
            )
    return lines


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 where a plan is wrong."""
    count = int(arguments[0]) if arguments else 400
    seed = int(arguments[1]) if len(arguments) > 1 else SEED
    tallies = [run(kind, count, seed, compare=True) for kind in KINDS]
    lines = [f"seed {seed}, {count} portfolios a kind", "", *table(tallies)]
    for one in tallies:
        lines.append(f"{one.kind.name}: {one.methods}")
        lines += [f"WRONG: {one.kind.name}, seed {number}: {why}" for number, why in one.wrong]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if any(one.wrong for one in tallies) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
