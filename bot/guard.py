"""One cycle of one account: observe, assess, decide, act, record."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

import structlog
from msgspec import Struct, structs

from bot.around import Look, nothing_around
from bot.clock import Clock
from bot.decision import Decision, DecisionInput, decide
from bot.errors import ReefError
from bot.exchange.protocol import Gateway
from bot.execution import ExecutionReport, Executor, IntentState, recover
from bot.execution.gate import Barred
from bot.execution.halts import halt_once
from bot.facts import (
    GuardTerms,
    Remembered,
    decision_input,
    hedging_symbols,
    position_keys,
    read_facts,
    wallet_flows,
    with_placed,
    with_unrecorded,
)
from bot.journal import Draft, JournalError, JournalWorker
from bot.journal.records import Recovered
from bot.market_stats import StatsKeeper
from bot.model import (
    BlindAction,
    Snapshot,
    Step,
    StepKind,
    unprotected,
)
from bot.record import BLINDNESS, RULES, Recorder, remembered_blindness, remembered_rules
from bot.risk.ages import parts_trouble
from bot.rules import BlindCall, RuleSet, RulesMemory, evaluate_blind
from bot.sight import BareStops, Sight, SlowViewError, failure_of, key_of, refuse_older
from bot.telling import Teller

log = structlog.get_logger(__name__)

LONG_LIST = 3
"""Before more orders than these, positions that have no stop get theirs."""
READ_SECONDS = 20.0
"""How long one snapshot may take, all its pages: twice what the client lets a single call take."""
FIRST_READ_SECONDS = 120.0
"""The same for the first, which reads markets and tiers as well, at the same time as all other accounts."""
LOOKED_AT = ("positions", "balance", "marks")
"""Parts that must be fresh for an account to count as seen."""


Memory: TypeAlias = dict[tuple[str, str], str | None]


class UnforeseenError(ReefError):
    """A defect: something failed that nobody had thought of. The account begins again from its journal."""


class CycleReport(Struct, frozen=True):
    """What one cycle saw, decided and did."""

    account: str
    at: datetime
    snapshot: Snapshot | None
    decision: Decision | None
    execution: ExecutionReport | None
    error: str
    """Why the cycle could not be finished; '' where it was."""


class Guard:
    """Guards one account. `cycle` and `reconcile` never overlap."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        executor: Executor,
        worker: JournalWorker,
        clock: Clock,
        rules: RuleSet,
        stats: StatsKeeper,
        terms: GuardTerms,
        around: Look = nothing_around,
    ) -> None:
        self.account = gateway.account
        self.gateway = gateway
        self.executor = executor
        self.stats = stats
        self._worker = worker
        self._clock = clock
        self._rules = rules
        self._terms = terms
        self._around = around
        self._recorder = Recorder(self.account, rules, armed=executor.armed)
        self._remembered: Remembered | None = None
        self._recovered: Recovered | None = None
        self._seen: Snapshot | None = None
        self._stops_hang = False
        self._sight = Sight(self.account, terms.max_age_seconds)
        self._bare = BareStops()
        self._teller = Teller(self.account, rules, armed=executor.armed)
        self._viewed = False
        self._taken_up = False
        self._unverified: tuple[ExecutionReport, Snapshot] | None = None
        self._failure = ""
        self._crash = ""
        self._owned = ""
        self._held: tuple[str, ...] = ()
        self._turn = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None

    async def cycle(self) -> CycleReport:
        """Run one cycle. Failures that Reef foresaw are recorded and reported, never raised."""
        async with self._turn:
            self._viewed = False
            try:
                await self._own_up()
                await self._take_up()
                return await self._cycle()
            except ReefError as error:
                return await self._failed(error)

    async def reconcile(self) -> Recovered | None:
        """Compare venue and journal again, as at start-up; None where it could not be done."""
        async with self._turn:
            self._viewed = False
            try:
                return await self._reconcile(await self._observe())
            except ReefError as error:
                await self._failed(error)
                return None

    async def refresh_stats(self) -> None:
        """Read candles of the markets held, where they are due; `close` cuts it short."""
        self._reading = asyncio.create_task(self.stats.refresh(self._held, self._clock.now()))
        await asyncio.wait({self._reading})
        if not self._reading.cancelled():
            self._reading.result()

    def begin_again(self, reason: str) -> None:
        """Forget what is only in memory: the next cycle loads, observes and reconciles as at start-up."""
        self._remembered = None
        self._unverified = None
        self._recovered = None
        self._recorder.forget()
        self._crash = reason

    async def close(self) -> None:
        """Wait for a running cycle and close connections; protective stops stay where they are."""
        if self._reading is not None:
            self._reading.cancel()
        async with self._turn:
            with suppress(ReefError):  # what still waits is lost with the process, or found at the venue
                await self.executor.commit(())
            await self.gateway.close()

    async def _cycle(self) -> CycleReport:
        if self._recovered is not None:
            await self.executor.settle_orders()
            for intent in await self.executor.resend():
                log.warning("sent once more", account=self.account, intent=intent.intent, state=intent.state)
        snapshot = await self._observe()
        self._held = tuple(sorted({position.symbol for position in snapshot.positions} | self._hedging))
        await self._settle(snapshot)
        given = await self._input(snapshot)
        made = decide(given, self._rules)
        barred = await self.executor.barred() if made.plan.steps or made.plan.halt else None
        await self._record(given, made, barred)
        self._teller.tell(given, made, self.gateway.venue, self.gateway.market_symbols())
        self._bare.look(snapshot, made.plan, given.at)
        execution = await self._act(made, snapshot, barred)
        self._teller.bare(self.executor.shelters.bare(snapshot))
        await self._answer(made.evaluation.blind, given.at)
        self._failure = self._owned = ""
        return CycleReport(self.account, given.at, snapshot, made, execution, "")

    async def _observe(self) -> Snapshot:
        """Read the account; raises `GatewayError`, `SlowViewError`, and `OldViewError` for a view older than
        the last one.

        The last one counts for as long as data may be used at all, and where the guard's clock was not set
        back meanwhile; beyond that, ages are judged by the gates and the planner.
        """
        self._hedging = hedging_symbols(self._rules, self.stats.reference_symbol)
        self.gateway.show(self._hedging)
        last = self._seen
        bound = FIRST_READ_SECONDS if last is None else READ_SECONDS
        try:
            async with asyncio.timeout(bound):
                snapshot = await self.gateway.snapshot()
        except TimeoutError:
            raise SlowViewError(self.account, bound) from None
        if last is not None:
            since = (snapshot.taken_at - last.taken_at).total_seconds()
            if 0 <= since <= self._terms.max_age_seconds:
                refuse_older(self.account, last.times, snapshot.times)
        self._seen, self._viewed = snapshot, True
        now = self._clock.now()
        stale = parts_trouble(snapshot, now, self._terms.max_age_seconds, LOOKED_AT)
        if stale:
            self._sight.missed(stale, None, now)
        else:
            self._sight.saw(now)
        return snapshot

    async def _settle(self, snapshot: Snapshot) -> None:
        if self._recovered is None:
            await self._reconcile(snapshot)
        else:
            await self.executor.compare(snapshot)
        if self._unverified is not None:
            report, before = self._unverified
            self._unverified = None
            await self.executor.verify(report, before, snapshot)
        self._teller.outside(await self.executor.look_outside(snapshot))
        await self.executor.verify_protection(snapshot)
        self._teller.hedges(await self.executor.look_after_hedges(snapshot))

    async def _reconcile(self, snapshot: Snapshot) -> Recovered:
        found = await recover(self.executor, snapshot, known=self._recovered)
        if self._recovered is None:
            log.info("reconciled", account=self.account, settled=len(found.settled), open=len(found.open))
        self._recovered = found
        return found

    async def _input(self, snapshot: Snapshot) -> DecisionInput:
        now = self._clock.now()
        hedges, keys = await self.executor.hedging.lots(), position_keys(snapshot)
        facts = await self._worker.call(
            read_facts, self._worker.journal, self.account, keys, now, self._remembered, hedges
        )
        self._remembered = facts.remembered
        facts = with_unrecorded(facts, self.executor.waiting)
        flows = await wallet_flows(self.gateway, facts.remembered.ledger, snapshot)
        blocked = await self.executor.blocked_symbols()
        refusals = self.executor.refusals
        more = (blocked, refusals, self._around(self._rules, now))
        return decision_input(snapshot, self.stats.stats, facts, flows, self._terms, now, *more)

    async def _record(self, given: DecisionInput, made: Decision, barred: Barred | None) -> None:
        sends = self._sends(made, barred)
        record = self._recorder.decided(given, made, sends=sends, blind=self._sight.blind)
        try:
            await self._append(record.drafts, record.memory, record.blobs, given.at)
        except ReefError as error:
            self._recorder.forget()
            if not self.executor.keep_unrecorded(error, *record.kept(sends=sends)):
                raise
            log.error("unrecorded: only what reduces goes on", account=self.account, error=str(error))
        own = self._remembered.own_stops if self._remembered else {}
        self._remembered = Remembered(made.evaluation.memory, made.ledger, own, made.gates.memory)

    async def _append(
        self,
        drafts: Sequence[Draft],
        memory: Memory,
        blobs: Sequence[bytes],
        now: datetime,
    ) -> None:
        """Record entries, before them what waits and that a blindness began or ended.

        Nothing to write is no transaction.
        """
        news = self._sight.news
        told = [Draft(at=now, account=self.account, body=body) for body in news]
        lasting: Memory = {(self.account, BLINDNESS): self._sight.lasting} if news else {}
        await self.executor.commit([*told, *drafts], {**memory, **lasting}, blobs, at=now)
        self._sight.recorded(news)

    def _sends(self, made: Decision, barred: Barred | None) -> bool:
        """Whether something may leave for the venue: then its decision must be on record."""
        kinds = {step.kind for step in made.plan.steps}
        return self.executor.armed and bool(kinds if barred is None else kinds & {StepKind.PROTECT})

    async def _act(self, made: Decision, snapshot: Snapshot, barred: Barred | None) -> ExecutionReport | None:
        """Trim first, then protect what is left; a failed write stops both.

        Before a long list of orders come the stops of positions that have none, unless stops were not
        answered in the last cycle: orders must not wait for them again.
        """
        plan = made.plan
        stops = tuple(step for step in plan.steps if step.kind is StepKind.PROTECT)
        orders = tuple(step for step in plan.steps if step.kind is not StepKind.PROTECT)
        first: tuple[Step, ...] = ()
        if len(orders) > LONG_LIST and barred is None and not self._stops_hang:
            bare = unprotected(snapshot)
            first = tuple(step for step in stops if key_of(step) in bare)
        await self._protect(first, snapshot)
        acted: ExecutionReport | None = None
        if orders or plan.halt:
            only = structs.replace(plan, steps=orders)
            age = self._terms.max_age_seconds
            acted = await self.executor.carry_out(only, snapshot, barred=barred, max_age_seconds=age)
            self._unverified = (acted, snapshot)
        await self._protect(tuple(step for step in stops if step not in first), snapshot)
        return acted

    async def _protect(self, stops: tuple[Step, ...], snapshot: Snapshot) -> None:
        if not stops:
            return
        report = await self.executor.protect(stops, snapshot)
        self._stops_hang = any(result.state is IntentState.UNKNOWN for result in report.results)
        self._bare.took(report)
        if self._remembered is not None:
            own = with_placed(self._remembered.own_stops, report)
            self._remembered = structs.replace(self._remembered, own_stops=own)

    async def _failed(self, error: ReefError) -> CycleReport:
        """Record a failure once for as long as it lasts; the log says it each time."""
        now = self._clock.now()
        text = str(error)
        log.error("cycle failed", account=self.account, error=text)
        if not self._viewed:
            self._sight.failed(error, now)
        drafts = [failure_of(self.account, error, now)] if text != self._failure else []
        self._failure = text
        try:
            calls = await self._record_unseen(text, drafts, now)
            await self._answer(calls, now)
        except ReefError as unwritten:
            log.error("the failure could not be dealt with", account=self.account, error=str(unwritten))
        return CycleReport(self.account, now, None, None, None, text)

    async def _record_unseen(self, text: str, drafts: list[Draft], now: datetime) -> Sequence[BlindCall]:
        """Let the rules of a blind account be unknown, and record what that and the failure change."""
        memory: Memory = {}
        calls: Sequence[BlindCall] = ()
        rules: RulesMemory | None = None
        if self._sight.blind is not None:
            before = await self._rules_memory()
            venue, tags, unseen = self.gateway.venue, self._terms.tags, self._sight.unseen
            look = evaluate_blind(self._rules, self.account, venue, before, unseen, now, tags)
            calls, rules = look.blind, look.memory
            record = self._recorder.unseen(look, before, now)
            drafts = [*drafts, *record.drafts]
            memory.update(record.memory)
        if drafts or memory or self._sight.news:
            memory.update(self._recorder.failed(text, now, self._sight.blind))
            await self._append(drafts, memory, (), now)
        if rules is not None and self._remembered is not None:
            self._remembered = structs.replace(self._remembered, rules=rules)
        return calls

    async def _rules_memory(self) -> RulesMemory:
        if self._remembered is not None:
            return self._remembered.rules
        load = self._worker.journal.load_memory
        return remembered_rules(await self._worker.call(load, self.account, RULES))

    async def _answer(self, calls: Sequence[BlindCall], now: datetime) -> None:
        """Do what `if_blind` asks for. Telling happens once; the rest is asked for until it is done."""
        for call in calls:
            if call.first and BlindAction.NOTIFY in call.do:
                log.critical("rule is blind", account=self.account, rule=call.rule, why=call.reason)
        if any(BlindAction.PROTECT in call.do for call in calls) and self.executor.armed:
            await self._send_missing_stops(now)
        halting = [call for call in calls if BlindAction.HALT in call.do]
        if halting and self.executor.armed:
            await self._worker.call(
                halt_once,
                self._worker.journal,
                self.account,
                [call.name for call in halting],
                why="; ".join(call.text for call in halting),
                at=now,
            )

    async def _send_missing_stops(self, now: datetime) -> None:
        """Send the stops that the last look wanted, one after the other until one is not answered."""
        for step in self._bare.due(now):
            if self._seen is not None:
                await self._protect((step,), self._seen)
            if self._stops_hang:
                return

    async def _take_up(self) -> None:
        """Go on with a blindness that lasted when the guard ended."""
        if not self._taken_up:
            load = self._worker.journal.load_memory
            lasting = await self._worker.call(load, self.account, BLINDNESS)
            self._sight.go_on(remembered_blindness(lasting))
            self._taken_up = True

    async def _own_up(self) -> None:
        """Record what was not foreseen, once while it lasts, before going on."""
        if self._crash and self._crash != self._owned:
            await self._own_crash(UnforeseenError(self._crash), self._clock.now())
            self._owned = self._crash
        self._crash = ""

    async def _own_crash(self, error: ReefError, now: datetime) -> None:
        try:
            told = self._recorder.failed(str(error), now, self._sight.blind)
            await self._append([failure_of(self.account, error, now)], told, (), now)
        except JournalError as unwritten:
            log.error("the failure could not be recorded either", account=self.account, error=str(unwritten))
