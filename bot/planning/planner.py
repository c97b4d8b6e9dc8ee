"""`plan`: from one decision's input to steps with proofs, or refusals. Pure and deterministic."""

from collections.abc import Sequence

from msgspec import Struct, structs

from bot.model import (
    Action,
    Demand,
    LimitProof,
    OrderRequest,
    OrderSide,
    Plan,
    Refusal,
    Side,
    Step,
    StepKind,
    Unknown,
)
from bot.planning.book import is_open
from bot.planning.cancelling import cancel_step, cancels, clearing
from bot.planning.caps import Allowance, Capped, Draft, apply, notional_of
from bot.planning.check import (
    Examination,
    Meter,
    examine,
    is_block_nearer,
    is_nearer,
    prove,
    violations,
    worsened,
)
from bot.planning.drafting import Drawing, Outcome, Prices, acting, drafts_of, draw, refuse
from bot.planning.effort import Effort, can_be_even
from bot.planning.moving import begin, finish
from bot.planning.nature import SURVIVAL
from bot.planning.numbering import Numbering
from bot.planning.recomputation import State, state_before
from bot.planning.removing import hedge_removals, removals_of
from bot.planning.request import PlanRequest, stale_reason, watch_of
from bot.planning.sparing import may_cancel
from bot.planning.strangers import STRANGER
from bot.risk.catalogue import of_account


class Attempt(Struct, frozen=True):
    """One sizing of all demands, capped and examined."""

    drawing: Drawing
    capped: Capped
    examination: Examination | Unknown
    meter: Meter


class Fault(Struct, frozen=True):
    """A demand whose part of an attempt does not pass the check."""

    index: int
    reason: str
    retry: bool
    """Whether a tighter goal may mend it."""
    nearer: bool = False
    """Whether the limit comes nearer to its goal all the same."""


def plan(request: PlanRequest) -> Plan:
    """Decide what should be done now.

    A few cancels of risk-increasing orders on the markets that are trimmed come first, then at most one
    reduce-only order a position, then further cancels. Every demand that is acted on has a proof; what is
    wanted and not done has a refusal. Odd input gives refusals, never an error. The plan asks for a halt only
    where its steps, all carried out in full, leave nothing undone of the rule that halts: a halted account
    could not finish.
    """
    demands = acting(request.demands)
    stale = stale_reason(request)
    if stale is not None:
        wanting = [demand for demand in request.demands if wants_step(demand)]
        refusals = tuple(refuse(demand, demand.target.text, "stale_data", stale) for demand in wanting)
        return _plan(request, (), refusals, (), _halting(request, refusals))
    numbering = Numbering(request)
    allowance = Allowance(request.caps, request.usage)
    before = state_before(request)
    moving = begin(request, before, allowance)
    refused = _unreadable(request, demands)
    demands = moving.rest(demands)
    attempt, dropped = _settle(moving.request, demands, state_before(moving.request), allowance)
    refused.extend(dropped)
    for outcome in attempt.drawing.outcomes:
        refused.extend(outcome.refusals + outcome.shortfall)
    refused.extend(attempt.capped.refusals)
    drafts = attempt.capped.drafts
    for _ in drafts:
        allowance.act()
    after = finish(moving, before, allowance, trading=bool(drafts))
    refused.extend(after.refusals)
    wanted, spared = may_cancel(request)
    batch, kept_back = cancels(request, wanted, {draft.position.symbol for draft in drafts}, allowance)
    refused.extend(spared + kept_back)
    steps = (
        *clearing(request, drafts, numbering, allowance),
        *(cancel_step(cancel, request, numbering) for cancel in batch.first),
        *moving.steps_before(numbering),
        *(_step(draft, numbering) for draft in drafts),
        *(cancel_step(cancel, request, numbering) for cancel in batch.then),
        *after.steps(numbering),
    )
    found = _unique(refused)
    proofs = (*moving.proofs, *_proofs(demands, _since(before, attempt)))
    halting = _halting(request, found, attempt, cancelled=not kept_back)
    return _plan(request, steps, found, proofs, halting)


def _plan(
    request: PlanRequest,
    steps: tuple[Step, ...],
    refusals: tuple[Refusal, ...],
    proofs: tuple[LimitProof, ...],
    halting: Sequence[Demand],
) -> Plan:
    halt = "; ".join(_halt_reason(demand) for demand in halting)
    episodes = tuple(sorted({demand.episode for demand in halting}))
    return Plan(request.account, request.at, steps, refusals, proofs, halt, episodes)


