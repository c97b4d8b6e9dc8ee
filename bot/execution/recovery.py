"""Start-up: what was left open is settled before anything may be traded."""

from msgspec.structs import replace

from bot.execution.executor import Executor
from bot.execution.protection import orphan_stops
from bot.journal import Draft, Journal
from bot.journal.records import Adopted, Kind, Recovered
from bot.model import Order, Snapshot, unprotected

OWN_PREFIX = "reef"
"""Client order ids of the guard begin with this."""

ADOPTED = "it carries the guard's prefix, and the journal did not know it"


async def recover(
    executor: Executor, snapshot: Snapshot, *, own_prefix: str = OWN_PREFIX, known: Recovered | None = None
) -> Recovered:
    """Settle open intents, adopt orders of the guard that the journal lacks, list what is unprotected.

    All of it is recorded, but for a round that finds nothing but what is `known` from the one before;
    recovering again finds the same and changes nothing. Intents that stay open block their symbols until a
    later cycle settles them. Raises `JournalError`.
    """
    last = await executor.settle(snapshot)
    ended = last.ended
    if executor.settler.awaits_second_look:
        await executor.clock.sleep(executor.terms.second_look_seconds)
        last = await executor.settle(snapshot)
        ended += last.ended
    journal, account = executor.worker.journal, executor.account
    adopted = await executor.worker.call(_strangers, journal, account, snapshot, own_prefix)
    recovered = Recovered(
        settled=tuple(intent.intent for intent in ended),
        open=tuple(intent.intent for intent in last.open),
        adopted=tuple(order.client_order_id for order in adopted),
        unprotected=tuple(unprotected(snapshot)),
        orphan_stops=tuple(order.order_id for order in orphan_stops(snapshot)),
        failures=last.failures,
    )
    now = executor.clock.now()
    drafts = [Draft(now, account, Adopted(order, ADOPTED), intent=order.client_order_id) for order in adopted]
    if known is None or _standing(recovered) != _standing(known) or ended or adopted:
        drafts.append(Draft(now, account, recovered))
        await executor.worker.call(journal.append, drafts)
    return recovered


def _standing(recovered: Recovered) -> Recovered:
    """What does not happen once but lasts."""
    return replace(recovered, settled=(), adopted=())


def _strangers(journal: Journal, account: str, snapshot: Snapshot, own_prefix: str) -> tuple[Order, ...]:
    """Orders with the guard's prefix that this journal neither prepared nor adopted."""
    return tuple(
        order
        for order in (*snapshot.orders, *snapshot.stops)
        if order.client_order_id.startswith(own_prefix)
        and not journal.attempts(order.client_order_id)
        and not journal.entries(kind=Kind.ADOPTED, account=account, intent=order.client_order_id, limit=1)
    )
