"""The recomputed account after something is done: positions cut, options sold, hedges opened, margin moved.

Fills are at the worst permitted price, or where that is asked for at the expected one.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Position, Side, Unknown
from bot.planning.recomputation import Entry, Paper, State, entry_of
from bot.planning.request import PlanRequest
from bot.risk.figures import as_float
from bot.risk.portfolio import Holding


class Removal(Struct, frozen=True):
    """Contracts to be taken off a position, with the two prices that they may be filled at."""

    contracts: Decimal
    worst: Decimal
    expected: Decimal
    """The worst again where nobody asks for it."""


class Addition(Struct, frozen=True):
    """A hedge to be opened, as a position at mark, with the worst price that it may be filled at."""

    position: Position
    holding: Holding
    worst: Decimal


def cost_of(position: Position, price: float, contracts: Decimal, fill: Decimal, fee: Decimal) -> float:
    """USD lost against mark when contracts are filled at `fill`, taker fee included; never a gain."""
    coins = float(contracts * position.contract_size)
    sign = 1 if position.side is Side.LONG else -1
    if position.inverse:  # contracts of a USD, paid for in coins that are worth the mark
        back = price / as_float(fill)
        return max(0.0, sign * (back - 1.0) * coins + as_float(fee) * back * coins)
    filled = as_float(fill)
    return max(0.0, (sign * (price - filled) + as_float(fee) * filled) * coins)


def _reduced(entry: Entry, share: float, cost: float, *, released: bool) -> Entry:
    equity = entry.equity
    if equity is not None:
        equity = (equity * share if released else equity) - cost
    return replace(
        entry,
        value=entry.value * share,
        equity=equity,
        surcharge=entry.surcharge * share,
        early=entry.early * share,
    )


def state_after(
    before: State, request: PlanRequest, removals: Mapping[str, Removal], *, expected: bool = False
) -> State:
    """Carry out removals at their worst permitted (or expected) prices; positions that are gone leave."""
    if not removals:
        return before
    cross_cost = total = 0.0
    entries: list[Entry] = []
    snapshot, releases = request.snapshot, request.terms.releases_isolated_margin
    for entry in before.entries:
        removal = removals.get(entry.key)
        position = None if removal is None else snapshot.position(entry.key)
        if removal is None or position is None:
            entries.append(entry)
            continue
        fee = snapshot.markets[entry.symbol].taker_fee
        fill = removal.expected if expected else removal.worst
        cost = cost_of(position, entry.price, removal.contracts, fill, fee)
        total += cost
        if entry.equity is None:
            cross_cost += cost
        left = position.contracts - removal.contracts
        if left > 0:
            share = float(left / position.contracts)
            entries.append(_reduced(entry, share, cost, released=releases))
    papers: list[Paper] = []
    for paper in before.papers:
        removal = removals.get(paper.key)
        held = snapshot.option(paper.key)
        if removal is None or held is None:
            papers.append(paper)
            continue
        size = held.market.contract_size
        cost, income = sold_for(paper, removal, size, held.market.fee)
        total += cost
        cross_cost -= income
        coins = paper.coins - float(removal.contracts * size)
        if coins > 0.0:
            papers.append(replace(paper, coins=coins))
    return charged(before, total, cross_cost, entries=tuple(entries), papers=tuple(papers))


def sold_for(
    paper: Paper, removal: Removal, size: Decimal, fee: Callable[[float, float], float]
) -> tuple[float, float]:
    """Return what selling an option loses against its worth, never a gain, and what comes into the wallet."""
    coins, fill = float(removal.contracts * size), float(removal.worst)
    paid = fee(paper.forward, fill)
    return coins * (max(paper.worth - fill, 0.0) + paid), coins * (fill - paid)


def with_paper(before: State, paper: Paper, price: float, fee: float) -> State:
    """Buy an option: equity loses the fee and what it is dearer than its worth, the wallet the premium."""
    coins = paper.coins
    cost = coins * (max(price - paper.worth, 0.0) + fee)
    return charged(replace(before, papers=(*before.papers, paper)), cost, coins * (price + fee))


def charged(state: State, total: float, cross: float, **changes: Any) -> State:
    """The state with a cost paid: `total` out of equity, `cross` of it out of the cross margin balance."""
    equity, balance = state.equity, state.balance
    return replace(
        state,
        **changes,
        equity=equity if isinstance(equity, Unknown) else equity - total,
        balance=balance if isinstance(balance, Unknown) else balance - cross,
        cost=state.cost + total,
        cross_cost=state.cross_cost + cross,
    )


def funded(state: State, added: Mapping[str, float]) -> State:
    """Move margin from what is free to isolated positions, in USD by key."""
    entries = tuple(
        replace(one, equity=(one.equity or 0.0) + added[one.key]) if one.key in added else one
        for one in state.entries
    )
    balance = state.balance
    return replace(
        state,
        entries=entries,
        balance=balance if isinstance(balance, Unknown) else balance - sum(added.values()),
    )


def with_addition(state: State, request: PlanRequest, addition: Addition) -> State:
    """Open a hedge in cross margin at its worst permitted price.

    Market and tiers of it are in the snapshot: without them it would not be a holding.
    """
    position = addition.position
    added = entry_of(position, addition.holding, request)
    assert isinstance(added, Entry)
    fill = float(addition.worst)
    coins = float(position.contracts * position.contract_size)
    fee = float(request.snapshot.markets[position.symbol].taker_fee)
    cost = max(0.0, added.sign * (fill - added.price) * coins + fee * fill * coins)
    there = state.entry(position.key)
    if there is not None:
        added = replace(there, value=there.value + added.value)
    others = [entry for entry in state.entries if entry.key != position.key]
    entries = tuple(sorted((*others, added), key=lambda entry: entry.key))
    return charged(replace(state, entries=entries), cost, cost)
