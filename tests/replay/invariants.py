"""What must hold after every cycle, whatever happened: judged by the venue and the journal, not by the guard.

The judge keeps its own account of every intent, reads only what is new in the journal, and compares it with
what the venue's engine knows. It never asks the guard what it believes.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.clock import Clock
from bot.guard import CycleReport
from bot.journal import Entry, Journal
from bot.journal.records import (
    TERMINAL,
    Clipped,
    Decision,
    IntentState,
    Outcome,
    Prepared,
    Resent,
    Submitted,
    Verification,
)
from bot.model import OrderRequest, State, StepKind, StopRequest, Unknown
from bot.planning.identity import PREFIX
from bot.replaying import decide_again
from bot.sandbox.engine.exchange import Engine
from tests.replay.darker import smaller_when_worse
from tests.replay.wire import Answered, Sent

READS_A_POLL = 24
"""Most reads that a quiet poll may need: lists, prices, renewed terms and markets."""
REQUESTS_A_STEP = 16
"""Most requests that one step of a plan may need: sending it, and looking it up."""
BOUND_SECONDS = 5.0
"""Longest that a cycle may hold up the next account, in the guard's time."""
SAFE = frozenset({State.INACTIVE, State.COOLING})


class Tracked(msgspec.Struct):
    """One intent as the judge sees it."""

    prepared: Prepared
    planned: Decimal
    accepted: int = 0
    submitted: Submitted | None = None
    resent: bool = False
    """Whether it may be submitted again, as it was: its first copy never arrived."""
    outcome: Outcome | None = None


class Tally(msgspec.Struct):
    """Figures for the closing note."""

    intents: int = 0
    orders: int = 0
    stops: int = 0
    decisions: int = 0
    decided_again: int = 0
    darkened: int = 0
    requests: int = 0
    most_requests: int = 0


