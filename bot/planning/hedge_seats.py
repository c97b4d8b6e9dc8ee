"""Where a position may be hedged: which positions are parents, and which perpetual stands against each.

Only cross margin has parents: a hedge in isolated margin could be liquidated alone. Nothing is opened where
the owner holds a position: a reduce-only order that unwinds the hedge could take off what is his.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from bot.model import Demand, HedgeTerms, Market, Position, Side, position_key
from bot.planning.linked import ZERO, as_holding, hedged, virtual
from bot.planning.request import PlanRequest
from bot.risk.portfolio import Holding

MOST_PARENTS = 3
LEGS = {Side.LONG: 1, Side.SHORT: 2}
USABLE = 0.9
"""Share of the free margin that a hedge may use; the rest is for fees, and for what prices do meanwhile."""


class NoHedge(Struct, frozen=True):
    """Why a position cannot be hedged."""

    code: str
    reason: str


class Seat(Struct, frozen=True):
    """Where a hedge of a parent would stand."""

    parent: Position
    holding: Holding
    """The parent as numbers."""
    market: Market
    one: Position
    """One contract of the hedge, as it would be opened at mark."""
    unit: Holding
    """The same as numbers."""
    held: Decimal
    """Contracts that are open there already, all of them the guard's."""

    @property
    def symbol(self) -> str:
        """The perpetual that hedges."""
        return self.one.symbol

    @property
    def side(self) -> Side:
        """Side of the hedge."""
        return self.one.side


def parents(request: PlanRequest) -> Iterator[tuple[Position, Holding]]:
    """Yield the positions that may be hedged, that with most exposure left first, a few at the most."""
    net, hedges = request.net_exposure, request.hedge_keys
    ranked = [
        (one.beta * one.notional - hedged(one.key, request, full=True), one)
        for one in request.portfolio.holdings
        if one.isolated_equity is None and one.key not in hedges and one.beta > 0.0 and one.sign * net > 0.0
    ]
    ranked.sort(key=lambda entry: (-entry[0], entry[1].key))
    for _, holding in ranked[:MOST_PARENTS]:
        position = request.snapshot.position(holding.key)
        assert position is not None
        yield position, holding


def seat_of(
    demand: Demand, terms: HedgeTerms, parent: Position, holding: Holding, request: PlanRequest
) -> Seat | NoHedge:
    """Say where a parent would be hedged, and that nobody else's position is there."""
    if parent.position_index not in (0, 1, 2):
        return NoHedge("unknown_mode", f"the position mode of {parent.symbol} is not known")
    if parent.inverse:
        return NoHedge("inverse_contract", f"{parent.key} is inverse: such positions are trimmed, not hedged")
    one_way = parent.position_index == 0
    symbol = terms.symbol or (_reference(request) if one_way else parent.symbol)
    if not symbol:
        return NoHedge("unknown_figure", f"no perpetual of {request.portfolio.reference} is shown")
    if one_way and symbol == parent.symbol:
        reason = f"in one-way mode a hedge of {symbol} with itself is a trim: permit trim, or name another"
        return NoHedge("hedge_is_trim", reason)
    listed = request.snapshot.markets.get(symbol)
    if listed is not None and not listed.linear:
        return NoHedge("inverse_contract", f"{symbol} is inverse: hedges are opened in linear contracts only")
    side = Side.SHORT if parent.side is Side.LONG else Side.LONG
    held = _held(demand, parent, symbol, side, request)
    if isinstance(held, NoHedge):
        return held
    one = virtual(symbol, side, 0 if one_way else LEGS[side], Decimal(1), request)
    market = request.snapshot.markets.get(symbol)
    unit = None if one is None else as_holding(one, request)
    if one is None or unit is None or market is None:
        return NoHedge("unknown_figure", f"market, tiers or price of {symbol} are not known")
    if unit.beta <= 0.0:
        return NoHedge("hedge_cannot_help", f"{symbol} does not move with the reference market")
    return Seat(parent, holding, market, one, unit, held)


def _held(
    demand: Demand, parent: Position, symbol: str, side: Side, request: PlanRequest
) -> Decimal | NoHedge:
    """Return what the guard holds there; NoHedge where it is not alone, or was closed by others of late."""
    for lot in request.hedges:
        if (lot.parent, lot.rule) == (parent.key, demand.rule) and lot.lost_at is not None:
            when = f"{lot.lost_at:%H:%M:%S} UTC"
            reason = f"others closed a hedge of {parent.key} at {when}: none is opened again for an hour"
            return NoHedge("hedge_lost", reason)
    key = position_key(symbol, side)
    if any(lot.pending for lot in request.hedges if lot.key == key):
        return NoHedge("unknown_outcome", f"an order to open {key} has not ended: none is sent beside it")
    there, other = (request.snapshot.position(position_key(symbol, one)) for one in (side, parent.side))
    own = sum((lot.contracts for lot in request.hedges if lot.key == key), ZERO)
    held = there.contracts if there else ZERO
    taken = key if held != own else ""
    if parent.position_index == 0 and other is not None:
        taken = other.key
    if taken:
        return NoHedge("hedge_taken", f"{taken} is a position of its owner, which unwinding could take off")
    return held


def _reference(request: PlanRequest) -> str:
    """Return the perpetual of the reference market that the snapshot shows."""
    known = [
        market.symbol
        for market in request.snapshot.markets.values()
        if market.base == request.portfolio.reference and market.linear and "-" not in market.symbol
    ]
    known.sort(key=lambda symbol: (not symbol.endswith(":USDT"), symbol))
    return known[0] if known else ""


def room_for(seat: Seat, terms: HedgeTerms, request: PlanRequest) -> float:
    """Return the most USD that may be opened.

    The rule's share of the parent, what of the parent's own exposure is not hedged yet, and the account's net
    exposure bound it, the last two by beta: none of them may turn to the other side. So does the free margin,
    where the leverage of the symbol is known: what the venue would refuse answers nothing.
    """
    worth = 0.0
    for lot in request.hedges:
        if lot.parent == seat.parent.key and lot.most:
            position = virtual(lot.symbol, lot.side, lot.position_index, lot.most, request)
            known = None if position is None else as_holding(position, request)
            worth += known.notional if known else 0.0
    own = seat.holding.beta * seat.holding.notional - hedged(seat.parent.key, request, full=True)
    bounds = (
        terms.max_share * seat.holding.notional - worth,
        own / seat.unit.beta,
        abs(request.net_exposure) / seat.unit.beta,
        _carried(seat, request),
    )
    return max(min(bounds), 0.0)


def _carried(seat: Seat, request: PlanRequest) -> float:
    """USD that the free margin carries as initial margin; no bound where that is not known."""
    free, leverage = request.snapshot.balance.available, leverage_of(seat.symbol, request)
    if leverage is None or not isinstance(free, Decimal) or not free.is_finite():
        return float("inf")
    return USABLE * float(free * leverage)


def leverage_of(symbol: str, request: PlanRequest) -> Decimal | None:
    """Return the lowest leverage that positions of a symbol show; None where none is known."""
    known = [
        one.leverage
        for one in request.snapshot.positions
        if one.symbol == symbol and isinstance(one.leverage, Decimal) and one.leverage.is_finite()
    ]
    return min(known) if known else None
