"""What the journal records: kinds of entries, each with a typed body.

Bodies are stored as canonical JSON: keys sorted, decimals as text, times as ISO 8601 in UTC.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import msgspec
from msgspec import Struct

from bot.journal.controls import Answered, Churned, EpisodeEnded, Preview, Proposed, Reloaded
from bot.journal.failures import Blindness as Blindness
from bot.journal.failures import BlindRule as BlindRule
from bot.journal.failures import Failure as Failure
from bot.journal.failures import Pruned as Pruned
from bot.journal.told import Notified, Silenced, Summary
from bot.model import (
    Answer,
    Difference,
    Figure,
    Finding,
    Order,
    Plan,
    Shelter,
    State,
    Step,
)


class Kind(StrEnum):
    """Kinds of entries."""

    STARTED = "started"
    STOPPED = "stopped"
    DECISION = "decision"
    FINDING = "finding"
    PREPARED = "prepared"
    CLIPPED = "clipped"
    SUBMITTED = "submitted"
    RESENT = "resent"
    PROGRESS = "progress"
    OUTCOME = "outcome"
    VERIFICATION = "verification"
    OUTSIDE = "outside"
    DIFFERENCE = "difference"
    PROTECTION = "protection"
    ADOPTED = "adopted"
    WORD = "word"
    RECOVERY = "recovery"
    ERROR = "error"
    BLINDNESS = "blindness"
    IF_BLIND = "if_blind"
    HEDGE = "hedge"
    SILENCED = "silenced"
    NOTIFIED = "notified"
    PREVIEW = "preview"
    PROPOSAL = "proposal"
    ANSWER = "answer"
    RELOAD = "reload"
    EPISODE_END = "episode_end"
    CHURN = "churn"
    SUMMARY = "summary"
    PRUNED = "pruned"


class IntentState(StrEnum):
    """Where an intent stands."""

    PREPARED = "prepared"
    ACCEPTED = "accepted"
    FILLED = "filled"
    """Done in full; of a cancel or a stop: the venue shows that it is as asked."""
    CANCELLED = "cancelled"
    """Ended with less than the whole, perhaps nothing; also: never sent, since there was nothing to do."""
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


TERMINAL = frozenset({IntentState.FILLED, IntentState.CANCELLED, IntentState.REJECTED, IntentState.ABANDONED})


GONE = "position_gone"
"""Code of an order that was not sent because its position is gone or has flipped."""
NOT_READ = "not_read"
"""Code of an order that was not sent because its position could not be read again."""
NO_LEASE = "no_lease"
"""Code of an order that was not sent because the daemon's lease was about to end."""
NOT_FREE = "not_free"
"""Code of an order that was not sent because somebody else holds what it would have opened."""
UNSENT = frozenset({GONE, NOT_READ, NO_LEASE, NOT_FREE})


class Started(Struct, frozen=True):
    """The daemon began."""

    version: str
    pid: int
    mode: str
    network: str
    accounts: tuple[str, ...]
    rules: str
    """Digest of the rule text."""
    epoch: int = 0
    """Of its lease; 0 where it had none."""


class Stopped(Struct, frozen=True):
    """The daemon ended on purpose."""

    reason: str


class Decision(Struct, frozen=True):
    """One cycle's decision. `input` and `rules` are digests of blobs: deciding again gives the same plan."""

    input: str
    rules: str
    armed: bool
    findings: tuple[Finding, ...]
    """Findings that changed or act."""
    plan: Plan | None
    note: str = ""


class FindingChanged(Struct, frozen=True):
    """A rule changed its state on a target."""

    finding: Finding
    before: State | None
    """None when the rule is seen for the first time."""


class PositionSeen(Struct, frozen=True):
    """The position that an intent is about, as the guard last saw it."""

    contracts: Decimal
    contract_size: Decimal
    entry_price: Figure
    mark_price: Figure
    read_at: datetime
    """The venue's time."""
    inverse: bool = False


class Prepared(Struct, frozen=True):
    """A request that is about to be sent."""

    step: Step
    before: PositionSeen | None
    """None where the request is not about a position."""


class Clipped(Struct, frozen=True):
    """The position had shrunk: less than planned is sent."""

    planned: Decimal
    contracts: Decimal
    reason: str


class Submitted(Struct, frozen=True):
    """The venue's answer to a submission."""

    answer: Answer
    sent_at: datetime


class Resent(Struct, frozen=True):
    """An order that never arrived is about to be sent once more, under its own client order id."""

    contracts: Decimal
    sends: int
    """How often it will have been sent, this time included."""


class Standing(Struct, frozen=True):
    """Where an intent stands, with the evidence. Money is in USD, sizes in contracts."""

    state: IntentState
    evidence: str
    code: str = ""
    order_id: str = ""
    filled: Decimal = Decimal(0)
    average_price: Decimal | None = None
    fee: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    """Value that was traded."""
    loss: Decimal = Decimal(0)
    """Realised loss and cost that the order caused; gains count as 0."""
    looked_at: datetime | None = None
    """The venue's time of the look-up that gave the evidence."""


class Progress(Standing, frozen=True):
    """An intent that has not ended: accepted or unknown."""


class Outcome(Standing, frozen=True):
    """How an intent ended: filled, cancelled, rejected or abandoned."""


