"""A venue, its accounts, and a daemon that is started and killed: real guards, gateways and journal file."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TypeVar

from bot.exchange.catalog import Catalog
from bot.exchange.factory import make_gateway
from bot.execution import Executor, Lease
from bot.facts import GuardTerms
from bot.guard import CycleReport, Guard
from bot.journal import Journal, JournalError, open_journal
from bot.journal.locking import WriteLock
from bot.market_stats import StatsKeeper
from bot.model import Caps, ProtectionTerms, State
from bot.rules import RuleSet
from bot.sandbox.engine.feeds import Feed
from bot.sandbox.engine.instruments import default_instruments
from bot.sandbox.engine.terms import VenueTerms
from bot.sandbox.host import Sandbox
from tests.replay.invariants import Invariants
from tests.simulation.cast import Role, rules_of, seat
from tests.simulation.market import CALM_STEP_MS, LISTED
from tests.simulation.moves import Ledger, MoveJudge
from tests.simulation.process import ORIGIN, Crash, Disk, Life, Net, Wire, Worker
from tests.simulation.story import Story
from tests.simulation.virtual import HostClock, VenueClock

T = TypeVar("T")

TERMS = GuardTerms(caps=Caps(), protection=ProtectionTerms(), max_age_seconds=10.0)
BOUND_SECONDS = 60.0
"""Longest that one cycle may take where requests hang: reads, orders and look-ups have each their limit."""
NO_LIMIT = 1 << 30
"""Pages that a journal may have where the disk is not full."""


LEASE_S, RESERVE_S = 900.0, 15.0
"""Longer than a daemon's own, so that it need not be renewed in all the calm between polls."""


class Guarded:
    """One account under the guard. Its judge, its wire and its figures outlive the process."""

    def __init__(self, role: Role, rules: RuleSet, wire: Wire, judge: Invariants, moves: MoveJudge) -> None:
        self.role = role
        self.name = role.name
        self.rules = rules
        self.wire = wire
        self.judge = judge
        self.moves = moves
        self.armed = role.armed
        self.guard: Guard | None = None
        self.cycles = 0
        self.errors = 0
        self.longest = 0.0
        self.check_failed = 0
        self.last: CycleReport | None = None


