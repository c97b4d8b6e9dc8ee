"""What ties a hedge to its parent while positions are trimmed.

A parent is trimmed together with its hedges: what stays of both keeps their ratio. And it never goes below
what the hedges on the venue amount to, by beta: then no outcome of any order, in any order, turns parent and
hedges together to the other side. An order to open whose end nobody knows counts as if it were filled.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from bot.model import Hedge, MarginMode, Mark, Position, Side, TrimTerms, Unknown
from bot.planning.options.held import fit_option, option_exposure
from bot.planning.request import PlanRequest
from bot.planning.rounding import fit
from bot.risk.assemble import holding_of
from bot.risk.portfolio import Holding

ZERO = Decimal(0)
SLIPPAGE = 0.005
TERMS = TrimTerms(max_slippage=SLIPPAGE)
"""How a hedge is made smaller while nothing is urgent."""
NOTHING = Decimal("1e-9")
"""Share of a hedge that is no more than rounding."""
NOT_TOLD = Unknown("there is no such position yet")


def virtual(symbol: str, side: Side, index: int, contracts: Decimal, request: PlanRequest) -> Position | None:
    """Return a cross position as it would be opened at mark; None where market or mark are not known."""
    market, prices = request.snapshot.markets.get(symbol), request.snapshot.marks.get(symbol)
    mark = _mark(prices)
    if market is None or mark is None:
        return None
    return Position(
        symbol=symbol,
        side=side,
        contracts=contracts,
        contract_size=market.contract_size,
        entry_price=mark,
        mark_price=mark,
        margin_mode=MarginMode.CROSS,
        leverage=NOT_TOLD,
        position_index=index,
        isolated_margin=None,
        unrealised_pnl=ZERO,
        maintenance_margin=NOT_TOLD,
        liquidation_price=NOT_TOLD,
        stop_price=None,
        updated_at=request.at,
    )


def _mark(prices: Mark | None) -> Decimal | None:
    mark = prices.mark if prices else None
    return mark if isinstance(mark, Decimal) and mark.is_finite() and mark > 0 else None


def as_holding(position: Position, request: PlanRequest) -> Holding | None:
    """Return a position as numbers; None where they are not all known."""
    found = holding_of(position, request.snapshot, request.context.stats, request.terms, request.impact)
    return found if isinstance(found, Holding) else None


def exposure(lot: Hedge, contracts: Decimal, request: PlanRequest, *, full: bool = False) -> float:
    """USD by which contracts of a hedge lower the exposure to the market; 0 where nobody can tell.

    An option counts by its delta, or `full` as what it comes to when the price has gone far.
    """
    if not contracts:
        return 0.0
    if lot.is_option:
        return option_exposure(lot, contracts, request, full=full)
    position = virtual(lot.symbol, lot.side, lot.position_index, contracts, request)
    holding = None if position is None else as_holding(position, request)
    return 0.0 if holding is None else abs(holding.beta) * holding.notional


def hedged(key: str, request: PlanRequest, *, full: bool = False) -> float:
    """USD of exposure that all hedges of a position take off it, those that may still be filled included."""
    if not request.hedges:
        return 0.0
    return sum(exposure(lot, lot.most, request, full=full) for lot in request.hedges if lot.parent == key)


def must_stay(position: Position, request: PlanRequest) -> Decimal:
    """Contracts of a position that its hedges on the venue need; 0 for one without hedges."""
    holding = request.portfolio.holding(position.key)
    against = hedged(position.key, request)
    if holding is None or against == 0.0:
        return ZERO
    own = abs(holding.beta) * holding.notional
    share = Decimal(repr(min(against / own, 1.0))) if own > 0.0 else Decimal(1)
    market = request.snapshot.markets.get(position.symbol)
    kept = position.contracts * share
    if market is None or market.amount_step <= 0:
        return kept
    return (kept / market.amount_step).to_integral_value(ROUND_CEILING) * market.amount_step


def cost_beside(holding: Holding, request: PlanRequest) -> tuple[float, float]:
    """Cost of taking the hedges of a position off with one USD of it: at the worst price, and expected."""
    worst = expected = 0.0
    for lot in request.hedges:
        if lot.parent != holding.key or not lot.contracts:
            continue
        position = virtual(lot.symbol, lot.side, lot.position_index, lot.contracts, request)
        other = None if position is None else as_holding(position, request)
        if other is not None:
            part = other.notional / holding.notional
            expected += part * other.trade_cost
            worst += part * (other.trade_cost + SLIPPAGE)
    return worst, expected


def shares(lots: tuple[Hedge, ...], position: Position) -> float:
    """The share of a position that hedges are; the rest of it is the owner's."""
    own = sum((lot.contracts for lot in lots), ZERO)
    return float(min(own / position.contracts, Decimal(1))) if position.contracts > 0 else 0.0


def going(key: str, contracts: Decimal, request: PlanRequest) -> dict[str, tuple[Hedge, Decimal]]:
    """Return what of a position's hedges goes with contracts of it: by the hedge's key, at most one each."""
    position = request.snapshot.position(key)
    found: dict[str, tuple[Hedge, Decimal]] = {}
    for lot in request.hedges:
        if lot.parent != key or not lot.contracts or lot.key in found or position is None:
            continue
        left = (position.contracts - contracts) * lot.ratio
        amount = taken_off(lot, lot.contracts - left, request)
        if amount > 0:
            found[lot.key] = (lot, amount)
    return found


def taken_off(lot: Hedge, wanted: Decimal, request: PlanRequest) -> Decimal:
    """Fit what must go of a hedge to its market: rounded up, never past the hedge; 0 where nothing must."""
    if lot.is_option:
        return ZERO if wanted <= lot.contracts * NOTHING else fit_option(lot, wanted, request)
    market = request.snapshot.markets.get(lot.symbol)
    mark = _mark(request.snapshot.marks.get(lot.symbol))
    if market is None or mark is None or market.amount_step <= 0 or wanted <= lot.contracts * NOTHING:
        return ZERO
    return fit(min(wanted, lot.contracts), lot.contracts, market, mark, request.order_terms)


def removed(taken: Mapping[str, Decimal], request: PlanRequest) -> dict[str, tuple[Hedge, Decimal]]:
    """Return what of all hedges goes with the trims of a plan, by the hedge's key."""
    found: dict[str, tuple[Hedge, Decimal]] = {}
    for key, contracts in taken.items():
        for other, one in going(key, contracts, request).items():
            found.setdefault(other, one)
    return found
