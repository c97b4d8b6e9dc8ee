"""The independent check: no plan leaves without it.

Each demanded limit is measured before and after by `measures`, with every contract filled at the worst
permitted price and the fee paid. A limit that is not demanded may not be made worse: it must stay inside,
or, where it is past already, not go further. A limit of survival (margin ratio, distances) must hold its
level whatever the cost; a limit on exposure may lose what the trade's cost alone takes, because every trade
has one, and a demand for survival does not yield to it. Drawdown, daily loss and equity are left out: no
trade improves them, and every cost worsens them.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from bot.model import LimitProof, Number, Sense, Unknown
from bot.planning.aftermath import Removal, charged, state_after
from bot.planning.measures import is_kept, recomputed
from bot.planning.nature import SURVIVAL
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest, Watch

TOLERANCE = 1e-9
"""Relative to the level, for floating-point error only."""

ROUNDING = 1e-12
"""Relative to a value: a gain of no more is none."""

_RATIO, _JOINT = "account.margin_ratio", "account.joint_distance"

COST_ONLY = frozenset({"account.drawdown", "account.daily_loss", "account.equity"})


class Meter:
    """Measures limits on states, each once."""

    def __init__(self, request: PlanRequest) -> None:
        self._context = request.context
        self._known: dict[int, tuple[State, _Readings]] = {}

    def read(self, watch: Watch, state: State) -> Number:
        """Measure a limit's metric on a recomputed state."""
        known = self._known.get(id(state))
        if known is None:
            known = self._known[id(state)] = (state, {})
        readings, target = known[1], watch.target
        at = (watch.metric, target.symbol, target.side, id(watch.scenarios))
        found = readings.get(at)
        if found is None:
            found = readings[at] = (recomputed(watch, state, self._context), watch)
        return found[0]


_Readings = dict[tuple[str, str, str, int], tuple[Number, Watch]]
"""By metric, target and scenarios; what was read first keeps its scenarios alive."""


class Examination(Struct, frozen=True, dict=True):
    """The account before and after a set of removals."""

    before: State
    worst: State
    expected: State
    """The worst again where nobody asks for it."""

    @cached_property
    def costed(self) -> State:
        """As before, with the cost of the worst case paid: what the cost alone does."""
        before, worst = self.before, self.worst
        lost, cross = worst.cost - before.cost, worst.cross_cost - before.cross_cost
        return charged(before, lost, cross) if lost or cross else before


class Harm(Struct, frozen=True):
    """A limit that a plan makes worse."""

    number: int
    """Its place among the watches."""
    watch: Watch
    before: float
    after: float

    @property
    def text(self) -> str:
        """What is made worse, in words."""
        watch, change = self.watch, f"from {self.before:.6g} to {self.after:.6g}"
        return f"{watch.rule} ({watch.metric} of {watch.target.text}) would go {change}"


def is_inside(value: float, level: float, sense: Sense) -> bool:
    """Whether a value is at or inside a level."""
    slack = TOLERANCE * (abs(level) if level > 1.0 or level < -1.0 else 1.0)
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


def examine(
    request: PlanRequest, before: State, removals: Mapping[str, Removal], *, expected: bool = False
) -> Examination:
    """Carry the removals out on a recomputed account, at `expected` prices as well where that is asked."""
    worst = state_after(before, request, removals)
    likely = state_after(before, request, removals, expected=True) if expected else worst
    return Examination(before, worst, likely)


def prove(
    watch: Watch, meter: Meter, examination: Examination | Unknown, *, expected: bool = False
) -> LimitProof:
    """Measure one limit before and after."""
    if isinstance(examination, Unknown):
        return _proof(watch, examination, examination, met=False)
    state = examination.expected if expected else examination.worst
    before, after = meter.read(watch, examination.before), meter.read(watch, state)
    return _proof(watch, before, after, met=_is_there(watch, after, state, examination), expected=expected)


def is_met(watch: Watch, meter: Meter, examination: Examination | Unknown, *, expected: bool = False) -> bool:
    """Whether a limit is at its goal afterwards, or its position closed."""
    if isinstance(examination, Unknown):
        return False
    state = examination.expected if expected else examination.worst
    return _is_there(watch, meter.read(watch, state), state, examination)


def _is_there(watch: Watch, after: Number, state: State, examination: Examination) -> bool:
    if not isinstance(after, Unknown):
        return is_inside(after, watch.goal, watch.sense)
    own = watch.target.position
    return own is not None and state.entry(own) is None and examination.before.entry(own) is not None


def _proof(watch: Watch, before: Number, after: Number, *, met: bool, expected: bool = False) -> LimitProof:
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
        expected=expected,
    )


def is_nearer(proof: LimitProof) -> bool:
    """Whether the plan brings the limit nearer to its goal, or all the way."""
    if proof.met:
        return True
    if isinstance(proof.before, Unknown) or isinstance(proof.after, Unknown):
        return False
    gain = proof.before - proof.after if proof.sense == Sense.MAX.value else proof.after - proof.before
    return gain > ROUNDING * max(1.0, abs(proof.before))


def is_block_nearer(
    watch: Watch, meter: Meter, examination: Examination, keys: Set[str], *, expected: bool = False
) -> bool:
    """Whether the margin blocks that a plan touches come nearer, where the account's worst block cannot.

    Margin ratio and joint distance are those of the worst block (the cross account, or one isolated
    position). A block that no trim helps must not keep the others from being helped. Of a block without any
    distance left the margin ratio tells how far beyond liquidation it is.
    """
    if watch.metric not in (_RATIO, _JOINT):
        return False
    before = _blocks(examination.before, keys)
    after = _blocks(examination.expected if expected else examination.worst, keys)
    if watch.metric == _JOINT and meter.read(watch, before) == 0.0:
        watch = replace(watch, metric=_RATIO, sense=Sense.MAX, goal=1.0)
    return is_nearer(_proof(watch, meter.read(watch, before), meter.read(watch, after), met=False))


def _blocks(state: State, keys: Set[str]) -> State:
    cross = any(entry.key in keys for entry in state.cross)
    kept = tuple(entry for entry in state.entries if entry.key in keys or (cross and entry.equity is None))
    return state if len(kept) == len(state.entries) else replace(state, entries=kept)


def worsened(watches: Sequence[Watch], meter: Meter, examination: Examination) -> str | None:
    """Say how the first limit that a plan makes worse is, None where none is."""
    harm = next(harms(watches, meter, examination), None)
    return None if harm is None else harm.text


def harms(
    watches: Sequence[Watch], meter: Meter, examination: Examination, *, expected: bool = False
) -> Iterator[Harm]:
    """Find the limits that a plan makes worse, in their order."""
    state, read = examination.expected if expected else examination.worst, meter.read
    for number, watch in enumerate(watches):
        if watch.metric in COST_ONLY or is_kept(watch, state):
            continue
        after = read(watch, state)
        if isinstance(after, Unknown) or is_inside(after, watch.limit, watch.sense):
            continue
        before = read(watch, examination.before if watch.metric in SURVIVAL else examination.costed)
        if not isinstance(before, Unknown) and is_worse(after, before, watch.sense):
            yield Harm(number, watch, before, after)
