"""Asks the venue what became of open intents, until its evidence settles each of them."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec import Struct

from bot.clock import Clock
from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.execution import evidence, moves
from bot.execution.evidence import Evidence
from bot.execution.intents import Intent, advance
from bot.execution.recorder import Recorder
from bot.execution.terms import ExecutionTerms
from bot.journal import Draft
from bot.journal.records import TERMINAL, IntentState, Progress
from bot.model import NotFound, OrderReport, OrderRequest, Snapshot, Style, Verdict, WalletMove

T = TypeVar("T")

CLOCKS_AGREE = timedelta(seconds=5)
"""A position that was read later than this after its order was prepared was stamped by a clock that was
wrong."""

UNANSWERED = Progress(
    state=IntentState.UNKNOWN, evidence="no answer is on record: the guard stopped in between"
)
"""What a crash between the record and the answer leaves."""


class Settlement(Struct, frozen=True):
    """What a round of look-ups gave, by client order id."""

    ended: tuple[Intent, ...]
    open: tuple[Intent, ...]
    failures: tuple[str, ...]
    """Look-ups that the venue did not answer, in words."""


class Settler:
    """Settles intents of one account."""

    def __init__(self, gateway: Gateway, recorder: Recorder, clock: Clock, terms: ExecutionTerms) -> None:
        self._gateway = gateway
        self._recorder = recorder
        self._clock = clock
        self._terms = terms
        self._missing: dict[str, datetime] = {}
        """When an order that should have been visible was missed first, by the venue's clock."""
        self.doubts: dict[str, str] = {}
        """Why an order that is not found is not given up, by client order id."""
        self.missed_at: dict[str, datetime] = {}
        """Orders that the last round of look-ups did not find, with the venue's time of that."""

    @property
    def awaits_second_look(self) -> bool:
        """Whether an order was missed once, so that another look may settle it."""
        return any(intent not in self.doubts for intent in self._missing)

    async def look_up_all(self, intents: Sequence[Intent]) -> Settlement:
        """Look up each open order, transfer and conversion once, side by side, within the budget of a cycle.

        Evidence is recorded.
        """
        self.missed_at.clear()
        deadline = self._deadline()
        orders = [intent for intent in intents if intent.is_looked_up]
        answers = await asyncio.gather(*(self._asked(intent, deadline) for intent in orders))
        after: list[Intent] = []
        failures: list[str] = []
        for intent, answer in zip(orders, answers, strict=True):
            try:
                after.append(await self._judge(intent, answer, deadline))
            except GatewayError as error:
                failures.append(str(error))
                after.append(intent)
        return _settlement(after, failures)

    async def compare(self, intents: Sequence[Intent], snapshot: Snapshot) -> Settlement:
        """Look in a snapshot for what open cancels, stops and moves asked for; evidence is recorded."""
        after: list[Intent] = []
        for intent in intents:
            seen = None if intent.is_looked_up else evidence.seen_in(intent, snapshot, self._terms)
            after.append(intent if seen is None else await self._take(intent, seen))
        return _settlement(after, ())

    async def follow(self, intent: Intent) -> Intent:
        """Look an order up at once after it was sent, a few times; one that is meant to rest, once.

        What is open then is left to the next cycle.
        """
        request = intent.prepared.step.request
        rests = isinstance(request, OrderRequest) and request.style is Style.PASSIVE
        for attempt in range(1 if rests else self._terms.look_tries):
            if attempt:
                await self._clock.sleep(self._terms.look_pause_seconds)
            try:
                intent = await self.look_up(intent)
            except GatewayError:
                return intent
            if intent.ended:
                return intent
        return intent

    async def look_up(self, intent: Intent) -> Intent:
        """Look an order up by its client order id; raises `GatewayError`."""
        deadline = self._deadline()
        return await self._judge(intent, await self._asked(intent, deadline), deadline)

    def forget_look_ups(self, intent: Intent) -> None:
        """Begin anew to look for an order, since it is sent once more."""
        for kept in (self._missing, self.doubts, self.missed_at):
            kept.pop(intent.intent, None)

    async def in_time(self, asked: Coroutine[Any, Any, T], call: str) -> T:
        """Ask the venue within the budget of a look-up; raises `GatewayError`."""
        return await self._in_time(asked, call, self._deadline())

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._terms.look_budget_seconds

    async def _asked(self, intent: Intent, deadline: float) -> OrderReport | NotFound | GatewayError:
        """Ask for an order by its client order id; a failure is an answer, so that others go on."""
        try:
            request = intent.prepared.step.request
            if isinstance(request, WalletMove):
                return await self._in_time(self._gateway.find_move(request), "find_move", deadline)
            asked = self._gateway.find_order(intent.symbol, intent.intent)
            return await self._in_time(asked, "find_order", deadline)
        except GatewayError as error:
            return error

    async def _in_time(self, asked: Coroutine[Any, Any, T], call: str, deadline: float) -> T:
        try:
            async with asyncio.timeout_at(deadline):
                return await asked
        except TimeoutError as error:
            raise GatewayError(
                account=self._gateway.account,
                call=call,
                verdict=Verdict.UNKNOWN,
                code="over_budget",
                came=f"no answer within {self._terms.look_budget_seconds:g} s",
                hint="It is asked again in the next cycle.",
            ) from error

    async def _judge(
        self, intent: Intent, found: OrderReport | NotFound | GatewayError, deadline: float
    ) -> Intent:
        """Take over what a look-up gave; raises `GatewayError`."""
        if isinstance(found, GatewayError):
            raise found
        if isinstance(found, OrderReport):
            return await self._take(intent, evidence.standing_of(intent, found))
        self.missed_at[intent.intent] = found.at
        if intent.asked_at is None:
            return await self._take(intent, evidence.not_yet(intent, found))
        return await self._missed(intent, found, deadline)

    async def _missed(self, intent: Intent, found: NotFound, deadline: float) -> Intent:
        """Not found is a verdict only long after the fact, twice, and where executions and position agree."""
        if evidence.expired_for(intent, found.at, self._terms).total_seconds() <= 0:
            return intent
        first = self._missing.setdefault(intent.intent, found.at)
        if (found.at - first).total_seconds() < self._terms.second_look_seconds:
            return intent
        request = intent.prepared.step.request
        if isinstance(request, WalletMove):
            seconds = evidence.silent_for(intent, found.at, self._terms)
            return await self._take(intent, moves.absent_move(request, found, seconds))
        before = intent.prepared.before
        read_at = before.read_at if before else intent.prepared_at
        ahead = read_at - intent.prepared_at > CLOCKS_AGREE
        since = min(read_at, intent.prepared_at) if ahead else read_at
        fills = await self._in_time(self._gateway.fills(intent.symbol, since), "fills", deadline)
        executed = evidence.from_fills(intent, fills, found.at)
        if executed is not None:
            return await self._take(intent, executed)
        positions = await self._in_time(self._gateway.positions(intent.symbol), "positions", deadline)
        doubt = evidence.doubt(intent, fills, positions, exactly=ahead)
        if doubt:
            return await self._doubted(intent, doubt)
        return await self._take(intent, evidence.absent(intent, found, self._terms))

    async def _doubted(self, intent: Intent, doubt: str) -> Intent:
        if self.doubts.get(intent.intent) == doubt:
            return intent
        self.doubts[intent.intent] = doubt
        standing = Progress(state=intent.state, evidence=f"not found, but not given up: {doubt}")
        await self.record(intent, [standing])
        return advance(intent, standing)

    async def _take(self, intent: Intent, standing: Evidence) -> Intent:
        found: list[Evidence] = []
        if intent.state is IntentState.PREPARED and standing.state is not IntentState.UNKNOWN:
            found.append(UNANSWERED)
            intent = advance(intent, UNANSWERED)
        if _says_nothing_new(intent, standing):
            return intent
        after = advance(intent, standing)
        await self.record(intent, [*found, standing])
        if after.ended:
            self._missing.pop(intent.intent, None)
            self.doubts.pop(intent.intent, None)
        return after

    async def record(self, intent: Intent, bodies: Sequence[Evidence]) -> None:
        """Note evidence about an intent in the journal."""
        now = self._clock.now()
        await self._recorder.note(
            [Draft(now, intent.account, body, intent.episode, intent.intent) for body in bodies]
        )


def _settlement(intents: Sequence[Intent], failures: Sequence[str]) -> Settlement:
    return Settlement(
        ended=tuple(intent for intent in intents if intent.ended),
        open=tuple(intent for intent in intents if not intent.ended),
        failures=tuple(failures),
    )


def _says_nothing_new(intent: Intent, standing: Evidence) -> bool:
    known = intent.standing
    return (
        known is not None
        and standing.state not in TERMINAL
        and (standing.state, standing.filled, bool(intent.asked_at)) == (intent.state, known.filled, True)
    )
