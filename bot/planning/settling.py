"""One attempt at answering all demands: sized, capped, examined, and what of it does not pass."""

from collections.abc import Sequence, Set
from functools import cached_property

from msgspec import Struct, structs

from bot.model import Action, Demand, LimitProof, Refusal, Target, Unknown
from bot.planning.aftermath import Removal
from bot.planning.caps import Allowance, Capped, apply
from bot.planning.check import (
    Examination,
    Harm,
    Meter,
    examine,
    harms,
    is_block_nearer,
    is_met,
    is_nearer,
    prove,
    violations,
)
from bot.planning.demands import refuse
from bot.planning.drafting import Drawing, Outcome, Prices, draw
from bot.planning.effort import Effort, can_be_even, can_be_expected
from bot.planning.merging import drafts_of
from bot.planning.nature import SURVIVAL
from bot.planning.recomputation import State
from bot.planning.removing import hedge_removals, removals_of
from bot.planning.request import PlanRequest, watch_of


class Attempt(Struct, frozen=True, dict=True):
    """One sizing of all demands, capped and examined."""

    request: PlanRequest
    drawing: Drawing
    capped: Capped
    removals: dict[str, Removal]
    """What the drafts take off, by position key."""
    examination: Examination | Unknown
    meter: Meter

    @cached_property
    def harms(self) -> tuple[Harm, ...]:
        """The limits that it makes worse; none where that cannot be told."""
        if isinstance(self.examination, Unknown):
            return ()
        expected = self.drawing.expected
        return tuple(harms(self.request.watches, self.meter, self.examination, expected=expected))

    @cached_property
    def met(self) -> frozenset[tuple[str, Target]]:
        """The demands whose goal it reaches, by rule and target."""
        meter, examination = self.meter, self.examination
        return frozenset(
            (one.demand.rule, one.demand.target)
            for one in self.drawing.outcomes
            if is_met(watch_of(one.demand), meter, examination, expected=one.expected)
        )


class Fault(Struct, frozen=True):
    """A demand whose part of an attempt does not pass the check."""

    index: int
    reason: str
    retry: bool
    """Whether a tighter goal may mend it."""
    nearer: bool = False
    """Whether the limit comes nearer to its goal all the same."""
    dear: bool = False
    """Whether its own trims bring it nearer at expected prices, and not at the worst permitted ones."""
    missed: float = 0.0
    """By which share of itself the goal is missed; 0 where that is not known."""


def settle(
    request: PlanRequest,
    demands: Sequence[Demand],
    before: State | Unknown,
    allowance: Allowance,
    prices: Prices,
    meter: Meter,
) -> tuple[Attempt, list[Refusal]]:
    """Size, check, tighten; trim in proportion what still does not pass; drop what does not even then.

    A goal that is missed after every attempt is no reason to do nothing: what brings its limit nearer, and
    makes no other worse, is done, and the next cycle goes on from there.
    """
    found = settle_with(frozenset(), request, demands, before, allowance, prices, meter)
    assert found is not None
    return found


def settle_with(
    needed: Set[tuple[str, Target]],
    request: PlanRequest,
    demands: Sequence[Demand],
    before: State | Unknown,
    allowance: Allowance,
    prices: Prices,
    meter: Meter,
) -> tuple[Attempt, list[Refusal]] | None:
    """Settle; None as soon as a demand is dropped that is `needed`, by rule and target, or no others are
    left beside those.
    """
    active = list(demands)
    efforts = [Effort() for _ in active]
    refusals: list[Refusal] = []
    while True:
        attempt = attempt_of(request, draw(active, efforts, prices), before, allowance, meter)
        fault = fault_of(request, attempt, efforts)
        if fault is None:
            return attempt, refusals
        demand = active[fault.index]
        further = _further(demand, efforts[fault.index], fault)
        if further is not None:
            efforts[fault.index] = further
            if further.partial:
                refusals.append(refuse(demand, demand.target.text, "goal_missed", fault.reason))
            continue
        if (demand.rule, demand.target) in needed:
            return None
        active.pop(fault.index)
        efforts.pop(fault.index)
        if needed and len(active) == len(needed):
            return None
        refusals = [one for one in refusals if (one.rule, one.code) != (demand.rule, "goal_missed")]
        refusals.append(refuse(demand, demand.target.text, "check_failed", fault.reason))


def _further(demand: Demand, effort: Effort, fault: Fault) -> Effort | None:
    """Return what to try next for a demand that did not pass; None where nothing is left to try."""
    if fault.retry and (fault.nearer or not effort.even):
        again = effort.again(0.0 if effort.even else fault.missed)
        if again is not None:
            return again
        if fault.nearer:
            return structs.replace(effort, partial=True)
    if effort.expected:
        return None
    if not effort.even and can_be_even(demand):
        return Effort(even=True, dear=fault.dear)
    return Effort(expected=True) if fault.dear or effort.dear else None


