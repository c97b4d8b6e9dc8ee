"""What the venue's evidence proves about an intent. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from bot.execution import moves
from bot.execution.intents import VERDICTS, Intent
from bot.execution.protection import profit_rests, rests_at
from bot.execution.terms import ExecutionTerms
from bot.journal.records import TERMINAL, IntentState, Outcome, Progress
from bot.model import (
    Answer,
    CancelRequest,
    ConvertRequest,
    Fill,
    NotFound,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    Position,
    PositionMove,
    Side,
    Snapshot,
    StopRequest,
    Verdict,
    WalletMove,
    cover,
    position_key,
)

Evidence: TypeAlias = Progress | Outcome

ARRIVED = frozenset({Verdict.ACCEPTED, Verdict.DUPLICATE})

STATES = {
    OrderStatus.OPEN: IntentState.ACCEPTED,
    OrderStatus.FILLED: IntentState.FILLED,
    OrderStatus.CANCELLED: IntentState.CANCELLED,
    OrderStatus.REJECTED: IntentState.REJECTED,
}


def answered(answer: Answer) -> Evidence:
    """Say what the answer to the first copy of a request proves."""
    state = VERDICTS[answer.verdict]
    kind = Outcome if state in TERMINAL else Progress
    words = f": {answer.message}" if answer.message else ""
    return kind(
        state=state,
        evidence=f"the venue answered {answer.verdict.value}{words}",
        code=answer.code,
        order_id=answer.order_id,
    )


def answered_again(answer: Answer, first_look: datetime | None) -> Progress:
    """Say what the answer to a second copy of an order proves.

    That it was refused proves nothing of the first one, which is looked for as before.
    """
    words = f": {answer.message}" if answer.message else ""
    evidence = f"sent once more, the venue answered {answer.verdict.value}{words}"
    if answer.verdict in ARRIVED or answer.verdict is Verdict.UNKNOWN:
        state = VERDICTS[answer.verdict]
        return Progress(state=state, evidence=evidence, code=answer.code, order_id=answer.order_id)
    return Progress(
        state=IntentState.UNKNOWN,
        evidence=f"{evidence}; whether the first copy arrived is not known yet",
        code=answer.code,
        looked_at=first_look,
    )


def standing_of(intent: Intent, report: OrderReport) -> Evidence:
    """Take over what the venue's own lists say of an order."""
    state = STATES[report.status]
    notional, loss = money(intent, report.filled, report.average_price, report.fee)
    evidence = f"the venue lists it as {report.status.value}, {report.filled} of {report.contracts} filled"
    kind = Outcome if state in TERMINAL else Progress
    return kind(
        state=state,
        evidence=f"{evidence} ({report.reason})" if report.reason else evidence,
        order_id=report.order_id,
        filled=report.filled,
        average_price=report.average_price,
        fee=report.fee,
        notional=notional,
        loss=loss,
        looked_at=report.at,
    )


def money(intent: Intent, filled: Decimal, price: Decimal | None, fee: Decimal) -> tuple[Decimal, Decimal]:
    """USD traded, and USD lost by it: realised against entry, or against mark where that is more, and the
    fee.

    What opens realises nothing: its cost is the plan's own. A conversion trades no
    position, and has only a cost. Gains and rebates count as 0: a budget for losses is not refilled by luck.
    Where the venue names no price, the plan's own figures stand in.
    """
    paid = max(fee, Decimal(0))
    request, before = intent.prepared.step.request, intent.prepared.before
    if isinstance(request, ConvertRequest):
        return Decimal(0), moves.conversion_loss(request, filled, price, paid)
    if not filled or not isinstance(request, OrderRequest):
        return Decimal(0), paid
    if price is None or before is None or request.opens:
        share = filled / request.contracts
        step = intent.prepared.step
        return Decimal(str(step.notional)) * share, max(Decimal(str(step.cost)), Decimal(0)) * share + paid
    size, sign = filled * before.contract_size, request.position_side.sign
    references = [one for one in (before.entry_price, before.mark_price) if isinstance(one, Decimal)]
    if before.inverse:  # contracts of a USD: 1 / reference coins came for each, 1 / price went
        falls = [(1 - price / reference) * sign * size for reference in references]
        return size, max([*falls, Decimal(0)]) + paid
    falls = [(reference - price) * sign * size for reference in references]
    return size * price, max([*falls, Decimal(0)]) + paid


def expired_for(intent: Intent, at: datetime, terms: ExecutionTerms) -> timedelta:
    """Time that has passed since the order would have had to be visible, by the venue's clock.

    Counted from the first look-up, which came after the request had been signed; negative before that.
    """
    window = timedelta(seconds=terms.recv_window_seconds + terms.visibility_seconds)
    return at - (intent.asked_at or at) - window


def silent_for(intent: Intent, at: datetime, terms: ExecutionTerms) -> float:
    """Seconds since the request could not be taken any more, by the venue's clock."""
    return expired_for(intent, at, terms).total_seconds() + terms.visibility_seconds


def not_yet(intent: Intent, found: NotFound) -> Progress:
    """The first look-up found nothing: no verdict, but the clock for one begins."""
    accepted = intent.state is IntentState.ACCEPTED
    return Progress(
        state=IntentState.ACCEPTED if accepted else IntentState.UNKNOWN,
        evidence="not found in open, past and executed orders yet, which proves nothing",
        order_id=intent.standing.order_id if intent.standing else "",
        looked_at=found.at,
    )


