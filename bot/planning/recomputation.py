"""The account again, from the snapshot's own figures: the planner's second opinion.

It shares no formula with bot.risk or with the sizing: maintenance margin is summed slice by slice over the
venue's tiers, liquidation is found by walking the price through those slices, losses by revaluing every
position at shocked prices. Equity, margin balance and the venue's surcharges are taken as given, and so are
betas and the margin terms of the venue: they are data, not formulas.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from math import inf
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bot.model import Number, Position, Right, Side, Tier, Unknown
from bot.planning.request import PlanRequest
from bot.risk.figures import as_float
from bot.risk.portfolio import Holding, OptionHolding


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


class Purse(Struct, frozen=True):
    """A coin of the wallet, in USD: its part of equity and of margin, and how it moves."""

    base: str
    worth: float
    margin: float
    beta: float
    residual: float


class Paper(Struct, frozen=True):
    """An option of the account, for one coin. It stands behind no margin."""

    key: str
    base: str
    coins: float
    """Below 0 where it was sold."""
    put: bool
    strike: float
    spread: float
    """Volatility times the root of the years to expiry; 0 counts on exercise alone."""
    forward: float
    worth: float
    beta: float
    residual: float


class Entry(Struct, frozen=True):
    """One position in a state: value is at mark, equity only for isolated margin."""

    key: str
    symbol: str
    base: str
    sign: int
    price: float
    """Mark price."""
    value: float
    equity: float | None
    slices: tuple[tuple[float, float, float], ...]
    """Floor, cap and maintenance rate of each tier, the fee to close inside the rate; of an inverse position
    floors and caps are coins."""
    surcharge: float
    """What the venue asks above the recomputed maintenance margin."""
    early: float
    """Margin by which the venue liquidates earlier than recomputed."""
    beta: float
    residual: float
    inverse: bool = False


class State(Struct, frozen=True, dict=True):
    """The account before or after a plan."""

    entries: tuple[Entry, ...]
    equity: Number
    balance: Number
    """Cross margin balance."""
    surcharge: float
    reference: str
    before: Number
    """Equity before the plan: losses of a shock are told as shares of it, the plan's cost counted as loss."""
    cost: float
    """What the plan has cost, in USD."""
    cross_cost: float
    """The part of it that the cross margin balance paid."""
    coins: tuple[Purse, ...] = ()
    papers: tuple[Paper, ...] = ()
    unpriced: str = ""
    """Why the worth of a coin or an option is not known; '' where none is."""
    unpriced_coins: Mapping[str, str] = {}
    """The same of coins, by name."""

    def entry(self, key: str | None) -> Entry | None:
        """Find a position by its key."""
        return None if key is None else self._by_key.get(key)

    @cached_property
    def _by_key(self) -> dict[str, Entry]:
        return {entry.key: entry for entry in reversed(self.entries)}

    @cached_property
    def needed(self) -> float:
        """Maintenance margin of the positions that share the cross margin balance, at mark."""
        return sum(margin_for(entry, 1.0) for entry in self.cross)

    @cached_property
    def cross(self) -> tuple[Entry, ...]:
        """Positions that share the cross margin balance."""
        return tuple(entry for entry in self.entries if entry.equity is None)

    def cross_of(self, base: str) -> list[Entry]:
        """Positions of one base that share the cross margin balance."""
        return self._by_base.get(base, [])

    @cached_property
    def _by_base(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.cross:
            found.setdefault(entry.base, []).append(entry)
        return found

    @cached_property
    def isolated(self) -> tuple[Entry, ...]:
        """Positions with margin of their own."""
        return tuple(entry for entry in self.entries if entry.equity is not None)


@lru_cache(maxsize=4096)
def slices_of(tiers: tuple[Tier, ...], fee: Decimal) -> tuple[tuple[float, float, float], ...]:
    """Turn tiers into slices: only the part of the value inside a slice pays its rate."""
    ordered = sorted(tiers, key=lambda tier: tier.floor)
    floors = [float(tier.floor) for tier in ordered]
    rates = [float(tier.maintenance_rate + fee) for tier in ordered]
    return tuple(zip(floors, (*floors[1:], inf), rates, strict=True))


def margin_for(entry: Entry, share: float) -> float:
    """Maintenance margin of a position at a share of its mark price, slice by slice, with the surcharge.

    The contracts of an inverse position are worth more coins the lower the price; at 0 all of them are in
    the last slice.
    """
    value, unit = entry.value * share, 1.0
    if entry.inverse:
        if share <= 0.0:
            return entry.surcharge + entry.slices[-1][2] * entry.value
        unit = entry.price * share
        value = entry.value / unit
    total = 0.0
    for floor, cap, rate in entry.slices:
        if value <= floor:
            break
        total += rate * ((value if value < cap else cap) - floor)
    return entry.surcharge + total * unit


def _entry(position: Position, holding: Holding, request: PlanRequest) -> Entry | Unknown:
    market = request.snapshot.markets.get(position.symbol)
    tiers = request.snapshot.tiers.get(position.symbol, ())
    if market is None or not tiers:
        return Unknown(f"market or tiers of {position.symbol} are missing in the snapshot")
    fee = market.taker_fee if request.terms.close_fee_in_maintenance else Decimal(0)
    return Entry(
        key=position.key,
        symbol=position.symbol,
        base=market.base,
        sign=1 if position.side is Side.LONG else -1,
        price=holding.price,
        value=_value(position, holding.price),
        equity=holding.isolated_equity,
        slices=slices_of(tiers, fee),
        surcharge=holding.maintenance_excess,
        early=holding.liquidation_excess,
        beta=holding.beta,
        residual=holding.residual,
        inverse=position.inverse,
    )


def _value(position: Position, price: float) -> float:
    contracts = float(position.contracts * position.contract_size)
    return contracts if position.inverse else contracts * price


def state_before(request: PlanRequest) -> State | Unknown:
    """Read the account as it is. Unknown where an open position could not be read."""
    portfolio = request.portfolio
    holdings = {holding.key: holding for holding in portfolio.holdings}
    entries: list[Entry] = []
    for position in sorted(request.snapshot.positions, key=lambda position: position.key):
        if position.contracts.is_finite() and position.contracts <= 0:
            continue
        holding = holdings.get(position.key)
        if holding is None:
            why = portfolio.missing.get(position.key, "it could not be read as numbers")
            return Unknown(f"{position.key}: {why}")
        entry = _entry(position, holding, request)
        if isinstance(entry, Unknown):
            return entry
        entries.append(entry)
    equity = portfolio.equity
    return State(
        entries=tuple(entries),
        equity=equity,
        balance=portfolio.margin_balance,
        surcharge=portfolio.maintenance_excess,
        reference=portfolio.reference,
        before=equity,
        cost=0.0,
        cross_cost=0.0,
        coins=tuple(
            Purse(one.base, one.worth, one.margin, one.beta, one.residual) for one in portfolio.coins
        ),
        papers=tuple(paper_of(one) for one in portfolio.options),
        unpriced=portfolio.unpriced,
        unpriced_coins=portfolio.unpriced_coins,
    )


def paper_of(one: OptionHolding) -> Paper:
    """Return an option as the check sees it."""
    return Paper(
        key=one.key,
        base=one.base,
        coins=one.side.sign * one.coins,
        put=one.right is Right.PUT,
        strike=one.strike,
        spread=one.vol * one.years**0.5,
        forward=one.forward,
        worth=one.worth,
        beta=one.beta,
        residual=one.residual,
    )


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
    added = _entry(position, addition.holding, request)
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
