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
from bot.execution import ExecutionReport, Executor, IntentState, recover
from bot.execution.gate import Barred
from bot.facts import (
    GuardTerms,
    Remembered,
    decision_input,
    position_keys,
    read_facts,
    wallet_flows,
    with_placed,
)
from bot.journal import Draft, JournalError, JournalWorker
from bot.journal.records import Failure, Recovered
from bot.market_stats import StatsKeeper
from bot.model import (
    Difference,
    PartTimes,
    Snapshot,
    State,
    Step,
    StepKind,
    StopRequest,
    Target,
    position_key,
    unprotected,
)
from bot.record import Recorder
from bot.rules import RuleSet, unknown_symbols

log = structlog.get_logger(__name__)

LONG_LIST = 3
"""Before more orders than these, positions that have no stop get theirs."""


class UnforeseenError(ReefError):
    """A defect: something failed that nobody had thought of. The account begins again from its journal."""


class OldViewError(ReefError):
    """The venue showed a state of the account that is older than the one it showed before."""

    def __init__(self, account: str, part: str, before: datetime, now: datetime) -> None:
        super().__init__(
            f"account {account}: the venue answered with {part} of {now:%H:%M:%S.%f} UTC, after those of "
            f"{before:%H:%M:%S.%f} UTC had been seen. Nothing is decided on an old view; it is read again."
        )


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
        self._recovered: Recovered | None = None
        self._seen: Snapshot | None = None
        self._stops_hang = False
        self._unverified: tuple[ExecutionReport, Snapshot] | None = None
        self._failure = ""
        self._crash = ""
        self._owned = ""
        self._held: tuple[str, ...] = ()
        self._turn = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._looked = False
        self._bare: dict[str, str] = {}
        self._apart: frozenset[tuple[Target, str]] = frozenset()

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
            await self.gateway.close()

    async def _cycle(self) -> CycleReport:
        if self._recovered is not None:
            await self.executor.settle_orders()
            for intent in await self.executor.resend():
                log.warning("sent once more", account=self.account, intent=intent.intent, state=intent.state)
        snapshot = await self._observe()
        self._held = tuple(sorted({position.symbol for position in snapshot.positions}))
        await self._settle(snapshot)
        given = await self._input(snapshot)
        made = decide(given, self._rules)
        barred = await self.executor.barred() if made.plan.steps or made.plan.halt else None
        await self._record(given, made, barred)
        self._tell(given, made)
        execution = await self._act(made, snapshot, barred)
        self._tell_bare(snapshot)
        self._failure = self._owned = ""
        return CycleReport(self.account, given.at, snapshot, made, execution, "")

    async def _observe(self) -> Snapshot:
        """Read the account; raises `GatewayError`, and `OldViewError` for a view older than the last one.

        The last one counts for as long as data may be used at all, and where the guard's clock was not set
        back meanwhile; beyond that, ages are judged by the planner.
        """
        snapshot, last = await self.gateway.snapshot(), self._seen
        if last is not None:
            since = (snapshot.taken_at - last.taken_at).total_seconds()
            if 0 <= since <= self._terms.max_age_seconds:
                self._refuse_older(last.times, snapshot.times)
        self._seen = snapshot
        return snapshot

    def _refuse_older(self, last: PartTimes, times: PartTimes) -> None:
        if times.positions < last.positions:
            raise OldViewError(self.account, "positions", last.positions, times.positions)
        if times.balance < last.balance:
            raise OldViewError(self.account, "a balance", last.balance, times.balance)

    async def _settle(self, snapshot: Snapshot) -> None:
        if self._recovered is None:
            await self._reconcile(snapshot)
            await self.executor.verify_protection(snapshot)
            return
        await self.executor.compare(snapshot)
        if self._unverified is not None:
            report, before = self._unverified
            self._unverified = None
            await self.executor.verify(report, before, snapshot)
        await self.executor.verify_protection(snapshot)

    async def _reconcile(self, snapshot: Snapshot) -> Recovered:
        found = await recover(self.executor, snapshot, known=self._recovered)
        if self._recovered is None:
            log.info("reconciled", account=self.account, settled=len(found.settled), open=len(found.open))
        self._recovered = found
        return found

    async def _input(self, snapshot: Snapshot) -> DecisionInput:
        now = self._clock.now()
        facts = await self._worker.call(
            read_facts, self._worker.journal, self.account, position_keys(snapshot), now, self._remembered
        )
        self._remembered = facts.remembered
        flows = await wallet_flows(self.gateway, facts.remembered.ledger, snapshot)
        blocked = await self.executor.blocked_symbols()
        refusals = self.executor.refusals
        return decision_input(snapshot, self.stats.stats, facts, flows, self._terms, now, blocked, refusals)

    async def _record(self, given: DecisionInput, made: Decision, barred: Barred | None) -> None:
        record = self._recorder.decided(given, made, sends=self._sends(made, barred))
        if not record.empty:
            try:
                await self._worker.call(
                    self._worker.journal.append, record.drafts, record.memory, record.blobs, at=given.at
                )
            except ReefError:
                self._recorder.forget()
                raise
        own = self._remembered.own_stops if self._remembered else {}
        self._remembered = Remembered(made.evaluation.memory, made.ledger, own)

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
            first = tuple(step for step in stops if _key(step) in bare)
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
        if self._remembered is not None:
            own = with_placed(self._remembered.own_stops, report)
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
                self._worker.journal.append,
                (Draft(at=now, account=self.account, body=body),),
                self._recorder.failed(str(error), now),
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
            self._tell_unknown_symbols(given.snapshot)
        self._tell_differences(made.differences)
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

    def _tell_unknown_symbols(self, snapshot: Snapshot) -> None:
        symbols = self.gateway.market_symbols() | {position.symbol for position in snapshot.positions}
        for one in unknown_symbols(self._rules, self.account, self.gateway.venue, symbols):
            log.warning("rule names no market", account=self.account, **structs.asdict(one))

    def _tell_bare(self, snapshot: Snapshot) -> None:
        """Log positions that this cycle leaves without a whole stop, once while the reason stays."""
        before, self._bare = self._bare, self.executor.shelters.bare(snapshot)
        for key, why in self._bare.items():
            if before.get(key) != why:
                log.critical("unprotected", account=self.account, position=key, why=why)

    def _tell_differences(self, differences: tuple[Difference, ...]) -> None:
        """Log figures that newly differ from the venue's."""
        before, self._apart = self._apart, frozenset((one.target, one.figure) for one in differences)
        for one in differences:
            if (one.target, one.figure) not in before:
                log.warning(
                    "recomputed figure differs from the venue's",
                    account=self.account,
                    target=one.target.text,
                    figure=one.figure,
                    ours=one.ours,
                    venue=one.venue,
                    share=one.share,
                )


def _key(step: Step) -> str:
    request = step.request
    return position_key(request.symbol, request.position_side) if isinstance(request, StopRequest) else ""
