"""The account again, from the snapshot's own figures: the planner's second opinion.

It shares no formula with bot.risk or with the sizing: maintenance margin is summed slice by slice over the
venue's tiers, liquidation is found by walking the price through those slices, losses by revaluing every
position at shocked prices. Equity, margin balance and the venue's surcharges are taken as given, and so are
betas and the margin terms of the venue: they are data, not formulas.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from math import inf
from operator import attrgetter

from msgspec import Struct

from bot.model import Number, Position, Right, Scenario, Side, Tier, Unknown
from bot.planning.request import PlanRequest
from bot.risk.portfolio import Holding, OptionHolding


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


ZERO = Decimal(0)

Slice = tuple[float, float, float, float]
"""Floor, cap and maintenance rate of a tier, the fee to close inside the rate; and what all slices below ask,
less the rate's part of the floor."""


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
    slices: tuple[Slice, ...]
    """Of an inverse position floors and caps are coins."""
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
    def losses(self) -> dict[int, tuple[tuple[Scenario, ...], float]]:
        """The largest loss of scenarios, by their identity, as far as it was asked for: the same for a loss
        and a cushion."""
        return {}

    @cached_property
    def isolated(self) -> tuple[Entry, ...]:
        """Positions with margin of their own."""
        return tuple(entry for entry in self.entries if entry.equity is not None)


_KNOWN: dict[tuple[int, Decimal], tuple[tuple[Tier, ...], tuple[Slice, ...]]] = {}
"""Slices by the identity of tiers and the fee: a venue's tiers stay the same objects, and are long to hash.
The tiers are kept, so that no others come to have their identity."""
_MOST_KNOWN = 1024


def slices_of(tiers: tuple[Tier, ...], fee: Decimal) -> tuple[Slice, ...]:
    """Turn tiers into slices: only the part of the value inside a slice pays its rate."""
    known = _KNOWN.get((id(tiers), fee))
    if known is None:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        known = _KNOWN[id(tiers), fee] = (tiers, _sliced(tiers, fee))
    return known[1]


@lru_cache(maxsize=4096)
def _sliced(tiers: tuple[Tier, ...], fee: Decimal) -> tuple[Slice, ...]:
    ordered = sorted(tiers, key=lambda tier: tier.floor)
    floors = [float(tier.floor) for tier in ordered]
    rates = [float(tier.maintenance_rate + fee) for tier in ordered]
    found: list[Slice] = []
    full = 0.0
    for floor, cap, rate in zip(floors, (*floors[1:], inf), rates, strict=True):
        found.append((floor, cap, rate, full - rate * floor))
        full += rate * (cap - floor)
    return tuple(found)


def margin_for(entry: Entry, share: float) -> float:
    """Maintenance margin of a position at a share of its mark price, with the surcharge.

    The contracts of an inverse position are worth more coins the lower the price; at 0 all of them are in
    the last slice.
    """
    if entry.inverse:
        return inverse_margin(entry, max(share, 0.0))[0]
    value = entry.value * share
    for _, cap, rate, below in entry.slices:
        if value <= cap:
            return entry.surcharge + max(below + rate * value, 0.0)
    return entry.surcharge


def inverse_margin(entry: Entry, share: float) -> tuple[float, float]:
    """Maintenance margin of an inverse position at a share of its mark price, and how it grows with that.

    Below price 0 it goes on growing as it does there.
    """
    unit = entry.price * share
    for _, cap, rate, below in entry.slices:
        if entry.value <= cap * unit or cap == inf:
            return entry.surcharge + below * unit + rate * entry.value, below * entry.price
    return entry.surcharge, 0.0


def entry_of(position: Position, holding: Holding, request: PlanRequest) -> Entry | Unknown:
    market = request.snapshot.markets.get(position.symbol)
    tiers = request.snapshot.tiers.get(position.symbol, ())
    if market is None or not tiers:
        return Unknown(f"market or tiers of {position.symbol} are missing in the snapshot")
    fee = market.taker_fee if request.terms.close_fee_in_maintenance else ZERO
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
    entries: list[Entry] = []
    for position in sorted(request.snapshot.positions, key=attrgetter("key")):
        contracts = position.contracts
        if contracts.is_finite() and contracts <= ZERO:
            continue
        holding = portfolio.holding(position.key)
        if holding is None:
            why = portfolio.missing.get(position.key, "it could not be read as numbers")
            return Unknown(f"{position.key}: {why}")
        entry = entry_of(position, holding, request)
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
