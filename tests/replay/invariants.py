"""What must hold after every cycle, whatever happened: judged by the venue and the journal, not by the guard.

The judge keeps its own account of every intent, reads only what is new in the journal, and compares it with
what the venue's engine has in its books, behind every fault that bends what is shown. It never asks the guard
what it believes. How each of the fifteen is judged:

 1. A trim never adds exposure. Every trade of an order of ours closes in full; a leg's size moves by its
    trades alone; orders are reduce-only, on the closing side, on their leg. Nobody else there (`alone`):
    sizes only fall, and no order is larger than the position.
 2. Orders after intents. When a request leaves, its intent is in the journal file and open; the venue has no
    order with our prefix that the journal lacks.
 3. One accepted order an intent. Accepted answers and the venue's orders are counted by client id; an intent
    is prepared once and ends once; none is prepared while another on its market has not ended.
 4. Executed <= planned. Of the request, of the outcome, and of the venue's order.
 5. The venue's evidence. When an intent ends, the venue's order has ended, and what was accepted or filled
    is there.
 6. Liveness and agreement. `at_end`: nothing is open, and each order of the venue did what the journal says;
    `restored`: rules are content or say what they wait for, and a stop rests for every position.
 7. Crashes. The judge outlives the guard: what it has read of the journal stays there (`remembers`), and
    tests/simulation/test_crashes.py compares a world that crashed at each point with one that did not.
 8. Unknown is not safe. A position that was held throughout a cycle is in its snapshot, or the cycle fails
    (but for a slight one that this process was never shown: no second source could tell); every position
    shown is weighed; no rule is inactive or cooling on an unknown figure.
 9. Decisions are pure. Each is taken again from the journal, to the byte.
10. Requests. Counted against a bound for each poll; none leaves during a ban (`Wire.banned_until`).
11. Hedges. Nothing of ours opens but an order whose intent is a hedge: against its parent, and worth no more.
    `at_end`: what hedges opened and did not unwind is gone with its parent.
12. Epochs. A journal that was taken over refuses the one before (tests/simulation/test_crashes.py).
13. Bounds. A cycle ends, and the next account's begins, within a bound of the guard's time.
14. Steps. Quantity, price and trigger are multiples of the market's, and no order is below its least.
15. A worse mark. Each trim of a leveraged cross account with longs only, or shorts only, is decided again
    with every mark moved against it: it is not smaller. (Elsewhere no move of the marks is worse for all.)
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.clock import Clock
from bot.guard import CycleReport
from bot.journal import Entry, Head, Journal
from bot.journal.records import Decision, Prepared, Verification
from bot.model import Action, OrderRequest, State, StepKind, Unknown
from bot.replaying import decide_again
from bot.sandbox.engine.exchange import Engine
from tests.replay.bench import Bench
from tests.replay.darker import smaller_when_worse
from tests.replay.intents import IntentBook, Tally, venue_symbol
from tests.replay.truth import Key, Truth, is_own, moves, net
from tests.replay.wire import Answered, Sent

READS_A_POLL = 24
"""Most reads that a quiet poll may need: lists, prices, renewed terms and markets."""
REQUESTS_A_STEP = 16
"""Most requests that one step of a plan may need: sending it, and looking it up."""
BOUND_SECONDS = 5.0
SLIGHT = Decimal("0.15")
"""A leg below this share of all that is held may be missing from a list without the wallet's sums telling."""
"""Longest that a cycle may hold up the next account, in the guard's time."""
ACTS = frozenset({Action.TRIM, Action.CLOSE, Action.CLOSE_ALL})
SAFE = frozenset({State.INACTIVE, State.COOLING})


