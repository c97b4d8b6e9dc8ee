"""Writes to the journal around a submission: strictly before it, patiently after it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from bot.clock import Clock
from bot.execution.terms import ExecutionTerms
from bot.journal import (
    Draft,
    DuplicateIntentError,
    FullDiskError,
    JournalError,
    JournalWorker,
    LockedJournalError,
    UnwritableJournalError,
)
from bot.journal.records import Failure, Outcome

UNWRITABLE = (FullDiskError, LockedJournalError, UnwritableJournalError)
"""The journal takes no writes now and may later. After the others, nothing is to be hoped for."""


class Recorder:
    """Keeps what the journal would not take, in its order, and tries it again before anything else.

    While something waits, what is noted joins it: the journal is tried again by `flush`, once a cycle or so,
    since a journal that is held makes every try wait.
    """

    def __init__(self, worker: JournalWorker, clock: Clock, terms: ExecutionTerms) -> None:
        self.worker = worker
        self._clock = clock
        self._terms = terms
        self._waiting: list[Draft] = []
        self._blobs: list[bytes] = []
        self.refused = False
        """Whether the journal could not be written when it was tried last."""

    @property
    def waiting(self) -> tuple[Draft, ...]:
        """Entries that only memory holds, oldest first."""
        return tuple(self._waiting)

    @property
    def unrecorded(self) -> int:
        """How many entries only memory holds."""
        return len(self._waiting)

    async def commit(
        self,
        drafts: Sequence[Draft],
        memory: Mapping[tuple[str, str], str | None] | None = None,
        blobs: Sequence[bytes] = (),
        *,
        at: datetime | None = None,
    ) -> None:
        """Record what must be durable before something is sent, after what waits; raises `JournalError`."""
        await self.flush()
        if drafts or memory:
            await self._append(drafts, memory, blobs, at=at)

    def keep(self, drafts: Sequence[Draft], blobs: Sequence[bytes] = ()) -> None:
        """Let entries wait in memory, without trying the journal."""
        self._waiting.extend(drafts)
        self._blobs.extend(blobs)

    async def note(self, drafts: Sequence[Draft]) -> None:
        """Record what happened. Failures are tried again, then the entries wait in memory."""
        others_wait = bool(self._waiting)
        self._waiting.extend(drafts)
        if others_wait:
            return
        for attempt in range(self._terms.record_tries):
            try:
                await self.flush()
            except JournalError:
                if attempt + 1 < self._terms.record_tries:
                    await self._clock.sleep(self._terms.record_pause_seconds)
            else:
                return

    async def flush(self) -> None:
        """Record what waits; raises `JournalError` and keeps it when the journal still refuses."""
        if not self._waiting:
            return
        drafts, blobs = tuple(self._waiting), tuple(self._blobs)
        try:
            await self._append(drafts, None, blobs)
        except DuplicateIntentError:
            await self.worker.call(self._append_without_ended, drafts, blobs)
        # More may have been noted while the disk was waited for.
        del self._waiting[: len(drafts)], self._blobs[: len(blobs)]

    async def _append(
        self,
        drafts: Sequence[Draft],
        memory: Mapping[tuple[str, str], str | None] | None,
        blobs: Sequence[bytes],
        *,
        at: datetime | None = None,
    ) -> None:
        try:
            await self.worker.call(self.worker.journal.append, drafts, memory, blobs, at=at)
        except UNWRITABLE:
            self.refused = True
            raise
        self.refused = False

    def _append_without_ended(self, drafts: Sequence[Draft], blobs: Sequence[bytes]) -> None:
        """Record evidence about intents that the operator has ended meanwhile as what it is: too late."""
        journal = self.worker.journal
        journal.append(
            [
                _too_late(draft) if isinstance(draft.body, Outcome) and journal.ended(draft.intent) else draft
                for draft in drafts
            ],
            None,
            blobs,
        )


def _too_late(draft: Draft) -> Draft:
    outcome = draft.body
    evidence = outcome.evidence if isinstance(outcome, Outcome) else ""
    body = Failure(
        call="outcome", verdict=None, code="already_ended", message=f"the intent had ended before: {evidence}"
    )
    return replace(draft, body=body)
