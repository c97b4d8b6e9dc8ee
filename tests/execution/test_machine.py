"""Whatever goes wrong, in whatever order: the invariants of execution hold."""

import asyncio
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bot.clock import VirtualClock
from bot.execution import Executor, Intent, IntentNotRecordedError, IntentState, halt, recover, resume
from bot.journal import FullDiskError, Journal, JournalWorker, open_journal, verify
from bot.journal.records import TERMINAL, Kind
from bot.model import OrderRequest, Request, Side
from tests.execution.fake_gateway import BTC, ETH, START, FakeGateway, Fault
from tests.execution.support import cancel, intents, order, plan, stop, trim

SIDES = {BTC: Side.LONG, ETH: Side.SHORT}
LOST = [Fault.DROP, Fault.LATE, Fault.HIDE, Fault.HIDE_EMPTY, Fault.CRASH_BEFORE, Fault.CRASH_AFTER]


class Failing:
    """Wraps `append` so that the disk may be full for the next calls."""

    def __init__(self, journal: Journal) -> None:
        self.left = 0
        self._journal = journal
        self._append = journal.append
        journal.append = self._maybe  # type: ignore[method-assign,assignment]

    def _maybe(self, *args: object, **kwargs: object) -> object:
        if self.left:
            self.left -= 1
            raise FullDiskError(self._journal.path, "the disk is full", "Make room.")
        return self._append(*args, **kwargs)  # type: ignore[arg-type]


