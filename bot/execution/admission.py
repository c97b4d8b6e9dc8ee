"""Lets steps in: their intents go on record first, also where only memory can hold the record."""

from collections.abc import Sequence

from bot.clock import Clock
from bot.errors import ReefError
from bot.execution import gate
from bot.execution.gate import Barred
from bot.execution.intents import Intent, begun
from bot.execution.lease import Lease
from bot.execution.recorder import UNWRITABLE, Recorder
from bot.execution.report import Held
from bot.journal import Draft, DuplicateIntentError
from bot.journal.records import PositionSeen, Prepared, Record
from bot.model import CUTS, MarginRequest, OrderRequest, Snapshot, Step, StepKind, StopRequest, position_key

REDUCING = CUTS | {StepKind.UNWIND, StepKind.PROTECT}
"""What the owner may let go out unrecorded."""
STRETCH_SECONDS = 1.0
"""Time for one request to be signed, where the journal itself was asked who may send."""


class Admission:
    """Admits the steps of one account.

    `unrecorded_reduce` is a word of the owner: while the journal cannot be written, reduce-only orders go on.
    Their intents wait in memory then, count like recorded ones, and are written before anything else.
    """

    def __init__(
        self,
        account: str,
        recorder: Recorder,
        clock: Clock,
        *,
        lease: Lease | None,
        unrecorded_reduce: bool,
    ) -> None:
        self._account = account
        self._recorder = recorder
        self._clock = clock
        self._lease = lease
        self.unrecorded_reduce = unrecorded_reduce

    async def no_lease(self) -> Barred | None:
        """Say why nothing may be sent although nobody forbids it: another daemon may act by now.

        A lease cannot be renewed in a journal that cannot be written, and neither can another daemon take
        it. So where the owner lets the guard go on then, it is enough that the journal still names this one.
        """
        if self._lease is None or (left := self._lease.seconds_to_send) > 0:
            return None
        worker = self._recorder.worker
        if (
            self.unrecorded_reduce
            and self._recorder.refused
            and await worker.call(worker.journal.holds_lease)
        ):
            self._lease.stretch(STRETCH_SECONDS)
            return None
        why = (
            f"the daemon's lease was not renewed, and may end before an answer came ({-left:.0f} s too late)"
        )
        return Barred(Held.NO_LEASE, why)

    async def prepare(self, step: Step, snapshot: Snapshot) -> Intent | Barred:
        """Commit an intent, or let it wait in memory where the owner allows it; raises `JournalError`."""
        worker = self._recorder.worker
        try:
            if not (self.unrecorded_reduce and self._recorder.waiting):
                await self._recorder.flush()
                return await worker.call(self._commit, step, snapshot)
        except UNWRITABLE:
            if not self.unrecorded_reduce:
                raise
        if step.kind not in REDUCING:
            why = "the journal cannot be written, and only reduce-only orders go on then"
            return Barred(Held.NOT_RECORDED, why)
        intent = await worker.call(self._admitted, step, snapshot, self._recorder.waiting)
        if isinstance(intent, Intent):
            self._recorder.keep([self.draft(intent, intent.prepared)])
        return intent

    async def add(self, intent: Intent, body: Record) -> None:
        """Record what must be durable before an intent is sent, as `prepare` does; raises `JournalError`."""
        draft = self.draft(intent, body)
        try:
            await self._recorder.commit((draft,))
        except UNWRITABLE as error:
            if not self.keep(error, (draft,)):
                raise

    def keep(self, error: ReefError, drafts: Sequence[Draft], blobs: Sequence[bytes] = ()) -> bool:
        """Let what could not be committed wait in memory; False where the guard may not go on then."""
        if not (self.unrecorded_reduce and isinstance(error, UNWRITABLE)):
            return False
        self._recorder.keep(drafts, blobs)
        return True

    def draft(self, intent: Intent, body: Record) -> Draft:
        """Make an entry of an intent."""
        return Draft(self._clock.now(), self._account, body, intent.episode, intent.intent)

    def _admitted(self, step: Step, snapshot: Snapshot, waiting: Sequence[Draft] = ()) -> Intent | Barred:
        passed = gate.admit(self._recorder.worker.journal, self._account, step, waiting)
        if isinstance(passed, Barred):
            return passed
        prepared = Prepared(passed, _seen(passed, snapshot))
        name = passed.request.client_order_id
        return begun(name, self._account, passed.episode, prepared, self._clock.now())

    def _commit(self, step: Step, snapshot: Snapshot) -> Intent | Barred:
        """Admit and commit in one go on the journal's thread: a hop between threads costs like a write."""
        intent = self._admitted(step, snapshot)
        if isinstance(intent, Barred):
            return intent
        try:
            self._recorder.worker.journal.append((self.draft(intent, intent.prepared),))
        except DuplicateIntentError as error:
            return Barred(Held.ALREADY_PREPARED, str(error))
        return intent


def _seen(step: Step, snapshot: Snapshot) -> PositionSeen | None:
    request = step.request
    if not isinstance(request, OrderRequest | StopRequest | MarginRequest):
        return None
    position = snapshot.position(position_key(request.symbol, request.position_side))
    if position is None:
        return None
    return PositionSeen(
        contracts=position.contracts,
        contract_size=position.contract_size,
        entry_price=position.entry_price,
        mark_price=position.mark_price,
        inverse=position.inverse,
        read_at=snapshot.times.positions,
    )
