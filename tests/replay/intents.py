"""The judge's own account of every intent, kept from what the journal holds and the venue's books say."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from bot.journal import Entry, Journal
from bot.journal.records import TERMINAL, Clipped, IntentState, Outcome, Prepared, Resent, Submitted
from bot.model import (
    CancelRequest,
    ConvertRequest,
    LeverageRequest,
    MarginRequest,
    OrderRequest,
    Request,
    Side,
    StepKind,
    StopRequest,
    TransferRequest,
)
from bot.planning.identity import OPENING, PREFIX
from bot.sandbox.engine.types import Leg
from tests.replay.bench import Bench
from tests.replay.truth import Key, Truth
from tests.replay.wire import Answered, Sent

MOVES: dict[str, tuple[type, str]] = {
    "/v5/position/add-margin": (MarginRequest, "margin"),
    "/v5/position/set-leverage": (LeverageRequest, "buyLeverage"),
    "/v5/asset/transfer/inter-transfer": (TransferRequest, "amount"),
}
"""What moves margin and money: what the intent must be, and where its amount stands."""


class Tracked(msgspec.Struct):
    """One intent as the judge sees it."""

    prepared: Prepared
    planned: Decimal
    accepted: int = 0
    submitted: Submitted | None = None
    resent: bool = False
    """Whether it may be submitted again, as it was: its first copy never arrived."""
    outcome: Outcome | None = None

    @property
    def request(self) -> Request:
        """What was asked for."""
        return self.prepared.step.request


class Tally(msgspec.Struct):
    """Figures for the closing note."""

    intents: int = 0
    orders: int = 0
    stops: int = 0
    cancels: int = 0
    decisions: int = 0
    decided_again: int = 0
    darkened: int = 0
    requests: int = 0
    most_requests: int = 0


class IntentBook:
    """Judges 2 to 6 and 14 of one account. `alone`: nobody but the guard trades there."""

    def __init__(self, truth: Truth, journal: Journal, bench: Bench, *, alone: bool) -> None:
        self.intents: dict[str, Tracked] = {}
        self.open: set[str] = set()
        self.tally = Tally()
        self.journal = journal
        self._truth = truth
        self._must = bench.must
        self._alone = alone

    def leaves(self, sent: Sent) -> None:
        """2, 4, 14: what is about to leave has its intent in the journal file, is it, and fits the market."""
        known = self.journal.open_intents(self._truth.account)
        prepared = [body for rows in known if isinstance(body := rows[0].record, Prepared)]
        requests = [one.step.request for one in prepared]
        if sent.is_order and sent.body.get("category") == "spot":
            self._sale_leaves(sent, requests)
        elif sent.is_order:
            self._order_leaves(sent, requests)
            self._nothing_doubled(sent, prepared)
        elif sent.stop is not None:
            wanted = [
                one for one in requests if isinstance(one, StopRequest) and one.trigger_price == sent.stop
            ]
            self._must(bool(wanted), 2, f"a stop at {sent.stop} left without a durable intent")
            tick = self._truth.instrument(str(sent.body["symbol"])).tick
            self._must(sent.stop % tick == 0, 14, f"a stop at {sent.stop} is no multiple of {tick}")
        elif sent.cancels:
            self._cancel_leaves(sent.cancels, requests)
        elif sent.path in MOVES:
            self._move_leaves(sent, requests)
        else:
            self._must(False, 2, f"{sent.path} left, which the guard never sends: {sent.body}")

    def _order_leaves(self, sent: Sent, requests: Sequence[Request]) -> None:
        name = sent.client_id
        self._must(name.startswith(PREFIX), 2, f"an order without our prefix: {sent.body}")
        own = [one for one in requests if isinstance(one, OrderRequest) and one.client_order_id == name]
        self._must(bool(own), 2, f"order {name} left without a durable intent")
        opens = any(one.opens for one in own)
        self._must(
            sent.body.get("reduceOnly") is not opens, 1, f"order {name}: reduce-only is not {not opens}"
        )
        self._fits(sent, opens=opens)
        for request in own:
            reduces = "Sell" if request.position_side is Side.LONG else "Buy"
            right = (sent.body["side"] == reduces) is not opens
            self._must(right, 1, f"order {name} of a {request.position_side} is on the wrong side")
            leg = sent.body.get("positionIdx")
            self._must(leg == request.position_index, 1, f"order {name} goes to leg {leg}")
            quantity = Decimal(str(sent.body["qty"]))
            self._must(
                quantity <= request.contracts, 4, f"order {name}: {quantity} instead of {request.contracts}"
            )

    def _sale_leaves(self, sent: Sent, requests: Sequence[Request]) -> None:
        name, quantity = sent.client_id, Decimal(str(sent.body["qty"]))
        own = [one for one in requests if isinstance(one, ConvertRequest) and one.client_order_id == name]
        self._must(bool(own), 2, f"a sale {name} left without a durable intent")
        self._must(sent.body["side"] == "Sell", 1, f"{name} buys")
        for request in own:
            self._must(quantity <= request.amount, 4, f"{name}: {quantity} instead of {request.amount}")

    def _nothing_doubled(self, sent: Sent, prepared: Sequence[Prepared]) -> None:
        """4: what is planned rests on a view that shows every fill of the guard's own orders before it."""
        for one in prepared:
            request, before = one.step.request, one.before
            if request.client_order_id != sent.client_id or before is None or self._truth.clock_is_skewed:
                continue
            assert isinstance(request, OrderRequest)
            unseen = self._truth.own_fills(key_of(request), before.read_at)
            self._must(not unseen, 4, f"order {sent.client_id} was planned without own fills: {unseen}")

    def _fits(self, sent: Sent, *, opens: bool) -> None:
        market = self._truth.instrument(str(sent.body["symbol"]))
        key = (market.symbol, Leg(int(sent.body.get("positionIdx", 0))))
        quantity = Decimal(str(sent.body["qty"])) * market.contract_size
        size = self._truth.held().get(key, Decimal(0))
        self._must(quantity % market.qty_step == 0, 14, f"{quantity} is no multiple of {market.qty_step}")
        if opens:
            self._must(quantity >= market.min_qty, 14, f"{quantity} is below {market.min_qty}")
        # what is left of a position may be less than the least order; somebody may just have closed it
        elif self._alone or size:
            self._must(
                quantity >= min(market.min_qty, abs(size)), 14, f"{quantity} is below {market.min_qty}"
            )
        if self._alone and not opens:
            self._must(quantity <= abs(size), 1, f"order {sent.client_id} of {quantity}, {size} is held")
            closing = "Sell" if size > 0 else "Buy"
            self._must(sent.body["side"] == closing, 1, f"order {sent.client_id} is no {closing}")
        if "price" in sent.body:
            price = Decimal(str(sent.body["price"]))
            self._must(price % market.tick == 0, 14, f"{price} is no multiple of {market.tick}")

    def _cancel_leaves(self, order_id: str, requests: Sequence[Request]) -> None:
        wanted = any(isinstance(one, CancelRequest) and one.order_id == order_id for one in requests)
        self._must(wanted, 2, f"a cancel of {order_id} left without a durable intent")
        order = self._truth.order_by_id(order_id)
        if order is not None and not order.client_id.startswith(PREFIX):
            self._must(not order.reduce_only, 1, f"{order_id}, which is to be cancelled, only reduces")

    def _move_leaves(self, sent: Sent, requests: Sequence[Request]) -> None:
        kind, field = MOVES[sent.path]
        asked = Decimal(str(sent.body.get(field, "0")))
        wanted = [one for one in requests if isinstance(one, kind) and _amount(one) == asked]
        self._must(bool(wanted), 2, f"{sent.path} of {asked} left without a durable intent")

    def take(self, entry: Entry) -> None:
        """Take in what an entry says of its intent."""
        record = entry.record
        if isinstance(record, Prepared):
            self._prepared(entry, record)
            return
        tracked = self.intents.get(entry.intent)
        if tracked is None:
            return
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
            self.ended(entry.intent, tracked, record)

    def _prepared(self, entry: Entry, record: Prepared) -> None:
        self._must(entry.intent not in self.intents, 3, f"intent {entry.intent} was prepared twice")
        request, before = record.step.request, record.before
        planned = _amount(request)
        if isinstance(request, OrderRequest):
            held = before.contracts if before else Decimal(0)
            if request.opens:
                self._opens(entry, record, request)
            else:
                self._must(before is not None, 1, f"intent {entry.intent} does not say what was held")
                self._must(planned <= held, 1, f"intent {entry.intent} takes {planned} off {held}")
            rivals = [name for name in sorted(self.open) if _same_market(self.intents[name].request, request)]
            self._must(not rivals, 3, f"intent {entry.intent} was prepared while {rivals} had not ended")
        self.intents[entry.intent] = Tracked(record, planned)
        self.open.add(entry.intent)
        self.tally.intents += 1
        self.tally.orders += isinstance(request, OrderRequest)
        self.tally.stops += isinstance(request, StopRequest)
        self.tally.cancels += isinstance(request, CancelRequest)

    def _opens(self, entry: Entry, record: Prepared, request: OrderRequest) -> None:
        """11: what opens is a hedge, on the other side than its parent, and worth no more than it."""
        step, link = record.step, record.step.hedge
        self._must(
            step.kind is StepKind.HEDGE and link is not None, 11, f"{entry.intent} opens, and is no hedge"
        )
        self._must(
            request.client_order_id.startswith(OPENING), 11, f"{entry.intent} does not say that it opens"
        )
        if link is None:
            return
        symbol, side = link.parent.split("#")
        self._must(side != request.position_side.value, 11, f"{entry.intent} is on its parent's side")
        price = self._truth.instrument_price
        parent = link.parent_contracts * price(venue_symbol(symbol))
        hedge = request.contracts * price(venue_symbol(request.symbol))
        self._must(hedge <= parent * Decimal("1.02"), 11, f"{entry.intent}: {hedge} against {parent} USD")

    def is_hedge(self, client_id: str) -> bool:
        """Whether an order was meant to open."""
        tracked = self.intents.get(client_id)
        return tracked is not None and isinstance(tracked.request, OrderRequest) and tracked.request.opens

    def hedges(self) -> dict[tuple[Key, str], Decimal]:
        """Return what hedges opened, less what was unwound, by leg and parent; ended intents only."""
        found: dict[tuple[Key, str], Decimal] = {}
        for tracked in self.intents.values():
            link, request, outcome = tracked.prepared.step.hedge, tracked.request, tracked.outcome
            if link is None or outcome is None or not isinstance(request, OrderRequest):
                continue
            at = (key_of(request), link.parent)
            found[at] = found.get(at, Decimal(0)) + request.change * outcome.filled
        return found

    def ended(self, intent: str, tracked: Tracked, outcome: Outcome) -> None:
        """3 to 6: how an intent ended is what the venue's books say, and final."""
        self._must(tracked.outcome is None, 3, f"intent {intent} ended twice")
        self._must(outcome.state in TERMINAL, 5, f"intent {intent} ended as {outcome.state.value}")
        tracked.outcome = outcome
        self.open.discard(intent)
        self._must(outcome.filled <= tracked.planned, 4, f"intent {intent}: {outcome.filled} were executed")
        if not isinstance(tracked.request, OrderRequest) or outcome.state is IntentState.ABANDONED:
            return
        order = self._truth.order(intent)
        if order is None:
            answered = tracked.submitted is not None and tracked.submitted.answer.order_id
            self._must(not answered, 5, f"intent {intent} ended, the venue never had it: {outcome.evidence}")
            self._must(outcome.state is not IntentState.FILLED, 5, f"intent {intent} was filled nowhere")
            return
        self._must(not order.status.is_open, 5, f"intent {intent} ended while its order is open")
        executed = self._truth.contracts(order)
        same = executed == outcome.filled
        self._must(same, 6, f"intent {intent}: {outcome.filled} recorded, {executed} executed")

    def answered(self, answers: Sequence[Answered]) -> None:
        """3: the venue accepts an order of an intent once, however often it was sent."""
        for answer in answers:
            if answer.sent.is_order and answer.code == 0:
                tracked = self.intents.get(answer.sent.client_id)
                if tracked is None:
                    self._must(False, 2, f"order {answer.sent.client_id} has no intent")
                    continue
                tracked.accepted += 1
                self._must(tracked.accepted == 1, 3, f"order {answer.sent.client_id} was accepted again")

    def agrees(self) -> None:
        """2 to 6: the journal's orders and the venue's are the same, and did the same."""
        names: set[str] = set()
        for order in self._truth.own_orders():
            tracked = self.intents.get(order.client_id)
            self._must(order.client_id not in names, 3, f"the venue has two orders {order.client_id}")
            names.add(order.client_id)
            self._must(tracked is not None, 2, f"the venue has {order.client_id}, the journal does not")
            if tracked is None:
                continue
            self._must(
                order.filled_qty <= tracked.planned, 4, f"{order.client_id}: {order.filled_qty} traded"
            )
            told = tracked.outcome.filled if tracked.outcome else Decimal(0)
            self._must(
                order.filled_qty == told, 6, f"{order.client_id}: {order.filled_qty} traded, {told} told"
            )
        for name, tracked in self.intents.items():
            is_order = isinstance(tracked.request, OrderRequest)
            if is_order and tracked.outcome is not None and tracked.outcome.filled:
                self._must(name in names, 6, f"{name} was filled by the journal alone")

    def last_stop(self, key: Key) -> Decimal | None:
        """Return the trigger of the stop that was placed last, by the journal."""
        for tracked in reversed(self.intents.values()):
            request, outcome = tracked.request, tracked.outcome
            done = outcome is not None and outcome.state is IntentState.FILLED
            if isinstance(request, StopRequest) and done and key_of(request) == key:
                return request.trigger_price
        return None


def _amount(request: Request) -> Decimal:
    """What a request asks for: contracts of an order, USD of margin or money, coins, a leverage; else 0."""
    if isinstance(request, OrderRequest):
        return request.contracts
    if isinstance(request, LeverageRequest):
        return request.leverage
    if isinstance(request, MarginRequest | TransferRequest | ConvertRequest):
        return request.amount
    return Decimal(0)


def key_of(request: OrderRequest | StopRequest) -> Key:
    """The leg that a request is about."""
    return venue_symbol(request.symbol), Leg(request.position_index)


def venue_symbol(symbol: str) -> str:
    """The venue's name of a linear perpetual."""
    return symbol.split(":")[0].replace("/", "")


def _same_market(one: Request, other: OrderRequest) -> bool:
    return isinstance(one, OrderRequest) and one.symbol == other.symbol
