"""Where a hedge's own orders rest at the venue, so that it does not outlive its parent with the daemon dead.

Against it, at a distance of its own from its entry: when the market has turned that far, it is not needed.
The others' stops count with its loss up to there, and no further. In its favour, a take profit just beyond
the stop of its parent, translated by beta: when the parent was stopped out, the hedge goes with it. On the
parent's own symbol that is exact; on another it is as good as the beta, and the stop bounds what is left.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.model import Hedge, Position, Snapshot
from bot.planning.pricing import round_price
from bot.risk.portfolio import Portfolio

BEYOND = 1.1
"""How much further than its parent's stop a hedge is closed in gain, as a factor of the distance."""
TOLERANCE = 0.02
"""A take profit is moved when it is further than this from where it should be, as a fraction of mark."""
FURTHEST = 0.95


def own_stops_of(hedges: Sequence[Hedge], snapshot: Snapshot) -> dict[str, float]:
    """Return how far the stops of hedges stand, by position key; a position that is partly its owner's has
    none."""
    found: dict[str, float] = {}
    for key in dict.fromkeys(lot.key for lot in hedges if lot.most and not lot.is_option):
        lots = [lot for lot in hedges if lot.key == key and lot.most]
        position = snapshot.position(key)
        if position is not None and sum((lot.most for lot in lots), Decimal(0)) >= position.contracts:
            found[key] = min(lot.stop for lot in lots)
    return found


def release_of(
    position: Position,
    hedges: Sequence[Hedge],
    stops: Mapping[str, float],
    snapshot: Snapshot,
    portfolio: Portfolio,
) -> Decimal | None:
    """Return where the take profit of a hedge must be placed; None where it rests well, or is no hedge."""
    lots = [lot for lot in hedges if lot.key == position.key and lot.most]
    holding, market = portfolio.holding(position.key), snapshot.markets.get(position.symbol)
    if not lots or holding is None or market is None or position.key not in own_stops_of(hedges, snapshot):
        return None
    moves = [move for lot in lots if (move := _move(lot, stops, portfolio)) is not None]
    if not moves:
        return None
    far = min(BEYOND * max(moves) * holding.beta, FURTHEST)
    price = Decimal(repr(holding.price * (1.0 + holding.sign * far)))
    wanted = round_price(price, market.price_step, up=holding.sign > 0)
    resting = _resting(position, snapshot)
    near = resting is not None and abs(float(resting - wanted)) <= TOLERANCE * holding.price
    return None if near or wanted <= 0 else wanted


def _move(lot: Hedge, stops: Mapping[str, float], portfolio: Portfolio) -> float | None:
    """The move of the reference market at which the parent of a hedge is stopped out; None where it is not
    known."""
    parent, stop = portfolio.holding(lot.parent), stops.get(lot.parent)
    if parent is None or stop is None or parent.beta <= 0.0:
        return None
    distance = parent.sign * (parent.price - stop) / parent.price
    return distance / parent.beta if distance > 0.0 else None


def _resting(position: Position, snapshot: Snapshot) -> Decimal | None:
    for order in snapshot.stops:
        same = order.symbol == position.symbol and order.position_index == position.position_index
        if same and order.attached and not order.stop_loss and order.trigger_price is not None:
            return order.trigger_price
    return None