def attempt_of(
    request: PlanRequest, drawing: Drawing, before: State | Unknown, allowance: Allowance, meter: Meter
) -> Attempt:
    drafts, short = drafts_of(drawing)
    capped = apply(drafts, allowance.copy(), request.order_terms)
    drafts, expected = capped.drafts, drawing.expected
    removals = removals_of(drafts, expected=expected)
    going = {**hedge_removals(drafts, request), **removals}
    seen = before if isinstance(before, Unknown) else examine(request, before, going, expected=expected)
    capped = Capped(drafts, capped.refusals, capped.short | short)
    return Attempt(request, drawing, capped, removals, seen, meter)


def fault_of(request: PlanRequest, attempt: Attempt, efforts: Sequence[Effort]) -> Fault | None:
    """Find the first demand that does not pass, or the last one where a limit is made worse."""
    outcomes = attempt.drawing.outcomes
    taking = [index for index, outcome in enumerate(outcomes) if outcome.taken]
    broken = violations(request, attempt.removals)
    if broken:
        return Fault(taking[-1], "; ".join(broken), retry=False)
    for index, outcome in enumerate(outcomes):
        fault = _own_fault(attempt, index, outcome, partial=efforts[index].partial)
        if fault is not None:
            return fault
    yielding = [index for index in taking if not _is_final(outcomes[index])]
    for harm in attempt.harms if yielding else ():
        lesser = harm.watch.metric not in SURVIVAL
        giving = [index for index in yielding if not (lesser and outcomes[index].demand.metric in SURVIVAL)]
        if giving:
            return Fault(giving[-1], f"another limit would be made worse: {harm.text}", retry=False)
    return None


def _is_final(outcome: Outcome) -> bool:
    return outcome.closes and Action.CLOSE_ALL in outcome.demand.permits


def _own_fault(attempt: Attempt, index: int, outcome: Outcome, *, partial: bool) -> Fault | None:
    """Judge one demand: a complete one must reach its goal, one under a cap or `partial` must come nearer."""
    capped = attempt.capped
    if outcome.closes or (not outcome.taken and not outcome.met):
        return None
    if outcome.taken and attempt.removals.keys().isdisjoint(outcome.taken):
        return None
    watch = watch_of(outcome.demand)
    if is_met(watch, attempt.meter, attempt.examination, expected=outcome.expected):
        return None
    proof = prove(watch, attempt.meter, attempt.examination, expected=outcome.expected)
    if isinstance(attempt.examination, Unknown):
        reason = f"the account cannot be recomputed: {attempt.examination.reason}"
        return Fault(index, reason, retry=False) if outcome.taken else None
    own = outcome.demand.target.position
    complete = outcome.met and not (capped.short if own is None else capped.short & {own})
    if complete and not partial:
        nearer = bool(outcome.taken) and is_nearer(proof)
        dear = not nearer and _is_dear(attempt, outcome, attempt.examination)
        missed = _share_missed(proof)
        return Fault(index, _missed(proof), retry=True, nearer=nearer, dear=dear, missed=missed)
    if outcome.taken and not _is_nearer(attempt, outcome, attempt.examination, expected=outcome.expected):
        reason = f"the plan would not bring it nearer: {_missed(proof)}"
        return Fault(index, reason, retry=False, dear=_is_dear(attempt, outcome, attempt.examination))
    return None


def _is_nearer(attempt: Attempt, outcome: Outcome, seen: Examination, *, expected: bool) -> bool:
    watch, meter = watch_of(outcome.demand), attempt.meter
    proof = prove(watch, meter, seen, expected=expected)
    return is_nearer(proof) or is_block_nearer(watch, meter, seen, outcome.taken.keys(), expected=expected)


def _is_dear(attempt: Attempt, outcome: Outcome, seen: Examination) -> bool:
    """Whether what is taken off would bring a limit nearer at expected prices, where they may be used."""
    if outcome.expected or not can_be_expected(outcome.demand):
        return False
    request, drafts = attempt.request, attempt.capped.drafts
    going = {**hedge_removals(drafts, request), **removals_of(drafts, expected=True)}
    likely = examine(request, seen.before, going, expected=True)
    return _is_nearer(attempt, outcome, likely, expected=True)


def _share_missed(proof: LimitProof) -> float:
    if isinstance(proof.after, Unknown) or proof.goal == 0.0:
        return 0.0
    return abs(proof.after - proof.goal) / abs(proof.goal)


def _missed(proof: LimitProof) -> str:
    change = f"from {_text(proof.before)} to {_text(proof.after)}"
    return f"{proof.metric} would go {change}, the goal is {proof.goal:.6g}"


def _text(number: float | Unknown) -> str:
    return f"unknown ({number.reason})" if isinstance(number, Unknown) else f"{number:.6g}"