class Execution(RuleBasedStateMachine):
    """An account under faults, crashes, a full disk, halts and other people's trades."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.db"
        self.clock = VirtualClock(START)
        self.gateway = FakeGateway(self.clock)
        for symbol, side in SIDES.items():
            self.gateway.open(symbol, side, "40")
        self.gateway.before_submit = self.check_prepared
        self.steps = 0
        self.planned: dict[str, Decimal] = {}
        self.ended: dict[str, Intent] = {}
        self.armed = True
        self.start()

    def start(self) -> None:
        """Begin a process."""
        self.worker = JournalWorker(open_journal(self.path))
        self.disk = Failing(self.worker.journal)
        self.executor = Executor(self.gateway, self.worker, self.clock, armed=self.armed)

    def begin_armed(self) -> None:
        """Arm, resume, and let what is open come to its end."""
        self.executor.armed = self.armed = True
        resume(self.worker.journal, "main", who="ada", why="go on", at=self.clock.now())
        self.gateway.finish_slow()
        for _ in range(3):
            self.clock.advance(40)
            self.runner.run(self.executor.settle_orders())

    def check_prepared(self, request: Request) -> None:
        """What leaves was committed: another connection sees it."""
        with open_journal(self.path, read_only=True) as journal:
            names = {entry.intent for entry in journal.entries(kind=Kind.PREPARED, limit=10_000)}
        assert request.client_order_id in names
        assert self.armed

    def run(self, *steps: object) -> bool:
        """Carry out steps; False when the process died on the way."""
        try:
            snapshot = self.runner.run(self.gateway.snapshot())
            self.runner.run(self.executor.carry_out(plan(*steps, at=self.clock.now()), snapshot))  # type: ignore[arg-type]
        except IntentNotRecordedError:
            return True
        except asyncio.CancelledError:
            return False
        return True

    @rule(
        symbol=st.sampled_from([BTC, ETH]),
        contracts=st.integers(1, 30),
        fault=st.sampled_from(Fault),
        full_after=st.sampled_from([None, None, None, 0, 1, 2, 5]),
    )
    def act(self, symbol: str, contracts: int, fault: Fault, full_after: int | None) -> None:
        """Trim, with a fault on the way."""
        self.steps += 1
        name = f"reef{self.steps}"
        self.planned[name] = Decimal(contracts) / 10
        self.gateway.faults.clear()
        self.gateway.faults.append(fault)
        self.disk.left = full_after or 0
        before = len(self.gateway.submitted)
        alive = self.run(trim(name, str(self.planned[name]), symbol=symbol, side=SIDES[symbol]))
        assert len(self.gateway.submitted) - before <= int(self.armed)
        self.disk.left = 0
        self.gateway.faults.clear()
        if not alive:
            self.crash()

    @rule(again=st.integers(1, 30))
    def act_again(self, again: int) -> None:
        """Send a step that was decided before."""
        name = f"reef{again}"
        if name in self.planned:
            self.run(trim(name, str(self.planned[name])))

    @rule(lost=st.booleans())
    def protect_and_cancel(self, lost: bool) -> None:
        """Ask for a stop and cancel somebody's order."""
        self.steps += 1
        self.gateway.resting = [order()]
        self.gateway.faults.extend([Fault.DROP, Fault.LOSE_ANSWER] if lost else [])
        self.run(stop(f"reefstop{self.steps % 3}"), cancel(f"reefcancel{self.steps}"))
        self.gateway.faults.clear()

    @rule(
        symbol=st.sampled_from([BTC, ETH]),
        first=st.sampled_from(LOST),
        second=st.sampled_from(Fault),
        seconds=st.sampled_from([2.0, 6.5, 6.5, 10.0]),
        meddled=st.sampled_from([False, False, True]),
        broken=st.sampled_from([0, 0, 0, 1]),
        full=st.sampled_from([0, 0, 0, 1]),
    )
    def lose_and_resend(
        self, symbol: str, first: Fault, second: Fault, seconds: float, meddled: bool, broken: int, full: int
    ) -> None:
        """An order is lost, or seems to be; later it is sent once more, with another fault on the way."""
        self.begin_armed()
        self.act(symbol, 3, first, None)
        self.clock.advance(seconds)
        alive = True
        try:
            self.runner.run(self.executor.settle_orders())
            if meddled:
                self.somebody_trades(symbol, 1)
            self.gateway.broken_reads, self.disk.left = broken, full
            self.gateway.faults.append(second)
            self.runner.run(self.executor.resend())
        except FullDiskError:
            pass
        except asyncio.CancelledError:
            alive = False
        self.gateway.broken_reads = self.disk.left = 0
        self.gateway.faults.clear()
        if not alive:
            self.crash()

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0, 40.0]), broken=st.sampled_from([0, 0, 0, 1, 2]))
    def settle(self, seconds: float, broken: int) -> None:
        """A cycle later."""
        self.clock.advance(seconds)
        snapshot = self.runner.run(self.gateway.snapshot())
        self.gateway.broken_reads = broken
        self.runner.run(self.executor.settle(snapshot))
        look = self.runner.run(self.executor.look_outside(snapshot))
        assert look.harm == ""
        assert all(one.ours + one.others == one.after - one.before for one in look.outside)
        self.gateway.broken_reads = 0
        self.runner.run(self.executor.verify_protection(snapshot))

    @rule()
    def finish_slow(self) -> None:
        """Open orders are filled."""
        self.gateway.finish_slow()

    @rule(symbol=st.sampled_from([BTC, ETH]), contracts=st.integers(1, 5))
    def somebody_trades(self, symbol: str, contracts: int) -> None:
        """A part of a position is closed by hand."""
        for key in [key for key in self.gateway.held if key.startswith(symbol)]:
            self.gateway.trade_outside(key, Decimal(contracts) / 10)

    @rule()
    def crash(self) -> None:
        """The process dies; the next one recovers, twice."""
        self.runner.run(self.worker.close())
        self.start()
        sent = len(self.gateway.submitted)
        snapshot = self.runner.run(self.gateway.snapshot())
        first = self.runner.run(recover(self.executor, snapshot))
        states = intents(self.worker.journal)
        self.runner.run(recover(self.executor, snapshot))
        after = intents(self.worker.journal)
        assert {name: after[name] for name in first.settled} == {name: states[name] for name in first.settled}
        assert len(self.gateway.submitted) == sent

    @rule()
    def toggle_halt(self) -> None:
        """An operator halts or resumes."""
        journal = self.worker.journal
        if not resume(journal, "main", who="ada", why="go on", at=self.clock.now()):
            halt(journal, "main", who="ada", why="wait", at=self.clock.now())

    @rule()
    def toggle_armed(self) -> None:
        """The owner arms or disarms."""
        self.armed = not self.armed
        self.executor.armed = self.armed

    @invariant()
    def each_intent_is_accepted_once(self) -> None:
        """At most one accepted order an intent, and at most two copies of one request."""
        copies = Counter(request.client_order_id for request in self.gateway.submitted)
        assert all(count <= 2 for count in copies.values())
        requests = {(type(one), one) for one in self.gateway.submitted}
        assert len(requests) == len(copies)
        assert all(count == 1 for count in self.gateway.accepted.values())

    @invariant()
    def executed_is_at_most_planned_and_no_position_flips(self) -> None:
        """A trim never does more than was decided."""
        for name, listed in self.gateway.listed.items():
            assert listed.report.filled <= self.planned[name]
        for request in self.gateway.submitted:
            if isinstance(request, OrderRequest):
                assert request.contracts <= self.planned[request.client_order_id]
        assert all(position.contracts > 0 for position in self.gateway.held.values())
        assert {p.symbol: p.side for p in self.gateway.held.values()}.items() <= SIDES.items()

    @invariant()
    def what_ended_is_true_and_stays(self) -> None:
        """An outcome is what the venue has, and never changes."""
        known = intents(self.worker.journal)
        for name, intent in known.items():
            if intent.ended and intent.is_order:
                listed = self.gateway.listed.get(name)
                filled = listed.report.filled if listed else Decimal(0)
                assert intent.standing is not None
                assert intent.standing.filled == filled
                if intent.state is IntentState.REJECTED:
                    assert name not in self.gateway.known
        for name, intent in self.ended.items():
            assert known[name] == intent
        self.ended = {name: intent for name, intent in known.items() if intent.state in TERMINAL}

    def teardown(self) -> None:
        """When the faults stop, every intent ends, and the chain is whole."""
        try:
            self.disk.left = 0
            self.gateway.finish_slow()
            for _ in range(4):
                self.clock.advance(40)
                self.runner.run(self.executor.settle(self.runner.run(self.gateway.snapshot())))
            open_names = [intent.intent for intent in self.runner.run(self.executor.open_intents())]
            assert open_names == []
            self.what_ended_is_true_and_stays()
            assert verify(self.path).problems == ()
        finally:
            self.runner.run(self.worker.close())
            self.runner.close()
            self.folder.cleanup()


TestExecution = Execution.TestCase
TestExecution.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
