"""Start-up, and again now and then: what was left open is settled before anything may be traded."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from bot.exchange.errors import GatewayError
from bot.execution.executor import Executor
from bot.execution.hedging import orphans as orphan_hedges
from bot.execution.protection import orphan_stops
from bot.execution.terms import OWN_PREFIX
from bot.journal import Draft, Journal
from bot.journal.records import Adopted, Kind, Recovered
from bot.model import CancelRequest, Fill, Order, OrderKind, Snapshot, Step, StepKind, unprotected

ADOPTED = "it carries the guard's prefix, and the journal did not know it"
SLACK = timedelta(minutes=1)
LOOK_BACK = timedelta(minutes=10)
"""How far executions are read back while the guard lives."""


async def recover(
    executor: Executor, snapshot: Snapshot, *, own_prefix: str = OWN_PREFIX, known: Recovered | None = None
) -> Recovered:
    """Settle open intents, adopt orders of the guard that the journal lacks, list what is unprotected.

    An adopted order is followed like one that was prepared: it blocks its symbol until it ends. A stop of the
    guard's own that outlived its position is cancelled; a hedge that outlived its parent is named, and closed
    by the next plan. All of it is recorded, but for a round that finds nothing but what is `known` from the
    one before; recovering again finds the same and changes nothing. Intents that stay open block their
    symbols until a later cycle settles them. Raises `JournalError`.
    """
    last = await executor.settle(snapshot)
    ended = last.ended
    if executor.settler.awaits_second_look:
        await executor.clock.sleep(executor.terms.second_look_seconds)
        last = await executor.settle(snapshot)
        ended += last.ended
    adopted, failures = await _adopted(executor, snapshot, own_prefix, first=known is None)
    if any(one.followed for one in adopted):
        last = await executor.settle_orders()
        ended += last.ended
    orphans = orphan_stops(snapshot, own_prefix)
    recovered = Recovered(
        settled=tuple(intent.intent for intent in ended),
        open=tuple(intent.intent for intent in last.open),
        adopted=tuple(one.order.client_order_id for one in adopted),
        unprotected=tuple(unprotected(snapshot)),
        orphan_stops=tuple(order.order_id for order in orphans),
        failures=(*last.failures, *failures),
        orphan_hedges=tuple(lot.key for lot in orphan_hedges(await executor.hedging.lots(), snapshot)),
    )
    if known is None or _standing(recovered) != _standing(known) or ended or adopted:
        await executor.commit([Draft(executor.clock.now(), executor.account, recovered)])
    own = [order for order in orphans if order.client_order_id.startswith(own_prefix)]
    if own:
        steps = await executor.worker.call(_cancels, executor.worker.journal, executor.account, own)
        await executor.protect(steps, snapshot)
    return recovered


def _standing(recovered: Recovered) -> Recovered:
    """What does not happen once but lasts."""
    return replace(recovered, settled=(), adopted=())


async def _adopted(
    executor: Executor, snapshot: Snapshot, own_prefix: str, *, first: bool
) -> tuple[list[Adopted], list[str]]:
    """Adopt what this journal neither prepared nor adopted; returns it, and look-ups that failed."""
    found = [Adopted(order, ADOPTED, followed=True) for order in snapshot.orders]
    found += [Adopted(order, ADOPTED) for order in snapshot.stops]
    failures: list[str] = []
    if executor.may_send_unrecorded:
        executed, failures = await _executed(executor, snapshot, first=first)
        found += [Adopted(order, ADOPTED, followed=True) for order in executed]
    waiting = {draft.intent for draft in executor.waiting}
    own = [
        one
        for one in found
        if one.order.client_order_id.startswith(own_prefix) and one.order.client_order_id not in waiting
    ]
    journal, account, now = executor.worker.journal, executor.account, executor.clock.now()
    new = await executor.worker.call(_strangers, journal, account, own)
    if new:
        await executor.commit(
            [Draft(now, account, one, intent=one.order.client_order_id) for one in new.values()]
        )
    return list(new.values()), failures


def _strangers(journal: Journal, account: str, found: Sequence[Adopted]) -> dict[str, Adopted]:
    """Keep, by client id, the orders that are not in the journal."""
    return {
        one.order.client_order_id: one
        for one in reversed(found)
        if not journal.attempts(one.order.client_order_id)
        and not journal.entries(kind=Kind.ADOPTED, account=account, intent=one.order.client_order_id, limit=1)
    }


async def _executed(executor: Executor, snapshot: Snapshot, *, first: bool) -> tuple[list[Order], list[str]]:
    """Look for orders that have been executed already: those sent unrecorded may rest nowhere any more."""
    since = snapshot.taken_at - LOOK_BACK
    if first:
        last = await executor.worker.call(_last_entry, executor.worker.journal, executor.account)
        since = since if last is None else last
    symbols = sorted({position.symbol for position in snapshot.positions})
    answers = await asyncio.gather(
        *(executor.gateway.fills(symbol, since - SLACK) for symbol in symbols), return_exceptions=True
    )
    orders: dict[str, Order] = {}
    failures = []
    for answer in answers:
        if isinstance(answer, GatewayError):
            failures.append(str(answer))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            for fill in answer:
                before = orders.get(fill.client_order_id)
                orders[fill.client_order_id] = _order_of(fill, before)
    return list(orders.values()), failures


def _last_entry(journal: Journal, account: str) -> datetime | None:
    entries = journal.entries(account=account, newest=True, limit=1)
    return entries[0].time if entries else None


def _order_of(fill: Fill, before: Order | None) -> Order:
    """What executions show of an order."""
    filled = fill.contracts + (before.filled if before else 0)
    return Order(
        order_id=fill.order_id,
        client_order_id=fill.client_order_id,
        symbol=fill.symbol,
        side=fill.side,
        kind=OrderKind.LIMIT,
        price=fill.price,
        trigger_price=None,
        trigger_by="",
        contracts=filled,
        filled=filled,
        reduce_only=True,
        attached=False,
        position_index=0,
        created_at=before.created_at if before else fill.at,
    )


def _cancels(journal: Journal, account: str, orders: Sequence[Order]) -> list[Step]:
    """Cancel stops of the guard's own; one that is being cancelled is not asked for again."""
    open_names = {entries[0].intent for entries in journal.open_intents(account)}
    steps = []
    for order in orders:
        digest = hashlib.sha256(f"{account}|cancel|{order.order_id}".encode()).hexdigest()
        name = f"{OWN_PREFIX}{digest[:26]}"
        earlier = journal.attempts(name)
        if any(one == name or one.startswith(f"{name}.") for one in open_names):
            continue
        request = CancelRequest(
            f"{name}.{earlier + 1}" if earlier else name, order.symbol, order.order_id, conditional=True
        )
        reason = "the guard's own stop outlived its position"
        steps.append(Step(StepKind.CANCEL, "", "", 0, request, 0.0, 0.0, reason))
    return steps
