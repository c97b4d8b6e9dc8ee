"""Whose executions changed the positions of a symbol. Pure.

Executions are told from the guard's own by their client order ids. One that closes takes off the leg on the
other side of its own; what of it does not close, opens on its own side.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import combinations

from msgspec import Struct

from bot.execution.terms import OPENS_PREFIX, OWN_PREFIX
from bot.model import Fill, OrderSide, Side, Snapshot, position_key

ZERO = Decimal(0)
DOUBTFUL = 8
"""So many executions that a position may or may not have shown already are tried in all ways."""


class Effect(Struct):
    """What executions did to one position, in contracts; negative is less."""

    ours: Decimal = ZERO
    others: Decimal = ZERO
    opened: Decimal = ZERO
    """What of ours opened, and should have reduced."""
    hedged: Decimal = ZERO
    """What of ours opened a hedge, as it should."""
    kinds: tuple[str, ...] = ()
    """What the venue calls the executions of others."""


def legs_of(snapshot: Snapshot, symbol: str) -> dict[str, Decimal]:
    """Contracts of the open positions of a symbol, by position key."""
    return {one.key: one.contracts for one in snapshot.positions if one.symbol == symbol}


def closed_by(fill: Fill, held: Decimal) -> Decimal:
    """Contracts of an execution that closed; where the venue does not say, as many as were held."""
    return min(fill.contracts, held) if fill.closed is None else fill.closed


def effects(fills: Sequence[Fill], before: Mapping[str, Decimal]) -> dict[str, Effect]:
    """Add up what executions, oldest first, did to each position of their symbol."""
    held, found = dict(before), dict[str, Effect]()
    for fill in fills:
        selling = fill.side is OrderSide.SELL
        reduced = position_key(fill.symbol, Side.LONG if selling else Side.SHORT)
        grown = position_key(fill.symbol, Side.SHORT if selling else Side.LONG)
        closed = closed_by(fill, held.get(reduced, ZERO))
        for key, change in ((reduced, -closed), (grown, fill.contracts - closed)):
            if change:
                held[key] = held.get(key, ZERO) + change
                _add(found.setdefault(key, Effect()), fill, change)
    return found


def _add(effect: Effect, fill: Fill, change: Decimal) -> None:
    if fill.client_order_id.startswith(OWN_PREFIX):
        effect.ours += change
        if fill.client_order_id.startswith(OPENS_PREFIX):
            effect.hedged += max(change, ZERO)
        else:
            effect.opened += max(change, ZERO)
        return
    effect.others += change
    if fill.kind not in effect.kinds:
        effect.kinds = (*effect.kinds, fill.kind)


def explaining(
    fills: Sequence[Fill], before: Mapping[str, Decimal], after: Mapping[str, Decimal], since: datetime
) -> dict[str, Effect] | None:
    """Return what the executions since a moment did, where it explains the change to the contract.

    A list of positions and a list of executions are not of one instant: of those just before the moment, as
    few are taken in as explain it.
    """
    surely = [fill for fill in fills if fill.at > since]
    perhaps = [fill for fill in fills if fill.at <= since][-DOUBTFUL:]
    for count in range(len(perhaps) + 1):
        for some in combinations(perhaps, count):
            found = effects((*some, *surely), before)
            if all(missing(found, before, after, key) == 0 for key in {*before, *after, *found}):
                return found
    return None


def missing(
    found: Mapping[str, Effect], before: Mapping[str, Decimal], after: Mapping[str, Decimal], key: str
) -> Decimal:
    """Contracts of the change of one position that executions do not explain."""
    effect = found.get(key, Effect())
    return after.get(key, ZERO) - before.get(key, ZERO) - effect.ours - effect.others


def harm(found: Mapping[str, Effect], before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> str:
    """Say how a position grew that the guard was reducing, where others did not make it grow; '' for not."""
    for key in sorted({*after, *found}):
        effect = found.get(key, Effect())
        was, now = before.get(key, ZERO), after.get(key, ZERO)
        by_others = max(effect.others, ZERO)
        if effect.opened > 0:
            words = f"executions of the guard's own orders opened {effect.opened.normalize():f} of it"
        elif now - was > by_others + effect.hedged:
            words = f"executions of others explain {by_others.normalize():f} of that"
        else:
            continue
        grew = f"{key.replace('#', ' ')} went from {was.normalize():f} to {now.normalize():f} contracts"
        return f"{grew} under reduce-only orders, and {words}"
    return ""
