"""Carries out plans: the record first, then one submission, then the evidence."""

import math
from collections.abc import Sequence

from msgspec.structs import replace

from bot.clock import Clock
from bot.errors import ReefError
from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.execution import gate, halts
from bot.execution.course import STOPPING, Course, age_seconds
from bot.execution.gate import Barred
from bot.execution.intents import VERDICTS, Intent, advance
from bot.execution.pause import Pause
from bot.execution.recorder import Recorder
from bot.execution.refusals import Refusals
from bot.execution.report import ExecutionReport, Held, StepResult, held_back, result_of
from bot.execution.resending import Resender
from bot.execution.settlement import Settlement, Settler
from bot.execution.shelters import Shelters
from bot.execution.terms import ExecutionTerms
from bot.execution.unseen import Unseen
from bot.execution.verification import verifications
from bot.journal import Draft, DuplicateIntentError, JournalError, JournalWorker
from bot.journal.records import (
    GONE,
    NOT_READ,
    TERMINAL,
    Clipped,
    IntentState,
    Outcome,
    PositionSeen,
    Prepared,
    Progress,
    Protection,
    Record,
    Submitted,
    Verification,
)
from bot.model import (
    Answer,
    CancelRequest,
    OrderRequest,
    Plan,
    Snapshot,
    Step,
    Verdict,
    position_key,
)

DISARMED = Barred(Held.DISARMED, "disarmed: planned, not sent")


class IntentNotRecordedError(ReefError):
    """An intent could not be committed, so it was not sent. `report` tells of the steps before it."""

    def __init__(self, account: str, step: Step, report: ExecutionReport, error: JournalError) -> None:
        super().__init__(
            f"account {account}: {step.kind.value} {step.request.symbol} was not sent, nor what follows it, "
            f"since its intent could not be recorded: {error}"
        )
        self.account = account
        self.step = step
        self.report = report


