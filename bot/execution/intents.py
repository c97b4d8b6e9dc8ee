"""Intents and the only ways in which their state may change."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.errors import ReefError
from bot.execution.terms import OPENS_PREFIX
from bot.journal import Entry
from bot.journal.records import (
    TERMINAL,
    Adopted,
    Clipped,
    IntentState,
    Prepared,
    Progress,
    Record,
    Resent,
    Standing,
    Submitted,
)
from bot.model import Order, OrderRequest, OrderSide, Side, Step, StepKind, Style, Verdict, WalletMove

ALLOWED: dict[IntentState, frozenset[IntentState]] = {
    IntentState.PREPARED: frozenset(
        {
            IntentState.ACCEPTED,
            IntentState.CANCELLED,
            IntentState.REJECTED,
            IntentState.UNKNOWN,
            IntentState.ABANDONED,
        }
    ),
    IntentState.ACCEPTED: frozenset(
        {
            IntentState.ACCEPTED,
            IntentState.FILLED,
            IntentState.CANCELLED,
            IntentState.REJECTED,
            IntentState.ABANDONED,
        }
    ),
    IntentState.UNKNOWN: frozenset(
        {
            IntentState.UNKNOWN,
            IntentState.ACCEPTED,
            IntentState.FILLED,
            IntentState.CANCELLED,
            IntentState.REJECTED,
            IntentState.ABANDONED,
        }
    ),
    IntentState.FILLED: frozenset(),
    IntentState.CANCELLED: frozenset(),
    IntentState.REJECTED: frozenset(),
    IntentState.ABANDONED: frozenset(),
}
"""Where an intent may go from each state.

An order that is known to be accepted never becomes unknown again.
"""

VERDICTS: dict[Verdict, IntentState] = {
    Verdict.ACCEPTED: IntentState.ACCEPTED,
    Verdict.DUPLICATE: IntentState.ACCEPTED,
    Verdict.REJECTED: IntentState.REJECTED,
    Verdict.THROTTLED: IntentState.REJECTED,
    Verdict.OVERLOADED: IntentState.REJECTED,
    Verdict.AUTH: IntentState.REJECTED,
    Verdict.MAINTENANCE: IntentState.REJECTED,
    Verdict.NOTHING_TO_DO: IntentState.CANCELLED,
    Verdict.UNKNOWN: IntentState.UNKNOWN,
}
"""What the venue's answer makes of a prepared intent.

Throttled, overloaded, auth and maintenance were not executed.
"""


class IllegalTransitionError(ReefError):
    """An intent was to go where its state does not lead."""

    def __init__(self, intent: str, before: IntentState, after: IntentState) -> None:
        super().__init__(
            f"intent {intent} cannot go from {before.value} to {after.value}. "
            "The record was left as it is; run `reef journal verify`."
        )
        self.intent = intent
        self.before = before
        self.after = after


class StoryError(ReefError):
    """The entries of an intent do not begin with its preparation."""

    def __init__(self, intent: str, came: str) -> None:
        super().__init__(f"intent {intent or '(none)'}: {came}. Run `reef journal verify`.")


class Intent(Struct, frozen=True):
    """One request that was committed before it was sent, with what is known of it."""

    intent: str
    """The client order id."""
    account: str
    episode: str
    prepared: Prepared
    prepared_at: datetime
    state: IntentState
    standing: Standing | None = None
    """The latest evidence."""
    clipped: Decimal | None = None
    """Contracts that were sent instead of the planned ones."""
    sent_at: datetime | None = None
    asked_at: datetime | None = None
    """The venue's time of the first look-up that came after the request had been signed."""
    sends: int = 1
    """How often it was sent, or may have been."""

    @property
    def symbol(self) -> str:
        """Unified symbol of the request."""
        return self.prepared.step.request.symbol

    @property
    def ended(self) -> bool:
        """Whether nothing more can become of it."""
        return self.state in TERMINAL

    @property
    def is_order(self) -> bool:
        """Whether it trades; cancels and stops do not."""
        return isinstance(self.prepared.step.request, OrderRequest)

    @property
    def opens(self) -> bool:
        """Whether it is an order that may open or add to a position."""
        request = self.prepared.step.request
        return isinstance(request, OrderRequest) and request.opens

    @property
    def is_looked_up(self) -> bool:
        """Whether the venue is asked for it by an id of ours; the others are seen in a snapshot."""
        return isinstance(self.prepared.step.request, OrderRequest | WalletMove)

    @property
    def contracts(self) -> Decimal:
        """Contracts that were, or would be, sent; 0 for what is no order."""
        if self.clipped is not None:
            return self.clipped
        request = self.prepared.step.request
        return request.contracts if isinstance(request, OrderRequest) else Decimal(0)


def advance(intent: Intent, standing: Standing) -> Intent:
    """Apply evidence to an intent; raises `IllegalTransitionError`."""
    if standing.state not in ALLOWED[intent.state]:
        raise IllegalTransitionError(intent.intent, intent.state, standing.state)
    return replace(
        intent,
        state=standing.state,
        standing=standing,
        asked_at=intent.asked_at or standing.looked_at,
    )


def fold(entries: Sequence[Entry]) -> Intent:
    """Work out an intent from its journal entries, oldest first; the first prepares or adopts it.

    Raises `StoryError`, `IllegalTransitionError`.
    """
    if not entries:
        raise StoryError("", "there are no entries")
    first, record = entries[0], entries[0].record
    if isinstance(record, Adopted):
        intent = adopted(first.account, record.order, first.time)
    elif isinstance(record, Prepared):
        intent = begun(first.intent, first.account, first.episode, record, first.time)
    else:
        raise StoryError(first.intent, f"the first entry is {first.kind}, not its preparation")
    for entry in entries[1:]:
        intent = told(intent, entry.record)
    return intent


def begun(name: str, account: str, episode: str, prepared: Prepared, at: datetime) -> Intent:
    """Return an intent that is about to be sent."""
    return Intent(
        intent=name,
        account=account,
        episode=episode,
        prepared=prepared,
        prepared_at=at,
        state=IntentState.PREPARED,
    )


def adopted(account: str, order: Order, at: datetime) -> Intent:
    """Return an order that the venue showed and the journal did not know, as an intent that was accepted."""
    selling = order.side is OrderSide.SELL
    opens = order.client_order_id.startswith(OPENS_PREFIX)
    request = OrderRequest(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        position_side=Side.LONG if selling is not opens else Side.SHORT,
        position_index=order.position_index,
        contracts=order.contracts,
        style=Style.IOC if order.price is not None else Style.MARKET,
        price=order.price,
        opens=opens,
    )
    kind = StepKind.HEDGE if opens else StepKind.TRIM
    step = Step(kind, "", "", 0, request, 0.0, 0.0, "adopted: the journal did not know it")
    standing = Progress(
        state=IntentState.ACCEPTED,
        evidence="the venue shows it, and the journal did not know it",
        order_id=order.order_id,
    )
    return advance(begun(order.client_order_id, account, "", Prepared(step, None), at), standing)


def told(intent: Intent, record: Record) -> Intent:
    """Apply what one later entry says of an intent; raises `IllegalTransitionError`."""
    if isinstance(record, Standing):
        return advance(intent, record)
    if isinstance(record, Submitted):
        return replace(intent, sent_at=record.sent_at)
    if isinstance(record, Resent):
        return replace(intent, sends=record.sends, asked_at=None)
    if isinstance(record, Clipped):
        return replace(intent, clipped=record.contracts)
    return intent