class World:
    """Everything that one seed has. Made, and used, inside a virtual loop."""

    def __init__(
        self,
        folder: Path,
        feed: Feed,
        roles: Sequence[Role],
        seed: int,
        start: datetime,
        *,
        terms: VenueTerms | None = None,
        guard_terms: GuardTerms = TERMS,
        market_step_ms: int = CALM_STEP_MS,
        alone: bool = False,
    ) -> None:
        self.clock, self.true = HostClock(start), HostClock(start)
        self.story = Story(self.true, folder)
        self.random = Random(f"world:{seed}")
        listed = [one for one in default_instruments() if one.symbol in LISTED]
        self.engine = Ledger(
            VenueClock(start), feed, listed, terms=terms, market_step_ms=market_step_ms, seed=seed % 5
        )
        self.sandbox = Sandbox(self.engine, fault_seed=seed)
        self.net, self.disk = Net(seed), Disk()
        self.path = folder / "journal.sqlite"
        self.life: Life | None = None
        self.lease: Lease | None = None
        self.restarts = self.crashes = 0
        self.wants_restart = False
        self.guarded: list[Guarded] = []
        self._guard_terms = guard_terms
        self._journal: Journal | None = None
        self._full = False
        self._lock: WriteLock | None = None
        open_journal(self.path).close()
        self.reader = open_journal(self.path, read_only=True)
        for role in roles:
            seat(self.engine, role, self.random)
            judge = Invariants(
                role.name, self.engine, self.reader, self.true, alone=alone, bound=BOUND_SECONDS
            )
            wire = Wire(role.name, self.sandbox, self.net, self.story, judge.before_sending)
            moves = MoveJudge(role.name, self.engine, judge.book, judge.must)
            self.guarded.append(Guarded(role, rules_of(role.rules), wire, judge, moves))
            self.story.tell("account", str(role))

    # The daemon

    def start(self) -> bool:
        """Start the daemon from the journal; False where the journal cannot be opened now."""
        journal: Journal | None = None
        try:
            journal = open_journal(self.path, wait_seconds=0.0)
            lease = self._leased(journal)
        except JournalError as error:
            self.story.tell("process", f"does not start: {type(error).__name__}")
            if journal is not None:
                shut(journal)
            return False
        self.life, self.lease, self._journal = Life(self.story), lease, journal
        self._apply_full()
        worker = Worker(self._journal, self.life, self.disk)
        catalog: Catalog | None = None
        for one in self.guarded:
            one.wire.life = self.life
            gateway = make_gateway(
                account=one.name,
                venue="bybit",
                network="sandbox",
                api_key=f"{one.name}-key",
                api_secret=f"{one.name}-secret",
                base_url=ORIGIN,
                clock=self.clock,
                transport=one.wire,
                catalog=catalog,
            )
            catalog = gateway.catalog
            one.guard = Guard(
                gateway=gateway,
                executor=Executor(gateway, worker, self.clock, armed=one.armed, lease=lease),
                worker=worker,
                clock=self.clock,
                rules=one.rules,
                stats=StatsKeeper(gateway, "BTC/USDT:USDT", "BTC", self.clock.now()),
                terms=self._guard_terms,
            )
            one.judge.remembers(self.reader)
        self.story.tell("process", "starts")
        return True

    def _leased(self, journal: Journal) -> Lease:
        """Take the lease, as a daemon does whose predecessor is certainly gone."""
        lease, row = Lease(self.clock, LEASE_S, RESERVE_S), journal.lease()
        end = lease.next_end()
        journal.take_lease("a seeded process", end, over=row.epoch if row else 0)
        lease.lasts_until(end)
        return lease

    def _renew(self) -> None:
        """Make the lease last longer, where it is time and the journal takes it."""
        if self.lease is None or self._journal is None or self.lease.seconds_to_send > LEASE_S / 2:
            return
        end = self.lease.next_end()
        try:
            self._journal.renew_lease(end)
        except JournalError as error:
            self.story.tell("process", f"cannot renew its lease: {type(error).__name__}")
        else:
            self.lease.lasts_until(end)

    async def stop(self) -> None:
        """End the daemon as its owner would, with a signal. It may be killed while it ends."""
        if self.life is None:
            return
        for one in self.guarded:
            if one.guard is not None and not self.life.dead:
                await self.living(one.guard.close())
        self._bury()
        self.restarts += 1
        self.story.tell("process", "stops")

    def died(self) -> None:
        """Take note that the daemon was killed. Its file is as the last commit left it."""
        self._bury()
        self.crashes += 1

    def _bury(self) -> None:
        # the judge's own handle stays open, so that nothing is checkpointed that a killed process would leave
        if self.life is not None:
            self.life.dead = True
        for one in self.guarded:
            one.guard = None
        if self._journal is not None:
            shut(self._journal)
        self.life = self._journal = self.lease = None

    async def living(self, work: Awaitable[T]) -> T | None:
        """Await something that the daemon does; None where the daemon died over it."""
        try:
            return await work
        except Crash:
            return None

    async def poll(self, one: Guarded) -> CycleReport | None:
        """Run one cycle and judge it; None where there is no daemon, or where it died meanwhile."""
        if one.guard is None:
            return None
        self._renew()
        begun, before, held = self.true.seconds, one.wire.needed, one.judge.truth.held()
        one.judge.begins()
        try:
            report = await one.guard.cycle()
        except Crash:
            one.judge.after_crash(one.wire.taken())
            one.moves.after_cycle()
            return None
        one.cycles += 1
        one.errors += bool(report.error)
        one.longest = max(one.longest, self.true.seconds - begun)
        one.last = report
        self._tell_cycle(one, report)
        one.judge.after_cycle(report, one.wire.needed - before, one.wire.taken(), held)
        one.moves.after_cycle()
        return report

    def _tell_cycle(self, one: Guarded, report: CycleReport) -> None:
        if report.error:
            self.story.tell("cycle", f"{one.name} fails: {report.error[:160]}")
            return
        made = report.decision
        if made is None or report.snapshot is None:
            return
        held = ", ".join(f"{p.key.split('/')[0]} {p.side} {p.contracts}" for p in report.snapshot.positions)
        firing = [f"{f.rule} {f.state}" for f in made.evaluation.findings if f.state is not State.INACTIVE]
        self.story.tell(
            "cycle",
            f"{one.name} sees {held or 'nothing'}; {', '.join(firing) or 'all is well'}; "
            f"{len(made.plan.steps)} steps, {len(made.plan.refusals)} refusals",
        )
        for refusal in made.plan.refusals:
            said = f"{refusal.rule} {refusal.item} {refusal.code}: {refusal.reason[:120]}"
            self.story.tell("refusal", f"{one.name} {said}")
        one.check_failed += sum(refusal.code == "check_failed" for refusal in made.plan.refusals)
        results = report.execution.results if report.execution else ()
        for result in results:
            state = result.state or result.held
            self.story.tell(
                "intent", f"{one.name} {result.intent or result.step.reason} {state}: {result.evidence[:120]}"
            )

    @property
    def violations(self) -> list[str]:
        """What was found to be broken, of all accounts."""
        return [f"{one.name}: {line}" for one in self.guarded for line in one.judge.violations]

    def guarded_by(self, name: str) -> Guarded:
        """Return an account by its name."""
        return next(one for one in self.guarded if one.name == name)

    # The disk

    def fill_disk(self, full: bool) -> None:
        """Leave the journal no room to grow, or give it back."""
        self._full = full
        self._apply_full()

    def _apply_full(self) -> None:
        if self._journal is not None:
            pages = self._journal._db.execute("PRAGMA page_count").fetchone()[0]
            limit = pages if self._full else NO_LIMIT
            self._journal._db.execute(f"PRAGMA max_page_count = {limit}")

    def lock_disk(self, locked: bool) -> None:
        """Hold the journal's lock as another writer would, or let it go."""
        if locked and self._lock is None:
            self._lock = WriteLock(self.path, 0.0)
            self._lock.acquire()
        elif not locked and self._lock is not None:
            self._lock.release()
            self._lock.close()
            self._lock = None

    def lift(self) -> None:
        """End every fault."""
        self.sandbox.faults.clear()
        self.net.cut.clear()
        self.net.slow = self.disk.seconds = 0.0
        self.clock.skew = self.true.skew
        self.fill_disk(False)
        self.lock_disk(False)

    async def close(self) -> None:
        """End the daemon and give files back."""
        self.lift()
        await self.stop()
        self.reader.close()


def shut(journal: Journal) -> None:
    """Close a journal's files as the kernel does: without the lock, which another writer may hold."""
    journal._dispose()
    assert journal._lock is not None
    journal._lock.close()