class Invariants:
    """The judge of one account."""

    def __init__(self, account: str, engine: Engine, journal: Journal, clock: Clock) -> None:
        self.account = account
        self.violations: list[str] = []
        self.tally = Tally()
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._seq = 0
        self._intents: dict[str, Tracked] = {}
        self._open: set[str] = set()
        self._sizes = self._exposure()
        self._begun = self._sizes
        self._polled_at = clock.now()

    def before_sending(self, sent: Sent) -> None:
        """2, 14: what is about to leave has its intent in the journal file, and fits the market."""
        known = self._journal.open_intents(self.account)
        requests = [body.step.request for rows in known if isinstance(body := rows[0].record, Prepared)]
        if sent.is_order:
            self._must(sent.client_id.startswith(PREFIX), 2, f"an order without our prefix: {sent.body}")
            own = [one for one in requests if one.client_order_id == sent.client_id]
            self._must(bool(own), 2, f"order {sent.client_id} left without a durable intent")
            self._must(sent.body.get("reduceOnly") is True, 1, f"order {sent.client_id} is not reduce-only")
            self._fits(sent)
        elif sent.stop is not None:
            wanted = [one.trigger_price for one in requests if isinstance(one, StopRequest)]
            self._must(sent.stop in wanted, 2, f"a stop at {sent.stop} left without a durable intent")
            tick = self._engine.instrument(str(sent.body["symbol"])).tick
            self._must(sent.stop % tick == 0, 14, f"a stop at {sent.stop} is no multiple of {tick}")

    def after_cycle(self, report: CycleReport, requests: int, answers: Sequence[Answered]) -> None:
        """Judge one cycle."""
        fresh = self._take_new()
        self._accepted(answers)
        self._budget(requests, sum(isinstance(entry.record, Prepared) for entry in fresh))
        self._exposure_only_fell()
        self._view(report)
        if not self._open:
            self._venue_agrees()
        now = self._clock.now()
        spent = (now - self._polled_at).total_seconds()
        self._must(spent <= BOUND_SECONDS, 13, f"a cycle came {spent} s after the one before")
        self._polled_at = now

    def at_end(self) -> None:
        """6: nothing is open, and what the journal tells explains the whole of what the venue did."""
        self._must(not self._open, 6, f"intents are open at the end: {sorted(self._open)}")
        for symbol, first in self._begun.items():
            told = Decimal(0)
            for tracked in self._intents.values():
                request = tracked.prepared.step.request
                if isinstance(request, OrderRequest) and tracked.outcome and _venue_symbol(request) == symbol:
                    told += tracked.outcome.filled
            others = self._not_ours(symbol)
            fell = abs(first) - abs(self._exposure().get(symbol, Decimal(0)))
            self._must(fell == told + others, 6, f"{symbol} fell by {fell}; the journal tells of {told}")

    def _must(self, holds: bool, number: int, what: str) -> None:
        if not holds:
            self.violations.append(f"invariant {number} at {self._clock.now():%H:%M:%S}: {what}")

    def _fits(self, sent: Sent) -> None:
        market = self._engine.instrument(str(sent.body["symbol"]))
        quantity = Decimal(str(sent.body["qty"]))
        held = abs(self._exposure().get(market.symbol, Decimal(0)))
        self._must(quantity % market.qty_step == 0, 14, f"{quantity} is no multiple of {market.qty_step}")
        self._must(quantity >= min(market.min_qty, held), 14, f"{quantity} is below {market.min_qty}")
        self._must(quantity <= held, 1, f"order {sent.client_id} of {quantity} is more than the {held} held")
        self._must(sent.body["side"] == "Sell", 1, f"order {sent.client_id} of a long is no sale")
        if "price" in sent.body:
            price = Decimal(str(sent.body["price"]))
            self._must(price % market.tick == 0, 14, f"{price} is no multiple of {market.tick}")

    def _take_new(self) -> list[Entry]:
        head = self._journal.head().seq
        if head == self._seq:
            return []
        fresh: list[Entry] = []
        while batch := self._journal.entries(account=self.account, after=self._seq):
            self._seq = batch[-1].seq
            fresh += batch
        for entry in fresh:
            self._take(entry)
        self._seq = head
        return fresh

    def _take(self, entry: Entry) -> None:
        record = entry.record
        if isinstance(record, Decision):
            self._decision(entry, record)
        elif isinstance(record, Prepared):
            self._prepared(entry, record)
        elif isinstance(record, Verification):
            self._must(record.agrees, 6, f"intent {entry.intent}: {record.note}")
        elif entry.intent in self._intents:
            tracked = self._intents[entry.intent]
            if isinstance(record, Clipped):
                self._must(record.contracts <= tracked.planned, 4, f"{entry.intent} was clipped upwards")
                tracked.planned = record.contracts
            elif isinstance(record, Submitted):
                again = tracked.submitted is not None and not tracked.resent
                self._must(not again, 3, f"intent {entry.intent} was submitted twice")
                tracked.submitted, tracked.resent = record, False
            elif isinstance(record, Resent):
                self._must(record.sends == 2, 3, f"intent {entry.intent} is sent {record.sends} times")
                same = record.contracts == tracked.planned
                self._must(same, 4, f"intent {entry.intent} is sent again with {record.contracts}")
                tracked.resent = True
            elif isinstance(record, Outcome):
                self._ended(entry.intent, tracked, record)

    def _prepared(self, entry: Entry, record: Prepared) -> None:
        self._must(entry.intent not in self._intents, 3, f"intent {entry.intent} was prepared twice")
        request, before = record.step.request, record.before
        planned = request.contracts if isinstance(request, OrderRequest) else Decimal(0)
        self._intents[entry.intent] = Tracked(record, planned)
        self._open.add(entry.intent)
        self.tally.intents += 1
        self.tally.orders += isinstance(request, OrderRequest)
        self.tally.stops += isinstance(request, StopRequest)
        if isinstance(request, OrderRequest):
            self._must(before is not None, 1, f"intent {entry.intent} does not say what was held")
            held = before.contracts if before else Decimal(0)
            self._must(planned <= held, 1, f"intent {entry.intent} takes {planned} off {held}")

    def _ended(self, intent: str, tracked: Tracked, outcome: Outcome) -> None:
        self._must(tracked.outcome is None, 3, f"intent {intent} ended twice")
        self._must(outcome.state in TERMINAL, 5, f"intent {intent} ended as {outcome.state.value}")
        tracked.outcome = outcome
        self._open.discard(intent)
        self._must(outcome.filled <= tracked.planned, 4, f"intent {intent}: {outcome.filled} were executed")
        if not isinstance(tracked.prepared.step.request, OrderRequest):
            return
        order = self._engine.find_order(self.account, client_id=intent)
        if order is None:
            sent = tracked.submitted is not None and tracked.submitted.answer.order_id
            self._must(not sent, 5, f"intent {intent} ended, the venue never had it: {outcome.evidence}")
            self._must(outcome.state is not IntentState.FILLED, 5, f"intent {intent} was filled nowhere")
            return
        self._must(not order.status.is_open, 5, f"intent {intent} ended while its order is open")
        same = order.filled_qty == outcome.filled
        self._must(same, 6, f"intent {intent}: {outcome.filled} recorded, {order.filled_qty} executed")

    def _decision(self, entry: Entry, record: Decision) -> None:
        self.tally.decisions += 1
        again = decide_again(self._journal, entry)
        self._must(again.same, 9, f"entry {entry.seq}: {again.said}")
        self.tally.decided_again += again.same
        if record.plan and any(step.kind is StepKind.TRIM for step in record.plan.steps):
            found = smaller_when_worse(self._journal, record)
            self._must(not found, 15, f"entry {entry.seq}: {found}")
            self.tally.darkened += 1

    def _accepted(self, answers: Sequence[Answered]) -> None:
        for answer in answers:
            if answer.sent.is_order and answer.code == 0:
                tracked = self._intents.get(answer.sent.client_id)
                if tracked is None:
                    self._must(False, 2, f"order {answer.sent.client_id} has no intent")
                    continue
                tracked.accepted += 1
                self._must(tracked.accepted == 1, 3, f"order {answer.sent.client_id} was accepted again")

    def _budget(self, requests: int, steps: int) -> None:
        self.tally.requests += requests
        self.tally.most_requests = max(self.tally.most_requests, requests)
        allowed = READS_A_POLL + REQUESTS_A_STEP * steps
        self._must(requests <= allowed, 10, f"{requests} requests in one poll, {allowed} are allowed")

    def _exposure(self) -> dict[str, Decimal]:
        return {
            position.symbol: position.size
            if position.side and position.side.value == "buy"
            else -position.size
            for position in self._engine.positions(self.account)
        }

    def _exposure_only_fell(self) -> None:
        now = self._exposure()
        for symbol, size in now.items():
            before = self._sizes.get(symbol, Decimal(0))
            self._must(size * before > 0, 1, f"{symbol} turned from {before} to {size}")
            self._must(abs(size) <= abs(before), 1, f"{symbol} grew from {before} to {size}")
        self._sizes = now

    def _view(self, report: CycleReport) -> None:
        """8: flat only where the venue is flat; what is unknown is never told as safe."""
        if report.snapshot is None or report.decision is None:
            self._must(bool(report.error), 8, "a cycle without a snapshot tells of no error")
            return
        shown, held = report.snapshot.positions, report.decision.portfolio
        self._must(len(shown) == len(held.holdings) + len(held.missing), 8, "a position was lost on the way")
        for finding in report.decision.evaluation.findings:
            if isinstance(finding.value, Unknown):
                safe = finding.state in SAFE
                self._must(not safe, 8, f"{finding.rule} is {finding.state.value} on an unknown figure")

    def _venue_agrees(self) -> None:
        """6: while nothing is open, the stop that the journal placed last is the one that rests."""
        for position in self._engine.positions(self.account):
            wanted = self._last_stop(position.symbol)
            if wanted is not None:
                same = position.stop_loss == wanted
                self._must(same, 6, f"the stop rests at {position.stop_loss}, the journal says {wanted}")

    def _last_stop(self, symbol: str) -> Decimal | None:
        for tracked in reversed(self._intents.values()):
            request, outcome = tracked.prepared.step.request, tracked.outcome
            done = outcome is not None and outcome.state is IntentState.FILLED
            if isinstance(request, StopRequest) and done and _venue_symbol(request) == symbol:
                return request.trigger_price
        return None

    def _not_ours(self, symbol: str) -> Decimal:
        """What the position's own stop and the venue's liquidation engine closed."""
        return sum(
            (
                one.closed_qty
                for one in self._engine.executions(self.account, symbol)
                if not one.client_id.startswith(PREFIX)
            ),
            Decimal(0),
        )


def _venue_symbol(request: OrderRequest | StopRequest) -> str:
    return request.symbol.split(":")[0].replace("/", "")
