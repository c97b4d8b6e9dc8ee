"""One cycle of one account: observe, assess, decide, act, record."""

import asyncio
from contextlib import suppress
from datetime import datetime

import structlog
from msgspec import Struct, structs

from bot.around import NOTHING, Look
from bot.asking import Asking
from bot.churn import ChurnWatch, recorded_churn
from bot.clock import Clock
from bot.decision import Decision, DecisionInput, decide
from bot.depths import DepthReader
from bot.errors import ReefError
from bot.exchange.protocol import Gateway
from bot.execution import ExecutionReport, Executor, IntentState, recover
from bot.execution.gate import Barred
from bot.facts import (
    GuardTerms,
    Remembered,
    bases_of,
    decision_input,
    position_keys,
    read_facts,
    wallet_flows,
    with_placed,
    with_unrecorded,
)
from bot.journal import Draft, JournalWorker
from bot.journal.records import Recovered
from bot.market_stats import StatsKeeper
from bot.model import Hedge, Snapshot, Step, StepKind, guarded, of_account, unprotected, with_own
from bot.record import Recorder
from bot.reloading import Reload
from bot.risk.ages import parts_trouble
from bot.rules import RuleSet
from bot.rules.wanted import buys_options, hedging_symbols
from bot.sight import BareStops, Sight, SlowViewError, key_of, refuse_older
from bot.startup import Start
from bot.telling import Teller
from bot.unseen import Unseen

log = structlog.get_logger(__name__)

