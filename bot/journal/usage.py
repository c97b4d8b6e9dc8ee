"""What the guard has used of its caps, and how far an episode has come."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import Struct

from bot.journal.chain import Entry, stamp
from bot.journal.queries import SELECT_SINCE, SELECT_STEPS
from bot.journal.records import UNSENT, IntentState, Kind
from bot.model import TRADES, StepKind, Usage

MARGIN = frozenset({StepKind.ADD_MARGIN, StepKind.LOWER_LEVERAGE})
"""What takes from the free margin for a position."""
SECURED = frozenset({StepKind.SECURE})
"""What takes money out of the derivatives wallet."""


class _Step(Struct):
    kind: StepKind
    rule: str
    number: int
    notional: float


class _Prepared(Struct):
    """The part of a prepared body that counts; the rest is skipped."""

    step: _Step


class _Outcome(Struct):
    """The part of an outcome's body that counts."""

    state: IntentState
    code: str
    notional: Decimal
    loss: Decimal

    @property
    def acted(self) -> bool:
        """Whether the request reached the venue and was not refused."""
        return self.state is not IntentState.REJECTED and self.code not in UNSENT


_prepared = msgspec.json.Decoder(_Prepared)
_outcome = msgspec.json.Decoder(_Outcome)


def usage_of(
    cursor: sqlite3.Cursor, account: str, now: datetime, open_intents: Sequence[tuple[Entry, ...]]
) -> Usage:
    """Actions in the last hour; what was traded, lost and moved since 00:00 UTC, open intents as planned.

    What the venue refused or what was never sent changed nothing: it must not use up the cap of what can.
    """
    moment = now.astimezone(UTC)
    midnight = stamp(moment.replace(hour=0, minute=0, second=0, microsecond=0))
    hour = stamp(moment - timedelta(hours=1))
    since = min(midnight, hour)
    ended = {
        intent: (at, _outcome.decode(body))
        for intent, at, body in _since(cursor, account, Kind.OUTCOME, since)
    }
    begun = [
        (at, _prepared.decode(body).step)
        for intent, at, body in _since(cursor, account, Kind.PREPARED, since)
        if intent not in ended or ended[intent][1].acted
    ]
    over = [outcome for at, outcome in ended.values() if at >= midnight]
    today = [step for at, step in begun if at >= midnight]
    pending = [_prepared.decode(rows[0].body).step for rows in open_intents if rows[0].kind == Kind.PREPARED]
    trading = [Decimal(str(step.notional)) for step in pending if step.kind in TRADES]
    return Usage(
        actions_last_hour=sum(at >= hour and step.kind is not StepKind.PROTECT for at, step in begun),
        notional_today=sum((outcome.notional for outcome in over), sum(trading, Decimal(0))),
        loss_today=sum((outcome.loss for outcome in over), Decimal(0)),
        margin_today=_moved(today, MARGIN),
        secured_today=_moved(today, SECURED),
    )


def _moved(steps: Sequence[_Step], kinds: frozenset[StepKind]) -> dict[str, Decimal]:
    """USD that steps of these kinds moved, as planned, by rule."""
    moved: dict[str, Decimal] = {}
    for step in steps:
        if step.kind in kinds:
            moved[step.rule] = moved.get(step.rule, Decimal(0)) + Decimal(str(step.notional))
    return moved


def _since(cursor: sqlite3.Cursor, account: str, kind: Kind, start: str) -> list[tuple[str, str, str]]:
    return cursor.execute(SELECT_SINCE, (account, kind.value, start)).fetchall()


def steps_taken(cursor: sqlite3.Cursor, episode: str) -> int:
    """One above the highest number that a step of an episode was prepared with; 0 for none."""
    steps = [_prepared.decode(body).step for (body,) in cursor.execute(SELECT_STEPS, (episode,))]
    return max((step.number for step in steps if step.kind is not StepKind.PROTECT), default=-1) + 1