def from_fills(intent: Intent, fills: Sequence[Fill], at: datetime) -> Outcome | None:
    """The outcome of an order that only its executions still show; None where they hold none of it."""
    own = {fill.fill_id: fill for fill in fills if fill.client_order_id == intent.intent}.values()
    if not own:
        return None
    filled = sum((fill.contracts for fill in own), Decimal(0))
    price = sum((fill.contracts * fill.price for fill in own), Decimal(0)) / filled
    fee = sum((fill.fee for fill in own), Decimal(0))
    notional, loss = money(intent, filled, price, fee)
    return Outcome(
        state=IntentState.FILLED if filled >= intent.contracts else IntentState.CANCELLED,
        evidence=f"not in the lists of orders, but {len(own)} executions carry its id",
        order_id=next(iter(own)).order_id,
        filled=filled,
        average_price=price,
        fee=fee,
        notional=notional,
        loss=loss,
        looked_at=at,
    )


def doubt(
    intent: Intent, fills: Sequence[Fill], positions: Sequence[Position], *, exactly: bool = False
) -> str:
    """Why absence is not proven although the lists are empty; '' where the position agrees.

    `exactly` asks that executions explain the change to the contract, all of them or those since the position
    was read: where the clocks did not agree, some may be from before.
    """
    request, before = intent.prepared.step.request, intent.prepared.before
    if not isinstance(request, OrderRequest) or (before is None and not request.opens):
        return ""
    key = position_key(request.symbol, request.position_side)
    now = next((position.contracts for position in positions if position.key == key), Decimal(0))
    if request.opens:
        return _grown(before.contracts if before else Decimal(0), now, request.side, fills)
    assert before is not None
    closing = OrderSide.SELL if request.position_side is Side.LONG else OrderSide.BUY
    explained, fallen = closed(closing, fills), before.contracts - now
    if exactly:
        later = [fill for fill in fills if fill.at >= before.read_at]
        agrees = any(fallen == closed(closing, some) - opened(closing, some) for some in (fills, later))
    else:
        agrees = fallen <= explained
    if agrees:
        return ""
    went = f"the position went from {before.contracts} to {now}"
    return f"{went}, and executions of others explain only {explained}"


def closed(closing: OrderSide, fills: Sequence[Fill]) -> Decimal:
    """Contracts that executions took off a position."""
    own = {fill.fill_id: fill for fill in fills if fill.side is closing}.values()
    return sum((fill.contracts if fill.closed is None else fill.closed for fill in own), Decimal(0))


def opened(closing: OrderSide, fills: Sequence[Fill]) -> Decimal:
    """Contracts that executions on the other side added to a position."""
    others = {fill.fill_id: fill for fill in fills if fill.side is not closing}.values()
    return sum((fill.contracts - (fill.closed or Decimal(0)) for fill in others), Decimal(0))


def _grown(before: Decimal, now: Decimal, opening: OrderSide, fills: Sequence[Fill]) -> str:
    """Say that a position grew by more than executions of others opened; '' where it did not."""
    explained = sum(
        (
            fill.contracts if fill.closed is None else fill.contracts - fill.closed
            for fill in {fill.fill_id: fill for fill in fills}.values()
            if fill.side is opening
        ),
        Decimal(0),
    )
    if now - before > explained:
        return f"the position grew from {before} to {now}, and executions of others explain only {explained}"
    return ""


def absent(intent: Intent, found: NotFound, terms: ExecutionTerms) -> Outcome:
    """The order never arrived: nothing of it anywhere, long after its request had expired."""
    seconds = silent_for(intent, found.at, terms)
    return Outcome(
        state=IntentState.REJECTED,
        evidence=f"not found in open, past and executed orders {seconds:.0f} s after its request expired",
        code="never_arrived",
        order_id=intent.standing.order_id if intent.standing else "",
        looked_at=found.at,
    )


def seen_in(intent: Intent, snapshot: Snapshot, terms: ExecutionTerms) -> Outcome | None:
    """What a snapshot younger than the request shows of a cancel, a stop or a move; None for nothing yet.

    Cancels and stops may be sent again without harm, so the guard's own clock is good enough for them.
    """
    request = intent.prepared.step.request
    age = (snapshot.taken_at - (intent.sent_at or intent.prepared_at)).total_seconds()
    if age <= 0 or isinstance(request, OrderRequest | WalletMove):
        return None
    if isinstance(request, PositionMove):
        return moves.seen_move(intent, request, snapshot, terms)
    if isinstance(request, CancelRequest):
        state, seen = _cancel_in(request, snapshot)
    else:
        state, seen = _stop_in(request, snapshot)
    if state is None:
        if age <= terms.recv_window_seconds + terms.visibility_seconds:
            return None
        state = IntentState.CANCELLED if intent.state is IntentState.ACCEPTED else IntentState.REJECTED
    return Outcome(state=state, evidence=seen, looked_at=snapshot.times.oldest)


def _cancel_in(request: CancelRequest, snapshot: Snapshot) -> tuple[IntentState | None, str]:
    if any(order.order_id == request.order_id for order in (*snapshot.orders, *snapshot.stops)):
        return None, f"order {request.order_id} still rests"
    return IntentState.FILLED, f"order {request.order_id} rests no more"


def _stop_in(request: StopRequest, snapshot: Snapshot) -> tuple[IntentState | None, str]:
    position = snapshot.position(position_key(request.symbol, request.position_side))
    if position is None:
        return IntentState.CANCELLED, "the position is gone, and its stop with it"
    found, market = cover(position, snapshot), snapshot.markets.get(request.symbol)
    if rests_at(request.trigger_price, found, market) and profit_rests(request, snapshot):
        return IntentState.FILLED, f"the position's stop rests at {request.trigger_price}"
    seen = found.trouble or f"the position's stop rests at {found.trigger}"
    return None, f"{seen}; asked for was {request.trigger_price}"
