"""Keeps the open intents at hand, so that asking for them does not grow with the journal."""

import sqlite3

from bot.journal.chain import Entry
from bot.journal.queries import SELECT_FRESH, SELECT_NEVER_ENDED
from bot.journal.records import Adopted, Kind


class OpenIntents:
    """Entries of intents that were prepared or adopted and have not ended.

    Brought up to date by reading what is new.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._found: dict[str, list[Entry]] = {}

    def of(self, cursor: sqlite3.Cursor, newest: int, account: str) -> list[tuple[Entry, ...]]:
        """Return the open intents of an account, oldest first; `newest` is the journal's last seq."""
        if newest != self._seen:
            statement = SELECT_FRESH if self._seen else SELECT_NEVER_ENDED
            for row in cursor.execute(statement, (self._seen,)).fetchall():
                self._take(Entry(*row))
                self._seen = row[0]
            self._seen = max(self._seen, newest)
        return [tuple(rows) for rows in self._found.values() if rows[0].account == account]

    def _take(self, entry: Entry) -> None:
        if entry.kind == Kind.PREPARED or _is_followed(entry):
            self._found[entry.intent] = [entry]
        elif entry.kind == Kind.OUTCOME:
            self._found.pop(entry.intent, None)
        elif entry.intent in self._found:
            self._found[entry.intent].append(entry)


def _is_followed(entry: Entry) -> bool:
    return entry.kind == Kind.ADOPTED and isinstance(body := entry.record, Adopted) and body.followed
