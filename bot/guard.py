"""One cycle of one account: observe, assess, decide, act, record."""

import asyncio
from datetime import datetime

import structlog
from msgspec import Struct, structs

from bot.clock import Clock
from bot.decision import Decision, DecisionInput, decide
from bot.errors import ReefError
from bot.exchange.errors import GatewayError
from bot.exchange.protocol import Gateway
from bot.execution import ExecutionReport, Executor, recover
from bot.facts import GuardTerms, Remembered, decision_input, position_keys, read_facts, wallet_flows
from bot.journal import Draft, JournalError, JournalWorker
from bot.journal.records import Failure, Recovered
from bot.market_stats import StatsKeeper
from bot.model import Plan, Snapshot, State, Step, StepKind, StopRequest, position_key
from bot.record import Recorder
from bot.rules import RuleSet

log = structlog.get_logger(__name__)


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
    ) -> None:
        self.account = gateway.account
        self.gateway = gateway
        self.executor = executor
        self.stats = stats
        self._worker = worker
        self._clock = clock
        self._rules = rules
        self._terms = terms
        self._recorder = Recorder(self.account, rules, armed=executor.armed)
        self._remembered: Remembered | None = None
        self._recovered = False
        self._unverified: tuple[ExecutionReport, Snapshot] | None = None
        self._failure = ""
        self._crash = ""
        self._owned = ""
        self._held: tuple[str, ...] = ()
        self._turn = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._looked = False

    async def cycle(self) -> CycleReport:
        """Run one cycle. Failures that Reef foresaw are recorded and reported, never raised."""
        async with self._turn:
            try:
                await self._own_up()
                return await self._cycle()
            except ReefError as error:
                return await self._failed(error)

    async def reconcile(self) -> Recovered | None:
        """Compare venue and journal again, as at start-up; None where it could not be done."""
        async with self._turn:
            try:
                return await self._reconcile(await self.gateway.snapshot())
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
        self._recovered = False
        self._recorder.forget()
        self._crash = reason

    async def close(self) -> None:
        """Wait for a running cycle and close connections; protective stops stay where they are."""
        if self._reading is not None:
            self._reading.cancel()
        async with self._turn:
            await self.gateway.close()

    async def _cycle(self) -> CycleReport:
        snapshot = await self.gateway.snapshot()
        self._held = tuple(sorted({position.symbol for position in snapshot.positions}))
        await self._settle(snapshot)
        given = await self._input(snapshot)
        made = decide(given, self._rules)
        await self._record(given, made)
        self._tell(given, made)
        execution = await self._act(made, snapshot)
        self._failure = self._owned = ""
        return CycleReport(self.account, given.at, snapshot, made, execution, "")

    async def _settle(self, snapshot: Snapshot) -> None:
        if not self._recovered:
            await self._reconcile(snapshot)
            return
        await self.executor.settle(snapshot)
        if self._unverified is not None:
            report, before = self._unverified
            self._unverified = None
            await self.executor.verify(report, before, snapshot)
        await self.executor.verify_protection(snapshot)

    async def _reconcile(self, snapshot: Snapshot) -> Recovered:
        found = await recover(self.executor, snapshot)
        if not self._recovered:
            log.info("reconciled", account=self.account, settled=len(found.settled), open=len(found.open))
        self._recovered = True
        return found

    async def _input(self, snapshot: Snapshot) -> DecisionInput:
        now = self._clock.now()
        facts = await self._worker.call(
            read_facts, self._worker.journal, self.account, position_keys(snapshot), now, self._remembered
        )
        flows = await wallet_flows(self.gateway, facts.remembered.ledger, snapshot)
        blocked = await self.executor.blocked_symbols()
        return decision_input(snapshot, self.stats.stats, facts, flows, self._terms, now, blocked)

    async def _record(self, given: DecisionInput, made: Decision) -> None:
        record = self._recorder.decided(given, made)
        if not record.empty:
            try:
                await self._worker.call(
                    self._worker.journal.append, record.drafts, record.memory, record.blobs, at=given.at
                )
            except ReefError:
                self._recorder.forget()
                raise
        self._remembered = Remembered(made.evaluation.memory, made.ledger, given.own_stops)

    async def _act(self, made: Decision, snapshot: Snapshot) -> ExecutionReport | None:
        """Trim first, then protect what is left; a failed write stops both."""
        plan = made.plan
        stops = tuple(step for step in plan.steps if step.kind is StepKind.PROTECT)
        acted: ExecutionReport | None = None
        if len(stops) < len(plan.steps) or plan.halt:
            orders = tuple(step for step in plan.steps if step.kind is not StepKind.PROTECT)
            acted = await self.executor.carry_out(_only(plan, orders), snapshot)
            self._unverified = (acted, snapshot)
        if stops:
            await self._protect(stops, snapshot)
        return acted

    async def _protect(self, stops: tuple[Step, ...], snapshot: Snapshot) -> None:
        report = await self.executor.protect(stops, snapshot)
        if self._remembered is not None:
            placed = {
                position_key(request.symbol, request.position_side): request.trigger_price
                for result in report.sent
                if isinstance(request := result.step.request, StopRequest)
            }
            own = {**self._remembered.own_stops, **placed}
            self._remembered = structs.replace(self._remembered, own_stops=own)

    async def _failed(self, error: ReefError) -> CycleReport:
        """Record a failure once for as long as it lasts; the log says it each time."""
        now = self._clock.now()
        text = str(error)
        log.error("cycle failed", account=self.account, error=text)
        if text != self._failure:
            self._failure = text
            await self._write_failure(error, now)
        return CycleReport(self.account, now, None, None, None, text)

    async def _own_up(self) -> None:
        """Record what was not foreseen, once while it lasts, before going on."""
        if self._crash and self._crash != self._owned:
            await self._write_failure(UnforeseenError(self._crash), self._clock.now())
            self._owned = self._crash
        self._crash = ""

    async def _write_failure(self, error: ReefError, now: datetime) -> None:
        body = Failure(call="cycle", verdict=None, code=type(error).__name__, message=str(error))
        if isinstance(error, GatewayError):
            body = Failure(call=error.call, verdict=error.verdict, code=error.code, message=str(error))
        try:
            await self._worker.call(
                self._worker.journal.append, (Draft(at=now, account=self.account, body=body),)
            )
        except JournalError as unwritten:
            log.error("the failure could not be recorded either", account=self.account, error=str(unwritten))

    def _tell(self, given: DecisionInput, made: Decision) -> None:
        """Log what is about to be done; the first look says it in one line, before anything is sent."""
        if not self._looked:
            self._looked = True
            log.info(
                "first look",
                account=self.account,
                armed=self.executor.armed,
                equity=str(given.snapshot.balance.equity),
                positions=len(given.snapshot.positions),
                fires=sorted({demand.rule for demand in made.evaluation.demands}),
                steps=len(made.plan.steps),
            )
        changed = made.evaluation.memory is not given.memory
        before = {(one.rule, one.target): one.state for one in given.memory.standings if changed}
        for finding in made.evaluation.findings if changed else ():
            if finding.state is not before.get((finding.rule, finding.target), State.INACTIVE):
                log.info(
                    "finding",
                    rule=finding.rule,
                    target=finding.target.text,
                    state=finding.state.value,
                    value=finding.value,
                    limit=finding.limit,
                    episode=finding.episode,
                    note=finding.note,
                )
        for step in made.plan.steps:
            log.info(
                "step", armed=self.executor.armed, kind=step.kind.value, rule=step.rule, reason=step.reason
            )


def _only(plan: Plan, steps: tuple[Step, ...]) -> Plan:
    return structs.replace(plan, steps=steps)
