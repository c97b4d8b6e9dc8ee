"""The hedges of one account: added up from the journal's orders, and held against what the venue shows.

What the guard's orders opened and took off again is all that it calls a hedge: of a position that its owner
made larger, the rest is the owner's. Where the venue shows less than the orders add up to, others closed it,
and the record follows the venue. It is never opened again for that alone.
"""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bot.clock import Clock
from bot.execution.intents import Intent
from bot.execution.recorder import Recorder
from bot.journal import Draft, Journal
from bot.journal.records import Clipped, HedgeChanged, Outcome, Prepared, Record
from bot.model import Hedge, OrderRequest, Side, Snapshot, StepKind, begun, position_key

ZERO = Decimal(0)
Name = tuple[str, str, str]
LOST_FOR = timedelta(hours=1)
"""For so long a hedge that others closed is remembered, and not opened again."""
GONE = "its parent is gone, and a hedge does not outlive it: it is closed"


class HedgeLook(Struct, frozen=True):
    """What a look at the hedges showed."""

    changed: tuple[HedgeChanged, ...] = ()
    orphans: tuple[Hedge, ...] = ()
    """Hedges whose parent is gone, each told once."""


class Told(Struct, frozen=True):
    """One thing that is on record, or waits to be."""

    at: datetime
    intent: str
    body: Record


class HedgeBook:
    """Keeps the hedges of one account."""

    def __init__(self, account: str, recorder: Recorder, clock: Clock) -> None:
        self._account = account
        self._recorder = recorder
        self._clock = clock
        self._lots: tuple[Hedge, ...] | None = None
        self._orphans: frozenset[Name] = frozenset()

    def touch(self) -> None:
        """Add them up anew the next time: an order of a hedge was prepared, or ended."""
        self._lots = None

    async def lots(self) -> tuple[Hedge, ...]:
        """Return every hedge that is open or may be, and what others closed of late; raises
        `JournalError`."""
        if self._lots is None or any(lot.pending for lot in self._lots):
            worker = self._recorder.worker
            entries = await worker.call(worker.journal.hedge_entries, self._account)
            told = [Told(entry.time, entry.intent, entry.record) for entry in entries]
            told += [Told(draft.at, draft.intent, draft.body) for draft in self._recorder.waiting]
            self._lots = hedges_of(told)
        return in_force(self._lots, self._clock.now())

    async def look(self, snapshot: Snapshot, blocked: Set[str]) -> HedgeLook:
        """Compare with a fresh snapshot, and record what others closed and whose parent is gone.

        A symbol that is `blocked` by an order that nobody has seen the end of tells nothing yet.
        """
        lots = await self.lots()
        changed = [one for one in shrunk(lots, snapshot) if one.symbol not in blocked]
        if changed:
            self.touch()
        gone = orphans(lots, snapshot)
        new = tuple(lot for lot in gone if lot.name not in self._orphans)
        self._orphans = frozenset(lot.name for lot in gone)
        alarms = [_told(lot, lot.contracts, lost=False, note=GONE) for lot in new]
        now = self._clock.now()
        await self._recorder.note(
            [Draft(now, self._account, one, one.episode) for one in (*changed, *alarms)]
        )
        return HedgeLook(tuple(changed), new)


def in_force(lots: Iterable[Hedge], now: datetime) -> tuple[Hedge, ...]:
    """Return what is open or may be, and what others closed of late; a loss of longer ago is forgotten."""
    told = (lot if _is_fresh(lot, now) else replace(lot, lost_at=None) for lot in lots)
    return tuple(lot for lot in told if lot.most or lot.lost_at)


def recorded_hedges(journal: Journal, account: str, now: datetime) -> tuple[Hedge, ...]:
    """Return the hedges of an account as its journal has them; raises `JournalError`."""
    entries = journal.hedge_entries(account)
    return in_force(hedges_of(Told(entry.time, entry.intent, entry.record) for entry in entries), now)


def hedges_of(told: Iterable[Told]) -> tuple[Hedge, ...]:
    """Add up what is on record of hedges, oldest first."""
    lots: dict[Name, Hedge] = {}
    orders: dict[str, Prepared] = {}
    for one in told:
        body = one.body
        if isinstance(body, Prepared) and body.step.hedge is not None:
            orders[one.intent] = body
            _prepared(lots, body, one.at)
        elif isinstance(body, Clipped) and one.intent in orders:
            continue  # only what takes off is clipped, and only its fills count
        elif isinstance(body, Outcome) and one.intent in orders:
            _ended(lots, orders.pop(one.intent), body, one.at)
        elif isinstance(body, HedgeChanged):
            name = (position_key(body.symbol, Side(body.side)), body.parent, body.rule)
            if name in lots:
                lots[name] = _changed(lots[name], body, one.at)
    return tuple(lot for _, lot in sorted(lots.items()) if lot.most or lot.lost_at)


