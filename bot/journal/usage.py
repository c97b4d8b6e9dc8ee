"""What the guard has used of its caps, and how far an episode has come."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, literal_column, select

from bot.journal import tables
from bot.journal.chain import Entry, stamp
from bot.journal.queries import SELECT_SINCE
from bot.journal.records import Kind
from bot.model import StepKind, Usage

TRADES = frozenset({StepKind.TRIM, StepKind.CLOSE})

_e = tables.entries.c


class _Step(Struct):
    kind: StepKind
    number: int
    notional: float


class _Prepared(Struct):
    """The part of a prepared body that counts; the rest is skipped."""

    step: _Step


class _Outcome(Struct):
    """The part of an outcome's body that counts."""

    notional: Decimal
    loss: Decimal


_prepared = msgspec.json.Decoder(_Prepared)
_outcome = msgspec.json.Decoder(_Outcome)


def usage_of(
    cursor: sqlite3.Cursor, account: str, now: datetime, open_intents: Sequence[tuple[Entry, ...]]
) -> Usage:
    """Actions in the last hour; notional and loss since 00:00 UTC, with open intents as planned."""
    moment = now.astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    begun = [
        _prepared.decode(body) for body in _since(cursor, account, Kind.PREPARED, moment - timedelta(hours=1))
    ]
    ended = [_outcome.decode(body) for body in _since(cursor, account, Kind.OUTCOME, midnight)]
    pending = [_prepared.decode(rows[0].body).step for rows in open_intents]
    trading = [Decimal(str(step.notional)) for step in pending if step.kind in TRADES]
    return Usage(
        actions_last_hour=sum(prepared.step.kind is not StepKind.PROTECT for prepared in begun),
        notional_today=sum((outcome.notional for outcome in ended), sum(trading, Decimal(0))),
        loss_today=sum((outcome.loss for outcome in ended), Decimal(0)),
    )


def _since(cursor: sqlite3.Cursor, account: str, kind: Kind, start: datetime) -> list[str]:
    return [body for (body,) in cursor.execute(SELECT_SINCE, (account, kind.value, stamp(start)))]


def steps_taken(connection: Connection, episode: str) -> int:
    """One above the highest number that a step of an episode was prepared with; 0 for none."""
    statement = select(_e.body).where(
        _e.episode == episode, _e.episode != literal_column("''"), _e.kind == Kind.PREPARED.value
    )
    steps = [_prepared.decode(body).step for body in connection.scalars(statement)]
    return max((step.number for step in steps if step.kind is not StepKind.PROTECT), default=-1) + 1
