"""What became of the steps of a plan."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from bot.errors import ReefError
from bot.execution.intents import Intent
from bot.journal import JournalError
from bot.journal.records import IntentState, Progress
from bot.model import Answer, Step, StepKind

DONE_ONCE_TAKEN = frozenset({StepKind.CANCEL, StepKind.PROTECT, StepKind.ADD_MARGIN, StepKind.LOWER_LEVERAGE})
"""Steps that fill nothing: the venue's word is enough until a snapshot shows them."""


class Held(StrEnum):
    """Why a step was not sent, and not even prepared."""

    DISARMED = "disarmed"
    STARTING = "starting"
    """The settings let orders wait for a while after the start."""
    HALTED = "halted"
    UNKNOWN_OUTCOME = "unknown_outcome"
    """An earlier order on the instrument has not ended."""
    ALREADY_PREPARED = "already_prepared"
    """This intent is in the journal: it is never sent twice."""
    VENUE_CLOSED = "venue_closed"
    """The venue throttled, refused the key or is in maintenance: the rest of the plan waits, and so do the
    next plans for a growing pause."""
    UNANSWERED = "unanswered"
    """An order before it was not answered: the rest waits for fresh data, stops do not."""
    NO_LEASE = "no_lease"
    """The daemon's lease is about to end, or was taken over: another one may act in its place."""
    NOT_RECORDED = "not_recorded"
    """The journal cannot be written, and the owner allows only reduce-only orders then."""
    STALE = "stale"
    """The data that the plan was made from has grown too old while it was carried out."""


class StepResult(Struct, frozen=True):
    """One step and what became of it."""

    step: Step
    state: IntentState | None
    """None for a step that was held back."""
    held: Held | None
    sent: bool
    nothing_to_do: bool
    """The venue already was as asked, for example because the position is gone."""
    executed: Decimal
    """Contracts filled so far."""
    average_price: Decimal | None
    fee: Decimal
    loss: Decimal
    """Realised loss and cost in USD."""
    code: str
    """The venue's code; '' where there is none."""
    evidence: str
    intent: str
    """Name of the intent in the journal; '' for a step that was held back."""

    @property
    def complete(self) -> bool:
        """Whether the step did all that it was meant to do."""
        if self.nothing_to_do or self.state is IntentState.FILLED:
            return True
        return self.step.kind in DONE_ONCE_TAKEN and self.state is IntentState.ACCEPTED


class ExecutionReport(Struct, frozen=True):
    """What became of a plan."""

    account: str
    at: datetime
    results: tuple[StepResult, ...]
    stopped: Answer | None = None
    """The answer (throttled, auth, maintenance) after which nothing more was sent."""
    halted: str = ""
    """Why the account is halted now; '' where it is not."""
    unrecorded: int = 0
    """Entries that the journal has not taken yet: they are kept in memory and tried again."""

    @property
    def sent(self) -> tuple[StepResult, ...]:
        """Steps that left for the venue."""
        return tuple(result for result in self.results if result.sent)

    @property
    def complete(self) -> bool:
        """Whether every step did all that it was meant to do."""
        return all(result.complete for result in self.results)


class IntentNotRecordedError(ReefError):
    """An intent could not be committed, so it was not sent. `report` tells of the steps before it."""

    def __init__(self, account: str, step: Step, report: ExecutionReport, error: JournalError) -> None:
        super().__init__(
            f"account {account}: {step.kind.value} {step.request.symbol} was not sent, nor what follows it, "
            f"since its intent could not be recorded: {error}"
        )
        self.account = account
        self.step = step
        self.report = report


def held_back(step: Step, held: Held, why: str) -> StepResult:
    """The result of a step that was not even prepared."""
    return StepResult(
        step=step,
        state=None,
        held=held,
        sent=False,
        nothing_to_do=False,
        executed=Decimal(0),
        average_price=None,
        fee=Decimal(0),
        loss=Decimal(0),
        code=held.value,
        evidence=why,
        intent="",
    )


def result_of(step: Step, intent: Intent, *, nothing_to_do: bool = False) -> StepResult:
    """The result of a step whose intent stands somewhere by now."""
    standing = intent.standing or Progress(state=intent.state, evidence="prepared")
    return StepResult(
        step=step,
        state=intent.state,
        held=None,
        sent=intent.sent_at is not None,
        nothing_to_do=nothing_to_do,
        executed=standing.filled,
        average_price=standing.average_price,
        fee=standing.fee,
        loss=standing.loss,
        code=standing.code,
        evidence=standing.evidence,
        intent=intent.intent,
    )
