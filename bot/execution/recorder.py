"""Writes to the journal around a submission: strictly before it, patiently after it."""

from collections.abc import Sequence

from msgspec.structs import replace

from bot.clock import Clock
from bot.execution.terms import ExecutionTerms
from bot.journal import Draft, DuplicateIntentError, JournalError, JournalWorker
from bot.journal.records import Failure, Outcome


class Recorder:
    """Keeps what the journal would not take, in its order, and tries it again before anything else."""

    def __init__(self, worker: JournalWorker, clock: Clock, terms: ExecutionTerms) -> None:
        self.worker = worker
        self._clock = clock
        self._terms = terms
        self._waiting: list[Draft] = []

    @property
    def unrecorded(self) -> int:
        """Entries that only memory holds."""
        return len(self._waiting)

    async def commit(self, draft: Draft) -> None:
        """Record what must be durable before something is sent; raises `JournalError`."""
        await self.flush()
        await self.worker.call(self.worker.journal.append, (draft,))

    async def note(self, drafts: Sequence[Draft]) -> None:
        """Record what happened. Failures are tried again, then the entries wait in memory."""
        self._waiting.extend(drafts)
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
        try:
            await self.worker.call(self.worker.journal.append, tuple(self._waiting))
        except DuplicateIntentError:
            await self.worker.call(self._append_without_ended)
        self._waiting.clear()

    def _append_without_ended(self) -> None:
        """Record evidence about intents that the operator has ended meanwhile as what it is: too late."""
        journal = self.worker.journal
        journal.append(
            [
                _too_late(draft) if isinstance(draft.body, Outcome) and journal.ended(draft.intent) else draft
                for draft in self._waiting
            ]
        )


def _too_late(draft: Draft) -> Draft:
    outcome = draft.body
    evidence = outcome.evidence if isinstance(outcome, Outcome) else ""
    body = Failure(
        call="outcome", verdict=None, code="already_ended", message=f"the intent had ended before: {evidence}"
    )
    return replace(draft, body=body)