LONG_LIST = 3
"""Before more orders than these, positions that have no stop get theirs."""
READ_SECONDS = 20.0
"""How long one snapshot may take, all its pages: twice what the client lets a single call take."""
FIRST_READ_SECONDS = 120.0
"""The same for the first, which reads markets and tiers as well, at the same time as all other accounts."""
LOOKED_AT = ("positions", "balance", "marks")
"""Parts that must be fresh for an account to count as seen."""


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
        around: Look = NOTHING,
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
        self._strangers = of_account(terms.strangers, self.account)
        self._lots: tuple[Hedge, ...] = ()
        self._recorder = Recorder(self.account, rules, armed=executor.armed, poll_seconds=terms.poll_seconds)
        self._remembered: Remembered | None = None
        self._recovered: Recovered | None = None
        self._seen: Snapshot | None = None
        self._stops_hang = False
        self._sight = Sight(self.account, terms.max_age_seconds)
        self._bare = BareStops()
        self._teller = Teller(self.account, rules, armed=executor.armed)
        self._viewed = False
        self._unverified: tuple[ExecutionReport, Snapshot] | None = None
        self._unseen = Unseen(
            self.account,
            gateway.venue,
            terms.tags,
            executor,
            worker,
            self._recorder,
            rules,
            self._sight,
            self._bare,
            self._send_stop,
        )
        self._start = Start(self.account, clock, terms.grace_seconds)
        self._asking = Asking(self.account, executor, worker, clock, terms.approvals)
        self._churn = ChurnWatch(self.account, terms.churn)
        self._depths = DepthReader(self.account, gateway)
        self._next: tuple[RuleSet, Reload] | None = None
        self._held: tuple[str, ...] = ()
        self._turn = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None

    async def cycle(self) -> CycleReport:
        """Run one cycle. Failures that Reef foresaw are recorded and reported, never raised."""
        async with self._turn:
            self._viewed = False
            try:
                await self._take_rules()
                await self._unseen.own_up(self._clock.now())
                await self._unseen.take_up()
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

    @property
    def rules(self) -> RuleSet:
        """The rules of the last cycle."""
        return self._rules

    def reload(self, rules: RuleSet, reload: Reload) -> None:
        """Go by other rules from the next cycle on: a cycle has the same ones from begin to end.

        Episodes go on under a limit that moved; those of rules that are gone end, and the journal says so.
        """
        self._next = (rules, reload)

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
        self._asking.forget()
        self._unseen.crashed(reason)

    async def close(self) -> None:
        """Wait for a running cycle and close connections; protective stops stay where they are."""
        if self._reading is not None:
            self._reading.cancel()
        async with self._turn:
            with suppress(ReefError):  # what still waits is lost with the process, or found at the venue
                await self.executor.commit(())
            await self.gateway.close()

    async def _take_rules(self) -> None:
        if self._next is None:
            return
        (rules, reload), self._next = self._next, None
        if rules.version == self._rules.version:
            return
        body = reload.taken(self._rules, rules)
        self._rules = rules
        for one in (self._recorder, self._teller, self._unseen):
            one.take(rules)
        log.warning("rules reloaded", account=self.account, trigger=body.trigger, changes=list(body.changes))
        await self.executor.record([Draft(self._clock.now(), self.account, body)])

    async def _cycle(self) -> CycleReport:
        if self._recovered is not None:
            await self.executor.settle_orders()
            for intent in await self.executor.resend() if self._start.barred() is None else ():
                log.warning("sent once more", account=self.account, intent=intent.intent, state=intent.state)
        snapshot = await self._observe()
        self._held = tuple(sorted({position.symbol for position in snapshot.positions} | self._hedging))
        await self._settle(snapshot)
        given = await self._input(snapshot)
        made = decide(given, self._rules)
        self._depths.look(made, snapshot, self._rules)
        barred = await self._barred(made)
        await self._record(given, made, barred)
        self._teller.tell(given, made, self.gateway.venue, self.gateway.market_symbols())
        self._bare.look(snapshot, made.plan, given.at)
        execution = await self._act(made, snapshot, barred)
        self._teller.bare(self.executor.shelters.bare(self._guarded(snapshot)))
        await self._asking.ask(made, barred, given.at)
        await self._unseen.answer(made.evaluation.blind, given.at)
        self._unseen.went_well()
        return CycleReport(self.account, given.at, snapshot, made, execution, "")

    async def _barred(self, made: Decision) -> Barred | None:
        if not (made.plan.steps or made.plan.halt or made.asked):
            return None
        return await self.executor.barred() or self._start.barred()

    def _guarded(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot without the positions that are left alone: nobody misses a stop there."""
        positions = guarded(with_own(self._strangers, self._lots), snapshot.positions)
        return snapshot if positions == snapshot.positions else structs.replace(snapshot, positions=positions)

    async def _observe(self) -> Snapshot:
        """Read the account; raises `GatewayError`, `SlowViewError`, and `OldViewError` for a view older than
        the last one.

        The last one counts for as long as data may be used at all, and where the guard's clock was not set
        back meanwhile; beyond that, ages are judged by the gates and the planner.
        """
        self._hedging = hedging_symbols(self._rules, self.stats.reference_symbol)
        self.gateway.show(self._hedging)
        self.gateway.show_options(buys_options(self._rules, await self.executor.hedging.lots()))
        last = self._seen
        bound = FIRST_READ_SECONDS if last is None else READ_SECONDS
        try:
            async with asyncio.timeout(bound):
                snapshot = await self._depths.beside(self.gateway.snapshot())
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
            self._churn.go_on(await self._worker.call(recorded_churn, self._worker.journal, self.account))
        else:
            await self.executor.compare(snapshot)
        if self._unverified is not None:
            report, before = self._unverified
            self._unverified = None
            await self.executor.verify(report, before, snapshot)
        look = await self.executor.look_outside(snapshot)
        self._teller.outside(look)
        now = self._clock.now()
        churned = self._churn.saw(look.outside, now)
        await self.executor.record([Draft(now, self.account, one) for one in churned])
        self._lots = await self.executor.hedging.lots()
        await self.executor.verify_protection(self._guarded(snapshot))
        self._teller.hedges(await self.executor.look_after_hedges(snapshot))

    async def _reconcile(self, snapshot: Snapshot) -> Recovered:
        found = await recover(self.executor, snapshot, known=self._recovered)
        if self._recovered is None:
            log.info("reconciled", account=self.account, settled=len(found.settled), open=len(found.open))
        self._recovered = found
        return found

    async def _input(self, snapshot: Snapshot) -> DecisionInput:
        bases = bases_of(snapshot)
        await self._around.begin(self._rules, self._clock.now(), bases)
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
        stats, terms = self.stats.stats, self._terms
        more = (blocked, refusals, self._around(self._rules, now, bases))
        given = decision_input(snapshot, stats, facts, flows, terms, now, *more)
        approval = await self._asking.approval(now)
        depths = self._depths.of(snapshot, terms.caps.max_slippage)
        return structs.replace(given, churning=self._churn.active(now), approval=approval, depths=depths)

    async def _record(self, given: DecisionInput, made: Decision, barred: Barred | None) -> None:
        sends = self._sends(made, barred)
        record = self._recorder.decided(given, made, sends=sends, blind=self._sight.blind)
        preview = self._start.preview(given, made, armed=self.executor.armed)
        try:
            await self._unseen.append((*preview, *record.drafts), record.memory, record.blobs, given.at)
            self._start.recorded()
        except ReefError as error:
            self._recorder.forget()
            if not self.executor.keep_unrecorded(error, *record.kept(sends=sends)):
                raise
            log.error("unrecorded: only what reduces goes on", account=self.account, error=str(error))
        own = self._remembered.own_stops if self._remembered else {}
        self._remembered = Remembered(made.evaluation.memory, made.ledger, own, made.gates.memory)

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
            self._churn.acted(acted, made)
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

    async def _send_stop(self, step: Step) -> bool:
        if self._seen is not None:
            await self._protect((step,), self._seen)
        return not self._stops_hang

    async def _failed(self, error: ReefError) -> CycleReport:
        now = self._clock.now()
        known = self._remembered.rules if self._remembered is not None else None
        rules = await self._unseen.failed(error, now, viewed=self._viewed, known=known)
        if rules is not None and self._remembered is not None:
            self._remembered = structs.replace(self._remembered, rules=rules)
        return CycleReport(self.account, now, None, None, None, str(error))