class Verification(Struct, frozen=True):
    """What an intent changed, seen on a fresh snapshot."""

    symbol: str
    side: str
    planned: Decimal
    executed: Decimal
    before: Decimal
    after: Decimal
    agrees: bool
    """Whether the position moved by what was executed."""
    note: str = ""


class Outside(Struct, frozen=True):
    """A position was changed by others: its owner, the venue, or nobody knows whom. Sizes in contracts."""

    symbol: str
    side: str
    before: Decimal
    after: Decimal
    ours: Decimal
    """By how much the guard's own executions changed it; negative is less."""
    others: Decimal
    """By how much executions of others did."""
    kinds: tuple[str, ...]
    """What the venue calls those: trade, stop loss, ADL, liquidation, ..."""
    note: str = ""


class HedgeChanged(Struct, frozen=True):
    """A hedge that is not what the guard's own orders made it, or whose parent is gone. Sizes in
    contracts."""

    symbol: str
    side: str
    parent: str
    """Key of the position that it hedges."""
    rule: str
    episode: str
    before: Decimal
    after: Decimal
    """What of it is left; from here on, this is what the journal counts on."""
    lost: bool
    """Whether others closed what is missing: the owner, the venue, or the stop that rested for it."""
    note: str


class DifferencesSeen(Struct, frozen=True):
    """Our recomputation and the venue's own figures differ."""

    differences: tuple[Difference, ...]


class Protection(Struct, frozen=True):
    """The protective stop of a position, read back from the venue."""

    symbol: str
    side: str
    shelter: Shelter
    wanted: Decimal | None
    found: Decimal | None
    note: str = ""


class Adopted(Struct, frozen=True):
    """An order that carries the guard's prefix at the venue, and that the journal did not know."""

    order: Order
    note: str
    followed: bool = False
    """Whether it is looked up until it ends, as if this journal had prepared it."""


class Command(StrEnum):
    """What an operator may say."""

    HALT = "halt"
    RESUME = "resume"
    ABANDON = "abandon"
    APPROVE = "approve"
    RENEW = "renew"


class Word(Struct, frozen=True):
    """The operator's word, or a rule's."""

    command: Command
    who: str
    why: str
    about: str = ""
    """What it is about, where that is not the account: the name of a proposal."""


class Recovered(Struct, frozen=True):
    """What start-up found before it might trade."""

    settled: tuple[str, ...]
    """Intents that were open and have ended."""
    open: tuple[str, ...]
    """Intents that are still open."""
    adopted: tuple[str, ...]
    """Client ids of orders that the journal did not know."""
    unprotected: tuple[str, ...]
    """Positions without a stop."""
    orphan_stops: tuple[str, ...]
    """Venue ids of stops without a position."""
    failures: tuple[str, ...] = ()
    """Look-ups that the venue did not answer."""
    orphan_hedges: tuple[str, ...] = ()
    """Keys of hedges whose parent is gone."""


Record: TypeAlias = (
    Started
    | Stopped
    | Decision
    | FindingChanged
    | Prepared
    | Clipped
    | Submitted
    | Resent
    | Progress
    | Outcome
    | Verification
    | Outside
    | DifferencesSeen
    | Protection
    | Adopted
    | Word
    | Recovered
    | Failure
    | Blindness
    | BlindRule
    | HedgeChanged
    | Silenced
    | Notified
    | Preview
    | Proposed
    | Answered
    | Reloaded
    | EpisodeEnded
    | Churned
    | Summary
    | Pruned
)

BODIES: dict[Kind, type[Record]] = {
    Kind.STARTED: Started,
    Kind.STOPPED: Stopped,
    Kind.DECISION: Decision,
    Kind.FINDING: FindingChanged,
    Kind.PREPARED: Prepared,
    Kind.CLIPPED: Clipped,
    Kind.SUBMITTED: Submitted,
    Kind.RESENT: Resent,
    Kind.PROGRESS: Progress,
    Kind.OUTCOME: Outcome,
    Kind.VERIFICATION: Verification,
    Kind.OUTSIDE: Outside,
    Kind.DIFFERENCE: DifferencesSeen,
    Kind.PROTECTION: Protection,
    Kind.ADOPTED: Adopted,
    Kind.WORD: Word,
    Kind.RECOVERY: Recovered,
    Kind.ERROR: Failure,
    Kind.BLINDNESS: Blindness,
    Kind.IF_BLIND: BlindRule,
    Kind.HEDGE: HedgeChanged,
    Kind.SILENCED: Silenced,
    Kind.NOTIFIED: Notified,
    Kind.PREVIEW: Preview,
    Kind.PROPOSAL: Proposed,
    Kind.ANSWER: Answered,
    Kind.RELOAD: Reloaded,
    Kind.EPISODE_END: EpisodeEnded,
    Kind.CHURN: Churned,
    Kind.SUMMARY: Summary,
    Kind.PRUNED: Pruned,
}

KINDS: dict[type[Record], Kind] = {body: kind for kind, body in BODIES.items()}

_encoder = msgspec.json.Encoder(order="sorted")
_decoders = {kind: msgspec.json.Decoder(body) for kind, body in BODIES.items()}


def canonical(value: object) -> bytes:
    """Encode a value as canonical JSON: equal values give equal bytes."""
    return _encoder.encode(value)


def decode(kind: Kind, body: str) -> Record:
    """Decode the body of an entry; raises `msgspec.ValidationError` where it does not fit its kind."""
    return _decoders[kind].decode(body)
