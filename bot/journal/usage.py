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
    """Actions in the last hour; notional and loss since 00:00 UTC, with open intents as planned."""
    moment = now.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = moment - timedelta(hours=1)
    outcomes = {
        intent: _outcome.decode(body) for intent, body in _since(cursor, account, Kind.OUTCOME, midnight)
    }
    ended = outcomes.values()
    pending = [_prepared.decode(rows[0].body).step for rows in open_intents if rows[0].kind == Kind.PREPARED]
    trading = [Decimal(str(step.notional)) for step in pending if step.kind in TRADES]
    return Usage(
        actions_last_hour=_actions(cursor, account, hour),
        notional_today=sum((outcome.notional for outcome in ended), sum(trading, Decimal(0))),
        loss_today=sum((outcome.loss for outcome in ended), Decimal(0)),
        margin_today=_moved(cursor, account, midnight, outcomes, MARGIN),
        secured_today=_moved(cursor, account, midnight, outcomes, SECURED),
    )


def _moved(
    cursor: sqlite3.Cursor,
    account: str,
    midnight: datetime,
    outcomes: dict[str, _Outcome],
    kinds: frozenset[StepKind],
) -> dict[str, Decimal]:
    """USD that steps of these kinds moved since midnight, as planned, by rule; what may yet move included."""
    moved: dict[str, Decimal] = {}
    for intent, body in _since(cursor, account, Kind.PREPARED, midnight):
        step = _prepared.decode(body).step
        if step.kind in kinds and (intent not in outcomes or outcomes[intent].acted):
            moved[step.rule] = moved.get(step.rule, Decimal(0)) + Decimal(str(step.notional))
    return moved


def _actions(cursor: sqlite3.Cursor, account: str, start: datetime) -> int:
    """Requests since a moment that were executed or may yet be.

    What the venue refused or what was never sent changed nothing: it must not use up the cap of what can.
    """
    begun = _since(cursor, account, Kind.PREPARED, start)
    ended = {intent: _outcome.decode(body) for intent, body in _since(cursor, account, Kind.OUTCOME, start)}
    return sum(
        _prepared.decode(body).step.kind is not StepKind.PROTECT
        for intent, body in begun
        if intent not in ended or ended[intent].acted
    )


def _since(cursor: sqlite3.Cursor, account: str, kind: Kind, start: datetime) -> list[tuple[str, str]]:
    return cursor.execute(SELECT_SINCE, (account, kind.value, stamp(start))).fetchall()


def steps_taken(cursor: sqlite3.Cursor, episode: str) -> int:
    """One above the highest number that a step of an episode was prepared with; 0 for none."""
    steps = [_prepared.decode(body).step for (body,) in cursor.execute(SELECT_STEPS, (episode,))]
    return max((step.number for step in steps if step.kind is not StepKind.PROTECT), default=-1) + 1