class Executor:
    """Acts for one account. Calls must not overlap.

    Armed is a word of the owner: disarmed (the default) prepares and sends nothing; it may be set at run
    time.
    """

    def __init__(
        self,
        gateway: Gateway,
        worker: JournalWorker,
        clock: Clock,
        *,
        armed: bool = False,
        terms: ExecutionTerms | None = None,
    ) -> None:
        self.armed = armed
        self._gateway = gateway
        self.worker = worker
        self.clock = clock
        self.terms = terms or ExecutionTerms()
        self._recorder = Recorder(worker, clock, self.terms)
        self.settler = Settler(gateway, self._recorder, clock, self.terms)
        self._resender = Resender(gateway, self._recorder, self.settler, clock, self.terms)
        self.refusals = Refusals(gateway)
        self.shelters = Shelters(gateway.account, self._recorder, clock)
        self._none_open = False
        self._pause = Pause()
        self._unseen = Unseen(self.terms)
        self._cancels_last = False
        """Whether the last plan's cancels were not answered: trims must not wait for them again."""

    @property
    def account(self) -> str:
        """Name of the account."""
        return self._gateway.account

    async def barred(self) -> Barred | None:
        """Say why no order or cancel would be sent now; None where they would."""
        if not self.armed:
            return DISARMED
        halt = await self.worker.call(gate.halt_in_force, self.worker.journal, self.account)
        paused = self._pause.holds_orders(self.clock.now())
        return halt or (Barred(Held.VENUE_CLOSED, paused) if paused else None)

    async def carry_out(
        self,
        plan: Plan,
        snapshot: Snapshot,
        *,
        barred: Barred | None = None,
        max_age_seconds: float = 10.0,
    ) -> ExecutionReport:
        """Carry out the steps of a plan in their order, then halt the account where the plan asks for it.

        `snapshot` is the one that the plan was made from; once it is older than `max_age_seconds` the rest
        of the orders waits for the next one. `barred` holds every step back. The account is halted only when
        every step did all that it was meant to do, and once for each episode; otherwise the next cycle's
        plan has the rest, and asks again. Raises `IntentNotRecordedError`.
        """
        if barred is not None:
            results = [held_back(step, barred.held, barred.why) for step in plan.steps]
            report = self._report(results, None)
            return replace(report, halted=barred.why) if barred.held is Held.HALTED else report
        course = Course(self._pause, snapshot, max_age_seconds)
        report = await self._carry(self._in_order(plan.steps), snapshot, course)
        self._cancels_last = course.cancels_unanswered
        if not (plan.halt and self.armed and report.complete):
            return report
        return await self._halt(plan, report)

    def _in_order(self, steps: Sequence[Step]) -> Sequence[Step]:
        if not self._cancels_last:
            return steps
        return sorted(steps, key=lambda step: isinstance(step.request, CancelRequest))

    async def _halt(self, plan: Plan, report: ExecutionReport) -> ExecutionReport:
        try:
            halted = await self.worker.call(
                halts.halt_once,
                self.worker.journal,
                self.account,
                plan.halt_episodes,
                why=plan.halt,
                at=self.clock.now(),
            )
        except JournalError:
            return replace(report, unrecorded=report.unrecorded + 1)
        return replace(report, halted=plan.halt) if halted else report

    async def protect(self, steps: Sequence[Step], snapshot: Snapshot) -> ExecutionReport:
        """Carry out PROTECT steps. A halt does not hold them back. Raises `IntentNotRecordedError`."""
        return await self._carry(steps, snapshot, Course(self._pause, snapshot, math.inf))

    async def settle(self, snapshot: Snapshot) -> Settlement:
        """Look up every open intent and record the evidence.

        Raises `JournalError` when earlier evidence still cannot be recorded, and nothing is looked up then.
        """
        orders = await self.settle_orders()
        rest = await self.compare(snapshot)
        return Settlement(orders.ended + rest.ended, rest.open, orders.failures)

    async def settle_orders(self) -> Settlement:
        """Look up every open order. Done before a snapshot is taken, the snapshot shows what they did.

        Raises `JournalError` as `settle` does.
        """
        await self._recorder.flush()
        found = await self.settler.look_up_all(await self.open_intents())
        for intent in found.ended:
            self._unseen.note(intent)
        return found

    async def resend(self) -> tuple[Intent, ...]:
        """Send orders that the last look-ups show to be lost once more, where orders may be sent at all.

        Returns those that were. Raises `JournalError`.
        """
        lost = [intent for intent in await self.open_intents() if self._resender.is_due(intent)]
        sent: list[Intent] = []
        for intent in lost:
            if await self.barred() is not None or not await self._resender.is_untouched(intent):
                continue
            after, answer = await self._resender.send(intent)
            sent.append(after)
            self._unseen.note(after)
            if answer.verdict in STOPPING:
                self._pause.begin(answer, self.clock.now())
        return tuple(sent)

    async def compare(self, snapshot: Snapshot) -> Settlement:
        """Look for what cancels, stops and fills have done in a snapshot. Raises `JournalError`."""
        await self._recorder.flush()
        self._unseen.look(snapshot)
        self.refusals.look(snapshot)
        return await self.settler.compare(await self.open_intents(), snapshot)

    async def open_intents(self) -> tuple[Intent, ...]:
        """Intents that have not ended, oldest first.

        Only this executor prepares intents of its account, so once none was open the journal is not asked
        again until one is prepared.
        """
        if self._none_open:
            return ()
        found = await self.worker.call(gate.open_intents, self.worker.journal, self.account)
        self._none_open = not found
        return found

    async def blocked_symbols(self) -> frozenset[str]:
        """Symbols on which an order has not ended, or has filled more than the last snapshot shows.

        No new order is planned there.
        """
        open_orders = [intent for intent in await self.open_intents() if intent.is_order]
        return self._unseen.symbols.union(intent.symbol for intent in open_orders)

    async def verify(
        self, report: ExecutionReport, before: Snapshot, after: Snapshot
    ) -> tuple[Verification, ...]:
        """Record what the orders of a report changed, seen on a fresh snapshot."""
        now = self.clock.now()
        seen = verifications(report, before, after)
        await self._recorder.note(
            [
                Draft(now, self.account, verification, result.step.episode, result.intent)
                for result, verification in seen
            ]
        )
        return tuple(verification for _, verification in seen)

    async def verify_protection(self, snapshot: Snapshot) -> tuple[Protection, ...]:
        """Read the stop of every position back; what changed since the last time is recorded."""
        return await self.shelters.look(snapshot)

    async def record(self, drafts: Sequence[Draft]) -> None:
        """Note entries in the order of this account's others; what the journal refuses now is kept."""
        await self._recorder.note(drafts)

    async def _carry(self, steps: Sequence[Step], snapshot: Snapshot, course: Course) -> ExecutionReport:
        results: list[StepResult] = []
        for step in steps:
            bar = course.bars(step, self.clock.now()) if self.armed else DISARMED
            if bar is not None:
                results.append(held_back(step, bar.held, bar.why))
                continue
            try:
                result, answer = await self._one(step, snapshot)
            except JournalError as error:
                report = self._report(results, None)
                raise IntentNotRecordedError(self.account, step, report, error) from error
            results.append(result)
            await self.shelters.took(result, snapshot)
            course.took(result, answer, self.clock.now())
        return self._report(results, course.stopped)

    def _report(self, results: Sequence[StepResult], stopped: Answer | None) -> ExecutionReport:
        return ExecutionReport(
            account=self.account,
            at=self.clock.now(),
            results=tuple(results),
            stopped=stopped,
            halted=next((result.evidence for result in results if result.held is Held.HALTED), ""),
            unrecorded=self._recorder.unrecorded,
        )

    async def _one(self, step: Step, snapshot: Snapshot) -> tuple[StepResult, Answer | None]:
        await self._recorder.flush()
        self._none_open = False
        prepared = await self.worker.call(self._prepare, step, snapshot)
        if isinstance(prepared, Barred):
            return held_back(step, prepared.held, prepared.why), None
        intent = await self._fitted(prepared, snapshot)
        if intent.ended:
            return result_of(step, intent, nothing_to_do=_code(intent) == GONE), None
        intent, answer = await self._send(intent)
        self.refusals.took(step.request, answer, snapshot, self.clock.now())
        return result_of(step, intent, nothing_to_do=answer.verdict is Verdict.NOTHING_TO_DO), answer

    def _prepare(self, step: Step, snapshot: Snapshot) -> Intent | Barred:
        """Admit and commit in one go on the journal's thread: a hop between threads costs like a write."""
        passed = gate.admit(self.worker.journal, self.account, step)
        if isinstance(passed, Barred):
            return passed
        intent = Intent(
            intent=passed.request.client_order_id,
            account=self.account,
            episode=passed.episode,
            prepared=Prepared(passed, _seen(passed, snapshot)),
            prepared_at=self.clock.now(),
            state=IntentState.PREPARED,
        )
        try:
            self.worker.journal.append((self._draft(intent, intent.prepared),))
        except DuplicateIntentError as error:
            return Barred(Held.ALREADY_PREPARED, str(error))
        return intent

    def _draft(self, intent: Intent, body: Record) -> Draft:
        return Draft(self.clock.now(), self.account, body, intent.episode, intent.intent)

    async def _fitted(self, intent: Intent, snapshot: Snapshot) -> Intent:
        """Read the position again where the snapshot is old or does not show it.

        Never send more than it holds.
        """
        request = intent.prepared.step.request
        if not isinstance(request, OrderRequest):
            return intent
        age = age_seconds(snapshot, self.clock.now())
        if intent.prepared.before is not None and age <= self.terms.reread_after_seconds:
            return intent
        try:
            room = gate.room(request, await self._gateway.positions(request.symbol))
        except GatewayError as error:
            return await self._unsent(intent, f"the position could not be read again: {error}", NOT_READ)
        if isinstance(room, str):
            return await self._unsent(intent, room, GONE)
        if room == request.contracts:
            return intent
        clipped = Clipped(planned=request.contracts, contracts=room, reason="the position holds no more")
        await self._recorder.commit(self._draft(intent, clipped))
        return replace(intent, clipped=room)

    async def _unsent(self, intent: Intent, why: str, code: str) -> Intent:
        outcome = Outcome(state=IntentState.CANCELLED, evidence=f"not sent: {why}", code=code)
        await self._recorder.note([self._draft(intent, outcome)])
        return advance(intent, outcome)

    async def _send(self, intent: Intent) -> tuple[Intent, Answer]:
        request = intent.prepared.step.request
        if isinstance(request, OrderRequest):
            request = replace(request, contracts=intent.contracts)
        sent_at = self.clock.now()
        answer = await self._gateway.submit(request)
        standing = _standing_after(answer)
        await self._recorder.note(
            [self._draft(intent, Submitted(answer, sent_at)), self._draft(intent, standing)]
        )
        intent = advance(replace(intent, sent_at=sent_at), standing)
        if isinstance(request, OrderRequest) and not intent.ended:
            intent = await self.settler.follow(intent)
            self._unseen.note(intent)
        return intent, answer


def _code(intent: Intent) -> str:
    return intent.standing.code if intent.standing else ""


def _seen(step: Step, snapshot: Snapshot) -> PositionSeen | None:
    request = step.request
    if isinstance(request, CancelRequest):
        return None
    position = snapshot.position(position_key(request.symbol, request.position_side))
    if position is None:
        return None
    return PositionSeen(
        contracts=position.contracts,
        contract_size=position.contract_size,
        entry_price=position.entry_price,
        mark_price=position.mark_price,
        read_at=snapshot.times.positions,
    )


def _standing_after(answer: Answer) -> Progress | Outcome:
    state = VERDICTS[answer.verdict]
    kind = Outcome if state in TERMINAL else Progress
    return kind(
        state=state,
        evidence=f"the venue answered {answer.verdict.value}"
        + (f": {answer.message}" if answer.message else ""),
        code=answer.code,
        order_id=answer.order_id,
    )
