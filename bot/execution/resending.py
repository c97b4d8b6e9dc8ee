"""Sends an order that never arrived once more, as it was, under its own client order id.

Three things must say that it did not arrive. Its request can no longer be accepted: more than the window in
which the venue takes a signed request has passed since the first look-up, which came after it was signed, all
by the venue's own clock. A look-up after that found it in none of the lists. And the position, read again,
holds what it held before. The id is the last guard and not the first: an order that did arrive makes the
venue refuse the second copy as a duplicate, as long as it remembers the first.

An order that opens is never sent again: nothing is lost by planning it anew, and a second copy would be
exposure that nobody asked for.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.clock import Clock
from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.execution.admission import Admission
from bot.execution.evidence import answered_again
from bot.execution.intents import Intent, advance
from bot.execution.recorder import Recorder
from bot.execution.settlement import Settler
from bot.execution.terms import ExecutionTerms
from bot.journal.records import IntentState, Resent, Submitted
from bot.model import Answer, OrderRequest, position_key


class Resender:
    """Sends lost orders of one account again."""

    def __init__(
        self,
        gateway: Gateway,
        admission: Admission,
        recorder: Recorder,
        settler: Settler,
        clock: Clock,
        terms: ExecutionTerms,
    ) -> None:
        self._gateway = gateway
        self._admission = admission
        self._recorder = recorder
        self._settler = settler
        self._clock = clock
        self._terms = terms

    def is_due(self, intent: Intent) -> bool:
        """Whether an order is lost as far as look-ups can tell, and still young enough to be wanted."""
        missed = self._settler.missed_at.get(intent.intent)
        age = self._clock.now() - intent.prepared_at
        return (
            self._gateway.guards_client_ids
            and intent.is_order
            and not intent.opens
            and intent.state is IntentState.UNKNOWN
            and intent.sends < self._terms.most_sends
            and timedelta(0) <= age < timedelta(seconds=self._terms.resend_within_seconds)
            and missed is not None
            and self._has_expired(intent, missed)
        )

    def _has_expired(self, intent: Intent, missed: datetime) -> bool:
        window = self._terms.recv_window_seconds + self._terms.ahead_seconds
        return intent.asked_at is not None and missed - intent.asked_at > timedelta(seconds=window)

    async def is_untouched(self, intent: Intent) -> bool:
        """Whether the position, read again, is as it was before the order; False where it cannot be read."""
        request, before = intent.prepared.step.request, intent.prepared.before
        if before is None or not isinstance(request, OrderRequest):
            return False
        try:
            held = await self._settler.in_time(self._gateway.positions(request.symbol), "positions")
        except GatewayError:
            return False
        key = position_key(request.symbol, request.position_side)
        now = next((position.contracts for position in held if position.key == key), None)
        return now == before.contracts and intent.contracts <= before.contracts

    async def send(self, intent: Intent) -> tuple[Intent, Answer]:
        """Record that an order is sent again, send it, and follow it up; raises `JournalError`."""
        request = intent.prepared.step.request
        assert isinstance(request, OrderRequest)
        first_look = intent.asked_at
        again = Resent(contracts=intent.contracts, sends=intent.sends + 1)
        await self._admission.add(intent, again)
        intent = replace(intent, sends=again.sends, asked_at=None)
        self._settler.forget_look_ups(intent)
        sent_at = self._clock.now()
        answer = await self._gateway.submit(replace(request, contracts=intent.contracts))
        standing = answered_again(answer, first_look)
        answered = (Submitted(answer, sent_at), standing)
        await self._recorder.note([self._admission.draft(intent, body) for body in answered])
        intent = advance(replace(intent, sent_at=sent_at), standing)
        return await self._settler.follow(intent), answer