def _halt_reason(demand: Demand) -> str:
    where = f"{demand.metric} of {demand.target.text}"
    return f"{demand.rule}: {demand.why or f'{where} is {demand.value:.6g}, limit {demand.limit:.6g}'}"


def wants_step(demand: Demand) -> bool:
    """Whether a demand asks for more than to tell and to halt."""
    return any(action not in (Action.NOTIFY, Action.HALT) for action in demand.permits)


def _halting(
    request: PlanRequest,
    refusals: Sequence[Refusal],
    attempt: Attempt | None = None,
    *,
    cancelled: bool = False,
) -> list[Demand]:
    """Return the demands after which the account must be halted.

    A rule that permits nothing else halts at once, the others only where nothing is left of them.
    """
    halting: list[Demand] = []
    for demand in request.demands:
        if Action.HALT not in demand.permits:
            continue
        done = not wants_step(demand) or (
            attempt is not None
            and (cancelled or Action.CANCEL_ORDERS not in demand.permits)
            and _leaves_nothing(demand, refusals, attempt)
        )
        if done:
            halting.append(demand)
    return halting


def _leaves_nothing(demand: Demand, refusals: Sequence[Refusal], attempt: Attempt) -> bool:
    """Whether a plan, carried out in full, has done all the trades that a demand asks for."""
    own = demand.target.position
    if any(refusal.rule == demand.rule and refusal.code != STRANGER for refusal in refusals):
        return False
    if any(own in (None, key) for key in attempt.capped.short):
        return False
    return all(one.met for one in attempt.drawing.outcomes if one.demand is demand)


def _unique(refusals: Sequence[Refusal]) -> tuple[Refusal, ...]:
    return tuple(dict.fromkeys(refusals))


def _unreadable(request: PlanRequest, demands: Sequence[Demand]) -> list[Refusal]:
    """Positions whose size is no number can be neither sized nor closed."""
    odd = [
        position
        for position in request.snapshot.positions
        if not is_open(position) and position.contracts != 0
    ]
    return [
        refuse(
            demand, position.key, "unknown_figure", f"the size of {position.key} came as {position.contracts}"
        )
        for demand in demands
        for position in odd
        if demand.target.position in (None, position.key)
    ]


def _settle(
    request: PlanRequest, demands: Sequence[Demand], before: State | Unknown, allowance: Allowance
) -> tuple[Attempt, list[Refusal]]:
    """Size, check, tighten; trim in proportion what still does not pass; drop what does not even then.

    A goal that is missed after every attempt is no reason to do nothing: what brings its limit nearer, and
    makes no other worse, is done, and the next cycle goes on from there.
    """
    active = list(demands)
    efforts = [Effort() for _ in active]
    refusals: list[Refusal] = []
    prices, meter = Prices(request), Meter(request)
    while True:
        attempt = _attempt(request, draw(request, active, efforts, prices), before, allowance, meter)
        fault = _fault(request, attempt, efforts)
        if fault is None:
            return attempt, refusals
        demand = active[fault.index]
        further = _further(demand, efforts[fault.index], fault)
        if further is not None:
            efforts[fault.index] = further
            if further.partial:
                refusals.append(refuse(demand, demand.target.text, "goal_missed", fault.reason))
            continue
        active.pop(fault.index)
        efforts.pop(fault.index)
        refusals = [one for one in refusals if (one.rule, one.code) != (demand.rule, "goal_missed")]
        refusals.append(refuse(demand, demand.target.text, "check_failed", fault.reason))


def _further(demand: Demand, effort: Effort, fault: Fault) -> Effort | None:
    """Return what to try next for a demand that did not pass; None where nothing is left to try."""
    if fault.retry:
        again = effort.again()
        if again is not None:
            return again
        if fault.nearer:
            return structs.replace(effort, partial=True)
    return None if effort.even or not can_be_even(demand) else Effort(even=True)


def _attempt(
    request: PlanRequest, drawing: Drawing, before: State | Unknown, allowance: Allowance, meter: Meter
) -> Attempt:
    drafts, short = drafts_of(drawing)
    capped = apply(drafts, allowance.copy(), request.order_terms)
    removals = {**hedge_removals(capped.drafts, request), **removals_of(capped.drafts)}
    examination = before if isinstance(before, Unknown) else examine(request, before, removals)
    return Attempt(drawing, Capped(capped.drafts, capped.refusals, capped.short | short), examination, meter)


