"""Moves of margin and money among the intents: what each waits for, and what proves it. Pure.

What changes a position's margin or leverage is proven by the position itself: there is no id to ask by. The
venue takes a signed request for a few seconds only, so what the position shows once they are long over is
final. A transfer or a conversion is looked up by its id, as orders are.
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.execution.intents import Intent
from bot.execution.terms import ExecutionTerms
from bot.journal.records import IntentState, Outcome
from bot.model import (
    WALLET,
    ConvertRequest,
    LeverageRequest,
    MarginRequest,
    Move,
    NotFound,
    OrderRequest,
    PositionMove,
    Request,
    Snapshot,
    WalletMove,
    position_key,
)

UNREADABLE = "the position does not say"
UNSURE = frozenset({IntentState.PREPARED, IntentState.UNKNOWN})


def waits_for(request: Request, open_intents: Sequence[Intent]) -> Intent | None:
    """Return the open intent that a request has to wait for; None where it may go."""
    for intent in open_intents:
        if _holds(intent, request):
            return intent
    return None


def _holds(intent: Intent, request: Request) -> bool:
    """Whether an open intent keeps a request back.

    An order holds its symbol until it has ended. A move holds its symbol, and everything else that uses free
    margin, while it is not known whether it was taken.
    """
    earlier = intent.prepared.step.request
    if isinstance(earlier, OrderRequest):
        return isinstance(request, OrderRequest | PositionMove) and request.symbol == earlier.symbol
    if not isinstance(earlier, Move) or intent.state not in UNSURE:
        return False
    if isinstance(request, OrderRequest):
        return request.symbol == earlier.symbol
    return isinstance(request, Move)


def open_moves(open_intents: Sequence[Intent]) -> frozenset[str]:
    """Return the symbols whose margin or leverage may not be as the last snapshot shows it.

    `WALLET` is among them while a transfer or a conversion has not ended.
    """
    return frozenset(
        intent.symbol for intent in open_intents if isinstance(intent.prepared.step.request, Move)
    )


def item_of(request: Request) -> str:
    """Return under what name a refused move is remembered: it must not keep orders of its symbol back."""
    if isinstance(request, MarginRequest):
        return f"margin of {position_key(request.symbol, request.position_side)}"
    if isinstance(request, LeverageRequest):
        return f"leverage of {request.symbol}"
    return f"conversion of {request.coin}" if isinstance(request, ConvertRequest) else WALLET


def seen_move(
    intent: Intent, request: PositionMove, snapshot: Snapshot, terms: ExecutionTerms
) -> Outcome | None:
    """Say what a snapshot shows of a move on a position; None while it may still show something else."""
    if isinstance(request, MarginRequest):
        state, seen = _margin_in(request, snapshot)
    else:
        state, seen = _leverage_in(request, snapshot)
    if state is None and not _is_final(intent, snapshot, terms):
        return None
    if state is None and intent.state is IntentState.ACCEPTED:
        state, seen = IntentState.FILLED, f"the venue took it, and by now {seen or UNREADABLE}"
    if not seen:
        return None
    return Outcome(
        state=state or IntentState.REJECTED,
        evidence=seen,
        code="" if state else "never_arrived",
        looked_at=snapshot.times.positions,
    )


def _is_final(intent: Intent, snapshot: Snapshot, terms: ExecutionTerms) -> bool:
    """Whether the positions were read so late that the request can neither arrive nor be unseen any more."""
    sent = snapshot.venue_time(intent.sent_at or intent.prepared_at)
    waited = terms.recv_window_seconds + terms.ahead_seconds + terms.explain_seconds
    return (snapshot.times.positions - sent).total_seconds() > waited


def _margin_in(request: MarginRequest, snapshot: Snapshot) -> tuple[IntentState | None, str]:
    """Compare the margin with what it would be with and without the addition: the nearer one is believed.

    Without words where the position does not tell: that proves nothing, however long it lasts.
    """
    position = snapshot.position(position_key(request.symbol, request.position_side))
    if position is None:
        return IntentState.CANCELLED, "the position is gone, and its margin is back in the wallet"
    margin = position.isolated_margin
    if not isinstance(margin, Decimal):
        return None, ""
    share = min(position.contracts / request.contracts, Decimal(1))
    gained = margin - request.before * share
    seen = f"the position's margin went from {request.before:f} to {margin:f}; asked for was {request.amount}"
    took = gained >= request.amount * share / 2
    return (IntentState.FILLED if took else None), seen


def _leverage_in(request: LeverageRequest, snapshot: Snapshot) -> tuple[IntentState | None, str]:
    shown = [one.leverage for one in snapshot.positions if one.symbol == request.symbol]
    if not shown:
        return IntentState.CANCELLED, "the position is gone, and with it what shows its leverage"
    if all(leverage == request.leverage for leverage in shown):
        return IntentState.FILLED, f"the leverage is {request.leverage:f}"
    told = ", ".join(f"{one:f}" for one in shown if isinstance(one, Decimal))
    return None, f"the leverage is {told}; asked for was {request.leverage:f}" if told else ""


def absent_move(request: WalletMove, found: NotFound, seconds: float) -> Outcome:
    """The transfer or conversion never arrived: nothing of it, long after its request had expired."""
    return Outcome(
        state=IntentState.REJECTED,
        evidence=f"not found at the venue {seconds:.0f} s after its request expired",
        code="never_arrived",
        looked_at=found.at,
    )


def conversion_loss(request: ConvertRequest, filled: Decimal, price: Decimal | None, fee: Decimal) -> Decimal:
    """USD that a conversion cost: what the coins were worth above what they brought, and the fee."""
    brought = request.price if price is None else price
    return max((request.worth - brought) * filled, Decimal(0)) + fee
