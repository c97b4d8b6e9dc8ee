"""What of a plan its owner must be asked for, and whether an approval covers it. Pure.

Two plans are compared: that of the rules that ask nobody, and that of all rules. What the second does beyond
the first is asked for. So a rule that asks never holds back another one's trim, and never hides behind it.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bot.model import (
    CUTS,
    Approval,
    CancelRequest,
    Demand,
    Item,
    OrderRequest,
    Refusal,
    Step,
    StepKind,
    position_key,
)

WAITS = "waits_for_approval"
"""Code of the refusal that says so."""

_SLACK = 1e-9


class Asked(Struct, frozen=True):
    """What a decision would do once its owner agrees."""

    items: tuple[Item, ...]
    steps: tuple[Step, ...]
    """The steps of the whole plan that hold them."""
    demands: tuple[Demand, ...]
    """What asks for it."""

    @property
    def episodes(self) -> tuple[str, ...]:
        """Episodes of the rules that ask."""
        return tuple(sorted({demand.episode for demand in self.demands}))


def item_of(step: Step) -> Item:
    """Return what a step does, in the words of an approval."""
    request = step.request
    symbol = request.symbol
    if isinstance(request, OrderRequest):
        key = position_key(symbol, request.position_side)
        return Item(step.kind.value, symbol, key, float(request.contracts))
    amount = 1.0 if isinstance(request, CancelRequest) else step.notional
    return Item(step.kind.value, symbol, symbol, amount)


def items_of(steps: Iterable[Step]) -> tuple[Item, ...]:
    """Add up what steps do, in a fixed order."""
    found: dict[tuple[str, str], Item] = {}
    for step in steps:
        one = item_of(step)
        before = found.get(_key(one))
        if before is not None:
            kind = StepKind.CLOSE.value if StepKind.CLOSE.value in (one.kind, before.kind) else one.kind
            one = Item(kind, one.symbol, one.item, one.amount + before.amount)
        found[_key(one)] = one
    return tuple(found[key] for key in sorted(found))


def beyond(items: Sequence[Item], base: Sequence[Item]) -> tuple[Item, ...]:
    """Return what the first do more than the others."""
    less = {_key(one): one.amount for one in base}
    found = (Item(one.kind, one.symbol, one.item, one.amount - less.get(_key(one), 0.0)) for one in items)
    return tuple(one for one in found if one.amount > _SLACK)


def covers(left: Sequence[Item], items: Sequence[Item]) -> bool:
    """Whether an approval lets everything through: of the same kinds, and no more of anything.

    With whatever was approved on a symbol goes the cancelling of orders there that would add risk.
    """
    known = {_key(one): one for one in left}
    symbols = {one.symbol for one in left}
    return all(_covered(one, known.get(_key(one)), symbols) for one in items)


def _covered(one: Item, by: Item | None, symbols: set[str]) -> bool:
    if one.kind == StepKind.CANCEL:
        return one.symbol in symbols
    if by is None or (one.kind == StepKind.CLOSE and by.kind != StepKind.CLOSE):
        return False
    return one.amount <= by.amount * (1 + _SLACK) + _SLACK


def less(items: Sequence[Item], done: Iterable[tuple[Step, float]]) -> tuple[Item, ...]:
    """Take off what was approved what was done of it: steps, each with the share that was carried out."""
    left = {_key(one): one for one in items}
    for step, share in done:
        one = item_of(step)
        before = left.get(_key(one))
        if before is not None:
            left[_key(one)] = replace(before, amount=max(before.amount - one.amount * share, 0.0))
    return tuple(left.values())


def with_room(items: Sequence[Item], room: float) -> tuple[Item, ...]:
    """Let a proposal stand while what it asks for grows a little with the prices."""
    return tuple(replace(one, amount=one.amount * (1 + room)) for one in items)


def asks(demand: Demand, approval: Approval | None) -> bool:
    """Whether a demand waits for its owner. None asks nobody, as where nothing is sent anyway."""
    return approval is not None and (approval.every or demand.approve)


def asked_for(
    steps: Sequence[Step], base: Sequence[Step], demands: Sequence[Demand], approval: Approval
) -> Asked | None:
    """Return what must be asked for, None where nothing is, or what was approved covers it."""
    items = beyond(items_of(steps), items_of(base))
    if covers(approval.left, items):
        return None
    more = {_key(one) for one in items}
    return Asked(items, tuple(step for step in steps if _key(item_of(step)) in more), tuple(demands))


def waiting(demands: Sequence[Demand]) -> tuple[Refusal, ...]:
    """Say of each rule that it waits for its owner."""
    reason = "it waits for its owner: `reef approve` lets it act"
    return tuple(Refusal(demand.rule, demand.target.text, WAITS, reason) for demand in demands)


def _key(one: Item) -> tuple[str, str]:
    return ("cut" if one.kind in CUTS else one.kind, one.item)
