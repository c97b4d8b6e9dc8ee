"""Looks at the position once more, just before an order leaves."""

from msgspec.structs import replace

from bot.clock import Clock
from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.execution import gate
from bot.execution.admission import Admission
from bot.execution.course import age_seconds
from bot.execution.intents import Intent, advance
from bot.execution.recorder import Recorder
from bot.execution.terms import ExecutionTerms
from bot.journal.records import GONE, NOT_FREE, NOT_READ, Clipped, IntentState, Outcome
from bot.model import OrderRequest, Snapshot


class Fitting:
    """Fits orders of one account to what is held now."""

    def __init__(
        self, gateway: Gateway, admission: Admission, recorder: Recorder, clock: Clock, terms: ExecutionTerms
    ) -> None:
        self._gateway = gateway
        self._admission = admission
        self._recorder = recorder
        self._clock = clock
        self._terms = terms

    async def fitted(self, intent: Intent, snapshot: Snapshot) -> Intent:
        """Read the position again where the snapshot is old or does not show it; never send more than it
        holds.

        Before an order that opens it is always read again: what somebody else holds there would be taken for
        the guard's own.
        """
        request = intent.prepared.step.request
        if not isinstance(request, OrderRequest):
            return intent
        age = age_seconds(snapshot, self._clock.now())
        known = intent.prepared.before is not None and age <= self._terms.reread_after_seconds
        if known and not request.opens:
            return intent
        try:
            positions = await self._gateway.positions(request.symbol)
        except GatewayError as error:
            return await self.unsent(intent, f"the position could not be read again: {error}", NOT_READ)
        if request.opens:
            taken = gate.taken(intent.prepared.step, positions)
            return await self.unsent(intent, taken, NOT_FREE) if taken else intent
        room = gate.room(request, positions)
        if isinstance(room, str):
            return await self.unsent(intent, room, GONE)
        if room == request.contracts:
            return intent
        clipped = Clipped(planned=request.contracts, contracts=room, reason="the position holds no more")
        await self._admission.add(intent, clipped)
        return replace(intent, clipped=room)

    async def unsent(self, intent: Intent, why: str, code: str) -> Intent:
        """End an intent that is not sent, with the reason on record."""
        outcome = Outcome(state=IntentState.CANCELLED, evidence=f"not sent: {why}", code=code)
        await self._recorder.note([self._admission.draft(intent, outcome)])
        return advance(intent, outcome)
