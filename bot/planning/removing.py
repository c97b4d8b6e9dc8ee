"""From drafts to what the independent check carries out, the hedges that go with them included."""

from collections.abc import Sequence
from decimal import Decimal

from bot.planning.aftermath import Removal
from bot.planning.caps import Draft
from bot.planning.linked import SLIPPAGE, as_holding, removed, virtual
from bot.planning.options.held import option_removal
from bot.planning.request import PlanRequest


def removal_of(draft: Draft, *, expected: bool = False) -> Removal:
    """Return what a draft takes off, at its worst permitted price and, where that is asked, its expected."""
    worst = draft.quote.worst
    if not expected:
        return Removal(draft.contracts, worst, worst)
    slip = max(Decimal(repr(draft.trade_cost)) - draft.market.taker_fee, Decimal(0))
    return Removal(draft.contracts, worst, draft.quote.mark * (1 - draft.position.side.sign * slip))


def removals_of(drafts: Sequence[Draft], *, expected: bool) -> dict[str, Removal]:
    """Return what drafts take off, by position key."""
    return {draft.position.key: removal_of(draft, expected=expected) for draft in drafts}


def hedge_removals(drafts: Sequence[Draft], request: PlanRequest) -> dict[str, Removal]:
    """Return what of the hedges goes with drafts of their parents, by the hedge's key."""
    if not request.hedges:
        return {}
    found: dict[str, Removal] = {}
    for key, (lot, contracts) in removed({one.key: one.contracts for one in drafts}, request).items():
        if lot.is_option:
            sold = option_removal(lot, contracts, request)
            found |= {} if sold is None else {key: sold}
            continue
        position = virtual(lot.symbol, lot.side, lot.position_index, contracts, request)
        holding = None if position is None else as_holding(position, request)
        if holding is None:
            continue
        mark = Decimal(repr(holding.price))
        fee = request.snapshot.markets[lot.symbol].taker_fee
        slip = max(Decimal(repr(holding.trade_cost)) - fee, Decimal(0))
        worst = mark * (1 - lot.side.sign * Decimal(repr(SLIPPAGE)))
        found[key] = Removal(contracts, worst, mark * (1 - lot.side.sign * slip))
    return found
