"""The independent check: no plan leaves without it.

Each demanded limit is measured before and after by `measures`, with every contract filled at the worst
permitted price and the fee paid. A limit that is not demanded may not be made worse: it must stay inside,
or, where it is past already, not go further. A limit of survival (margin ratio, distances) must hold its
level whatever the cost; a limit on exposure may lose what the trade's cost alone takes, because every trade
has one, and a demand for survival does not yield to it. Drawdown, daily loss and equity are left out: no
trade improves them, and every cost worsens them.
"""

from collections.abc import Mapping, Set

from msgspec import Struct
from msgspec.structs import replace

from bot.model import LimitProof, Number, Sense, Target, Unknown
from bot.planning.measures import recomputed
from bot.planning.nature import SURVIVAL
from bot.planning.recomputation import Removal, State, charged, state_after
from bot.planning.request import PlanRequest, Watch

TOLERANCE = 1e-9
"""Relative to the level, for floating-point error only."""

ROUNDING = 1e-12
"""Relative to a value: a gain of no more is none."""

COST_ONLY = frozenset({"account.drawdown", "account.daily_loss", "account.equity"})


class Meter:
    """Measures limits on states, each once."""

    def __init__(self, request: PlanRequest) -> None:
        self._context = request.context
        self._known: dict[tuple[int, str, Target, int], tuple[State, Watch, Number]] = {}

    def read(self, watch: Watch, state: State) -> Number:
        """Measure a limit's metric on a recomputed state."""
        at = (id(state), watch.metric, watch.target, id(watch.scenarios))
        known = self._known.get(at)
        if known is None:
            known = (state, watch, recomputed(watch, state, self._context))
            self._known[at] = known
        return known[2]


class Examination(Struct, frozen=True):
    """The account before and after a set of removals."""

    before: State
    worst: State
    expected: State
    costed: State
    """As before, with the cost of the worst case paid: what the cost alone does."""


def is_inside(value: float, level: float, sense: Sense) -> bool:
    """Whether a value is at or inside a level."""
    slack = TOLERANCE * max(1.0, abs(level))
    return value <= level + slack if sense is Sense.MAX else value >= level - slack


def is_worse(value: float, than: float, sense: Sense) -> bool:
    """Whether a value is further on the bad side than another."""
    return not is_inside(value, than, sense)


def violations(request: PlanRequest, removals: Mapping[str, Removal]) -> tuple[str, ...]:
    """Name every removal that would flip a position, pass it, or not fit the market's lot step."""
    found: list[str] = []
    for key, removal in sorted(removals.items()):
        position = request.snapshot.position(key)
        market = None if position is None else request.snapshot.markets.get(position.symbol)
        if position is None or market is None:
            found.append(f"{key} is not open or its market is unknown")
        elif not 0 < removal.contracts <= position.contracts:
            found.append(f"{key}: {removal.contracts} contracts of a position of {position.contracts}")
        elif removal.contracts != position.contracts and removal.contracts % market.amount_step != 0:
            found.append(f"{key}: {removal.contracts} contracts do not fit the step {market.amount_step}")
    return tuple(found)


def examine(request: PlanRequest, before: State, removals: Mapping[str, Removal]) -> Examination:
    """Carry the removals out on a recomputed account."""
    worst = state_after(before, request, removals)
    return Examination(
        before=before,
        worst=worst,
        expected=state_after(before, request, removals, expected=True),
        costed=charged(before, worst.cost, worst.cross_cost),
    )


def prove(
    watch: Watch, meter: Meter, examination: Examination | Unknown, *, expected: bool = False
) -> LimitProof:
    """Measure one limit before and after."""
    before: Number
    after: Number
    if isinstance(examination, Unknown):
        before = after = examination
    else:
        state = examination.expected if expected else examination.worst
        before = meter.read(watch, examination.before)
        after = meter.read(watch, state)
        closed = watch.target.position is not None and state.entry(watch.target.position) is None
        if closed and examination.before.entry(watch.target.position) is not None:
            return _proof(watch, before, after, met=True)
    met = not isinstance(after, Unknown) and is_inside(after, watch.goal, watch.sense)
    return _proof(watch, before, after, met=met)


def _proof(watch: Watch, before: Number, after: Number, *, met: bool) -> LimitProof:
    return LimitProof(
        rule=watch.rule,
        metric=watch.metric,
        target=watch.target.text,
        sense=watch.sense.value,
        before=before,
        limit=watch.limit,
        goal=watch.goal,
        after=after,
        met=met,
    )


def is_nearer(proof: LimitProof) -> bool:
    """Whether the plan brings the limit nearer to its goal, or all the way."""
    if proof.met:
        return True
    if isinstance(proof.before, Unknown) or isinstance(proof.after, Unknown):
        return False
    gain = proof.before - proof.after if proof.sense == Sense.MAX.value else proof.after - proof.before
    return gain > ROUNDING * max(1.0, abs(proof.before))


def is_block_nearer(watch: Watch, meter: Meter, examination: Examination, keys: Set[str]) -> bool:
    """Whether the margin blocks that a plan touches come nearer, where the account's worst block cannot.

    Margin ratio and joint distance are those of the worst block (the cross account, or one isolated
    position). A block that no trim helps must not keep the others from being helped.
    """
    if watch.metric not in ("account.margin_ratio", "account.joint_distance"):
        return False
    before = meter.read(watch, _blocks(examination.before, keys))
    after = meter.read(watch, _blocks(examination.worst, keys))
    return is_nearer(_proof(watch, before, after, met=False))


def _blocks(state: State, keys: Set[str]) -> State:
    cross = any(entry.key in keys for entry in state.cross)
    kept = tuple(entry for entry in state.entries if entry.key in keys or (cross and entry.equity is None))
    return replace(state, entries=kept)


def worsened(watch: Watch, meter: Meter, examination: Examination, *, expected: bool = False) -> str | None:
    """Say how a limit is made worse by the plan, None where it is not."""
    if watch.metric in COST_ONLY:
        return None
    state = examination.expected if expected else examination.worst
    after = meter.read(watch, state)
    if isinstance(after, Unknown) or is_inside(after, watch.limit, watch.sense):
        return None
    base = examination.before if watch.metric in SURVIVAL else examination.costed
    before = meter.read(watch, base)
    if isinstance(before, Unknown) or not is_worse(after, before, watch.sense):
        return None
    return f"{watch.rule} ({watch.metric} of {watch.target.text}) would go from {before:.6g} to {after:.6g}"
