"""Answers of the past, for faults that show them again."""

from collections import deque

import msgspec

from bot.sandbox.http import Response

KEPT = 1_000
"""Answers that are kept in all: some minutes of an account's polls."""


class Answered(msgspec.Struct, frozen=True):
    """A true answer, and when it was given."""

    api_key: str
    path: str
    query: str
    time_ms: int
    response: Response


class History:
    """The latest good answers to reading calls, oldest first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._answers: deque[Answered] = deque(maxlen=kept)

    def keep(self, answered: Answered) -> None:
        """Keep an answer; the oldest goes where there is no more room."""
        self._answers.append(answered)

    def before(self, api_key: str, path: str, query: str, time_ms: int) -> Response | None:
        """What the same call got last at or before a time, else the oldest kept; None where there is none."""
        same = [one for one in self._answers if (one.api_key, one.path, one.query) == (api_key, path, query)]
        older = [one for one in same if one.time_ms <= time_ms]
        found = older[-1:] or same[:1]
        return found[0].response if found else None
