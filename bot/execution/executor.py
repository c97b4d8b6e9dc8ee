"""Carries out plans: the record first, then one submission, then the evidence."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from bot.clock import Clock
from bot.errors import ReefError
from bot.exchange.protocol import Gateway
from bot.execution import evidence, gate, halts, moves
from bot.execution.admission import Admission
from bot.execution.course import STOPPING, Course
from bot.execution.fitting import Fitting
from bot.execution.gate import Barred
from bot.execution.hedging import HedgeBook, HedgeLook, opened_by
from bot.execution.intents import Intent, advance
from bot.execution.lease import Lease
from bot.execution.onlooker import Look, Onlooker
from bot.execution.pause import Pause
from bot.execution.recorder import UNWRITABLE, Recorder
from bot.execution.refusals import Refusals
from bot.execution.report import (
    ExecutionReport,
    Held,
    IntentNotRecordedError,
    StepResult,
    held_back,
    result_of,
)
from bot.execution.resending import Resender
from bot.execution.settlement import Settlement, Settler
from bot.execution.shelters import Shelters
from bot.execution.terms import ExecutionTerms
from bot.execution.unseen import Unseen
from bot.execution.verification import verifications
from bot.journal import Draft, JournalError, JournalWorker
from bot.journal.records import GONE, NO_LEASE, Adopted, Protection, Submitted, Verification
from bot.model import (
    Answer,
    CancelRequest,
    OrderRequest,
    Plan,
    Snapshot,
    Step,
    Verdict,
    option_base,
)

DISARMED = Barred(Held.DISARMED, "disarmed: planned, not sent")


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
        lease: Lease | None = None,
        unrecorded_reduce: bool = False,
    ) -> None:
        self.armed = armed
        self._gateway = gateway
        self.worker = worker
        self.clock = clock
        self.terms = terms or ExecutionTerms()
        self._recorder = Recorder(worker, clock, self.terms)
        self._admission = Admission(
            gateway.account, self._recorder, clock, lease=lease, unrecorded_reduce=unrecorded_reduce
        )
        self._fitting = Fitting(gateway, self._admission, self._recorder, clock, self.terms)
        self.settler = Settler(gateway, self._recorder, clock, self.terms)
        self._resender = Resender(gateway, self._admission, self._recorder, self.settler, clock, self.terms)
        self.refusals = Refusals(gateway)
        self.onlooker = Onlooker(gateway, self._recorder, clock, self.terms)
        self.hedging = HedgeBook(gateway.account, self._recorder, clock)
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
        halt = halt or await self._admission.no_lease()
        harm = self.onlooker.harm
        halt = halt or (Barred(Held.HALTED, harm) if harm else None)
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
        """Carry out PROTECT steps, which a halt does not hold back, or cancel the guard's own stops.

        Raises `IntentNotRecordedError`.
        """
        return await self._carry(steps, snapshot, Course(self._pause, snapshot, math.inf))

    async def settle(self, snapshot: Snapshot) -> Settlement:
        """Look up every open intent and record the evidence. Raises `JournalError` as `settle_orders`."""
        orders = await self.settle_orders()
        rest = await self.compare(snapshot)
        return Settlement(orders.ended + rest.ended, rest.open, orders.failures)

    async def settle_orders(self) -> Settlement:
        """Look up every open order, transfer and conversion, so that the next snapshot shows what they did.

        While the journal cannot be written, the evidence waits in memory. Raises `JournalError` where it
        cannot be read, is damaged, or belongs to another daemon.
        """
        with suppress(*UNWRITABLE):
            await self._recorder.flush()
        found = await self.settler.look_up_all(await self.open_intents())
        for intent in found.ended:
            self._note(intent)
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
            self._note(after)
            if answer.verdict in STOPPING:
                self._pause.begin(answer, self.clock.now())
        return tuple(sent)

    async def compare(self, snapshot: Snapshot) -> Settlement:
        """Look in a snapshot for what cancels, stops, moves and fills have done. Raises `JournalError`."""
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
        waiting = self._recorder.waiting
        found = await self.worker.call(gate.open_intents, self.worker.journal, self.account, waiting)
        self._none_open = not found
        return found

    async def blocked_symbols(self) -> frozenset[str]:
        """Symbols on which an order or a move has not ended, or filled more than the last snapshot shows.

        No new one is planned there.
        """
        open_moves = moves.open_moves(await self.open_intents())
        return self._unseen.symbols | self.onlooker.suspects | open_moves | await self._open_symbols()

    async def look_outside(self, snapshot: Snapshot) -> Look:
        """Record what others did to the positions, and halt where the guard's own orders did harm."""
        opening = opened_by(await self.open_intents())
        return await self.onlooker.look(snapshot, await self._open_symbols(), opening)

    async def look_after_hedges(self, snapshot: Snapshot) -> HedgeLook:
        """Record which hedges others closed, and whose parent is gone. Raises `JournalError`."""
        return await self.hedging.look(snapshot, await self.blocked_symbols())

    async def _open_symbols(self) -> frozenset[str]:
        return frozenset(intent.symbol for intent in await self.open_intents() if intent.is_order)

    def _note(self, intent: Intent) -> None:
        """Remember an order that was sent, until snapshots show what it did."""
        if intent.prepared.step.hedge is not None:
            self.hedging.touch()
        if intent.is_order:
            self._unseen.note(intent)
            if option_base(intent.symbol) is None:
                self.onlooker.note(intent)

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

    async def commit(
        self,
        drafts: Sequence[Draft],
        memory: Mapping[tuple[str, str], str | None] | None = None,
        blobs: Sequence[bytes] = (),
        *,
        at: datetime | None = None,
    ) -> None:
        """Record what must be durable, after everything that waits; raises `JournalError`."""
        if any(isinstance(draft.body, Adopted) for draft in drafts):
            self._none_open = False
        await self._recorder.commit(drafts, memory, blobs, at=at)

    def keep_unrecorded(self, error: ReefError, drafts: Sequence[Draft], blobs: Sequence[bytes]) -> bool:
        """Let what could not be committed wait in memory, where the owner lets the guard go on then."""
        return self._admission.keep(error, drafts, blobs)

    @property
    def gateway(self) -> Gateway:
        """The account's gateway."""
        return self._gateway

    @property
    def may_send_unrecorded(self) -> bool:
        """Whether the owner lets the guard go on while the journal cannot be written."""
        return self._admission.unrecorded_reduce

    @property
    def waiting(self) -> tuple[Draft, ...]:
        """Entries that only memory holds, oldest first."""
        return self._recorder.waiting

    async def _carry(self, steps: Sequence[Step], snapshot: Snapshot, course: Course) -> ExecutionReport:
        results: list[StepResult] = []
        for step in steps:
            bar = await self._bar(step, course)
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

    async def _bar(self, step: Step, course: Course) -> Barred | None:
        if not self.armed:
            return DISARMED
        return course.bars(step, self.clock.now()) or await self._admission.no_lease()

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
        self._none_open = False
        if step.hedge is not None:
            self.hedging.touch()
        prepared = await self._admission.prepare(step, snapshot)
        if isinstance(prepared, Barred):
            return held_back(step, prepared.held, prepared.why), None
        intent = await self._fitting.fitted(prepared, snapshot)
        if intent.ended:
            return result_of(step, intent, nothing_to_do=_code(intent) == GONE), None
        bar = await self._admission.no_lease()
        if bar is not None:  # the record, or the second look, took too long
            intent = await self._fitting.unsent(intent, bar.why, NO_LEASE)
            return replace(result_of(step, intent), held=bar.held), None
        intent, answer = await self._send(intent)
        self.refusals.took(step.request, answer, snapshot, self.clock.now())
        return result_of(step, intent, nothing_to_do=answer.verdict is Verdict.NOTHING_TO_DO), answer

    async def _send(self, intent: Intent) -> tuple[Intent, Answer]:
        request = intent.prepared.step.request
        if isinstance(request, OrderRequest):
            request = replace(request, contracts=intent.contracts)
        sent_at = self.clock.now()
        answer = await self._gateway.submit(request)
        standing = evidence.answered(answer)
        await self._recorder.note(
            [
                self._admission.draft(intent, Submitted(answer, sent_at)),
                self._admission.draft(intent, standing),
            ]
        )
        intent = advance(replace(intent, sent_at=sent_at), standing)
        if intent.is_looked_up and not intent.ended:
            intent = await self.settler.follow(intent)
            self._note(intent)
        return intent, answer


def _code(intent: Intent) -> str:
    return intent.standing.code if intent.standing else ""