class Invariants:
    """The judge of one account. `alone`: nobody else trades there; `bound`: seconds that 13 allows."""

    def __init__(
        self,
        account: str,
        engine: Engine,
        journal: Journal,
        clock: Clock,
        *,
        alone: bool = True,
        bound: float = BOUND_SECONDS,
    ) -> None:
        self.account = account
        self.truth = Truth(engine, account)
        self._bench = Bench(clock)
        self.must = self._must = self._bench.must
        """Takes note of what other judges of the account find."""
        self.book = IntentBook(self.truth, journal, self._bench, alone=alone)
        self._journal = journal
        self._clock = clock
        self._alone = alone
        self._bound = bound
        self._head = Head(0, "")
        self._trades = len(self.truth.trades())
        self._sizes = self._begun = self.truth.held()
        self._polled_at = clock.now()
        self._shown: set[tuple[str, int]] = set()
        self._open = 0
        """Intents that had not ended when the last poll was judged."""

    @property
    def violations(self) -> list[str]:
        """What was found to be broken."""
        return self._bench.violations

    @property
    def tally(self) -> Tally:
        """Figures for the closing note."""
        return self.book.tally

    def before_sending(self, sent: Sent) -> None:
        """Judge a request that is about to leave."""
        self.book.leaves(sent)

    def after_cycle(
        self,
        report: CycleReport,
        requests: int,
        answers: Sequence[Answered],
        held: dict[Key, Decimal] | None = None,
    ) -> None:
        """Judge one cycle. `held` is what the venue held when it began."""
        fresh = self.take_new()
        self.book.answered(answers)
        self._budget(requests, sum(isinstance(entry.record, Prepared) for entry in fresh))
        self.exposure()
        self._view(report, held or {})
        if self._alone and not self.book.open:
            self._stops_agree()
        now = self._clock.now()
        spent = (now - self._polled_at).total_seconds()
        self._must(spent <= self._bound, 13, f"a cycle came {spent} s after the one before")
        self._polled_at = now

    def after_crash(self, answers: Sequence[Answered]) -> None:
        """Judge what a cycle did that its process did not live to end."""
        self.take_new()
        self.book.answered(answers)
        self.exposure()

    def begins(self) -> None:
        """Count the time that 13 bounds from now on: the poll was not due before."""
        self._polled_at = self._clock.now()

    def at_end(self) -> None:
        """6: nothing is open, and what the journal tells explains the whole of what the venue did."""
        left = sorted(self.book.open)
        self._must(not left, 6, f"intents are open at the end: {left}")
        self.book.agrees()
        self._orphans()
        if not self._alone:
            return
        for key, first in self._begun.items():
            told = Decimal(0)
            for tracked in self.book.intents.values():
                request = tracked.request
                if (
                    isinstance(request, OrderRequest)
                    and tracked.outcome
                    and venue_symbol(request.symbol) == key[0]
                ):
                    told += tracked.outcome.filled
            others = moves([one for one in self.truth.trades() if not is_own(one)]).get(key, Decimal(0))
            fell = abs(first) - abs(self.truth.held().get(key, Decimal(0)))
            # the fills that opened the position are among those of others
            self._must(
                fell == told + abs(first) - abs(others),
                6,
                f"{key[0]} fell by {fell}; the journal tells of {told}",
            )

    def restored(self, report: CycleReport | None, *, armed: bool) -> None:
        """6: in calm a cycle ends well; rules are content, halted, or say what they wait for; stops rest."""
        if report is None or report.decision is None or report.snapshot is None:
            self._must(False, 6, f"in calm cycles fail: {report.error if report else 'there was none'}")
            return
        if not armed:
            return
        plan, halted = report.decision.plan, report.execution.halted if report.execution else ""
        told = {refusal.rule for refusal in plan.refusals}
        for demand in report.decision.evaluation.demands:
            content = halted or demand.rule in told or not ACTS & set(demand.permits)
            value = f"{demand.value:.4g} beside {demand.limit:.4g}"
            self._must(bool(content), 6, f"{demand.rule} is not restored in calm: {value}")
        excused = {refusal.item for refusal in plan.refusals}
        for key in sorted(self.truth.held()):
            rests = self.truth.stop(key) is not None
            self._must(rests, 6, f"no stop rests for {key}; refused: {sorted(excused)}")

    def take_new(self) -> list[Entry]:
        """Read what is new in the journal and judge it."""
        head = self._journal.head()
        if head.seq == self._head.seq:
            return []
        fresh: list[Entry] = []
        seq = self._head.seq
        while batch := self._journal.entries(account=self.account, after=seq):
            seq = batch[-1].seq
            fresh += batch
        self._head = head
        for entry in fresh:
            self._take(entry)
        return fresh

    def remembers(self, journal: Journal) -> None:
        """7: what was durable before a crash is in the journal after it; read on from there."""
        entry = journal.entry(self._head.seq) if self._head.seq else None
        kept = not self._head.seq or (entry is not None and entry.hash == self._head.hash)
        self._must(kept, 7, f"entry {self._head.seq} was durable, and is gone after a crash")
        self._journal = self.book.journal = journal
        self._shown.clear()  # what a process saw goes with it
        self.take_new()
        still = {rows[0].intent for rows in journal.open_intents(self.account)}
        self._must(
            still == self.book.open, 7, f"open after a crash: {sorted(still)}, not {sorted(self.book.open)}"
        )

    def _take(self, entry: Entry) -> None:
        record = entry.record
        if isinstance(record, Decision):
            self._decision(entry, record)
        elif isinstance(record, Verification) and self._alone:
            self._must(record.agrees, 6, f"intent {entry.intent}: {record.note}")
        else:
            self.book.take(entry)

    def _decision(self, entry: Entry, record: Decision) -> None:
        self.tally.decisions += 1
        again = decide_again(self._journal, entry)
        self._must(again.same, 9, f"entry {entry.seq}: {again.said}")
        self.tally.decided_again += again.same
        if record.plan and any(step.kind is StepKind.TRIM for step in record.plan.steps):
            found = smaller_when_worse(self._journal, record)
            self._must(not found, 15, f"entry {entry.seq}: {found}")
            self.tally.darkened += 1

    def _budget(self, requests: int, steps: int) -> None:
        self.tally.requests += requests
        self.tally.most_requests = max(self.tally.most_requests, requests)
        pursued = max(len(self.book.open), self._open)
        self._open = len(self.book.open)
        allowed = READS_A_POLL + REQUESTS_A_STEP * (steps + pursued)
        self._must(requests <= allowed, 10, f"{requests} requests in one poll, {allowed} are allowed")

    def exposure(self) -> None:
        """1, 11: every trade of ours closes, and trades alone explain how sizes moved."""
        fresh, now = self.truth.trades(self._trades), self.truth.held()
        self._trades += len(fresh)
        for trade in fresh:
            if is_own(trade):
                closes = trade.closed_qty == trade.qty or self.book.is_hedge(trade.client_id)
                self._must(closes, 1, f"{trade.client_id} closed {trade.closed_qty} of {trade.qty}")
        # symbols, not legs: a venue may turn a one-way position into a leg
        before, sizes, moved = net(self._sizes), net(now), net(moves(fresh))
        for symbol in sorted({*before, *sizes, *moved}):
            was, size = before.get(symbol, Decimal(0)), sizes.get(symbol, Decimal(0))
            explained = was + moved.get(symbol, Decimal(0)) == size
            self._must(explained, 1, f"{symbol} moved from {was} to {size} by itself")
            if self._alone and size and symbol not in self._hedged():
                self._must(size * was > 0, 1, f"{symbol} turned from {was} to {size}")
                self._must(abs(size) <= abs(was), 1, f"{symbol} grew from {was} to {size}")
        self._sizes = now

    def _hedged(self) -> set[str]:
        """Symbols on which hedges were opened."""
        return {key[0] for (key, _), _ in self.book.hedges().items()}

    def _orphans(self) -> None:
        """11: no hedge of ours is open whose parent is gone, but for what others closed or added."""
        held = self.truth.held()
        gone = {one: size for one, size in self.book.hedges().items() if size > 0}
        for (key, parent), size in gone.items():
            symbol, side = parent.split("#")
            wanted = 1 if side == "long" else -1
            lives = any(one[0] == venue_symbol(symbol) and open_ * wanted > 0 for one, open_ in held.items())
            trades = [one for one in self.truth.trades() if (one.symbol, one.leg) == key and not is_own(one)]
            if not lives and not trades:
                self._must(
                    key not in held, 11, f"{held.get(key)} of {key} outlived {parent} ({size} by the journal)"
                )

    def _view(self, report: CycleReport, held: dict[Key, Decimal]) -> None:
        """8: flat only where the venue is flat; what is unknown is never told as safe."""
        if report.snapshot is None or report.decision is None:
            self._must(bool(report.error), 8, "a cycle without a snapshot tells of no error")
            return
        shown, weighed = report.snapshot.positions, report.decision.portfolio
        self._must(
            len(shown) == len(weighed.holdings) + len(weighed.missing), 8, "a position was lost on the way"
        )
        seen = {(venue_symbol(one.symbol), one.position_index) for one in shown}
        now = self.truth.held()
        lost = sorted(key for key, size in held.items() if now.get(key) == size and key not in seen)
        lost = [key for key in lost if key in self._shown or not self._is_slight(key, now)]
        self._must(not lost, 8, f"{lost} was held throughout, and the guard saw nothing of it")
        self._shown = {key for key in self._shown | seen if key in now}
        for finding in report.decision.evaluation.findings:
            if isinstance(finding.value, Unknown):
                safe = finding.state in SAFE
                self._must(not safe, 8, f"{finding.rule} is {finding.state.value} on an unknown figure")

    def _is_slight(self, key: Key, held: dict[Key, Decimal]) -> bool:
        """Whether a leg is too small for the wallet's sums to tell that a list lacks it.

        One that was never shown since the start can be missed then, until a list is whole.
        """
        worth = {one: abs(size) * self.truth.instrument_price(one[0]) for one, size in held.items()}
        return worth[key] < SLIGHT * sum(worth.values())

    def _stops_agree(self) -> None:
        """6: while nothing is open, the stop that the journal placed last is the one that rests."""
        for key in self.truth.held():
            wanted, rests = self.book.last_stop(key), self.truth.stop(key)
            if wanted is not None:
                self._must(rests == wanted, 6, f"the stop rests at {rests}, the journal says {wanted}")