def _name(prepared: Prepared) -> Name:
    step = prepared.step
    assert isinstance(step.request, OrderRequest)
    assert step.hedge is not None
    key = position_key(step.request.symbol, step.request.position_side)
    return key, step.hedge.parent, step.rule


def _prepared(lots: dict[Name, Hedge], prepared: Prepared, at: datetime) -> None:
    step = prepared.step
    request, link = step.request, step.hedge
    assert isinstance(request, OrderRequest)
    assert link is not None
    if step.kind is not StepKind.HEDGE:
        return
    name = _name(prepared)
    lot = lots.get(name) or begun(request, link, step.rule, step.episode, at)
    lots[name] = replace(lot, pending=lot.pending + request.contracts)


def _changed(lot: Hedge, body: HedgeChanged, at: datetime) -> Hedge:
    """Follow a correction. One of an older journal may speak of a part of it, opened in one episode."""
    part = body.before < lot.contracts
    left = lot.contracts - body.before + body.after if part else body.after
    return replace(lot, contracts=left, lost_at=at if body.lost else lot.lost_at)


def _ended(lots: dict[Name, Hedge], prepared: Prepared, outcome: Outcome, at: datetime) -> None:
    step, name = prepared.step, _name(prepared)
    lot = lots.get(name)
    if lot is None:
        return
    request, link = step.request, step.hedge
    assert isinstance(request, OrderRequest)
    assert link is not None
    if step.kind is not StepKind.HEDGE:
        lots[name] = lot.less(outcome.filled, link)
        return
    lot = replace(lot, pending=lot.pending - request.contracts)
    lots[name] = lot.more(outcome.filled, link, step.episode, at) if outcome.filled else lot


def opened_by(intents: Iterable[Intent]) -> dict[str, Decimal]:
    """Return what intents may open, in contracts by position key."""
    found: dict[str, Decimal] = {}
    for intent in intents:
        request = intent.prepared.step.request
        if isinstance(request, OrderRequest) and request.opens:
            key = position_key(request.symbol, request.position_side)
            found[key] = found.get(key, ZERO) + request.contracts
    return found


def shrunk(lots: Sequence[Hedge], snapshot: Snapshot) -> list[HedgeChanged]:
    """Say which hedges the venue shows less of than the guard's orders add up to; the newest give way
    first."""
    found: list[HedgeChanged] = []
    for key in dict.fromkeys(lot.key for lot in lots):
        own = [lot for lot in lots if lot.key == key and lot.contracts]
        position = snapshot.position(key)
        held = position.contracts if position else ZERO
        unseen = own and own[0].is_option and (not snapshot.options_read or snapshot.options_unread)
        if not own or unseen or not held.is_finite() or any(lot.pending for lot in lots if lot.key == key):
            continue
        missing = sum((lot.contracts for lot in own), ZERO) - held
        for lot in sorted(own, key=lambda lot: lot.opened_at, reverse=True):
            less = min(max(missing, ZERO), lot.contracts)
            missing -= less
            if less:
                note = f"others closed {less.normalize():f} of it; it is not opened again for that alone"
                found.append(_told(lot, lot.contracts - less, lost=True, note=note))
    return found


def orphans(lots: Iterable[Hedge], snapshot: Snapshot) -> tuple[Hedge, ...]:
    """Return the hedges that are open although their parent is gone."""
    return tuple(lot for lot in lots if lot.contracts and snapshot.position(lot.parent) is None)


def _told(lot: Hedge, after: Decimal, *, lost: bool, note: str) -> HedgeChanged:
    return HedgeChanged(
        symbol=lot.symbol,
        side=lot.side.value,
        parent=lot.parent,
        rule=lot.rule,
        episode=lot.episode,
        before=lot.contracts,
        after=after,
        lost=lost,
        note=note,
    )


def _is_fresh(lot: Hedge, now: datetime) -> bool:
    return lot.lost_at is not None and now - lot.lost_at < LOST_FOR