def _fault(request: PlanRequest, attempt: Attempt, efforts: Sequence[Effort]) -> Fault | None:
    """Find the first demand that does not pass, or the last one where a limit is made worse."""
    outcomes = attempt.drawing.outcomes
    taking = [index for index, outcome in enumerate(outcomes) if outcome.taken]
    removals = removals_of(attempt.capped.drafts)
    broken = violations(request, removals)
    if broken:
        return Fault(taking[-1], "; ".join(broken), retry=False)
    for index, outcome in enumerate(outcomes):
        fault = _own_fault(attempt, index, outcome, partial=efforts[index].partial)
        if fault is not None:
            return fault
    yielding = [index for index in taking if not _is_final(outcomes[index])]
    if isinstance(attempt.examination, Unknown) or not yielding:
        return None
    expected = any(outcome.expected for outcome in outcomes)
    for watch in request.watches:
        worse = worsened(watch, attempt.meter, attempt.examination, expected=expected)
        lesser = watch.metric not in SURVIVAL
        giving = [index for index in yielding if not (lesser and outcomes[index].demand.metric in SURVIVAL)]
        if worse is not None and giving:
            return Fault(giving[-1], f"another limit would be made worse: {worse}", retry=False)
    return None


def _is_final(outcome: Outcome) -> bool:
    return outcome.closes and Action.CLOSE_ALL in outcome.demand.permits


def _own_fault(attempt: Attempt, index: int, outcome: Outcome, *, partial: bool) -> Fault | None:
    """Judge one demand: a complete one must reach its goal, one under a cap or `partial` must come nearer."""
    capped = attempt.capped
    if outcome.closes or (not outcome.taken and not outcome.met):
        return None
    if outcome.taken and not any(draft.key in outcome.taken for draft in capped.drafts):
        return None
    watch = watch_of(outcome.demand)
    proof = prove(watch, attempt.meter, attempt.examination, expected=outcome.expected)
    if isinstance(attempt.examination, Unknown):
        reason = f"the account cannot be recomputed: {attempt.examination.reason}"
        return Fault(index, reason, retry=False) if outcome.taken else None
    own = outcome.demand.target.position
    complete = outcome.met and not (capped.short if own is None else capped.short & {own})
    if complete and not proof.met and not partial:
        return Fault(index, _missed(proof), retry=True, nearer=bool(outcome.taken) and is_nearer(proof))
    if outcome.taken and not is_nearer(proof):
        if is_block_nearer(watch, attempt.meter, attempt.examination, outcome.taken.keys()):
            return None
        return Fault(index, f"the plan would not bring it nearer: {_missed(proof)}", retry=False)
    return None


def _missed(proof: LimitProof) -> str:
    change = f"from {_text(proof.before)} to {_text(proof.after)}"
    return f"{proof.metric} would go {change}, the goal is {proof.goal:.6g}"


def _text(number: float | Unknown) -> str:
    return f"unknown ({number.reason})" if isinstance(number, Unknown) else f"{number:.6g}"


def _since(before: State | Unknown, attempt: Attempt) -> Attempt:
    """Measure from the account as it is, also where margin is added before the trims."""
    seen = attempt.examination
    if isinstance(seen, Unknown) or isinstance(before, Unknown):
        return attempt
    return structs.replace(attempt, examination=structs.replace(seen, before=before))


def _proofs(demands: Sequence[Demand], attempt: Attempt) -> tuple[LimitProof, ...]:
    """Prove every demand that permits trades and can be moved by them, those that were refused included."""
    expected = {
        (outcome.demand.rule, outcome.demand.target): outcome.expected for outcome in attempt.drawing.outcomes
    }
    return tuple(
        prove(
            watch_of(demand),
            attempt.meter,
            attempt.examination,
            expected=expected.get((demand.rule, demand.target), False),
        )
        for demand in demands
        if of_account(demand.metric)
    )


def _step(draft: Draft, numbering: Numbering) -> Step:
    number = numbering.next(draft.episode)
    position, quote = draft.position, draft.quote
    notional = float(notional_of(draft, draft.contracts))
    share = float(draft.contracts / position.contracts)
    price = f"at worst at {quote.worst:f}{quote.note}"
    request = OrderRequest(
        client_order_id=numbering.identity(draft.rule, draft.target, draft.episode, number),
        symbol=position.symbol,
        side=OrderSide.SELL if position.side is Side.LONG else OrderSide.BUY,
        position_side=position.side,
        position_index=position.position_index,
        contracts=draft.contracts,
        style=quote.style,
        price=quote.price,
        whole=draft.whole,
    )
    return Step(
        kind=StepKind.CLOSE if draft.whole else StepKind.TRIM,
        rule=draft.rule,
        episode=draft.episode,
        number=number,
        request=request,
        notional=notional,
        cost=notional * draft.trade_cost,
        reason=f"{draft.reason}: take {share:.1%} off {position.key}, {price}",
    )
