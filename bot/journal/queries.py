"""SQL of the journal, built once from the tables."""

import hashlib
import zlib
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, literal_column, or_, select, text
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.sql.expression import ClauseElement

from bot.journal import tables
from bot.journal.chain import Entry, stamp
from bot.journal.errors import CorruptJournalError
from bot.journal.records import Kind

_e = tables.entries.c
_m = tables.memory.c

DECISION_LEAD = timedelta(minutes=1)
"""A decision is looked for this long before the first entry of its episode."""


def _text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=dialect()))


def all_entries() -> Select[Any]:
    """Every entry, oldest first."""
    return select(tables.entries).order_by(_e.seq)


_remember = upsert(tables.memory)

INSERT_ENTRY = _text(insert(tables.entries))
INSERT_BLOB = _text(upsert(tables.blobs).on_conflict_do_nothing())
UPSERT_MEMORY = _text(
    _remember.on_conflict_do_update(
        index_elements=[_m.account, _m.name],
        set_={"body": _remember.excluded.body, "at": _remember.excluded.at},
    )
)
DELETE_MEMORY = _text(delete(tables.memory).where(_m.account == "", _m.name == ""))
SELECT_HEAD = "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1"
SELECT_MEMORY = "SELECT body FROM memory WHERE account = ? AND name = ?"
SELECT_SINCE = "SELECT intent, at, body FROM entries WHERE account = ? AND kind = ? AND at >= ?"
SELECT_STEPS = "SELECT body FROM entries WHERE episode = ? AND episode != '' AND kind = 'prepared'"
SELECT_ATTEMPTS = (
    "SELECT (SELECT count(*) FROM entries WHERE kind IN ('prepared', 'outcome') "
    "AND kind = 'prepared' AND intent = ?) "
    "+ (SELECT count(*) FROM entries WHERE kind IN ('prepared', 'outcome') "
    "AND kind = 'prepared' AND intent >= ? AND intent < ?)"
)
SELECT_ENDED = (
    "SELECT count(*) FROM entries WHERE kind IN ('prepared', 'outcome') AND kind = 'outcome' AND intent = ?"
)
"""Asked in every cycle or before every order, so they go to the driver as they are. Only a condition that
repeats the one of a partial index lets SQLite use it."""


_prepared = select(_e.intent).where(text(tables.ENDS), _e.kind == literal_column("'prepared'"))
_adopted = select(_e.intent).where(_e.kind == literal_column("'adopted'"))
_ended = select(_e.intent).where(text(tables.ENDS), _e.kind == literal_column("'outcome'"))

SELECT_FRESH = _text(all_entries().where(_e.seq > 0, _e.intent != literal_column("''")))
SELECT_NEVER_ENDED = _text(
    all_entries().where(
        _e.seq > 0,
        _e.intent != literal_column("''"),
        or_(_e.intent.in_(_prepared.except_(_ended)), _e.intent.in_(_adopted.except_(_ended))),
    )
)
"""Both take the seq behind which to begin."""


def fetch(connection: Connection, statement: Select[Any]) -> list[Entry]:
    """Run a select of whole entries."""
    return [Entry(*row) for row in connection.execute(statement)]


def entries_of(
    connection: Connection,
    kind: Kind | None,
    episode: str | None,
    account: str | None,
    intent: str | None,
    *,
    after: int,
    limit: int,
    newest: bool,
) -> list[Entry]:
    """Entries that fit every filter that is given."""
    statement = select(tables.entries).where(_e.seq > after)
    wanted = ((_e.kind, kind), (_e.episode, episode), (_e.account, account), (_e.intent, intent))
    for column, value in wanted:
        if value is not None:
            statement = statement.where(column == str(value))
    for column, value in ((_e.episode, episode), (_e.intent, intent)):
        if value:
            statement = statement.where(column != literal_column("''"))
    return fetch(connection, statement.order_by(_e.seq.desc() if newest else _e.seq).limit(limit))


def hedge_entries(connection: Connection, account: str) -> list[Entry]:
    """Entries of every order that belongs to a hedge, and those that correct what they add up to."""
    orders = select(_e.intent).where(
        text(tables.ENDS),
        _e.kind == literal_column("'prepared'"),
        _e.account == account,
        func.instr(_e.body, '"hedge":{') > 0,
    )
    own = _e.intent.in_(orders) & (_e.intent != literal_column("''"))
    return fetch(
        connection, all_entries().where(_e.account == account, or_(own, _e.kind == Kind.HEDGE.value))
    )


def accounts_of(connection: Connection) -> tuple[str, ...]:
    """Names of the accounts that something is remembered of."""
    names = connection.execute(select(_m.account).distinct().order_by(_m.account)).scalars()
    return tuple(name for name in names if name)


def episode_of(connection: Connection, episode: str) -> list[Entry]:
    """Entries of an episode and the decisions that name it."""
    own = fetch(connection, all_entries().where(_e.episode == episode, _e.episode != literal_column("''")))
    if not own:
        return []
    decisions = all_entries().where(
        _e.account == own[0].account,
        _e.kind == Kind.DECISION.value,
        _e.at >= stamp(own[0].time - DECISION_LEAD),
        _e.episode == "",
        func.instr(_e.body, f'"{episode}"') > 0,
    )
    return sorted(own + fetch(connection, decisions), key=attrgetter("seq"))


def episodes_of(connection: Connection, account: str | None, limit: int) -> list[str]:
    """Names of the latest episodes, newest first."""
    statement = select(_e.episode).where(_e.episode != literal_column("''")).group_by(_e.episode)
    if account is not None:
        statement = statement.where(_e.account == account)
    return list(connection.scalars(statement.order_by(func.min(_e.seq).desc()).limit(limit)))


def blob_of(connection: Connection, path: Path, digest: str) -> bytes | None:
    """A blob, checked against its digest."""
    packed = connection.scalar(select(tables.blobs.c.body).where(tables.blobs.c.digest == digest))
    if packed is None:
        return None
    body = unpacked(packed)
    if body is None or hashlib.sha256(body).hexdigest() != digest:
        raise CorruptJournalError(path, f"blob {digest} is damaged", "Run `reef journal verify`.")
    return body


def unpacked(packed: bytes) -> bytes | None:
    """Decompress a blob; None where it is not what zlib wrote."""
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return None
