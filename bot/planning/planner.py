"""`plan`: from one decision's input to steps with proofs, or refusals. Pure and deterministic."""

from collections.abc import Sequence

from msgspec import structs

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
from bot.planning.cancelling import cancel_step, cancels, clearing
from bot.planning.caps import Allowance, Draft, notional_of
from bot.planning.carrying import carry
from bot.planning.check import (
    prove,
)
from bot.planning.demands import acting, refuse
from bot.planning.known import Known, known_of
from bot.planning.moving import finish
from bot.planning.numbering import Numbering
from bot.planning.programme.choice import Chosen
from bot.planning.recomputation import State
from bot.planning.request import PlanRequest, stale_reason, watch_of
from bot.planning.settling import Attempt
from bot.planning.sparing import may_cancel
from bot.planning.strangers import STRANGER
from bot.risk.catalogue import of_account


def plan(request: PlanRequest, known: Known | None = None, chosen: Chosen | None = None) -> Plan:
    """Decide what should be done now. `chosen` is what belongs to the cheapest plan, where that is known.

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
    known = known or known_of(request)
    before = known.before
    refused = _unreadable(request, demands)
    carried = carry(request, demands, known, allowance, chosen)
    moving, demands, settled, allowance = carried.moving, carried.demands, carried.settled, carried.allowance
    attempt = settled.attempt
    refused.extend(settled.refusals)
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
    made = _plan(request, steps, found, proofs, halting)
    return structs.replace(made, reasoning=carried.reasoning)


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
    positions = request.snapshot.positions
    if len(request.snapshot.open_positions) == len(positions):
        return []
    odd = [position for position in positions if not position.is_open and position.contracts != 0]
    return [
        refuse(
            demand, position.key, "unknown_figure", f"the size of {position.key} came as {position.contracts}"
        )
        for demand in demands
        for position in odd
        if demand.target.position in (None, position.key)
    ]


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
