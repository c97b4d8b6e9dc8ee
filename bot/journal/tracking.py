"""Keeps the open intents at hand, so that asking for them does not grow with the journal."""

from sqlalchemy import CompoundSelect, Connection, func, select

from bot.journal import tables
from bot.journal.chain import Entry
from bot.journal.queries import all_entries, fetch
from bot.journal.records import Kind

_e = tables.entries.c


class OpenIntents:
    """Entries of intents that were prepared and have not ended; brought up to date by reading what is new."""

    def __init__(self) -> None:
        self._seen = 0
        self._found: dict[str, list[Entry]] = {}

    def of(self, connection: Connection, account: str) -> list[tuple[Entry, ...]]:
        """Return the open intents of an account, oldest first."""
        self._catch_up(connection)
        return [tuple(rows) for rows in self._found.values() if rows[0].account == account]

    def _catch_up(self, connection: Connection) -> None:
        newest = connection.scalar(select(func.max(_e.seq))) or 0
        if newest == self._seen:
            return
        fresh = (_e.seq > self._seen) & (_e.seq <= newest)
        statement = all_entries().where(fresh, _e.intent != "")
        if self._seen == 0:
            statement = all_entries().where(fresh, _e.intent.in_(_never_ended()))
        for entry in fetch(connection, statement):
            self._take(entry)
        self._seen = newest

    def _take(self, entry: Entry) -> None:
        if entry.kind == Kind.PREPARED:
            self._found[entry.intent] = [entry]
        elif entry.kind == Kind.OUTCOME:
            self._found.pop(entry.intent, None)
        elif entry.intent in self._found:
            self._found[entry.intent].append(entry)


def _never_ended() -> CompoundSelect[tuple[str]]:
    prepared = select(_e.intent).where(_e.kind == Kind.PREPARED.value, _e.intent != "")
    return prepared.except_(select(_e.intent).where(_e.kind == Kind.OUTCOME.value, _e.intent != ""))
